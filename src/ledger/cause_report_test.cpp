#include "ledger/cause_report.hpp"

#include <gtest/gtest.h>

namespace firstring::ledger {
namespace {

Timestamp minute(std::int64_t minutes) {
  return *parse_timestamp("2026-11-17T14:00:00Z") + std::chrono::minutes{minutes};
}

store::CauseCount count(std::string firmware, Cause cause, std::int64_t number, std::int64_t lately) {
  store::CauseCount made;
  made.model = "SPA504G";
  made.firmware = std::move(firmware);
  made.failed = cause != Cause::served;
  made.cause = cause;
  made.count = number;
  made.count_lately = lately;
  made.first_lately = minute(lately == 0 ? 0 : 42 - lately);
  return made;
}

TEST(CauseReport, SaysSinceWhenAllFail) {
  const auto reports = report_causes({count("7.4.9", Cause::served, 500, 0), count("7.5.7", Cause::served, 9, 0),
                                      count("7.5.7", Cause::client_alert, 3, 1),
                                      count("7.5.7", Cause::client_distrusts_our_chain, 40, 40)});
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[0].connections, 52);
  EXPECT_EQ(reports[0].failed, 43);
  EXPECT_EQ(reports[0].causes.front().cause, Cause::client_distrusts_our_chain);
  EXPECT_EQ(headline(reports[0], "It does not trust us."),
            "SPA504G 7.5.7: 41 of 41 fail since Tuesday 2026-11-17 14:02 UTC: It does not trust us.");
  EXPECT_EQ(headline(reports[1], ""), "SPA504G 7.4.9: 0 of 500 failed.");
}

TEST(CauseReport, DoesNotCallAnAccidentASeries) {
  const auto reports = report_causes({count("7.5.7", Cause::served, 100, 0), count("7.5.7", Cause::closed, 5, 2)});
  EXPECT_EQ(headline(reports[0], "It closed."), "SPA504G 7.5.7: 5 of 105 failed: It closed.");
}

TEST(CauseReport, NamesUnknownClientsByTheirHelloAndPutsThemLast) {
  auto stranger = count("", Cause::client_alert, 1000, 1000);
  stranger.model.clear();
  stranger.ja4 = "t10d020000_a_b";
  auto silent = stranger;
  silent.ja4.clear();
  const auto reports = report_causes({stranger, silent, count("", Cause::served, 1, 0)});
  ASSERT_EQ(reports.size(), 3U);
  EXPECT_EQ(reports[0].name(), "SPA504G (firmware unknown)");
  EXPECT_EQ(reports[1].name(), "unknown client (no hello)");
  EXPECT_EQ(reports[2].name(), "unknown client (JA4 t10d020000_a_b)");
}

}  // namespace
}  // namespace firstring::ledger
