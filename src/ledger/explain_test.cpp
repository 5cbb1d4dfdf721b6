#include "ledger/explain.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "hello/test_hellos.hpp"
#include "ledger/causes.hpp"
#include "ledger/json.hpp"
#include "ledger/timeline.hpp"

namespace firstring::ledger {
namespace {

using store::ConnectionRow;
using store::LedgerEntry;
using store::RequestRow;

ConnectionRow row(Outcome outcome, Stage stage) {
  ConnectionRow made;
  made.outcome = outcome;
  made.stage = stage;
  return made;
}

LedgerEntry denied(Reason reason) {
  LedgerEntry entry{row(Outcome::ok, Stage::done), {}};
  entry.connection.version = "SSLv3";
  entry.connection.cipher = "RC4-SHA";
  entry.connection.device = "000e08abcdee";
  entry.connection.certificate_issuer = "CN=Client Root";
  RequestRow request;
  request.method = "GET";
  request.target = "/000e08abcdef.xml";
  request.device = "000e08abcdef";
  request.status = 403;
  request.decision = Decision::deny;
  request.reason = reason;
  entry.requests.push_back(std::move(request));
  return entry;
}

RequestRow allowed() {
  RequestRow request;
  request.method = "GET";
  request.target = "/000e08abcdef.xml";
  request.status = 200;
  request.decision = Decision::allow;
  request.reason = Reason::bound;
  return request;
}

/// A ClientHello that goes no higher than `version`, with these suites and extensions.
Bytes hello_of(std::uint16_t version, std::vector<std::uint16_t> suites,
               std::optional<hello::test::Extensions> extensions = {}) {
  return hello::test::stream(hello::test::Fields{.version = version,
                                                 .session_id = {},
                                                 .suites = std::move(suites),
                                                 .compressions = {0},
                                                 .extensions = std::move(extensions)});
}

ConnectionRow failed(Stage stage, std::string detail = "the peer closed the TCP connection") {
  auto made = row(Outcome::handshake_failed, stage);
  made.detail = std::move(detail);
  made.personality = "legacy-2026-11";
  made.chain = "legacy";
  made.server_flight_us = 10'000;
  made.closed_us = 2'510'000;
  made.hello = hello_of(0x0301, {0x0039, 0x0035});
  return made;
}

/// The client gave up on our flight: with an alert, or by closing if that is empty.
ConnectionRow gave_up(std::string alert = {}) {
  auto made = failed(Stage::server_flight);
  made.alert_from = alert.empty() ? "" : "client";
  made.alert = std::move(alert);
  made.server_name_shown = "pv.example";
  made.server_key_bits = 2048;
  made.server_hash = "sha1";
  made.key_exchange = "DH";
  made.key_exchange_bits = 2048;
  made.local_address = "192.0.2.1";
  made.model = "SPA504G";
  made.firmware = "7.5.7";
  return made;
}

ConnectionRow with(ConnectionRow made, const std::function<void(ConnectionRow&)>& change) {
  change(made);
  return made;
}

Precedent precedent() {
  return {.same_device = true,
          .firmware = "7.4.9",
          .key_exchange = "DH",
          .key_exchange_bits = 1024,
          .server_key_bits = 1024,
          .server_hash = "sha1",
          .computed_us = 400'000,
          .last = from_micros(1'795'000'000'000'000)};
}

History worked_before(const std::function<void(Precedent&)>& change = [](auto&) {}) {
  auto made = precedent();
  change(made);
  return {.precedents = {made}, .name = {}};
}

History resolves_to(std::string_view address) {
  return {.precedents = {}, .name = NameLookup{.addresses = {*IpAddress::parse(address)}, .problem = {}}};
}

/// One way to end, with what its explanation must name.
struct Ending {
  Cause cause;
  LedgerEntry entry;
  History history;
  std::vector<std::string> names;
};

std::vector<Ending> every_ending() {
  const auto just = [](Cause cause, ConnectionRow connection, std::vector<std::string> names = {}) {
    return Ending{cause, {std::move(connection), {}}, {}, std::move(names)};
  };
  const hello::Extension only_sha1{hello::extension::kSignatureAlgorithms, {0, 4, 2, 1, 2, 3}};
  const hello::Extension only_x448{hello::extension::kSupportedGroups, {0, 2, 0, 30}};
  return {
      {Cause::served, {row(Outcome::ok, Stage::done), {allowed()}}, {}, {"GET", "200"}},
      just(Cause::known_bad_hardware,
           with(failed(Stage::client_flight, "bad signature"),
                [](auto& r) {
                  r.certificate = "c0ffee";
                  r.known_bad = "2006-06-wrong-certificates";
                }),
           {"signed with another key", "2006-06-wrong-certificates"}),
      just(Cause::shutdown, row(Outcome::shutdown, Stage::request)),
      just(Cause::open, row(Outcome::open, Stage::request), {"once it has ended"}),
      just(Cause::server_gone, row(Outcome::server_gone, Stage::request), {"lost power"}),
      just(Cause::not_http, with(row(Outcome::not_http, Stage::request), [](auto& r) { r.local_port = 8080; }),
           {"8080"}),
      just(Cause::plain_http, with(row(Outcome::not_tls, Stage::hello), [](auto& r) { r.detail = "plain HTTP"; })),
      just(Cause::not_tls, with(row(Outcome::not_tls, Stage::hello), [](auto& r) { r.detail = "malformed: x"; }),
           {"malformed: x"}),
      just(Cause::no_memory, with(row(Outcome::limit, Stage::hello), [](auto& r) { r.detail = "no memory was left"; })),
      just(Cause::evicted,
           with(row(Outcome::limit, Stage::hello), [](auto& r) { r.detail = "30 connections were open"; }),
           {"30 connections were open"}),
      just(Cause::left_waiting,
           with(row(Outcome::closed, Stage::hello),
                [](auto& r) {
                  r.hello_us = 1;
                  r.queued_us = 12'000'000;
                }),
           {"12.0 s"}),
      just(Cause::no_bytes, row(Outcome::closed, Stage::tcp)),
      just(Cause::silent, with(row(Outcome::timeout, Stage::tcp), [](auto& r) { r.closed_us = 10'000'000; }),
           {"10.0 s"}),
      just(Cause::closed_in_hello, with(row(Outcome::closed, Stage::hello), [](auto& r) { r.bytes_in = 17; }),
           {"17 bytes"}),
      just(Cause::half_hello, with(row(Outcome::timeout, Stage::hello), [](auto& r) { r.bytes_in = 17; }),
           {"17 bytes"}),
      just(Cause::client_asked_renegotiation,
           with(row(Outcome::closed, Stage::done), [](auto& r) { r.asked_renegotiation = true; })),
      just(Cause::too_old,
           with(failed(Stage::hello, "unsupported protocol"), [](auto& r) { r.hello = hello_of(0x0300, {0x0003}); }),
           {"SSL 3.0", "EXP-RC4-MD5", "nor its quarantine supports"}),
      just(Cause::ssl3_only,
           with(failed(Stage::hello, "unsupported protocol"),
                [](auto& r) {
                  r.hello = hello_of(0x0300, {0x0035});
                  r.personality_reason = "needs_quarantine";
                }),
           {"SSL 3.0", "TLS 1.0 to TLS 1.2", "legacy-2026-11"}),
      just(Cause::quarantine_ended, with(failed(Stage::hello, "the quarantine ended in the middle of it"),
                                         [](auto& r) { r.quarantined = true; })),
      just(Cause::fallback_refused, failed(Stage::hello, "inappropriate fallback"), {"TLS 1.0"}),
      just(Cause::no_common_version,
           with(failed(Stage::hello, "unsupported protocol"), [](auto& r) { r.personality = "modern-2026-11"; }),
           {"at most TLS 1.0", "TLS 1.2 to TLS 1.3"}),
      just(Cause::weak_ciphers_only,
           with(failed(Stage::hello, "no shared cipher"),
                [](auto& r) { r.hello = hello_of(0x0301, {0x0005, 0x000a, 0x00ff}); }),
           {"RC4-SHA", "DES-CBC3-SHA"}),
      just(
          Cause::no_common_cipher,
          with(failed(Stage::hello, "no shared cipher"), [](auto& r) { r.hello = hello_of(0x0301, {0x0041, 0x0005}); }),
          {"CAMELLIA128-SHA", "RC4-SHA", "ECDHE-RSA-AES256-SHA"}),
      just(Cause::no_common_signature,
           with(failed(Stage::hello, "no shared signature algorithms"),
                [&](auto& r) { r.hello = hello_of(0x0303, {0x0039}, hello::test::Extensions{only_sha1}); }),
           {"RSA+SHA1, ECDSA+SHA1"}),
      just(Cause::no_common_group,
           with(failed(Stage::hello, "no suitable key share"),
                [&](auto& r) {
                  r.hello = hello_of(0x0303, {0x1301}, hello::test::Extensions{only_x448});
                  r.personality = "modern-2026-11";
                }),
           {"X448", "X25519"}),
      just(Cause::client_key_mismatch,
           with(failed(Stage::client_flight, "bad signature"),
                [](auto& r) {
                  r.certificate = "c0ffee";
                  r.certificate_subject = "ST=000e08abcdef";
                }),
           {"ST=000e08abcdef"}),
      just(Cause::certificate_list_too_long, failed(Stage::client_flight, "excessive message size")),
      just(Cause::certificate_too_complex,
           failed(Stage::client_flight,
                  "the client's certificates are too complex: there are 11, and at most 10 are taken")),
      just(Cause::broken_handshake,
           with(failed(Stage::server_flight, "unexpected message"),
                [](auto& r) {
                  r.alert = "unexpected_message";
                  r.alert_from = "server";
                  r.address = "192.0.2.7";
                }),
           {"unexpected message", "after it got our flight", "firstring capture 192.0.2.7"}),
      just(Cause::broken_handshake, failed(Stage::server_flight, "wrong version number"), {"wrong version number"}),
      just(Cause::client_lacks_sha256,
           with(failed(Stage::hello, "no suitable signature algorithm"),
                [&](auto& r) {
                  r.hello = hello_of(0x0303, {0x0039}, hello::test::Extensions{only_sha1});
                  r.server_hash = "sha256";
                  r.alert = "handshake_failure";
                  r.alert_from = "server";
                }),
           {"SHA-256", "RSA+SHA1", "we had no signature"}),
      just(Cause::client_lacks_sha256, with(gave_up("decrypt_error"), [](auto& r) { r.server_hash = "sha256"; }),
           {"SHA-256", "decrypt_error", "'legacy'"}),
      just(Cause::client_lacks_sha256,
           with(gave_up("bad_certificate"),
                [&](auto& r) {
                  r.server_hash = "sha256";
                  r.hello = hello_of(0x0303, {0x0039}, hello::test::Extensions{only_sha1});
                }),
           {"RSA+SHA1"}),
      {Cause::client_lacks_sha256,
       {with(gave_up(), [](auto& r) { r.server_hash = "sha256"; }), {}},
       worked_before([](auto& p) { p.server_key_bits = p.key_exchange_bits = 2048; }),
       {"closed TCP 2.5 s after", "the same device with firmware 7.4.9 worked with a SHA-1 chain on 2026-11-18"}},
      just(Cause::dh_too_large, gave_up("insufficient_security"), {"2048 bits", "insufficient_security"}),
      {Cause::dh_too_large,
       {with(gave_up(), [](auto& r) { r.outcome = Outcome::timeout; }), {}},
       worked_before([](auto& p) {
         p.server_key_bits = 2048;
         p.same_device = false;
       }),
       {"silent for 2.5 s", "another SPA504G with firmware 7.4.9 worked with 1024 bits"}},
      just(Cause::dh_too_small, with(gave_up("handshake_failure"), [](auto& r) { r.key_exchange_bits = 1024; }),
           {"1024 bits", "handshake_failure"}),
      {Cause::key_too_large,
       {with(gave_up("certificate_unknown"), [](auto& r) { r.key_exchange = "RSA"; }), {}},
       worked_before(),
       {"2048-bit key", "worked with a 1024-bit key"}},
      {Cause::name_leads_elsewhere,
       {gave_up("bad_certificate"), {}},
       resolves_to("192.0.2.99"),
       {"pv.example", "192.0.2.99", "192.0.2.1"}},
      just(Cause::name_mismatch,
           with(gave_up("bad_certificate"),
                [](auto& r) {
                  r.server_name = "other.example";
                  r.server_name_matches = 0;
                }),
           {"other.example", "pv.example"}),
      just(Cause::client_distrusts_our_chain, gave_up("unknown_ca"), {"'legacy'", "pv.example", "2048-bit key"}),
      just(Cause::our_certificate_expired, gave_up("certificate_expired")),
      just(Cause::client_refuses_our_certificate, gave_up("certificate_unknown"), {"certificate_unknown"}),
      just(Cause::client_cannot_verify_our_signature, gave_up("decrypt_error")),
      just(Cause::client_refused_renegotiation,
           with(gave_up("no_renegotiation"), [](auto& r) { r.stage = Stage::finished; })),
      just(Cause::client_alert, with(gave_up("user_canceled"), [](auto& r) { r.stage = Stage::client_flight; }),
           {"user_canceled", "DH with 2048 bits"}),
      just(Cause::client_left_after_our_flight, gave_up(), {"2.5 s", "'legacy'", "DH with 2048 bits"}),
      just(Cause::client_silent_after_our_flight, with(gave_up(), [](auto& r) { r.outcome = Outcome::timeout; }),
           {"2.5 s"}),
      just(Cause::closed_in_client_flight, failed(Stage::client_flight)),
      just(Cause::silent_in_client_flight, row(Outcome::timeout, Stage::client_flight)),
      just(Cause::closed_before_our_flight, failed(Stage::hello)),
      just(Cause::handshake_failed, failed(Stage::client_flight, "bad record mac"), {"bad record mac"}),
      {Cause::no_request,
       {with(gave_up(),
             [](auto& r) {
               r.outcome = Outcome::closed;
               r.stage = Stage::finished;
             }),
        {}},
       resolves_to("192.0.2.1"),
       {"as it should", "pv.example"}},
      just(Cause::slow_request, row(Outcome::timeout, Stage::request)),
      just(Cause::slow_reader, row(Outcome::timeout, Stage::response)),
      just(Cause::timeout, row(Outcome::timeout, Stage::unknown)),
      {Cause::answer_aborted,
       {with(row(Outcome::aborted, Stage::response), [](auto& r) { r.detail = "it has become 7 bytes shorter"; }),
        {allowed()}},
       {},
       {"/000e08abcdef.xml", "7 bytes shorter"}},
      just(Cause::closed, row(Outcome::closed, Stage::response), {"in the middle of our answer"}),
  };
}

void expect_plain_words(const Explanation& explanation, bool with_remedy) {
  EXPECT_TRUE(explanation.explanation.ends_with('.')) << explanation.explanation;
  EXPECT_EQ(explanation.remedy.ends_with('.'), with_remedy) << explanation.remedy;
  for (const auto& text : {explanation.explanation, explanation.remedy}) {
    EXPECT_EQ(text.find_first_of("{}"), std::string::npos) << text;
    EXPECT_EQ(text.find("  "), std::string::npos) << text;
  }
}

TEST(Explain, KnowsEveryDenial) {
  for (const auto& denial : denials()) {
    const auto explanation = explain(denied(parse_code<Reason>(to_string(denial.cause))));
    EXPECT_EQ(explanation.cause, denial.cause);
    expect_plain_words(explanation, true);
  }
}

TEST(Explain, KnowsEveryEnding) {
  std::set<Cause> told;
  for (const auto& ending : every_ending()) {
    const auto explanation = explain(ending.entry, ending.history);
    EXPECT_EQ(explanation.cause, ending.cause) << explanation.explanation;
    expect_plain_words(explanation,
                       ending.cause != Cause::served && ending.cause != Cause::shutdown && ending.cause != Cause::open);
    const auto text = explanation.explanation + " " + explanation.remedy;
    for (const auto& name : ending.names) EXPECT_NE(text.find(name), std::string::npos) << name << " in " << text;
    told.insert(explanation.cause);
  }
  for (const auto& cause : endings()) {
    if (cause.cause == Cause::bad_request) continue;
    EXPECT_TRUE(told.contains(cause.cause)) << to_string(cause.cause) << " has no test";
  }
}

TEST(Explain, NamesBothPhonesWhereOneAsksForTheOthersFile) {
  const auto explanation = explain(denied(Reason::other_device));
  EXPECT_NE(explanation.explanation.find("000e08abcdee"), std::string::npos);
  EXPECT_NE(explanation.explanation.find("000e08abcdef"), std::string::npos);
}

TEST(Explain, NamesTheBatchOfKnownBadHardwareAndItsRemedy) {
  for (const auto sign : {Reason::unknown_ca, Reason::bad_signature, Reason::other_device}) {
    auto entry = denied(sign);
    entry.connection.known_bad = "2006-06-wrong-certificates";
    const auto explanation = explain(entry);
    EXPECT_EQ(explanation.cause, Cause::known_bad_hardware);
    EXPECT_NE(explanation.explanation.find(to_string(sign)), std::string::npos) << explanation.explanation;
    EXPECT_NE(explanation.remedy.find("replace the phone"), std::string::npos);
  }
}

TEST(Explain, BlamesTheBatchForNothingElse) {
  auto entry = denied(Reason::expired);
  entry.connection.known_bad = "2006-06-wrong-certificates";
  EXPECT_EQ(explain(entry).cause, Cause::expired);
  entry = denied(Reason::unknown_ca);
  entry.connection.known_bad = "2005-01-generic-certificate";
  EXPECT_EQ(explain(entry).cause, Cause::unknown_ca) << "that one is not wrong, but shared";
  entry.connection.known_bad = "of a later version";
  EXPECT_EQ(explain(entry).cause, Cause::unknown_ca);
}

TEST(Explain, DoesNotTakeAMissingHelloForAnOldOne) {
  const auto broken = with(failed(Stage::hello, "bad record mac"), [](auto& r) { r.hello = {22, 3, 1}; });
  EXPECT_EQ(explain({broken, {}}).cause, Cause::handshake_failed);
}

TEST(Explain, SpeaksOfAPhonesSettingsAsItsMakerNamesThem) {
  for (const auto& [model, setting] : {std::pair{"SPA504G", "phone's Profile_Rule at"},
                                       {"T46S", "phone's static.auto_provision.server.url at"},
                                       {"", "phone's provisioning URL at"}}) {
    auto entry = denied(Reason::needs_tls);
    entry.connection.model = model;
    EXPECT_NE(explain(entry).remedy.find(setting), std::string::npos) << explain(entry).remedy;
  }
  auto missing = denied(Reason::no_such_file);
  missing.connection.model = "SPA504G";
  EXPECT_NE(explain(missing).remedy.find("a SPA504G finds its own file at /$MA.xml"), std::string::npos)
      << explain(missing).remedy;
}

TEST(Explain, BadRequestsAreOneCause) { EXPECT_EQ(explain(denied(Reason::head_too_large)).cause, Cause::bad_request); }

TEST(Explain, DoesNotBlameASizeThatWorkedForTheSameFirmware) {
  const auto as_large = [](Precedent& p) { p.key_exchange_bits = p.server_key_bits = 2048; };
  EXPECT_EQ(explain({gave_up(), {}}, worked_before(as_large)).cause, Cause::client_left_after_our_flight);
}

TEST(Explain, SaysThatTheNameCannotBeJudgedBehindAddressTranslation) {
  const auto behind_nat = with(gave_up(), [](auto& r) { r.local_address = "192.168.1.2"; });
  const auto explanation = explain({behind_nat, {}}, resolves_to("203.0.113.5"));
  EXPECT_EQ(explanation.cause, Cause::client_left_after_our_flight);
  EXPECT_NE(explanation.explanation.find("cannot tell"), std::string::npos) << explanation.explanation;
}

TEST(CauseOf, IsTheCodeOfTheWholeExplanation) {
  const auto entry = denied(Reason::expired);
  EXPECT_EQ(cause_of(entry.connection, &entry.requests.back()), Cause::expired);
  const auto answered = allowed();
  EXPECT_EQ(cause_of(entry.connection, &answered), Cause::served);
  EXPECT_EQ(cause_of(gave_up("unknown_ca"), nullptr), Cause::client_distrusts_our_chain);
}

/// Of a phone for which nothing is set.
ResyncTimers timers(std::string_view model = "SPA504G") {
  ResyncTimers timers;
  timers.names = device::Catalogue::shipped().find(model)->resync;
  return timers;
}

TEST(Timeline, TellsTheAlarmsAndTheNextContact) {
  store::AlarmRow alarm;
  alarm.kind = "regression";
  alarm.text = "SPA504G 7.5.7 stopped working.";
  const auto entry = LedgerEntry{gave_up("unknown_ca"), {}};
  const auto text =
      timeline({.who = "x", .chapters = {{entry, {}}}, .alarms = {alarm}, .next = next_contact(entry, 1, timers())});
  EXPECT_NE(text.find("regression: SPA504G 7.5.7 stopped working."), std::string::npos) << text;
  EXPECT_NE(text.find("1970-01-01T01:00:00Z (Resync_Error_Retry_Delay"), std::string::npos) << text;
  EXPECT_NE(text.find("overdue by"), std::string::npos) << text;
}

TEST(Timeline, TellsWhatThePhoneComputedAndWhatASmallerGroupCostIt) {
  auto slow = with(gave_up(), [](auto& r) {
    r.client_flight_us = 3'000'000;
    r.phone_cpu_us = 2'900'000;
  });
  EXPECT_EQ(computing_time(slow, worked_before()),
            ", of which the phone computed about 2.9 s; with DH 1024 it took 0.4 s");
  slow.phone_cpu_us = -1;
  EXPECT_EQ(computing_time(slow, worked_before()), "");
}

TEST(NextContact, FollowsTheTimersOfThePhone) {
  const auto names = timers().names;
  LedgerEntry entry{row(Outcome::ok, Stage::done), {}};
  entry.connection.accepted = from_micros(0);
  const auto seconds_of = [&](unsigned failures, ResyncTimers timers) {
    const auto next = next_contact(entry, failures, timers);
    return next.earliest ? std::pair{to_micros(*next.earliest) / 1'000'000, to_micros(*next.latest) / 1'000'000}
                         : std::pair<std::int64_t, std::int64_t>{-1, -1};
  };
  EXPECT_EQ(seconds_of(0, timers()), (std::pair<std::int64_t, std::int64_t>{3600, 3600}));
  EXPECT_EQ(seconds_of(0, {.names = names, .periodic = "86400", .error_retry = "60"}),
            (std::pair<std::int64_t, std::int64_t>{86400, 86400}));
  const ResyncTimers growing{.names = names, .error_retry = "1800+300,3600+600", .at = "0300"};
  EXPECT_EQ(seconds_of(1, growing), (std::pair<std::int64_t, std::int64_t>{1800, 2100}));
  EXPECT_EQ(seconds_of(9, growing), (std::pair<std::int64_t, std::int64_t>{3600, 4200}));
  EXPECT_EQ(seconds_of(0, growing).first, -1) << "at three by its own clock";
  EXPECT_EQ(seconds_of(0, {.names = names, .periodic = "0"}).first, -1) << "never";
  EXPECT_EQ(seconds_of(0, {.names = names, .periodic = "soon"}).first, -1);
}

TEST(NextContact, SaysNothingThatIsNotKnown) {
  LedgerEntry entry{row(Outcome::ok, Stage::done), {}};
  entry.connection.accepted = from_micros(0);
  auto yealink = timers("T46S");
  const auto next = [&](unsigned failures) { return next_contact(entry, failures, yealink); };
  EXPECT_EQ(
      to_text(next(0), from_micros(0)),
      "next contact: unknown: it comes by itself only if the parameter is 1 (static.auto_provision.repeat.enable)");
  yealink.enabled = "1";
  EXPECT_EQ(next(0).earliest, std::nullopt) << "how often is not known";
  yealink.periodic = "90";
  EXPECT_EQ(next(0).earliest, from_micros(90 * 60'000'000LL)) << "in minutes";
  EXPECT_EQ(to_text(next(1), from_micros(0)),
            "next contact: unknown: the server does not know when such a phone comes again");
  EXPECT_EQ(next_contact(entry, 0, {}).parameter, "") << "a phone of no known model";
}

TEST(Timeline, SaysForHowLongAPhoneWaitedForItsTurnWhereThatIsLong) {
  const auto told = [](std::int64_t queued_us) {
    LedgerEntry entry{row(Outcome::ok, Stage::done), {allowed()}};
    entry.connection.hello_us = 20'000;
    entry.connection.queued_us = queued_us;
    return timeline({.who = "x", .chapters = {{entry, {}}}, .alarms = {}, .next = {}});
  };
  EXPECT_NE(told(3'240'000).find("3260.0 ms  handshake begun, after 3.2 s in the queue"), std::string::npos)
      << told(3'240'000);
  EXPECT_EQ(told(999'999).find("in the queue"), std::string::npos);
}

TEST(Timeline, SaysWhatItMeansThatThereIsNothing) {
  EXPECT_NE(
      timeline({.who = "000e08abcdef", .chapters = {}, .alarms = {}, .next = {}}).find("never reached this server"),
      std::string::npos);
}

TEST(Timeline, ShowsUntrustedTextAsText) {
  auto entry = denied(Reason::no_such_file);
  entry.requests[0].target = "/\x1b[2J";
  EXPECT_EQ(timeline({.who = "x", .chapters = {{entry, {}}}, .alarms = {}, .next = {}}).find('\x1b'),
            std::string::npos);
}

TEST(Json, HasTheLastRequestAtTheTop) {
  const auto text = to_json(denied(Reason::other_device));
  for (const auto* member : {"\"outcome\":\"ok\"", "\"stage\":\"done\"", "\"status\":403", "\"decision\":\"deny\"",
                             "\"reason\":\"other_device\"", "\"device\":\"000e08abcdee\"",
                             "\"requested_device\":\"000e08abcdef\"", "\"cause\":\"other_device\"", "\"requests\":["}) {
    EXPECT_NE(text.find(member), std::string::npos) << member << " in " << text;
  }
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(Fields, HaveTheSameNamesForEveryConnection) {
  const auto names_of = [](const LedgerEntry& entry) {
    std::vector<std::string> names;
    for (const auto& [name, text] : to_fields(entry)) names.push_back(name);
    return names;
  };
  auto entry = denied(Reason::expired);
  entry.connection.verdict_errors = {"a", "b"};
  EXPECT_EQ(names_of(entry), names_of({gave_up("unknown_ca"), {}}));
  const auto fields = to_fields(entry);
  const auto text_of = [&](std::string_view wanted) {
    const auto found = std::find_if(fields.begin(), fields.end(), [&](auto& field) { return field.first == wanted; });
    return found != fields.end() ? found->second : "(missing)";
  };
  EXPECT_EQ(text_of("verdict_errors"), "a; b");
  EXPECT_EQ(text_of("status"), "403");
  EXPECT_EQ(text_of("rtt_us"), "");
  EXPECT_EQ(text_of("resumed"), "false");
  EXPECT_EQ(text_of("hello"), "(missing)");
}

TEST(Json, IsValidWhateverStrangersSend) {
  auto entry = denied(Reason::no_such_file);
  entry.requests[0].user_agent = "\xff\xfe\x01\"";
  entry.connection.certificate_subject = "CN=\xc3";
  EXPECT_NE(to_json(entry).find("\\u0001\\\""), std::string::npos);
  EXPECT_EQ(to_json(entry).find('\xff'), std::string::npos);
  EXPECT_EQ(request_to_json(entry.connection, entry.requests[0]).find("\xc3\""), std::string::npos);
}

TEST(Json, TheRequestLogHasTheCipher) {
  auto entry = denied(Reason::other_device);
  entry.connection.version = "TLSv1";
  entry.connection.cipher = "DHE-RSA-AES256-SHA";
  const auto text = request_to_json(entry.connection, entry.requests[0]);
  EXPECT_NE(text.find("\"cipher\":\"DHE-RSA-AES256-SHA\""), std::string::npos);
  EXPECT_NE(text.find("\"status\":403"), std::string::npos);
}

}  // namespace
}  // namespace firstring::ledger
