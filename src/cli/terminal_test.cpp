#include "cli/terminal.hpp"

#include <gtest/gtest.h>

#include "cli/json_object.hpp"

namespace firstring::cli {
namespace {

TEST(Visible, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(visible("a\x1b[2J\x7f"), "a\\x1b[2J\\x7f");
  EXPECT_EQ(visible("\xc2\x9b"
                    "31m"),
            "\\xc2\\x9b"
            "31m");
}

TEST(Visible, EscapesWhatTurnsTheDirectionOfText) {
  EXPECT_EQ(visible("a\xe2\x80\xae"
                    "b\xe2\x81\xa6"),
            "a\\xe2\\x80\\xae"
            "b\\xe2\\x81\\xa6");
}

TEST(Visible, KeepsUtf8AndEscapesWhatIsNone) { EXPECT_EQ(visible("M\xc3\xbcller\xff"), "M\xc3\xbcller\\xff"); }

TEST(Visible, CutsLongText) { EXPECT_EQ(visible("abcdef", 3), "abc..."); }

TEST(Table, AlignsColumnsByCharactersAndEndsNoLineInSpaces) {
  Table table{{"NAME", "X", "LAST"}};
  table.add({{"M\xc3\xbcller"}, {"1"}, {""}});
  table.add({{"Al"}, {""}, {"z"}});
  auto terminal = Terminal::capturing();
  table.print(terminal);
  EXPECT_EQ(terminal.printed(), "NAME    X  LAST\nM\xc3\xbcller  1\nAl         z\n");
}

TEST(Table, HasNoColourOffATerminal) {
  Table table{{"A"}};
  table.add({{"bad", Colour::red}});
  auto terminal = Terminal::capturing();
  table.print(terminal);
  EXPECT_EQ(terminal.printed(), "A\nbad\n");
}

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
}  // namespace firstring::cli
