#include "simulator/storm_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace firstring::simulator {
namespace {

using namespace std::chrono_literals;

std::map<Role, unsigned> count_roles(const std::vector<Arrival>& arrivals) {
  std::map<Role, unsigned> counts;
  for (const auto& arrival : arrivals) ++counts[arrival.role];
  return counts;
}

TEST(StormPlan, HasEachPhoneOnceInTheOrderOfTime) {
  const auto plan = plan_arrivals(1000, 0, 40s, 1);
  ASSERT_EQ(plan.size(), 1000U);
  std::set<unsigned> numbers;
  for (const auto& arrival : plan) {
    EXPECT_GE(arrival.at, 0us);
    EXPECT_LT(arrival.at, 40s);
    numbers.insert(arrival.number);
  }
  EXPECT_EQ(numbers.size(), 1000U);
  EXPECT_TRUE(std::is_sorted(plan.begin(), plan.end(), [](const auto& a, const auto& b) { return a.at < b.at; }));
}

TEST(StormPlan, SpreadsArrivalsEvenlyOverTheWindow) {
  std::map<long, unsigned> tenths;
  for (const auto& arrival : plan_arrivals(10'000, 0, 40s, 7)) ++tenths[arrival.at / 4s];
  ASSERT_EQ(tenths.size(), 10U);
  // 1,000 are expected in each with a standard deviation of 30.
  for (const auto& [tenth, count] : tenths) EXPECT_NEAR(count, 1000, 150) << tenth;
}

TEST(StormPlan, IsTheSameForTheSameSeedOnly) {
  EXPECT_EQ(plan_arrivals(50, 10, 1s, 3), plan_arrivals(50, 10, 1s, 3));
  EXPECT_NE(plan_arrivals(50, 10, 1s, 3), plan_arrivals(50, 10, 1s, 4));
}

TEST(StormPlan, LetsPhonesComeWhenTheyWouldWithoutTheMisbehaving) {
  auto mixed = plan_arrivals(50, 20, 1s, 3);
  std::erase_if(mixed, [](const Arrival& arrival) { return arrival.role != Role::phone; });
  EXPECT_EQ(mixed, plan_arrivals(50, 0, 1s, 3));
}

TEST(StormPlan, DividesTheMisbehavingEquallyAndFloodsAtOnce) {
  const auto plan = plan_arrivals(5, 40, 8s, 1);
  const auto counts = count_roles(plan);
  EXPECT_THAT(counts, testing::ElementsAre(testing::Pair(Role::phone, 5U), testing::Pair(Role::half_hello, 10U),
                                           testing::Pair(Role::silent, 10U), testing::Pair(Role::renegotiation, 10U),
                                           testing::Pair(Role::flood, 10U)));
  for (const auto& arrival : plan) EXPECT_TRUE(arrival.role != Role::flood || arrival.at == 2s);
}

TEST(StormPlan, LetsAllComeAtOnceInAWindowOfNothing) {
  for (const auto& arrival : plan_arrivals(10, 4, 0s, 1)) EXPECT_EQ(arrival.at, 0s);
}

TEST(StormSources, AreTheKernelsChoiceUnlessAsked) { EXPECT_EQ(source_of(Role::phone, 3, 0), std::nullopt); }

TEST(StormSources, AreAsManyAsAskedForPhones) {
  std::set<IpAddress> seen;
  for (unsigned i = 0; i < 5000; ++i) seen.insert(*source_of(Role::phone, i, 600));
  EXPECT_EQ(seen.size(), 600U);
  EXPECT_EQ(seen.begin()->to_string(), "127.1.0.1");
  EXPECT_EQ(seen.rbegin()->to_string(), "127.1.2.100");
}

TEST(StormSources, AreApartForTheMisbehavingAndOneForTheFlood) {
  EXPECT_EQ(source_of(Role::silent, 1, 10)->to_string(), "127.2.0.2");
  EXPECT_EQ(source_of(Role::half_hello, 252, 10)->to_string(), "127.2.1.3");
  EXPECT_EQ(source_of(Role::flood, 3, 10), source_of(Role::flood, 4, 10));
}

}  // namespace
}  // namespace firstring::simulator
