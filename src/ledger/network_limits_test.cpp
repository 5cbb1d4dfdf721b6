#include "ledger/network_limits.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace firstring::ledger {
namespace {

IpAddress address(const std::string& text) { return *IpAddress::parse(text); }

TEST(NetworkOf, IsTheTwentyFourOrFortyEightBitsThatSitesGet) {
  EXPECT_EQ(ledger_network(address("192.0.2.77")).to_string(), "192.0.2.0/24");
  EXPECT_EQ(ledger_network(address("::ffff:192.0.2.77")).to_string(), "192.0.2.0/24");
  EXPECT_EQ(ledger_network(address("2001:db8:7:8::9")).to_string(), "2001:db8:7::/48");
}

TEST(NetworkBudget, IsEachNetworksOwnAndBeginsAnewEachMinute) {
  NetworkBudget budget{100};
  const NetworkBudget::Time begin{std::chrono::minutes{5}};
  EXPECT_TRUE(budget.take(address("192.0.2.1"), RowKind::connection, 100, begin));
  EXPECT_FALSE(budget.take(address("192.0.2.200"), RowKind::connection, 1, begin));
  EXPECT_TRUE(budget.take(address("192.0.3.1"), RowKind::connection, 100, begin));
  EXPECT_FALSE(budget.take(address("192.0.2.1"), RowKind::connection, 1, begin + std::chrono::seconds{59}));
  EXPECT_TRUE(budget.take(address("192.0.2.1"), RowKind::connection, 100, begin + std::chrono::seconds{60}));
}

TEST(NetworkBudget, GivesRequestsHalfOfIt) {
  NetworkBudget budget{100};
  EXPECT_FALSE(budget.take(address("192.0.2.1"), RowKind::request, 51, {}));
  EXPECT_TRUE(budget.take(address("192.0.2.1"), RowKind::request, 50, {}));
  EXPECT_FALSE(budget.take(address("192.0.2.1"), RowKind::request, 1, {}));
  EXPECT_TRUE(budget.take(address("192.0.2.1"), RowKind::connection, 50, {}));
}

TEST(NetworkBudget, IsSharedByNetworksBeyondThoseCountedApart) {
  NetworkBudget budget{100};
  for (std::size_t i = 0; i < NetworkBudget::kMostNetworks; ++i)
    ASSERT_TRUE(budget.take(address(fmt::format("2001:db8:{:x}::1", i)), RowKind::connection, 100, {}));
  EXPECT_TRUE(budget.take(address("192.0.2.1"), RowKind::connection, 100, {}));
  EXPECT_FALSE(budget.take(address("198.51.100.1"), RowKind::connection, 1, {}));
}

TEST(Gaps, CountByNetworkAndMinute) {
  Gaps gaps;
  const auto at = from_micros(1'790'000'040'000'000);  // a whole minute
  EXPECT_TRUE(gaps.note(address("192.0.2.1"), RowKind::request, at));
  EXPECT_FALSE(gaps.note(address("192.0.2.9"), RowKind::request, at + std::chrono::seconds{7}));
  gaps.note(address("192.0.2.9"), RowKind::connection, at + std::chrono::seconds{3});
  gaps.note(address("192.0.2.9"), RowKind::request, at + std::chrono::seconds{60});
  const auto rows = gaps.take();
  EXPECT_TRUE(gaps.empty());
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].network, "192.0.2.0/24");
  EXPECT_EQ(rows[0].requests, 2);
  EXPECT_EQ(rows[0].connections, 1);
  EXPECT_EQ(rows[0].first, at);
  EXPECT_EQ(rows[0].last, at + std::chrono::seconds{7});
  EXPECT_EQ(rows[1].requests, 1);
}

TEST(Gaps, AreBoundedAndLoseNoCountWhateverCannotBeWritten) {
  Gaps gaps;
  const auto begin = from_micros(1'790'000'000'000'000);
  constexpr std::int64_t kMinutes = 20, kNetworks = 1000;
  for (std::int64_t minute = 0; minute < kMinutes; ++minute) {
    for (std::int64_t network = 0; network < kNetworks; ++network)
      gaps.note(address(fmt::format("10.{}.{}.1", network / 256, network % 256)), RowKind::request,
                begin + std::chrono::minutes{minute});
    const auto rows = gaps.take();
    EXPECT_LE(rows.size(), Gaps::kMost + 1);
    gaps.put_back(rows);
  }
  const auto rows = gaps.take();
  std::int64_t sum = 0;
  for (const auto& row : rows) sum += row.requests;
  EXPECT_EQ(sum, kMinutes * kNetworks);
  const auto others = std::count_if(rows.begin(), rows.end(), [](const auto& row) { return row.network.empty(); });
  EXPECT_EQ(others, 1);
}

}  // namespace
}  // namespace firstring::ledger
