#include "cli/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/text.hpp"

namespace firstring::cli {
namespace {

CommandLine wrong(std::string text) { return {.command = nullptr, .values = {}, .status = 2, .text = std::move(text)}; }
CommandLine answer(std::string text) {
  return {.command = nullptr, .values = {}, .status = 0, .text = std::move(text)};
}

/// For the word behind "firstring" or behind "firstring device".
CommandLine unknown_word(const Program& program, std::string_view family, const std::string& word) {
  std::set<std::string> known;
  for (const auto& command : program.commands) {
    const auto words = split(command.name, ' ');
    if (family.empty()) known.emplace(words[0]);
    if (!family.empty() && words[0] == family) known.emplace(words.back());
  }
  const std::vector<std::string> candidates{known.begin(), known.end()};
  const auto prefix = family.empty() ? std::string{"firstring"} : fmt::format("firstring {}", family);
  return wrong(fmt::format("{}: there is no command '{}'{}; see: {} --help", prefix, visible(word, 60),
                           did_you_mean(word, candidates), prefix));
}

std::string unknown_option(const Command& command, const std::string& option) {
  std::vector<std::string> known{"--dir", "--help"};
  for (const auto& argument : command.arguments) {
    if (argument.is_option()) known.push_back(argument.name);
  }
  const auto name = option.substr(0, option.find('='));
  return fmt::format("there is no option '{}'{}", visible(name, 60), did_you_mean(name, known));
}

/// The arguments last first, as CLI11 takes them. "--name=" as two: CLI11 would take the next argument for the value.
std::vector<std::string> for_cli11(std::span<const std::string> arguments) {
  std::vector<std::string> reversed;
  for (auto argument = arguments.rbegin(); argument != arguments.rend(); ++argument) {
    const bool empty_value = argument->starts_with("--") && argument->find('=') == argument->size() - 1;
    if (empty_value) reversed.emplace_back();
    reversed.push_back(empty_value ? argument->substr(0, argument->size() - 1) : *argument);
  }
  return reversed;
}

/// CLI11 has two complaints about options that there are; its words are for programmers.
std::string mismatch(const Command& command, std::span<const std::string> arguments) {
  for (const auto& argument : command.arguments) {
    const auto given = [&](const std::string& text) { return text.starts_with(argument.name + "="); };
    if (argument.is_flag() && std::any_of(arguments.begin(), arguments.end(), given)) {
      return fmt::format("{} takes no value", argument.name);
    }
  }
  return fmt::format("{} needs a value", arguments.back());
}

CommandLine parse_command(const Command& command, std::span<const std::string> arguments,
                          std::vector<std::string> dir) {
  const auto failed = [&](std::string_view why) {
    return wrong(fmt::format("firstring {}: {}; see: firstring {} --help", command.name, why, command.name));
  };
  auto all = command.arguments;
  all.push_back({.name = "--dir", .value = "DIR", .help = ""});

  // CLI11 reads the options. What is known by its place stays over, in order: CLI11 would split "[x,y]" in such places.
  CLI::App app;
  app.allow_extras();
  std::vector<std::vector<std::string>> values(all.size());
  std::vector<std::size_t> flags(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& argument = all[i];
    if (argument.is_flag()) {
      app.add_flag(argument.name, flags[i])->disable_flag_override();
    } else if (argument.is_option()) {
      app.add_option(argument.letter != 0 ? fmt::format("-{},{}", argument.letter, argument.name) : argument.name,
                     values[i])
          ->expected(1)
          ->take_all()
          ->allow_extra_args(false);
    }
  }
  try {
    auto reversed = for_cli11(arguments);
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return answer(command_help(command));
  } catch (const CLI::ArgumentMismatch&) {
    return failed(mismatch(command, arguments));
  } catch (const CLI::ParseError& error) {
    return failed(error.what());
  }
  auto words = app.remaining();
  words.erase(std::remove(words.begin(), words.end(), "--"), words.end());
  for (const auto& word : words) {
    if (word.size() > 1 && word.starts_with('-')) return failed(unknown_option(command, word));
  }
  std::size_t used = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].is_option()) continue;
    const std::size_t most = all[i].count == Count::many ? words.size() : 1;
    for (; used < words.size() && values[i].size() < most; ++used) values[i].push_back(words[used]);
  }
  if (used < words.size()) return failed(fmt::format("'{}' is one argument too many", visible(words[used], 60)));

  CommandLine line{.command = &command, .values = {}, .status = 0, .text = {}};
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& argument = all[i];
    auto& given = values[i];
    if (flags[i] != 0) given.emplace_back();
    if (given.empty() && argument.presence == Presence::required)
      return failed(fmt::format("{} is missing", argument.name));
    if (given.size() > 1 && argument.count == Count::once)
      return failed(fmt::format("{} is given more than once", argument.name));
    for (const auto& value : given) {
      if (!argument.check) continue;
      if (auto checked = argument.check(value); !checked)
        return failed(fmt::format("{}: {}", argument.name, checked.error().what));
    }
    line.values[argument.name] = std::move(given);
  }
  if (line.values["--dir"].empty()) line.values["--dir"] = std::move(dir);
  return line;
}

}  // namespace

const Command* Program::find(std::string_view name) const {
  const auto found =
      std::find_if(commands.begin(), commands.end(), [&](const auto& command) { return command.name == name; });
  return found == commands.end() ? nullptr : &*found;
}

std::vector<const Command*> Program::below(std::string_view family) const {
  std::vector<const Command*> found;
  for (const auto& command : commands) {
    if (command.name.starts_with(std::string{family} + " ")) found.push_back(&command);
  }
  return found;
}

CommandLine parse(const Program& program, std::span<const std::string> arguments) {
  std::vector<std::string> dir;
  std::size_t at = 0;
  bool asked_help = false;
  for (; at < arguments.size() && arguments[at].starts_with('-'); ++at) {
    const auto& option = arguments[at];
    if (option == "--help" || option == "-h") return answer(help(program));
    if (option == "--version") return answer("firstring " FIRSTRING_VERSION "\n");
    if (option == "--dir" && at + 1 < arguments.size()) {
      dir = {arguments[++at]};
    } else if (option.starts_with("--dir=")) {
      dir = {option.substr(6)};
    } else {
      return wrong(fmt::format("firstring: there is no option '{}' before the command; see: firstring --help",
                               visible(option, 60)));
    }
  }
  if (at < arguments.size() && arguments[at] == "help") {
    asked_help = true;
    ++at;
  }
  if (at == arguments.size()) return asked_help ? answer(help(program)) : wrong(help(program));

  const auto& word = arguments[at++];
  if (const auto* command = program.find(word)) {
    return asked_help ? answer(command_help(*command)) : parse_command(*command, arguments.subspan(at), std::move(dir));
  }
  if (!program.families.contains(word)) return unknown_word(program, {}, word);
  if (at == arguments.size())
    return asked_help ? answer(family_help(program, word)) : wrong(family_help(program, word));
  const auto& second = arguments[at++];
  if (second == "--help" || second == "-h") return answer(family_help(program, word));
  const auto* command = program.find(fmt::format("{} {}", word, second));
  if (command == nullptr) return unknown_word(program, word, second);
  return asked_help ? answer(command_help(*command)) : parse_command(*command, arguments.subspan(at), std::move(dir));
}

}  // namespace firstring::cli
