#include "base/utf8.hpp"

#include <gtest/gtest.h>

namespace firstring {
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

}  // namespace
}  // namespace firstring
