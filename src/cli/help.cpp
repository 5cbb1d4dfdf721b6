#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "cli/command_line.hpp"

namespace firstring::cli {
namespace {

constexpr std::size_t kWidth = 80;

using Rows = std::vector<std::pair<std::string, std::string>>;

/// Words broken into lines of kWidth, each behind `indent` spaces; the caller has written the first indent.
std::string wrap(std::string_view text, std::size_t indent) {
  std::string result;
  std::size_t column = indent;
  for (const auto word : split(text, ' ')) {
    if (column != indent && column + 1 + word.size() > kWidth) {
      result.append("\n").append(indent, ' ');
      column = indent;
    }
    if (column != indent) {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
  }
  return result + "\n";
}

std::string paragraphs(std::string_view text) {
  std::string result;
  for (const auto paragraph : split(text, '\n')) result += wrap(paragraph, 0);
  return result;
}

/// Two columns, the right one wrapped.
std::string list(std::string_view title, const Rows& rows) {
  if (rows.empty()) return {};
  std::size_t width = 0;
  for (const auto& [left, right] : rows) width = std::max(width, left.size());
  auto result = fmt::format("\n{}:\n", title);
  for (const auto& [left, right] : rows) result += fmt::format("  {:<{}}  {}", left, width, wrap(right, width + 4));
  return result;
}

std::string usage_of(const Argument& argument) {
  auto text = argument.is_flag() || !argument.is_option() ? argument.name : argument.name + " " + argument.value;
  if (argument.count == Count::many) text += "...";
  return argument.presence == Presence::required ? text : "[" + text + "]";
}

}  // namespace

std::string help(const Program& program) {
  std::string text =
      "Firstring gives IP phones their configuration over mutual TLS.\n\n"
      "Usage: firstring COMMAND [ARGUMENT...]\n";
  for (const auto& section : program.sections) {
    Rows rows;
    for (const auto& word : section.words) {
      const auto* command = program.find(word);
      rows.emplace_back(word, command != nullptr ? command->summary : program.families.at(word));
    }
    text += list(section.title, rows);
  }
  text += list("Options", {{"--dir DIR", "the state folder; else $FIRSTRING_DIR, else /var/lib/firstring"},
                           {"--version", "print the version"},
                           {"-h, --help", "print this, or the help of the command before it"}});
  return text + "\n`firstring COMMAND --help` says more about each.\n";
}

std::string family_help(const Program& program, std::string_view family) {
  const auto& summary = program.families.find(family)->second;
  auto text = fmt::format("Usage: firstring {} COMMAND [ARGUMENT...]\n\n{}\n", family, summary);
  Rows rows;
  for (const auto* command : program.below(family)) rows.emplace_back(command->name, command->summary);
  return text + list("Commands", rows) + fmt::format("\n`firstring {} COMMAND --help` says more about each.\n", family);
}

std::string command_help(const Command& command) {
  std::string usage = fmt::format("firstring {}", command.name);
  Rows places, options;
  for (const auto& argument : command.arguments) {
    if (argument.is_option()) {
      if (argument.presence == Presence::required) usage += " " + usage_of(argument);
      const auto name = argument.letter != 0 ? fmt::format("-{}, {}", argument.letter, argument.name) : argument.name;
      options.emplace_back(argument.is_flag() ? name : name + " " + argument.value, argument.help);
    } else {
      usage += " " + usage_of(argument);
      places.emplace_back(argument.name, argument.help);
    }
  }
  options.emplace_back("--dir DIR", "the state folder; else $FIRSTRING_DIR, else /var/lib/firstring");
  options.emplace_back("-h, --help", "print this");
  auto text = "Usage: " + wrap(usage + " [OPTION...]", 7) + "\n" + paragraphs(command.summary);
  if (!command.description.empty()) text += "\n" + paragraphs(command.description);
  text += list("Arguments", places) + list("Options", options);
  if (!command.examples.empty()) {
    text += "\nExamples:\n";
    for (const auto& example : command.examples) text += "  " + example + "\n";
  }
  return text;
}

}  // namespace firstring::cli
