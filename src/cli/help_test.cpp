#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"

namespace firstring::cli {
namespace {

/// Every help text by the name of its golden file.
std::map<std::string, std::string> all_helps() {
  std::map<std::string, std::string> texts{{"firstring", help(program())}};
  for (const auto& [family, summary] : program().families) texts[family] = family_help(program(), family);
  for (const auto& command : program().commands) {
    auto name = command.name;
    for (auto& c : name) c = c == ' ' ? '-' : c;
    texts[name] = command_help(command);
  }
  return texts;
}

/// The words of an example up to a pipe; ours hold no quotes.
std::vector<std::string> words_of(std::string_view example) {
  std::vector<std::string> words;
  for (const auto word : split(example, ' ')) {
    if (word == "|") break;
    words.emplace_back(word);
  }
  return words;
}

TEST(Help, IsTheGoldenOne) {
  const std::filesystem::path folder{FIRSTRING_SOURCE_DIR "/tests/golden/cli"};
  const bool update = std::getenv("FIRSTRING_UPDATE_GOLDEN") != nullptr;
  std::size_t files = 0;
  for (const auto& [name, text] : all_helps()) {
    const auto file = folder / (name + ".txt");
    if (update) {
      std::filesystem::create_directories(folder);
      ASSERT_TRUE(write_file(file, text));
    }
    const auto golden = read_file(file);
    ASSERT_TRUE(golden) << golden.error().what << "; write it with FIRSTRING_UPDATE_GOLDEN=1 cli_test";
    EXPECT_EQ(text, *golden) << "write it anew with FIRSTRING_UPDATE_GOLDEN=1 cli_test";
    ++files;
  }
  for (const auto& entry : std::filesystem::directory_iterator{folder})
    files -= entry.path().extension() == ".txt" ? 1 : 0;
  EXPECT_EQ(files, 0U) << "a golden file is of no command";
}

TEST(Help, FitsIntoEightyColumnsButForExamples) {
  for (const auto& [name, text] : all_helps()) {
    for (const auto line : split(text, '\n')) {
      if (line.starts_with("  firstring")) continue;
      EXPECT_LE(line.size(), 80U) << name << ": " << line;
    }
  }
}

TEST(Help, GivesEveryCommandOneToThreeExamples) {
  for (const auto& command : program().commands) {
    EXPECT_GE(command.examples.size(), 1U) << command.name;
    EXPECT_LE(command.examples.size(), 3U) << command.name;
  }
}

TEST(Help, GivesExamplesThatCanBeParsed) {
  for (const auto& command : program().commands) {
    for (const auto& example : command.examples) {
      const auto words = words_of(example);
      ASSERT_EQ(words.at(0), "firstring");
      const auto line = parse(program(), std::span{words}.subspan(1));
      EXPECT_EQ(line.command, &command) << example << ": " << line.text;
    }
  }
}

TEST(Help, ShowsEveryCommand) {
  std::vector<std::string> shown;
  for (const auto& section : program().sections) shown.insert(shown.end(), section.words.begin(), section.words.end());
  for (const auto& command : program().commands) {
    const std::string word{split(command.name, ' ')[0]};
    EXPECT_NE(std::find(shown.begin(), shown.end(), word), shown.end()) << command.name;
  }
}

}  // namespace
}  // namespace firstring::cli
