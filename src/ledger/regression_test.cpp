#include "ledger/regression.hpp"

#include <gtest/gtest.h>

namespace firstring::ledger {
namespace {

store::ConnectionRow good(std::string firmware = "7.5.7") {
  store::ConnectionRow row;
  row.model = "SPA504G";
  row.firmware = std::move(firmware);
  row.outcome = Outcome::ok;
  row.stage = Stage::done;
  row.assurance = "certificate";
  row.hello_us = 1;
  row.device = "000e08abcdef";
  return row;
}

store::ConnectionRow bad(std::string likely_device, std::string firmware = "7.5.7") {
  auto row = good(std::move(firmware));
  row.outcome = Outcome::handshake_failed;
  row.stage = Stage::server_flight;
  row.assurance = "none";
  row.alert = "unknown_ca";
  row.alert_from = "client";
  row.device.clear();
  row.likely_device = std::move(likely_device);
  return row;
}

class Regression : public testing::Test {
 protected:
  void work(int times = 3) {
    for (int i = 0; i < times; ++i) EXPECT_FALSE(watch_.see(good()));
  }
  RegressionWatch watch_;
};

TEST_F(Regression, IsToldOnceWhenSeveralPhonesFailInARow) {
  work();
  EXPECT_FALSE(watch_.see(bad("a")));
  EXPECT_FALSE(watch_.see(bad("a")));
  const auto alarm = watch_.see(bad("b"));
  ASSERT_TRUE(alarm);
  EXPECT_EQ(alarm->kind, "regression");
  for (const auto* part : {"SPA504G 7.5.7", "3 times in a row on several phones", "unknown_ca", "--model SPA504G"})
    EXPECT_NE(alarm->text.find(part), std::string::npos) << alarm->text;
  EXPECT_FALSE(watch_.see(bad("c")));
}

TEST_F(Regression, OfOnePhoneNeedsMoreFailures) {
  work();
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(watch_.see(bad("a")));
  const auto alarm = watch_.see(bad("a"));
  ASSERT_TRUE(alarm);
  EXPECT_EQ(alarm->device, "a");
}

TEST_F(Regression, IsToldAgainAfterThePhonesHaveWorked) {
  work();
  for (int i = 0; i < 5; ++i) watch_.see(bad("a"));
  work(1);
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(watch_.see(bad("a")));
  EXPECT_TRUE(watch_.see(bad("a")));
}

TEST_F(Regression, IsNoneOfAPairThatNeverWorked) {
  work(2);
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(watch_.see(bad("a")));
}

TEST_F(Regression, IsNoneWhereGoodOnesComeBetween) {
  work();
  for (int i = 0; i < 9; ++i) {
    EXPECT_FALSE(watch_.see(bad("a")));
    EXPECT_FALSE(watch_.see(bad("b")));
    work(1);
  }
}

TEST_F(Regression, ConcernsItsOwnFirmwareAlone) {
  work();
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(watch_.see(bad("a", "7.4.9")));
}

TEST_F(Regression, KnowsWhatTheLedgerKnew) {
  watch_.remember("SPA504G", "7.5.7", 2, from_micros(5));
  watch_.remember("SPA504G", "7.5.7", 1, from_micros(9));
  watch_.remember_alarm("SPA504G", "7.5.7", from_micros(8));  // and it worked again after that
  watch_.see(bad("a"));
  watch_.see(bad("b"));
  EXPECT_TRUE(watch_.see(bad("c")));
}

TEST_F(Regression, IsNotToldTwiceWhenTheServerStartsAgain) {
  watch_.remember("SPA504G", "7.5.7", 3, from_micros(5));
  watch_.remember_alarm("SPA504G", "7.5.7", from_micros(8));
  watch_.remember_alarm("SPA504G", "7.5.8", from_micros(8));
  for (int i = 0; i < 9; ++i) {
    EXPECT_FALSE(watch_.see(bad("a")));
    EXPECT_FALSE(watch_.see(bad("b")));
  }
  work();
  watch_.see(bad("a"));
  watch_.see(bad("b"));
  EXPECT_TRUE(watch_.see(bad("c"))) << "it has worked in between";
}

TEST_F(Regression, IsNotADeniedRequestNorAStrangersSilence) {
  work();
  for (int i = 0; i < 9; ++i) {
    auto denied = bad("a");
    denied.outcome = Outcome::ok;
    EXPECT_FALSE(watch_.see(denied));
    auto silent = bad("a");
    silent.hello_us = -1;
    silent.outcome = Outcome::timeout;
    EXPECT_FALSE(watch_.see(silent));
    auto left = bad("a");
    left.outcome = Outcome::closed;
    left.stage = Stage::hello;
    EXPECT_FALSE(watch_.see(left)) << "while it was in the queue";
    auto stranger = bad("a");
    stranger.model.clear();
    EXPECT_FALSE(watch_.see(stranger));
  }
}

TEST_F(Regression, WatchesABoundedNumberOfPairs) {
  work();
  for (std::size_t i = 0; i < RegressionWatch::kMaxPairs + 10; ++i) {
    auto row = good("claimed " + std::to_string(i));
    row.accepted = from_micros(static_cast<std::int64_t>(i) + 1);
    watch_.see(row);
  }
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(watch_.see(bad("a"))) << "the pair seen longest ago made room";
}

}  // namespace
}  // namespace firstring::ledger
