#include "manage/json_object.hpp"

#include <gtest/gtest.h>

namespace firstring::manage {
namespace {

TEST(JsonObject, KeepsTheOrderOfItsMembers) {
  JsonObject inner;
  inner.add("n", 1);
  JsonObject object;
  object.add("z", "text")
      .add("a", -5)
      .add("yes", true)
      .add_null("none")
      .add("list", std::vector<std::string>{"x", "y"});
  object.add("inner", inner).add("all", std::vector<JsonObject>{inner, inner});
  EXPECT_EQ(object.text(),
            R"({"z":"text","a":-5,"yes":true,"none":null,"list":["x","y"],"inner":{"n":1},"all":[{"n":1},{"n":1}]})");
}

TEST(JsonObject, IsValidJsonWhateverTheTextIs) {
  JsonObject object;
  object.add("x", std::string_view{"\"\n\0\xff\xc3\xbc", 6});
  EXPECT_EQ(object.text(), "{\"x\":\"\\\"\\n\\u0000\xef\xbf\xbd\xc3\xbc\"}");
}

TEST(JsonObject, OfNothingIsEmpty) { EXPECT_EQ(JsonObject{}.line(), "{}\n"); }

}  // namespace
}  // namespace firstring::manage
