#include "cli/terminal.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/file.hpp"
#include "cli/interrupt.hpp"

namespace firstring::cli {
namespace {

constexpr std::size_t kBuffer = 65536;
constexpr std::size_t kMaxInput = 1U << 20;

/// 0, or errno.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

std::string_view escape_of(Colour colour) {
  switch (colour) {
    case Colour::none:
      return "";
    case Colour::bold:
      return "\x1b[1m";
    case Colour::red:
      return "\x1b[31m";
    case Colour::green:
      return "\x1b[32m";
    case Colour::yellow:
      return "\x1b[33m";
  }
  return "";
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

}  // namespace

Terminal::Terminal()
    : input_is_terminal_(::isatty(STDIN_FILENO) == 1),
      output_is_terminal_(::isatty(STDOUT_FILENO) == 1),
      error_is_terminal_(::isatty(STDERR_FILENO) == 1) {
  const char* no_colour = std::getenv("NO_COLOR");
  colour_ = output_is_terminal_ && (no_colour == nullptr || *no_colour == '\0');
}

Terminal Terminal::capturing(std::string input) {
  Terminal terminal{Capture{}};
  terminal.input_ = std::move(input);
  return terminal;
}

Terminal::~Terminal() {
  if (!capturing_) (void)flush();
}

void Terminal::print(std::string_view text) {
  out_ += text;
  if (!capturing_ && out_.size() >= kBuffer) (void)flush();
}

void Terminal::complain(std::string_view line) {
  progress({});
  if (capturing_) {
    error_.append(line) += '\n';
    return;
  }
  (void)flush();
  (void)write_all(STDERR_FILENO, std::string{line} + "\n");
}

Result<void> Terminal::flush() {
  if (!capturing_) {
    if (write_error_ == 0) write_error_ = write_all(STDOUT_FILENO, out_);
    out_.clear();
  }
  if (write_error_ != 0 && write_error_ != EPIPE) {
    return fail(Errc::io, fmt::format("write standard output: {}", errno_text(write_error_)));
  }
  return {};
}

bool Terminal::reader_gone() {
  if (capturing_) return false;
  pollfd output{STDOUT_FILENO, 0, 0};
  return write_error_ != 0 || (::poll(&output, 1, 0) > 0 && (output.revents & (POLLERR | POLLHUP)) != 0);
}

Result<Secret> Terminal::read_input() {
  if (capturing_) return Secret{input_};
  std::string content;
  content.reserve(kBuffer);  // no copies of the beginning are left behind
  std::array<char, 4096> block{};
  for (;;) {
    const auto count = ::read(STDIN_FILENO, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(Errc::io, fmt::format("read standard input: {}", errno_text(errno)));
    content.append(block.data(), static_cast<std::size_t>(count));
    if (content.size() > kMaxInput) return fail(Errc::limit_exceeded, "read standard input: larger than 1 MiB");
    if (count == 0) break;
  }
  explicit_bzero(block.data(), block.size());
  return Secret{std::move(content)};
}

Result<Secret> Terminal::ask_secret(std::string_view prompt) {
  termios before{};
  if (!input_is_terminal_ || ::tcgetattr(STDIN_FILENO, &before) != 0) return read_input();
  auto silent = before;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  silent.c_lflag |= ECHONL;
  // Ctrl-C must not leave a terminal that shows nothing of what is typed.
  const InterruptGuard guard;
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  (void)write_all(STDERR_FILENO, prompt);
  std::string line;
  line.reserve(kBuffer);  // no copies of the beginning are left behind
  char c = 0;
  while (line.size() < kBuffer && !guard.interrupted() && ::read(STDIN_FILENO, &c, 1) == 1 && c != '\n') line += c;
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  Secret secret{std::move(line)};
  if (guard.interrupted()) return fail(Errc::unavailable, "interrupted");
  return secret;
}

void Terminal::progress(std::string_view line) {
  if (!error_is_terminal_ || (line.empty() && !progress_shown_)) return;
  progress_shown_ = !line.empty();
  (void)write_all(STDERR_FILENO, fmt::format("\r\x1b[K{}", line));
}

void Table::add(std::vector<Cell> cells) {
  for (auto& cell : cells) cell.text = visible(cell.text);
  cells.resize(headings_.size());
  rows_.push_back(std::move(cells));
}

void Table::print(Terminal& terminal) const {
  std::vector<std::size_t> widths;
  for (const auto& heading : headings_) widths.push_back(characters(heading));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], characters(row[i].text));
  }
  const auto print_row = [&](const auto& row, const auto& cell_of) {
    std::string line;
    std::size_t owed = 0;  // spaces due before the next cell that holds something: no line ends in spaces
    for (std::size_t i = 0; i < row.size(); ++i) {
      const Cell cell = cell_of(row[i]);
      if (!cell.text.empty()) {
        line.append(owed, ' ');
        owed = 0;
        const bool coloured = terminal.colour() && cell.colour != Colour::none;
        line += coloured ? fmt::format("{}{}\x1b[0m", escape_of(cell.colour), cell.text) : cell.text;
      }
      owed += widths[i] - characters(cell.text) + 2;
    }
    terminal.print(line + "\n");
  };
  print_row(headings_, [](const std::string& heading) { return Cell{heading, Colour::bold}; });
  for (const auto& row : rows_) print_row(row, [](const Cell& cell) { return cell; });
}

}  // namespace firstring::cli
