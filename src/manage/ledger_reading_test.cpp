// What is made of the ledger: stories, reports, the bundle for a vendor, rules learnt from a hello.

#include <gmock/gmock.h>

#include <algorithm>

#include "base/file.hpp"
#include "hello/test_hellos.hpp"
#include "manage/case_file.hpp"
#include "manage/devices.hpp"
#include "manage/expiry.hpp"
#include "manage/json.hpp"
#include "manage/ledger_reports.hpp"
#include "manage/parameters.hpp"
#include "manage/personalities.hpp"
#include "manage/story.hpp"
#include "manage/test_desk.hpp"

namespace firstring::manage {
namespace {

using testing::HasSubstr;
using testing::Not;

class LedgerReading : public AtTheDesk {
 protected:
  void SetUp() override {
    AtTheDesk::SetUp();
    ASSERT_TRUE(add_device(desk(), {.mac = mac(), .model = "SPA504G", .serial = "CBT1"}));
  }

  /// A connection of the phone in the past: served, or failed in the handshake.
  static store::ConnectionRow row(std::int64_t id, std::chrono::seconds ago, bool served) {
    store::ConnectionRow row;
    row.id = id;
    row.accepted = kNow - ago;
    row.address = "192.0.2.7";
    row.listener = "phone 127.0.0.1:8443";
    row.device = mac().bare();
    row.model = "SPA504G";
    row.firmware = "7.5.6";
    row.hello = hello::test::stream(hello::test::Fields{});
    row.personality = "legacy-2026-11";
    row.outcome = served ? Outcome::ok : Outcome::handshake_failed;
    row.handshake_us = served ? 1000 : -1;
    row.cause = served ? Cause::served : Cause::client_distrusts_our_chain;
    if (!served) {
      row.alert = "unknown_ca";
      row.alert_from = "client";
    }
    return row;
  }
  void append(std::vector<store::ConnectionRow> rows, std::vector<store::AlarmRow> alarms = {}) const {
    ASSERT_TRUE(ledger()->append({.connections = std::move(rows), .requests = {}, .alarms = std::move(alarms)}));
  }
  StoryQuery of_phone() const { return {.whom = parse_whom("000e08abcdef").value()}; }
};

// ---- stories --------------------------------------------------------------------------------------------------------

TEST_F(LedgerReading, StoryOfADeviceHasItsConnectionsAlarmsAndNextContact) {
  append({row(1, std::chrono::hours{2}, true), row(2, std::chrono::hours{1}, false)},
         {{.at = kNow, .kind = "two_networks", .device = mac().bare(), .text = "moved"},
          {.at = kNow, .kind = "two_networks", .device = "000e08000001", .text = "another phone"}});
  ParameterChanges timers;
  timers.parameters.push_back({"Resync_Error_Retry_Delay", Secret{"600"}});
  ASSERT_TRUE(set_parameters(desk(), timers));

  const auto told = tell_story(&desk(), *ledger(), of_phone());
  ASSERT_TRUE(told) << told.error().what;
  EXPECT_EQ(told->story.chapters.size(), 2U);
  EXPECT_EQ(told->story.alarms.size(), 1U);
  ASSERT_TRUE(told->story.next);
  EXPECT_TRUE(told->story.next->last_failed);
  EXPECT_EQ(told->story.next->parameter, "Resync_Error_Retry_Delay");
  EXPECT_EQ(told->story.next->earliest, kNow - std::chrono::hours{1} + std::chrono::seconds{600}) << "by its layers";
  EXPECT_THAT(told->warning, HasSubstr("firstring.toml has errors"));

  const auto without_fleet = tell_story(nullptr, *ledger(), of_phone());
  ASSERT_TRUE(without_fleet);
  EXPECT_EQ(without_fleet->story.next->earliest, kNow) << "by the phone's own hour";
  EXPECT_EQ(without_fleet->warning, "");
}

TEST_F(LedgerReading, OnlyTheNewestConnectionCarriesTheOutlook) {
  append({row(1, std::chrono::hours{2}, true), row(2, std::chrono::hours{1}, true)});
  const auto objects = to_json(tell_story(&desk(), *ledger(), of_phone()).value().story, kNow);
  ASSERT_EQ(objects.size(), 2U);
  EXPECT_THAT(objects[0].text(), Not(HasSubstr("next_contact")));
  EXPECT_THAT(objects[1].text(), AllOf(HasSubstr("\"alarms\":[]"), HasSubstr("\"next_contact\":{")));
  EXPECT_TRUE(to_json(ledger::Story{}, kNow).empty());
}

TEST_F(LedgerReading, StoryOfAnAddressHasNoNextContact) {
  append({row(1, std::chrono::hours{1}, true)});
  const auto told = tell_story(&desk(), *ledger(), {.whom = parse_whom("::ffff:192.0.2.7").value()});
  ASSERT_TRUE(told);
  EXPECT_EQ(told->story.who, "192.0.2.7");
  EXPECT_EQ(told->story.chapters.size(), 1U);
  EXPECT_FALSE(told->story.next);
  EXPECT_EQ(parse_whom("somebody").error().code, Errc::invalid_input);
}

// ---- reports --------------------------------------------------------------------------------------------------------

TEST_F(LedgerReading, CausesNameWhoFailsMostAndWhy) {
  append({row(1, std::chrono::hours{2}, true), row(2, std::chrono::hours{1}, false)});
  const auto clients = report_causes(*ledger(), {.since = kNow - std::chrono::days{1}}).value();
  ASSERT_EQ(clients.size(), 1U);
  EXPECT_EQ(clients[0].report.failed, 1);
  EXPECT_EQ(clients[0].main_cause.cause, Cause::client_distrusts_our_chain);
  EXPECT_THAT(clients[0].headline(), HasSubstr("SPA504G 7.5.6"));
  EXPECT_THAT(to_json(clients[0]).text(), HasSubstr("\"causes\":{\"client_distrusts_our_chain\":1}"));
  EXPECT_TRUE(report_causes(*ledger(), {.since = kNow}).value().empty());
  EXPECT_EQ(report_causes(*ledger(), {.since = kNow, .model = "SPA1"}).error().code, Errc::not_found);
  EXPECT_EQ(report_times(*ledger(), "SPA1").error().code, Errc::not_found);
}

TEST_F(LedgerReading, RecentGapsAreTheNewestAndSayHowManyMore) {
  std::vector<store::GapRow> gaps;
  for (int minute = 0; minute < 3; ++minute) {
    const auto at = kNow - std::chrono::minutes{3 - minute};
    gaps.push_back({.network = "192.0.2.0/24", .first = at, .last = at, .connections = minute + 1});
  }
  ASSERT_TRUE(ledger()->append({.connections = {}, .requests = {}, .gaps = gaps}));
  const auto recent = recent_gaps(*ledger(), std::nullopt, 2).value();
  EXPECT_EQ(recent.more, 1U);
  ASSERT_EQ(recent.gaps.size(), 2U);
  EXPECT_EQ(in_words(recent.gaps[1]), "3 connections of 192.0.2.0/24 not recorded");
  EXPECT_EQ(recent_gaps(*ledger(), std::nullopt, 5).value().more, 0U);
}

TEST_F(LedgerReading, ExpiryCountsTheFleetWhereNobodyCame) {
  const auto all = list_expiries(desk(), *ledger()).value();
  EXPECT_EQ(all.phones, 0U);
  EXPECT_EQ(all.added, 1U);
  EXPECT_THAT(all.counted(), HasSubstr("all 1 phones of the fleet"));
  EXPECT_FALSE(all.warnings.empty()) << "the configuration has no listener yet";
  EXPECT_EQ(all.days_left({.at = kNow - std::chrono::hours{1}}), -1);
  EXPECT_EQ(all.days_left({.at = kNow + std::chrono::hours{25}}), 1);
}

// ---- the bundle for a vendor ----------------------------------------------------------------------------------------

TEST_F(LedgerReading, EvidenceHoldsThePhonesOwnConnectionsAndSaysWhatIsGone) {
  auto failed = row(2, std::chrono::hours{1}, false);
  failed.capture = "gone.pcapng";
  auto other = row(3, std::chrono::minutes{1}, true);
  other.device = "000e08000001";
  append({row(1, std::chrono::days{8}, true), failed, other});
  const auto evidence = collect_evidence(desk(), *ledger(), {.mac = mac()});
  ASSERT_TRUE(evidence) << evidence.error().what;
  EXPECT_EQ(evidence->serial, "CBT1");
  ASSERT_EQ(evidence->entries.size(), 1U) << "neither the other phone's nor what is older than a week";
  EXPECT_EQ(evidence->entries[0].connection.id, 2);
  EXPECT_EQ(evidence->captures_left_out, 1U);
  EXPECT_EQ(collect_evidence(desk(), *ledger(), {.mac = mac("000e08000009")}).error().code, Errc::not_found);
}

// ---- personalities --------------------------------------------------------------------------------------------------

/// In a folder that can be served: a copy of one that is made once, for keys take time.
class Learning : public LedgerReading {
 protected:
  static void SetUpTestSuite() {
    made_ = std::make_unique<TemporaryFolder>();
    ASSERT_TRUE(make_folder({.dir = made_->path() / "demo", .demo = true}));
  }
  static void TearDownTestSuite() { made_.reset(); }

  void SetUp() override {
    LedgerReading::SetUp();
    std::filesystem::copy(made_->path() / "demo", served(), std::filesystem::copy_options::recursive);
    auto known = served_personalities(served());
    ASSERT_TRUE(known) << known.error().what;
    known_ = *std::move(known);
  }
  std::filesystem::path served() const { return dir().parent_path() / "served"; }
  const KnownPersonalities& known() const { return known_; }
  LearnQuery phone(std::string personality = {}) const {
    return {.whom = parse_whom("000e08abcdef").value(), .personality = std::move(personality)};
  }

 private:
  static inline std::unique_ptr<TemporaryFolder> made_;
  KnownPersonalities known_;
};

TEST_F(Learning, RuleLeadsToWhatWorkedWithThatHelloLast) {
  append({row(1, std::chrono::hours{2}, true), row(2, std::chrono::hours{1}, false)});
  const auto rule = learn_rule(known(), *ledger(), phone());
  ASSERT_TRUE(rule) << rule.error().what;
  EXPECT_EQ(rule->personality, "legacy-2026-11");
  EXPECT_EQ(rule->connection, 2);
  EXPECT_THAT(rule->text, AllOf(HasSubstr("[[rule]]"), HasSubstr(rule->ja4), Not(HasSubstr("networks"))));
  auto here = phone();
  here.only_here = true;
  EXPECT_THAT(learn_rule(known(), *ledger(), here).value().text, HasSubstr("networks = [\"192.0.2.7/32\"]"));

  ASSERT_TRUE(add_rule(served(), *rule));
  const auto personality = known().find("legacy-2026-11").value();
  EXPECT_EQ(served_personalities(served()).value().rules_to(*personality).size(), 1U);
}

TEST_F(Learning, NeedsAPersonalityThatWorkedOrIsNamed) {
  EXPECT_EQ(learn_rule(known(), *ledger(), phone()).error().code, Errc::not_found) << "it never came";
  append({row(1, std::chrono::hours{1}, false)});
  EXPECT_THAT(learn_rule(known(), *ledger(), phone()).error().what, HasSubstr("--use NAME"));
  EXPECT_THAT(learn_rule(known(), *ledger(), phone("legacy-2026-1")).error().what,
              HasSubstr("did you mean 'legacy-2026-11'?"));
  EXPECT_TRUE(learn_rule(known(), *ledger(), phone("legacy-2026-11")));
}

TEST_F(Learning, RuleThatWouldSpoilTheFileIsNotWritten) {
  append({row(1, std::chrono::hours{1}, true)});
  const auto before = read_file(served() / "firstring.toml").value();
  const auto rule = learn_rule(known(), *ledger(), phone("sipura-2026-11")).value();
  const auto added = add_rule(served(), rule);
  ASSERT_FALSE(added);
  EXPECT_THAT(added.error().what, testing::StartsWith("nothing written; the result would be invalid: "));
  EXPECT_EQ(read_file(served() / "firstring.toml").value(), before);
}

TEST_F(Learning, HelloIsTriedOnEachListenerForPhones) {
  append({row(1, std::chrono::hours{1}, true)});
  const auto hello = hello_of_connection(*ledger(), 1);
  ASSERT_TRUE(hello) << hello.error().what;
  EXPECT_EQ(hello->past.model, "SPA504G");
  const auto trial = try_hello(known(), *hello);
  ASSERT_TRUE(trial) << trial.error().what;
  ASSERT_EQ(trial->choices.size(), 1U) << "not on the bootstrap listener";
  EXPECT_EQ(trial->choices[0].listener, "127.0.0.1:8443");
  EXPECT_EQ(hello_of_connection(*ledger(), 9).error().code, Errc::not_found);
  EXPECT_EQ(try_hello(known(), {.bytes = {0x16, 0x03}}).error().code, Errc::invalid_input);
}

TEST_F(Learning, ShippedPersonalitiesAreKnownAnywhere) {
  const auto shipped = known_personalities(std::nullopt);
  EXPECT_EQ(shipped.all().size(), tls::shipped_personalities().size());
  EXPECT_EQ(shipped.warning, "");
  EXPECT_TRUE(shipped.listeners_of(*shipped.all().front()).empty());
  EXPECT_NE(known_personalities(dir()).warning, "") << "that folder's configuration has errors";
  const auto* legacy = known().find("legacy-2026-11").value();
  EXPECT_THAT(known().listeners_of(*legacy), testing::ElementsAre("127.0.0.1:8443"));
  EXPECT_FALSE(suites_of(*legacy).empty());
}

}  // namespace
}  // namespace firstring::manage
