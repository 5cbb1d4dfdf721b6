#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "base/utf8.hpp"

namespace firstring::cli {

/// Standard input, output and error of one run. Output is buffered; a reader that went away (`firstring device list |
/// head`) is no error, a full disk is.
class Terminal {
 public:
  /// The process's own three.
  Terminal();
  /// Keeps what is printed, for tests; `input` is what standard input gives.
  static Terminal capturing(std::string input = {});
  ~Terminal();
  Terminal(Terminal&&) = default;

  /// To standard output, as it is.
  void print(std::string_view text);
  /// One line on standard error; flushes what was printed before, so that the two come in order.
  void complain(std::string_view line);
  /// Writes what is buffered. Fails if standard output took not all of it for another reason than that nobody reads it.
  Result<void> flush();
  /// Whether the reader of standard output has gone; looks, without writing.
  bool reader_gone();

  bool input_is_terminal() const { return input_is_terminal_; }
  bool output_is_terminal() const { return output_is_terminal_; }
  bool error_is_terminal() const { return error_is_terminal_; }
  /// On a terminal and without NO_COLOR (https://no-color.org) in the environment.
  bool colour() const { return colour_; }

  /// Standard input to its end, at most 1 MiB.
  Result<Secret> read_input();
  /// One line typed without echo, asked for on standard error.
  Result<Secret> ask_secret(std::string_view prompt);
  /// A line on standard error that the next one overwrites; nothing if that is not a terminal. "" clears it.
  void progress(std::string_view line);

  const std::string& printed() const { return out_; }       ///< of a capturing one
  const std::string& complaints() const { return error_; }  ///< of a capturing one

 private:
  struct Capture {};
  explicit Terminal(Capture) : capturing_(true) {}

  bool capturing_ = false;
  bool input_is_terminal_ = false, output_is_terminal_ = false, error_is_terminal_ = false, colour_ = false;
  bool progress_shown_ = false;
  int write_error_ = 0;
  std::string input_, out_, error_;
};

enum class Colour : unsigned char { none, bold, red, green, yellow };

struct Cell {
  std::string text;
  Colour colour = Colour::none;
};

/// Columns for people, aligned by the characters in them.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}
  void add(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }
  void print(Terminal& terminal) const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace firstring::cli
