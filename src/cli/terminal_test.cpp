#include "cli/terminal.hpp"

#include <gtest/gtest.h>

namespace firstring::cli {
namespace {

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

}  // namespace
}  // namespace firstring::cli
