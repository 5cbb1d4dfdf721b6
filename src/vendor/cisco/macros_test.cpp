#include <gtest/gtest.h>

#include "vendor/cisco/cisco.hpp"

namespace firstring::vendor::cisco {
namespace {

const PhoneFacts kPhone{.mac = *MacAddress::parse("00562b043615"),
                        .product = "CP-8841-3PCC",
                        .psn = "8841-3PCC",
                        .serial = "FCH{mac}",
                        .version = "11.3.2",
                        .has_certificate = false};

struct MacroCase {
  std::string_view text, expanded;
};
class Macros : public testing::TestWithParam<MacroCase> {};
TEST_P(Macros, AreExpanded) { EXPECT_EQ(expand_macros(GetParam().text, kPhone), GetParam().expanded); }
INSTANTIATE_TEST_SUITE_P(
    All, Macros,
    testing::Values(MacroCase{"/$MA.xml", "/00562b043615.xml"}, MacroCase{"/cisco$MAU", "/cisco00562B043615"},
                    MacroCase{"$MAC", "00:56:2b:04:36:15"}, MacroCase{"$PN_$PSN", "CP-8841-3PCC_8841-3PCC"},
                    MacroCase{"$(MA)x", "00562b043615x"}, MacroCase{"$(MA:6)", "043615"},
                    MacroCase{"$(MA:6:2)/$(MA:8:2)", "04/36"}, MacroCase{"$(MA:99)", ""}, MacroCase{"$$MA", "$MA"},
                    MacroCase{"$SWVER", "11.3.2"}, MacroCase{"$CCERT", "Not Installed"},
                    MacroCase{"$NOPE $(NOPE:1) $", "$NOPE $(NOPE:1) $"}, MacroCase{"$(MA", "$(MA"},
                    MacroCase{"$(MA:x)", "$(MA:x)"}, MacroCase{"$(MA:1:2:3)", "$(MA:1:2:3)"},
                    MacroCase{"$SN", "FCH{mac}"}, MacroCase{"{mac}", "{mac}"}, MacroCase{"", ""}));

}  // namespace
}  // namespace firstring::vendor::cisco
