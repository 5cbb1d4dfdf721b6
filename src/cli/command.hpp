#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.hpp"
#include "base/mac_address.hpp"
#include "base/result.hpp"
#include "cli/terminal.hpp"

namespace firstring::cli {

/// Says what is wrong with an argument's text, before the command runs.
using Check = std::function<Result<void>(std::string_view)>;

Result<void> is_mac(std::string_view text);
Result<void> is_duration(std::string_view text);
Result<void> is_number(std::string_view text);  ///< 0 to 999,999,999
Result<void> is_port(std::string_view text);    ///< 0 to 65535
Check one_of(std::vector<std::string> choices);

enum class Presence : unsigned char { optional, required };
enum class Count : unsigned char { once, many };

/// One argument of a command; what it reads, checks and says in `--help` comes from here.
struct Argument {
  std::string name;   ///< "MAC" for one known by its place, "--model" for an option
  std::string value;  ///< what stands for an option's value in the help, "MODEL"; "" for a flag
  std::string help;
  Presence presence = Presence::optional;
  Count count = Count::once;
  Check check = nullptr;
  char letter = 0;  ///< 'o' for an option that may also be written -o

  bool is_option() const { return name.starts_with("--"); }
  bool is_flag() const { return is_option() && value.empty(); }
};

class Context;

/// One command: a row of the table that drives parsing and help.
struct Command {
  std::string name;         ///< "device add"
  std::string summary;      ///< one line
  std::string description;  ///< what it does; paragraphs are split by a line feed
  std::vector<std::string> examples;
  std::vector<Argument> arguments;
  /// Gives the exit status, 0 or 1; an Error is printed and gives 1.
  Result<int> (*run)(Context&) = nullptr;
};

/// What most commands take.
Argument json_flag();
Argument mac_argument(std::string help);

/// The arguments of one run, checked, and where its output goes.
class Context {
 public:
  Context(const Command& command, std::map<std::string, std::vector<std::string>, std::less<>> values,
          Terminal& terminal)
      : command_(command), values_(std::move(values)), terminal_(terminal) {}

  bool given(std::string_view argument) const { return !all(argument).empty(); }
  /// Of an argument given more than once the last; "" if it was not given.
  std::string text(std::string_view argument) const;
  const std::vector<std::string>& all(std::string_view argument) const;
  /// For arguments whose check is is_mac, is_duration, is_number.
  MacAddress mac(std::string_view argument) const;
  std::chrono::milliseconds duration(std::string_view argument) const;
  unsigned number(std::string_view argument, unsigned otherwise) const;
  bool json() const { return given("--json"); }

  Terminal& terminal() const { return terminal_; }
  const Command& command() const { return command_; }

  /// The command line is wrong in a way that only the command can know: prints why, gives exit status 2.
  int refuse(std::string_view why) const;
  /// What a use case said. Its invalid_input means that the command line is wrong: as refuse, and a field that it names
  /// ("for: ...") is printed as the option of that name ("--for: ..."). Anything else comes back as it is.
  Result<int> refuse(Error error) const;
  /// On standard error, with the command's name in front; nothing for "".
  void warn(std::string_view text) const;

 private:
  const Command& command_;
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  Terminal& terminal_;
};

}  // namespace firstring::cli
