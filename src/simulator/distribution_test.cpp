#include "simulator/distribution.hpp"

#include <gtest/gtest.h>

namespace firstring::simulator {
namespace {

using namespace std::chrono_literals;

TEST(Distribution, OfNothingIsZero) {
  const auto none = distribution_of({});
  EXPECT_EQ(none.count, 0U);
  EXPECT_EQ(none.max, 0us);
}

TEST(Distribution, OfOneTimeIsThatTime) {
  const auto one = distribution_of({7us});
  EXPECT_EQ(one.count, 1U);
  EXPECT_EQ(one.p50, 7us);
  EXPECT_EQ(one.p99, 7us);
  EXPECT_EQ(one.max, 7us);
}

TEST(Distribution, TakesTheNearestRankInAnyOrder) {
  std::vector<std::chrono::microseconds> times;
  for (int i = 200; i > 0; --i) times.emplace_back(i);
  const auto found = distribution_of(times);
  EXPECT_EQ(found.count, 200U);
  EXPECT_EQ(found.p50, 100us);
  EXPECT_EQ(found.p90, 180us);
  EXPECT_EQ(found.p99, 198us);
  EXPECT_EQ(found.max, 200us);
}

TEST(Distribution, OfThreeHasItsMiddleAsMedian) {
  const auto found = distribution_of({30us, 10us, 20us});
  EXPECT_EQ(found.p50, 20us);
  EXPECT_EQ(found.p90, 30us);
}

}  // namespace
}  // namespace firstring::simulator
