#include "ledger/storm.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace firstring::ledger {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

class Storm : public testing::Test {
 protected:
  /// A phone that was accepted at `at`, shook hands 6 s later and left at once.
  static store::ConnectionRow phone(std::size_t number, Timestamp at) {
    store::ConnectionRow row;
    row.accepted = at;
    row.hello_us = 1000;
    row.queued_us = 0;
    row.handshake_us = 6'000'000;
    row.closed_us = 6'100'000;
    row.outcome = Outcome::ok;
    row.stage = Stage::done;
    row.cause = Cause::served;
    row.assurance = "certificate";
    row.device = fmt::format("000e08{:06x}", number);
    return row;
  }
  static store::ConnectionRow failed(std::string likely_device, Timestamp at) {
    auto row = phone(0, at);
    row.device.clear();
    row.likely_device = std::move(likely_device);
    row.handshake_us = -1;
    row.outcome = Outcome::timeout;
    row.stage = Stage::server_flight;
    row.cause = Cause::client_silent_after_our_flight;
    row.assurance = "none";
    return row;
  }
  std::optional<store::AlarmRow> see(const store::ConnectionRow& row) { return watch_.see(row); }
  /// So many phones, evenly over that time; gives the alarm, if there was one.
  std::optional<store::AlarmRow> come(std::size_t phones, Timestamp from, std::chrono::microseconds over,
                                      std::size_t first = 0) {
    std::optional<store::AlarmRow> alarm;
    for (std::size_t i = 0; i < phones; ++i) {
      if (auto raised = see(phone(first + i, from + over * i / phones))) {
        EXPECT_FALSE(alarm) << "one is enough";
        alarm = std::move(raised);
      }
    }
    return alarm;
  }

  const Timestamp start_ = from_micros(1'795'000'000'000'000);
  StormWatch watch_;
};

TEST_F(Storm, BeginsWithFiftyInTenSeconds) {
  EXPECT_FALSE(come(49, start_, seconds{9}));
  EXPECT_FALSE(watch_.is_on());
  const auto alarm = see(phone(49, start_ + seconds{9}));
  ASSERT_TRUE(alarm);
  EXPECT_EQ(alarm->kind, "storm");
  EXPECT_THAT(alarm->text, HasSubstr("50 connections within 10 s, usually 0"));
  EXPECT_TRUE(watch_.is_on());
}

TEST_F(Storm, IsNoneOfPhonesThatComeOneAfterTheOther) { EXPECT_FALSE(come(1000, start_, seconds{300})); }

TEST_F(Storm, IsNoneWhereAsManyAreUsual) {
  EXPECT_FALSE(come(7200, start_, minutes{60}));  // 20 in 10 s
  EXPECT_FALSE(come(70, start_ + minutes{60}, seconds{10}));
  const auto alarm = come(120, start_ + minutes{60} + seconds{10}, seconds{10});
  ASSERT_TRUE(alarm);
  EXPECT_THAT(alarm->text, HasSubstr("usually 19"));
}

TEST_F(Storm, IsNoneOfConnectionsWithoutAHello) {
  for (int i = 0; i < 500; ++i) {
    auto silent = failed("", start_);
    silent.hello_us = -1;
    EXPECT_FALSE(see(silent));
  }
}

TEST_F(Storm, IsSeenThoughPhonesEndInAnotherOrderThanTheyCame) {
  for (int i = 59; i > 10; --i) EXPECT_FALSE(see(phone(static_cast<std::size_t>(i), start_ + milliseconds{150} * i)));
  EXPECT_TRUE(see(phone(0, start_)));
}

TEST_F(Storm, EndsWithTheNumbersThatOperatorsWant) {
  ASSERT_TRUE(come(9980, start_, seconds{186}));
  auto waited = phone(20'000, start_ + seconds{100});
  waited.queued_us = 14'000'000;
  waited.handshake_us += waited.queued_us;
  see(waited);
  for (std::size_t i = 0; i < 3; ++i) {
    see(failed(phone(i, start_).device, start_ + seconds{5}));  // but it was served the second time
    see(failed(fmt::format("000e09{:06x}", i), start_ + seconds{150}));
  }
  see(failed("", start_ + seconds{7}));
  see(failed("", start_ + seconds{8}));
  EXPECT_FALSE(watch_.tick(start_ + seconds{186 + 6 + 29}));
  const auto over = watch_.tick(start_ + seconds{186 + 6 + 31});
  ASSERT_TRUE(over);
  EXPECT_EQ(over->kind, "storm");
  EXPECT_EQ(
      over->text,
      "storm over: 9,981 phones back in 3 min 12 s; longest wait 14 s; 3 failed; 2 connections of unknown clients "
      "failed too");
  EXPECT_FALSE(watch_.is_on());
  EXPECT_FALSE(watch_.tick(start_ + minutes{60}));
}

TEST_F(Storm, CountsThoseThatCameBeforeItWasSeen) {
  ASSERT_TRUE(come(60, start_, seconds{6}));
  see(failed("000e09000000", start_));
  const auto over = watch_.tick(start_ + minutes{2});
  ASSERT_TRUE(over);
  EXPECT_EQ(over->text, "storm over: 60 phones back in 12 s; longest wait 0.0 s; 1 failed");
}

TEST_F(Storm, IsNotMadeLongerByOrdinaryTraffic) {
  ASSERT_TRUE(come(60, start_, seconds{6}));
  for (int i = 0; i < 10; ++i) see(phone(1000, start_ + seconds{20 + 2 * i}));
  const auto over = watch_.tick(start_ + seconds{6 + 6 + 31});
  ASSERT_TRUE(over);
  EXPECT_THAT(over->text, HasSubstr("61 phones back in 12 s"));
}

/// Their hello was whole in time, and they were accepted long after: they are back, but that says nothing of how long
/// it took.
TEST_F(Storm, TellsNoTimeWhereNobodyWasServedInIt) {
  for (std::size_t i = 0; i < 60; ++i) see(failed(fmt::format("000e08{:06x}", i), start_));
  ASSERT_TRUE(watch_.is_on());
  see(phone(7, start_ + StormWatch::kWindow + seconds{5}));
  const auto over = watch_.tick(start_ + minutes{5});
  ASSERT_TRUE(over);
  EXPECT_THAT(over->text, HasSubstr("1 phone back; longest wait"));
}

TEST_F(Storm, IsToldAgainWhenTheNextOneComes) {
  ASSERT_TRUE(come(60, start_, seconds{6}));
  ASSERT_TRUE(watch_.tick(start_ + minutes{5}));
  EXPECT_TRUE(come(60, start_ + minutes{10}, seconds{6}));
}

TEST_F(Storm, IsClosedWhenTheServerStops) {
  EXPECT_FALSE(watch_.stop(start_));
  ASSERT_TRUE(come(60, start_, seconds{6}));
  const auto over = watch_.stop(start_ + seconds{7});
  ASSERT_TRUE(over);
  EXPECT_THAT(over->text, HasSubstr("the server was stopped in a storm: 60 phones back"));
}

TEST_F(Storm, KeepsABoundedNumberOfPhonesApartAndSaysSo) {
  watch_ = StormWatch{{.connections = 10, .most_phones = 100}};
  ASSERT_TRUE(come(500, start_, seconds{20}));
  const auto over = watch_.tick(start_ + minutes{2});
  ASSERT_TRUE(over);
  EXPECT_THAT(over->text, HasSubstr("at least 100 phones back"));
}

TEST_F(Storm, TakesTimesThatGoBackOrAreVeryOld) {
  EXPECT_FALSE(see(phone(1, start_)));
  EXPECT_FALSE(see(phone(2, start_ - std::chrono::hours{5})));
  EXPECT_FALSE(see(phone(3, from_micros(0))));
  EXPECT_FALSE(see(phone(4, from_micros(-5'000'000))));
}

}  // namespace
}  // namespace firstring::ledger
