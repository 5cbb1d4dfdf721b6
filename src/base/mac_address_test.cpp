#include "base/mac_address.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace firstring {
namespace {

class MacNotation : public testing::TestWithParam<std::string_view> {};

TEST_P(MacNotation, IsReadInEveryUsualForm) {
  const auto mac = MacAddress::parse(GetParam());
  ASSERT_TRUE(mac) << mac.error().what;
  EXPECT_EQ(mac->bare(), "000e08abcdef");
}

INSTANTIATE_TEST_SUITE_P(Forms, MacNotation,
                         testing::Values("000e08abcdef", "000E08ABCDEF", "00:0e:08:ab:cd:ef", "00:0E:08:AB:CD:EF",
                                         "00-0e-08-ab-cd-ef", "000e.08ab.cdef", "000e08ABCDEF"));

class NoMac : public testing::TestWithParam<std::string_view> {};

TEST_P(NoMac, IsRefusedWithAnExample) {
  const auto mac = MacAddress::parse(GetParam());
  ASSERT_FALSE(mac);
  EXPECT_NE(mac.error().what.find("000e08abcdef"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Texts, NoMac,
                         testing::Values("", "000e08abcde", "000e08abcdeff", "000e08abcdeg", "00:0e:08:ab:cd",
                                         "00:0e:08:ab:cd-ef", "00:0e:08:ab:cd:ef ", " 000e08abcdef",
                                         "0:00e:08:ab:cd:ef", "000e:08ab:cdef", "00.0e.08.ab.cd.ef", "x000e08abcdef",
                                         "000e08abcdef000e08", "+00e08abcdef"));

TEST(MacAddress, PrintsTheFormsOfThePhonesMacros) {
  const auto mac = *MacAddress::parse("000e08aabbcc");
  EXPECT_EQ(mac.bare(), "000e08aabbcc");
  EXPECT_EQ(mac.bare_upper(), "000E08AABBCC");
  EXPECT_EQ(mac.colons(), "00:0e:08:aa:bb:cc");
}

TEST(MacAddress, ParseBareTakesNoSeparators) { EXPECT_FALSE(MacAddress::parse_bare("00:0e:08:ab:cd:ef")); }

RC_GTEST_PROP(MacAddress, ParsesWhatItPrints, ()) {
  const auto mac = MacAddress::from_number(*rc::gen::inRange<std::uint64_t>(0, 1ULL << 48));
  RC_ASSERT(*MacAddress::parse(mac.bare()) == mac);
  RC_ASSERT(*MacAddress::parse(mac.bare_upper()) == mac);
  RC_ASSERT(*MacAddress::parse(mac.colons()) == mac);
  RC_ASSERT(MacAddress::from_number(mac.as_number()) == mac);
}

}  // namespace
}  // namespace firstring
