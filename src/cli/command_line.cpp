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

/// What CLI11 found no place for: the first option among it, else the first word.
std::string unexpected(const Command& command, const std::vector<std::string>& rest) {
  const auto option = std::find_if(rest.begin(), rest.end(), [](const auto& text) { return text.starts_with('-'); });
  if (option == rest.end()) return fmt::format("'{}' is one argument too many", visible(rest.front(), 60));
  std::vector<std::string> known{"--dir", "--help"};
  for (const auto& argument : command.arguments) {
    if (argument.is_option()) known.push_back(argument.name);
  }
  const auto name = option->substr(0, option->find('='));
  return fmt::format("there is no option '{}'{}", visible(name, 60), did_you_mean(name, known));
}

CommandLine parse_command(const Command& command, std::span<const std::string> arguments,
                          std::vector<std::string> dir) {
  const auto failed = [&](std::string_view why) {
    return wrong(fmt::format("firstring {}: {}; see: firstring {} --help", command.name, why, command.name));
  };
  auto all = command.arguments;
  all.push_back({.name = "--dir", .value = "DIR", .help = ""});

  CLI::App app;
  app.allow_extras();
  std::vector<std::vector<std::string>> values(all.size());
  std::vector<std::size_t> flags(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& argument = all[i];
    if (argument.is_flag()) {
      app.add_flag(argument.name, flags[i])->disable_flag_override();
      continue;
    }
    auto* option = app.add_option(argument.is_option() ? argument.name : fmt::format("place{}", i), values[i]);
    if (argument.is_option()) {
      option->expected(1)->take_all()->allow_extra_args(false);
    } else if (argument.count == Count::once) {
      option->expected(1);
    }
  }
  // CLI11 takes them last first.
  std::vector<std::string> reversed{arguments.rbegin(), arguments.rend()};
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return answer(command_help(command));
  } catch (const CLI::ParseError& error) {
    return failed(error.what());
  }
  if (const auto rest = app.remaining(); !rest.empty()) return failed(unexpected(command, rest));

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
