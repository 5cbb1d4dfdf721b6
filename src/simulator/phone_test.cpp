#include "simulator/phone.hpp"

#include <gtest/gtest.h>

namespace firstring::simulator {
namespace {

Phone make_phone() {
  Phone phone;
  phone.model.name = "CP-8841";
  phone.model.product = "CP-8841-3PCC";
  phone.model.psn = "8841-3PCC";
  phone.model.user_agent = "Cisco-{product}/{version} ({mac}) {MAC} {serial} {other}";
  phone.model.firmware = {"11.0", "11.3.2"};
  phone.mac = *MacAddress::parse("00562b043615");
  phone.serial = "FCH{mac}";
  return phone;
}

TEST(UserAgent, IsFilledOnce) {
  EXPECT_EQ(user_agent(make_phone()), "Cisco-CP-8841-3PCC/11.3.2 (00562b043615) 00562B043615 FCH{mac} {other}");
}

TEST(Firmware, IsTheNewestUnlessSaid) {
  auto phone = make_phone();
  EXPECT_EQ(firmware_of(phone), "11.3.2");
  phone.firmware = "11.0";
  EXPECT_EQ(firmware_of(phone), "11.0");
}

struct MacroCase {
  std::string_view text, expanded;
};
class Macros : public testing::TestWithParam<MacroCase> {};
TEST_P(Macros, AreExpanded) { EXPECT_EQ(expand_macros(GetParam().text, make_phone()), GetParam().expanded); }
INSTANTIATE_TEST_SUITE_P(
    All, Macros,
    testing::Values(MacroCase{"/$MA.xml", "/00562b043615.xml"}, MacroCase{"/cisco$MAU", "/cisco00562B043615"},
                    MacroCase{"$MAC", "00:56:2b:04:36:15"}, MacroCase{"$PN_$PSN", "CP-8841-3PCC_8841-3PCC"},
                    MacroCase{"$(MA)x", "00562b043615x"}, MacroCase{"$(MA:6)", "043615"},
                    MacroCase{"$(MA:6:2)/$(MA:8:2)", "04/36"}, MacroCase{"$(MA:99)", ""}, MacroCase{"$$MA", "$MA"},
                    MacroCase{"$SWVER", "11.3.2"}, MacroCase{"$CCERT", "Not Installed"},
                    MacroCase{"$NOPE $(NOPE:1) $", "$NOPE $(NOPE:1) $"}, MacroCase{"$(MA", "$(MA"},
                    MacroCase{"$(MA:x)", "$(MA:x)"}, MacroCase{"$(MA:1:2:3)", "$(MA:1:2:3)"}, MacroCase{"", ""}));

TEST(OwnProfile, MustBeInTheModelsData) {
  auto phone = make_phone();
  EXPECT_FALSE(own_profile_path(phone));
  phone.model.own_profile = "/$PN_$MA.cfg";
  EXPECT_EQ(*own_profile_path(phone), "/CP-8841-3PCC_00562b043615.cfg");
}

}  // namespace
}  // namespace firstring::simulator
