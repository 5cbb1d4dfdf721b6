#include "cli/parameter_input.hpp"

#include <gtest/gtest.h>

namespace firstring::cli {
namespace {

TEST(Assignments, AreSplitAtTheFirstEqualsSign) {
  const auto parsed = parse_assignments({"Dial_Plan_1_=(x.|*x=.)", "User_ID_1_="});
  ASSERT_TRUE(parsed) << parsed.error().what;
  EXPECT_EQ(parsed->at(0).name, "Dial_Plan_1_");
  EXPECT_EQ(parsed->at(0).value, "(x.|*x=.)");
  EXPECT_EQ(parsed->at(1).value, "");
}

TEST(Assignments, RefuseANameWithoutAValue) { EXPECT_FALSE(parse_assignments({"Proxy_1_"})); }

TEST(Assignments, RefuseANameGivenTwice) {
  EXPECT_EQ(parse_assignments({"A=1", "A=2"}).error().what, "A is given twice");
}

TEST(Assignments, RefuseANameThatXmlDoesNotHave) {
  for (const auto* text : {"=1", "1st=1", "a b=1", "a<b=1"}) EXPECT_FALSE(parse_assignments({text})) << text;
}

}  // namespace
}  // namespace firstring::cli
