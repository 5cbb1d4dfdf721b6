#include "server/turned_away.hpp"

#include <gtest/gtest.h>

namespace firstring::server {
namespace {

IpAddress at(const char* text) { return *IpAddress::parse(text); }
const Timestamp kNoon = *parse_timestamp("2026-11-28T12:00:10Z");

TEST(SiteOf, IsASlash24OrASlash48) {
  EXPECT_EQ(site_of(at("203.0.113.77")).to_string(), "203.0.113.0/24");
  EXPECT_EQ(site_of(at("2001:db8:1:2::3")).to_string(), "2001:db8:1::/48");
}

TEST(TurnedAway, CountsByNetworkAndMinute) {
  TurnedAway counts;
  EXPECT_TRUE(counts.empty());
  for (int i = 0; i < 3; ++i) counts.note(at("203.0.113.1"), kNoon);
  counts.note(at("203.0.113.2"), kNoon + std::chrono::seconds{40});
  counts.note(at("203.0.113.2"), kNoon + std::chrono::seconds{60});
  counts.note(at("2001:db8::1"), kNoon);
  const auto all = counts.take();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].network.to_string(), "203.0.113.0/24");
  EXPECT_EQ(all[0].connections, 4U);
  EXPECT_EQ(all[0].minute, kNoon - std::chrono::seconds{10});
  EXPECT_EQ(all[1].network.to_string(), "2001:db8::/48");
  EXPECT_EQ(all[2].minute, kNoon + std::chrono::seconds{50});
  EXPECT_TRUE(counts.empty());
}

TEST(TurnedAway, IsBoundedAndLosesNoCount) {
  TurnedAway counts;
  for (unsigned i = 0; i < 10'000; ++i) {
    counts.note(IpAddress::from_v4({10, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i), 1}),
                kNoon + std::chrono::minutes{i / 1000});
  }
  const auto all = counts.take();
  EXPECT_LE(all.size(), TurnedAway::kMostNetworks + 1);
  std::uint64_t sum = 0;
  for (const auto& one : all) sum += one.connections;
  EXPECT_EQ(sum, 10'000U);
  EXPECT_EQ(all.back().network.length, 0U) << "the others";
}

TEST(TurnedAway, IsToldInOneLine) {
  TurnedAway counts;
  for (int i = 0; i < 5; ++i) counts.note(at("203.0.113.1"), kNoon);
  EXPECT_EQ(to_string(counts.take()),
            "turned away 5 connections that no [[listener]] networks allow, from 203.0.113.0/24 (5)");
  counts.note(at("203.0.113.1"), kNoon);
  for (int i = 1; i <= 4; ++i) {
    for (int j = 0; j <= i; ++j) counts.note(IpAddress::from_v4({192, 0, static_cast<std::uint8_t>(i), 1}), kNoon);
  }
  EXPECT_EQ(to_string(counts.take()),
            "turned away 15 connections that no [[listener]] networks allow, from 192.0.4.0/24 (5), 192.0.3.0/24 (4), "
            "192.0.2.0/24 (3) and 2 more");
}

}  // namespace
}  // namespace firstring::server
