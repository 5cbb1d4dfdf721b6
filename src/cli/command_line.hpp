#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.hpp"

namespace firstring::cli {

/// A heading of `firstring --help` and the first words that stand under it.
struct Section {
  std::string title;
  std::vector<std::string> words;
};

/// All that the program can do.
struct Program {
  std::vector<Section> sections;
  std::map<std::string, std::string, std::less<>>
      families;  ///< "device" -> its summary, for first words with commands below
  std::vector<Command> commands;

  const Command* find(std::string_view name) const;
  /// The commands below a family.
  std::vector<const Command*> below(std::string_view family) const;
};

/// What a command line asks for: a command to run, or a text to print at once.
struct CommandLine {
  const Command* command = nullptr;
  std::map<std::string, std::vector<std::string>, std::less<>> values;
  int status = 0;  ///< without a command: 0 and a help text, or 2 and what is wrong
  std::string text;
};

/// `arguments` without the program's own name.
CommandLine parse(const Program& program, std::span<const std::string> arguments);

std::string help(const Program& program);
std::string family_help(const Program& program, std::string_view family);
std::string command_help(const Command& command);

}  // namespace firstring::cli
