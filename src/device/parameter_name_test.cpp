#include "device/parameter_name.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace firstring::device {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

bool matches(std::string_view pattern, std::string_view name, unsigned lines = 4) {
  return ParameterName::parse(pattern)->matches(name, lines);
}

TEST(ParameterName, ComparesLiteralsWithCase) {
  EXPECT_TRUE(matches("Admin_Passwd", "Admin_Passwd"));
  EXPECT_FALSE(matches("Admin_Passwd", "admin_passwd"));
  EXPECT_FALSE(matches("Admin_Passwd", "Admin_Passwd_"));
  EXPECT_FALSE(matches("Admin_Passwd", ""));
}

TEST(ParameterName, CountsToTheLinesOfTheModel) {
  EXPECT_TRUE(matches("Proxy_{n}_", "Proxy_1_"));
  EXPECT_TRUE(matches("Proxy_{n}_", "Proxy_4_"));
  EXPECT_TRUE(matches("Proxy_{n}_", "Proxy_12_", 12));
  for (const auto* name :
       {"Proxy_0_", "Proxy_5_", "Proxy_01_", "Proxy__", "Proxy_-1_", "Proxy_1", "Proxy_x_", "Proxy_99999999999_"}) {
    EXPECT_FALSE(matches("Proxy_{n}_", name)) << name;
  }
}

TEST(ParameterName, CountsRangesOfItsOwn) {
  EXPECT_TRUE(matches("Unit_{1-2}_Key_{1-32}", "Unit_2_Key_32"));
  EXPECT_FALSE(matches("Unit_{1-2}_Key_{1-32}", "Unit_3_Key_1"));
  EXPECT_FALSE(matches("Unit_{1-2}_Key_{1-32}", "Unit_1_Key_33"));
  EXPECT_TRUE(matches("GPP_{A-P}", "GPP_P"));
  EXPECT_FALSE(matches("GPP_{A-P}", "GPP_Q"));
  EXPECT_FALSE(matches("GPP_{A-P}", "GPP_"));
}

TEST(ParameterName, SpellsOutAllItMeans) {
  EXPECT_THAT(ParameterName::parse("Speed_Dial_{2-4}_{n}_")->expand(2),
              ElementsAre("Speed_Dial_2_1_", "Speed_Dial_2_2_", "Speed_Dial_3_1_", "Speed_Dial_3_2_", "Speed_Dial_4_1_",
                          "Speed_Dial_4_2_"));
  EXPECT_THAT(ParameterName::parse("Unit_{1-2}_Key_{1-32}")->expand(1), SizeIs(64));
}

class BadParameterName : public testing::TestWithParam<std::string_view> {};
TEST_P(BadParameterName, IsRefused) { EXPECT_FALSE(ParameterName::parse(GetParam())); }
INSTANTIATE_TEST_SUITE_P(Texts, BadParameterName,
                         testing::Values("", "A B", "A{", "A{n", "A{m}", "A{2}", "A{4-2}", "A{P-A}", "A{1-}", "A{-2}",
                                         "A{1-2}3", "{n}{n}", "A}", "A<b>"));

TEST(ParameterNameProperty, MatchesExactlyWhatItExpandsTo) {
  EXPECT_TRUE(rc::check([] {
    const auto name = *ParameterName::parse(*rc::gen::element<std::string>("Proxy_{n}_", "Ring{1-12}", "GPP_{A-P}",
                                                                           "Unit_{1-2}_Key_{1-32}", "SIT{1-4}_Tone"));
    const auto lines = *rc::gen::inRange(1U, 13U);
    for (const auto& text : name.expand(lines)) {
      RC_ASSERT(name.matches(text, lines));
      RC_ASSERT(!name.matches(text + "0", lines) || text.back() != '_');
      RC_ASSERT(!name.matches(" " + text, lines));
    }
  }));
}

TEST(ParameterNameKeys, LeaveNumbersOpen) {
  EXPECT_EQ(ParameterName::parse("Unit_{1-2}_Key_{1-32}")->keys(), std::vector<std::string>{"Unit_#_Key_#"});
  EXPECT_EQ(ParameterName::parse("GPP_{A-C}")->keys(), (std::vector<std::string>{"GPP_A", "GPP_B", "GPP_C"}));
  EXPECT_EQ(ParameterName::parse("G722.2_Enable_{n}_")->keys(), std::vector<std::string>{"G#.#_Enable_#_"});
  EXPECT_EQ(ParameterName::key_of("G722.2_Enable_11_"), "G#.#_Enable_#_");
}

}  // namespace
}  // namespace firstring::device
