#include "device/firmware.hpp"

#include <gtest/gtest.h>

#include <array>

namespace firstring::device {
namespace {

TEST(Firmware, IsOrderedAsThePhonesDo) {
  const std::array<std::string_view, 12> rising{"",       "5.1",    "5.1.6",  "7.4.9c", "7.5.2",  "7.5.2b",
                                                "7.5.2c", "7.5.7s", "7.5.10", "7.6.2",  "7.6.2g", "11.3.2"};
  for (std::size_t i = 0; i < rising.size(); ++i) {
    for (std::size_t j = 0; j < rising.size(); ++j)
      EXPECT_EQ(compare_firmware(rising[i], rising[j]), i <=> j) << rising[i] << " and " << rising[j];
  }
}

TEST(Firmware, IsTheSameInEverySpelling) {
  EXPECT_EQ(compare_firmware("7.5.2B", "7-5-2b"), std::weak_ordering::equivalent);
  EXPECT_EQ(compare_firmware("7.05.2", "7.5.002"), std::weak_ordering::equivalent);
  EXPECT_EQ(compare_firmware("1.3.5(004p)", "1.3.5.4p"), std::weak_ordering::equivalent);
}

TEST(Firmware, TakesNumbersOfAnyLength) {
  EXPECT_EQ(compare_firmware("7.99999999999999999999999", "7.100000000000000000000000"), std::weak_ordering::less);
  EXPECT_EQ(compare_firmware("\xff\x00.", ""), std::weak_ordering::equivalent);
}

}  // namespace
}  // namespace firstring::device
