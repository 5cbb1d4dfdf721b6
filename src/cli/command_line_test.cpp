#include "cli/command_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace firstring::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

Result<int> nothing(Context&) { return 0; }

const Program& sample() {
  static const Program program = [] {
    Program made;
    made.sections = {{"All", {"plain", "family"}}};
    made.families = {{"family", "commands below it"}};
    made.commands = {{.name = "plain",
                      .summary = "Does it.",
                      .description = {},
                      .examples = {},
                      .arguments = {{.name = "FIRST", .value = {}, .help = "one", .presence = Presence::required},
                                    {.name = "REST", .value = {}, .help = "many", .count = Count::many},
                                    {.name = "--mac", .value = "MAC", .help = "a device", .check = is_mac},
                                    {.name = "--many", .value = "X", .help = "several", .count = Count::many},
                                    {.name = "--flag", .value = {}, .help = "a flag"}},
                      .run = nothing},
                     {.name = "family one",
                      .summary = "First.",
                      .description = {},
                      .examples = {},
                      .arguments = {{.name = "NAME", .value = {}, .help = "any", .presence = Presence::required},
                                    {.name = "--must", .value = "X", .help = "needed", .presence = Presence::required}},
                      .run = nothing}};
    return made;
  }();
  return program;
}

CommandLine parsed(std::vector<std::string> arguments) { return parse(sample(), arguments); }

std::string refusal(std::vector<std::string> arguments) {
  const auto line = parsed(std::move(arguments));
  EXPECT_EQ(line.command, nullptr);
  EXPECT_EQ(line.status, 2);
  return line.text;
}

TEST(CommandLine, ReadsPlacesOptionsAndFlags) {
  const auto line = parsed({"plain", "a", "--mac", "000e08abcdef", "b", "--flag", "c"});
  ASSERT_NE(line.command, nullptr) << line.text;
  EXPECT_THAT(line.values.at("FIRST"), ElementsAre("a"));
  EXPECT_THAT(line.values.at("REST"), ElementsAre("b", "c"));
  EXPECT_THAT(line.values.at("--mac"), ElementsAre("000e08abcdef"));
  EXPECT_EQ(line.values.at("--flag").size(), 1U);
  EXPECT_TRUE(line.values.at("--many").empty());
}

TEST(CommandLine, TakesAnOptionSeveralTimesWhereItMay) {
  const auto line = parsed({"plain", "--many", "1", "a", "--many=2", "b"});
  ASSERT_NE(line.command, nullptr) << line.text;
  EXPECT_THAT(line.values.at("--many"), ElementsAre("1", "2"));
  EXPECT_THAT(line.values.at("REST"), ElementsAre("b"));
}

TEST(CommandLine, RefusesAnOptionGivenTwiceWhereItMayNot) {
  EXPECT_THAT(refusal({"plain", "a", "--mac", "000e08abcdef", "--mac", "000e08abcdef"}),
              HasSubstr("--mac is given more than once"));
}

TEST(CommandLine, TakesAHyphenAndBracketsAsValues) {
  const auto line = parsed({"plain", "-", "[x,y]", "--many", "-"});
  ASSERT_NE(line.command, nullptr) << line.text;
  EXPECT_THAT(line.values.at("FIRST"), ElementsAre("-"));
  EXPECT_THAT(line.values.at("REST"), ElementsAre("[x,y]"));
  EXPECT_THAT(line.values.at("--many"), ElementsAre("-"));
}

TEST(CommandLine, TakesNothingBehindAnEqualsSignForAnEmptyValue) {
  const auto line = parsed({"plain", "--many=", "a"});
  ASSERT_NE(line.command, nullptr) << line.text;
  EXPECT_THAT(line.values.at("--many"), ElementsAre(""));
  EXPECT_THAT(line.values.at("FIRST"), ElementsAre("a"));
}

TEST(CommandLine, TakesAnEmptyValue) {
  const auto line = parsed({"plain", "a", "--many", ""});
  ASSERT_NE(line.command, nullptr) << line.text;
  EXPECT_THAT(line.values.at("--many"), ElementsAre(""));
}

TEST(CommandLine, TakesANameThatIsAlsoACommand) {
  const auto line = parsed({"family", "one", "plain", "--must", "x"});
  ASSERT_NE(line.command, nullptr) << line.text;
  EXPECT_THAT(line.values.at("NAME"), ElementsAre("plain"));
}

TEST(CommandLine, TakesDirBeforeAndBehindTheCommand) {
  EXPECT_THAT(parsed({"--dir", "x", "plain", "a"}).values.at("--dir"), ElementsAre("x"));
  EXPECT_THAT(parsed({"--dir=x", "plain", "a"}).values.at("--dir"), ElementsAre("x"));
  EXPECT_THAT(parsed({"--dir", "x", "plain", "a", "--dir", "y"}).values.at("--dir"), ElementsAre("y"));
}

TEST(CommandLine, SaysWhatIsMissing) {
  EXPECT_EQ(refusal({"plain"}), "firstring plain: FIRST is missing; see: firstring plain --help");
  EXPECT_EQ(refusal({"family", "one", "x"}),
            "firstring family one: --must is missing; see: firstring family one --help");
}

TEST(CommandLine, SaysWhichOptionWasMeant) {
  EXPECT_EQ(
      refusal({"family", "one", "x", "--mustt", "y"}),
      "firstring family one: there is no option '--mustt'; did you mean '--must'?; see: firstring family one --help");
  EXPECT_THAT(refusal({"plain", "a", "--fleg=1"}), HasSubstr("did you mean '--flag'?"));
}

TEST(CommandLine, SaysWhichCommandWasMeant) {
  EXPECT_EQ(refusal({"plai"}), "firstring: there is no command 'plai'; did you mean 'plain'?; see: firstring --help");
  EXPECT_EQ(refusal({"family", "on"}),
            "firstring family: there is no command 'on'; did you mean 'one'?; see: firstring family --help");
}

TEST(CommandLine, RefusesOneArgumentTooMany) {
  EXPECT_THAT(refusal({"family", "one", "x", "y", "--must", "z"}), HasSubstr("'y' is one argument too many"));
}

TEST(CommandLine, RefusesAValueThatItsCheckRefuses) {
  EXPECT_THAT(refusal({"plain", "a", "--mac", "xyz"}),
              StartsWith("firstring plain: --mac: 'xyz' is not a MAC address"));
}

TEST(CommandLine, RefusesAnOptionWithoutItsValue) {
  EXPECT_THAT(refusal({"plain", "a", "--mac"}), StartsWith("firstring plain: --mac needs a value;"));
}

TEST(CommandLine, RefusesAValueForAFlag) {
  EXPECT_THAT(refusal({"plain", "a", "--flag=no"}), StartsWith("firstring plain: --flag takes no value;"));
}

TEST(CommandLine, RefusesAnUnknownOptionBeforeTheCommand) {
  EXPECT_THAT(refusal({"--jsn", "plain"}), HasSubstr("'--jsn'"));
}

TEST(CommandLine, WithoutACommandIsAnsweredWithTheHelp) {
  EXPECT_THAT(refusal({}), HasSubstr("Usage: firstring COMMAND"));
  EXPECT_THAT(refusal({"family"}), HasSubstr("Usage: firstring family COMMAND"));
}

TEST(CommandLine, GivesHelpInEveryUsualWay) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"plain", "--help"}, {"plain", "-h"}, {"plain", "a", "--help"}, {"help", "plain"}}) {
    const auto line = parsed(arguments);
    EXPECT_EQ(line.status, 0);
    EXPECT_THAT(line.text, StartsWith("Usage: firstring plain FIRST"));
  }
  EXPECT_THAT(parsed({"family", "--help"}).text, StartsWith("Usage: firstring family"));
  EXPECT_THAT(parsed({"help", "family", "one"}).text, StartsWith("Usage: firstring family one"));
  EXPECT_THAT(parsed({"help"}).text, HasSubstr("Usage: firstring COMMAND"));
}

TEST(CommandLine, GivesItsVersion) {
  const auto line = parsed({"--version"});
  EXPECT_EQ(line.status, 0);
  EXPECT_THAT(line.text, testing::MatchesRegex("firstring [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

}  // namespace
}  // namespace firstring::cli
