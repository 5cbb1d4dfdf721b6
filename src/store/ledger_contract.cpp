// What any back end of LedgerStore must do.

#include "store/ledger_contract.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace firstring::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const MacAddress kPhone = MacAddress::from_number(0x000e08abcdef);

Timestamp at(std::int64_t seconds) { return from_micros(1'700'000'000'000'000 + seconds * 1'000'000); }

ConnectionRow connection(std::int64_t id) {
  ConnectionRow row;
  row.id = id;
  row.accepted = at(id);
  row.address = "192.0.2.1";
  row.outcome = Outcome::ok;
  row.hello = {22, 3, 1, 0};
  return row;
}

RequestRow request(std::int64_t connection, Decision decision = Decision::allow) {
  RequestRow row;
  row.connection = connection;
  row.at = at(connection);
  row.method = "GET";
  row.target = "/000e08abcdef.xml";
  row.status = 200;
  row.decision = std::move(decision);
  return row;
}

#define EXPECT_OK(expression)                         \
  do {                                                \
    const auto ok_result = (expression);              \
    EXPECT_TRUE(ok_result) << ok_result.error().what; \
  } while (false)

std::vector<std::int64_t> ids(LedgerStore& store, const LedgerQuery& query) {
  const auto found = store.find(query);
  EXPECT_TRUE(found) << found.error().what;
  std::vector<std::int64_t> result;
  for (const auto& entry : *found) result.push_back(entry.connection.id);
  return result;
}

TEST_P(LedgerContract, BeginsEmpty) {
  EXPECT_THAT(ids(*store_, {}), IsEmpty());
  EXPECT_EQ(*store_->last_written(), 0);
}

TEST_P(LedgerContract, KeepsHowLateItsWriterIs) {
  EXPECT_EQ(*store_->lag(), std::chrono::milliseconds{0});
  for (const int lag : {25, 250, 250, 25}) {
    ASSERT_TRUE(
        store_->append({.connections = {}, .requests = {}, .alarms = {}, .lag = std::chrono::milliseconds{lag}}));
    EXPECT_EQ(*store_->lag(), std::chrono::milliseconds{lag});
  }
}

TEST_P(LedgerContract, KeepsEveryMemberOfAConnection) {
  ConnectionRow row;
  row.id = 77;
  row.accepted = at(1);
  row.hello_us = 1;
  row.server_flight_us = 2;
  row.client_flight_us = 3;
  row.handshake_us = 4;
  row.closed_us = 5;
  row.listener = "phone 0.0.0.0:8443";
  row.address = "2001:db8::1";
  row.port = 65535;
  row.local_address = "2001:db8::2";
  row.local_port = 8443;
  row.hello = {22, 3, 1, 0, 255};
  row.hello_format = "sslv2";
  row.server_name = "prov.example";
  row.ja3 = "ja3";
  row.ja4 = "ja4";
  row.personality = "legacy-2026-11";
  row.personality_reason = "no signature_algorithms";
  row.outcome = Outcome::handshake_failed;
  row.stage = Stage::client_flight;
  row.detail = "tlsv1 alert unknown ca";
  row.alert = "unknown_ca";
  row.alert_from = "client";
  row.alert_code = 48;
  row.version = "TLSv1";
  row.cipher = "DHE-RSA-AES256-SHA";
  row.key_exchange = "DH";
  row.key_exchange_bits = 1024;
  row.resumed = true;
  row.chain = "old";
  row.certificate = "c0ffee";
  row.certificate_subject = "CN=subject";
  row.certificate_issuer = "CN=issuer";
  row.certificate_der = {48, 0};
  row.verdict = Reason::expired;
  row.device_ca = "cisco";
  row.verdict_errors = {"0 CN=\"a\\b\": expired", "1 line\nfeed \x01", "", "caf\xc3\xa9 \xff"};
  row.device = "000e08abcdef";
  row.assurance = "certificate";
  row.bytes_in = 5'000'000'000;
  row.bytes_out = 6'000'000'000;
  row.cause = Cause::client_distrusts_our_chain;
  row.model = "SPA504G";
  row.firmware = "7.5.7";
  row.likely_device = "000e08abcdee";
  row.server_name_shown = "prov.example";
  row.server_key_bits = 1024;
  row.rtt_us = 7;
  row.phone_cpu_us = 8;
  row.quarantined = true;
  row.capture = "000e08abcdef.pcapng";
  row.known_bad = "2006-06-wrong-certificates";
  row.queued_us = 9;
  row.hello_length = 70'000;
  row.hello_sha256 = "abcd";
  row.standing = Standing::likely;
  EXPECT_OK(store_->append({{row}, {}, {}}));

  const auto found = open()->find({});
  ASSERT_TRUE(found) << found.error().what;
  ASSERT_EQ(found->size(), 1U);
  const auto& kept = found->front().connection;
  EXPECT_EQ(kept.id, row.id);
  EXPECT_EQ(kept.accepted, row.accepted);
  EXPECT_EQ(kept.hello_us, row.hello_us);
  EXPECT_EQ(kept.server_flight_us, row.server_flight_us);
  EXPECT_EQ(kept.client_flight_us, row.client_flight_us);
  EXPECT_EQ(kept.handshake_us, row.handshake_us);
  EXPECT_EQ(kept.closed_us, row.closed_us);
  EXPECT_EQ(kept.listener, row.listener);
  EXPECT_EQ(kept.address, row.address);
  EXPECT_EQ(kept.port, row.port);
  EXPECT_EQ(kept.local_address, row.local_address);
  EXPECT_EQ(kept.local_port, row.local_port);
  EXPECT_EQ(kept.hello, row.hello);
  EXPECT_EQ(kept.hello_length, row.hello_length);
  EXPECT_EQ(kept.hello_sha256, row.hello_sha256);
  EXPECT_EQ(kept.standing, row.standing);
  EXPECT_EQ(kept.hello_format, row.hello_format);
  EXPECT_EQ(kept.server_name, row.server_name);
  EXPECT_EQ(kept.ja3, row.ja3);
  EXPECT_EQ(kept.ja4, row.ja4);
  EXPECT_EQ(kept.personality, row.personality);
  EXPECT_EQ(kept.personality_reason, row.personality_reason);
  EXPECT_EQ(kept.outcome, row.outcome);
  EXPECT_EQ(kept.stage, row.stage);
  EXPECT_EQ(kept.detail, row.detail);
  EXPECT_EQ(kept.alert, row.alert);
  EXPECT_EQ(kept.alert_from, row.alert_from);
  EXPECT_EQ(kept.alert_code, row.alert_code);
  EXPECT_EQ(kept.version, row.version);
  EXPECT_EQ(kept.cipher, row.cipher);
  EXPECT_EQ(kept.key_exchange, row.key_exchange);
  EXPECT_EQ(kept.key_exchange_bits, row.key_exchange_bits);
  EXPECT_EQ(kept.resumed, row.resumed);
  EXPECT_EQ(kept.chain, row.chain);
  EXPECT_EQ(kept.certificate, row.certificate);
  EXPECT_EQ(kept.certificate_subject, row.certificate_subject);
  EXPECT_EQ(kept.certificate_issuer, row.certificate_issuer);
  EXPECT_EQ(kept.certificate_der, row.certificate_der);
  EXPECT_EQ(kept.verdict, row.verdict);
  EXPECT_EQ(kept.device_ca, row.device_ca);
  EXPECT_EQ(kept.verdict_errors, row.verdict_errors);
  EXPECT_EQ(kept.device, row.device);
  EXPECT_EQ(kept.assurance, row.assurance);
  EXPECT_EQ(kept.bytes_in, row.bytes_in);
  EXPECT_EQ(kept.bytes_out, row.bytes_out);
  EXPECT_EQ(kept.cause, row.cause);
  EXPECT_EQ(kept.model, row.model);
  EXPECT_EQ(kept.firmware, row.firmware);
  EXPECT_EQ(kept.likely_device, row.likely_device);
  EXPECT_EQ(kept.server_name_shown, row.server_name_shown);
  EXPECT_EQ(kept.server_key_bits, row.server_key_bits);
  EXPECT_EQ(kept.rtt_us, row.rtt_us);
  EXPECT_EQ(kept.phone_cpu_us, row.phone_cpu_us);
  EXPECT_EQ(kept.quarantined, row.quarantined);
  EXPECT_EQ(kept.capture, row.capture);
  EXPECT_EQ(kept.known_bad, row.known_bad);
  EXPECT_EQ(kept.queued_us, row.queued_us);
}

TEST_P(LedgerContract, KeepsAlarmsAndFindsThemByDeviceAndTime) {
  const AlarmRow clone{.at = at(5),
                       .kind = "two_networks",
                       .device = "000e08abcdef",
                       .address = "192.0.2.1",
                       .connection = 77,
                       .text = "here and there"};
  AlarmRow other = clone;
  other.at = at(9);
  other.device = "";
  EXPECT_OK(store_->append({{}, {}, {clone, other}}));

  const auto all = open()->alarms({});
  ASSERT_TRUE(all) << all.error().what;
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ(all->front().at, clone.at);
  EXPECT_EQ(all->front().kind, clone.kind);
  EXPECT_EQ(all->front().device, clone.device);
  EXPECT_EQ(all->front().address, clone.address);
  EXPECT_EQ(all->front().connection, clone.connection);
  EXPECT_EQ(all->front().text, clone.text);
  EXPECT_EQ(store_->alarms({.mac = *MacAddress::parse("000e08abcdef"), .limit = 9})->size(), 1U);
  EXPECT_EQ(store_->alarms({.since = at(6), .limit = 9})->front().at, other.at);
  EXPECT_EQ(store_->alarms({.limit = 1})->front().at, other.at) << "the newest";
  EXPECT_THAT(*store_->alarms({.kind = "regression"}), IsEmpty());
}

TEST_P(LedgerContract, FindsAlarmsOfAModelForEachOfItsPhones) {
  const auto phone = *MacAddress::parse("000e08abcdef");
  auto failed = connection(77);
  failed.model = "SPA504G";
  failed.firmware = "7.5.7";
  const AlarmRow several{.at = at(5), .kind = "regression", .connection = 77, .text = "on several phones"};
  auto of_one = several;
  of_one.device = "708105b37234";
  EXPECT_OK(store_->append({{failed}, {}, {several, of_one}}));
  const auto found = store_->alarms({.mac = phone, .model = "SPA504G", .firmware = "7.5.7"});
  ASSERT_TRUE(found) << found.error().what;
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().text, "on several phones");
  EXPECT_THAT(*store_->alarms({.mac = phone, .model = "SPA504G", .firmware = "7.5.6"}), IsEmpty());
  EXPECT_THAT(*store_->alarms({.mac = phone}), IsEmpty());
}

TEST_P(LedgerContract, RemovesOldAlarms) {
  const AlarmRow old{at(1), "two_networks", "", "", 0, "old"};
  const AlarmRow young{at(9), "two_networks", "", "", 0, "young"};
  EXPECT_OK(store_->append({{}, {}, {old, young}}));
  EXPECT_OK(store_->trim({.since = at(5), .connections = 100}, 10));
  const auto left = store_->alarms({});
  ASSERT_TRUE(left);
  ASSERT_EQ(left->size(), 1U);
  EXPECT_EQ(left->front().text, "young");
}

TEST_P(LedgerContract, KeepsAConnectionOfWhichNothingIsKnown) {
  ConnectionRow row;
  row.id = 1;
  EXPECT_OK(store_->append({{row}, {}, {}}));
  const auto kept = store_->find({})->front().connection;
  EXPECT_EQ(kept.hello_us, -1);
  EXPECT_EQ(kept.alert_code, -1);
  EXPECT_EQ(kept.certificate, "");
  EXPECT_THAT(kept.hello, IsEmpty());
  EXPECT_THAT(kept.certificate_der, IsEmpty());
  EXPECT_THAT(kept.verdict_errors, IsEmpty());
}

TEST_P(LedgerContract, KeepsEveryMemberOfARequest) {
  RequestRow row = request(1, Decision::deny);
  row.duration_us = 1234;
  row.target = "/a b?\xff";
  row.status = 403;
  row.bytes = 9;
  row.user_agent = "Cisco/SPA504G-7.5.7";
  row.device = "000e08abcdef";
  row.reason = Reason::other_device;
  EXPECT_OK(store_->append({{connection(1)}, {row}, {}}));
  const auto found = store_->find({});
  ASSERT_EQ(found->front().requests.size(), 1U);
  const auto& kept = found->front().requests.front();
  EXPECT_EQ(kept.connection, 1);
  EXPECT_EQ(kept.at, row.at);
  EXPECT_EQ(kept.duration_us, 1234);
  EXPECT_EQ(kept.method, "GET");
  EXPECT_EQ(kept.target, row.target);
  EXPECT_EQ(kept.status, 403);
  EXPECT_EQ(kept.bytes, 9);
  EXPECT_EQ(kept.user_agent, row.user_agent);
  EXPECT_EQ(kept.device, row.device);
  EXPECT_EQ(kept.decision, Decision::deny);
  EXPECT_EQ(kept.reason, row.reason);
}

TEST_P(LedgerContract, GivesRequestsWithTheirConnectionInOrderOfTime) {
  auto late = request(1);
  late.at = at(100);
  late.target = "/late";
  EXPECT_OK(store_->append({{}, {late}, {}}));
  EXPECT_OK(store_->append({{connection(2), connection(1)}, {request(2), request(1)}, {}}));
  const auto found = store_->find({});
  ASSERT_EQ(found->size(), 2U);
  ASSERT_EQ(found->at(0).requests.size(), 2U);
  EXPECT_EQ(found->at(0).requests[1].target, "/late");
  EXPECT_EQ(found->at(1).requests.size(), 1U);
}

TEST_P(LedgerContract, TellsCertificatesApart) {
  std::vector<ConnectionRow> rows;
  for (std::int64_t id = 1; id <= 4; ++id) {
    auto row = connection(id);
    if (id < 4) {
      row.certificate = id == 2 ? "bb" : "aa";
      row.certificate_subject = "CN=" + row.certificate;
      row.certificate_der = {static_cast<std::uint8_t>(id == 2 ? 2 : 1)};
    }
    rows.push_back(row);
  }
  EXPECT_OK(store_->append({rows, {}, {}}));
  const auto found = store_->find({});
  ASSERT_EQ(found->size(), 4U);
  EXPECT_EQ(found->at(0).connection.certificate_subject, "CN=aa");
  EXPECT_EQ(found->at(1).connection.certificate_subject, "CN=bb");
  EXPECT_EQ(found->at(2).connection.certificate_der, Bytes{1});
  EXPECT_EQ(found->at(3).connection.certificate_subject, "");
}

TEST_P(LedgerContract, GivesTheNewestOldestFirst) {
  EXPECT_OK(store_->append({{connection(3), connection(1), connection(4), connection(2)}, {}, {}}));
  EXPECT_THAT(ids(*store_, {}), ElementsAre(1, 2, 3, 4));
  LedgerQuery query;
  query.limit = 2;
  EXPECT_THAT(ids(*store_, query), ElementsAre(3, 4));
  query.limit = 0;
  EXPECT_THAT(ids(*store_, query), IsEmpty());
  query.limit = SIZE_MAX;
  EXPECT_EQ(ids(*store_, query).size(), 4U);
}

TEST_P(LedgerContract, FindsADeviceByCertificateOrByWhatWasAskedFor) {
  auto by_certificate = connection(1);
  by_certificate.device = kPhone.bare();
  auto asked = request(2);
  asked.device = kPhone.bare();
  auto both = connection(4);
  both.device = kPhone.bare();
  auto asked_by_both = request(4);
  asked_by_both.device = kPhone.bare();
  EXPECT_OK(store_->append(
      {{by_certificate, connection(2), connection(3), both}, {asked, asked, asked_by_both, request(3)}, {}}));
  LedgerQuery query;
  query.mac = kPhone;
  EXPECT_THAT(ids(*store_, query), ElementsAre(1, 2, 4));
  query.mac = MacAddress::from_number(1);
  EXPECT_THAT(ids(*store_, query), IsEmpty());
}

TEST_P(LedgerContract, FindsAnAddress) {
  auto other = connection(2);
  other.address = "192.0.2.10";
  EXPECT_OK(store_->append({{connection(1), other}, {}, {}}));
  LedgerQuery query;
  query.address = "192.0.2.10";
  EXPECT_THAT(ids(*store_, query), ElementsAre(2));
  query.address = "192.0.2";
  EXPECT_THAT(ids(*store_, query), IsEmpty());
}

TEST_P(LedgerContract, FindsSinceATime) {
  EXPECT_OK(store_->append({{connection(1), connection(2), connection(3)}, {}, {}}));
  LedgerQuery query;
  query.since = at(2);
  EXPECT_THAT(ids(*store_, query), ElementsAre(2, 3));
}

TEST_P(LedgerContract, FailedMeansAnOutcomeOtherThanOk) {
  auto timeout = connection(2);
  timeout.outcome = Outcome::timeout;
  EXPECT_OK(store_->append({{connection(1), timeout}, {request(1)}, {}}));
  LedgerQuery query;
  query.failed = true;
  EXPECT_THAT(ids(*store_, query), ElementsAre(2));
}

TEST_P(LedgerContract, FailedIncludesADeniedRequestWheneverItWasWritten) {
  EXPECT_OK(store_->append({{}, {request(1, Decision::deny)}, {}}));
  EXPECT_OK(store_->append({{connection(1), connection(2), connection(3), connection(4)},
                            {request(2, Decision::deny), request(2), request(4)},
                            {}}));
  EXPECT_OK(store_->append({{}, {request(3, Decision::deny)}, {}}));
  LedgerQuery query;
  query.failed = true;
  EXPECT_THAT(ids(*store_, query), ElementsAre(1, 2, 3));
}

TEST_P(LedgerContract, CombinesConditions) {
  std::vector<ConnectionRow> rows;
  for (std::int64_t id = 1; id <= 32; ++id) {
    auto row = connection(id);
    if (id & 1) row.device = kPhone.bare();
    if (id & 2) row.address = "192.0.2.2";
    if (id & 4) row.outcome = Outcome::closed;
    rows.push_back(row);
  }
  EXPECT_OK(store_->append({rows, {}, {}}));
  LedgerQuery query{.mac = kPhone, .address = "192.0.2.2", .failed = true, .since = at(10)};
  EXPECT_THAT(ids(*store_, query), ElementsAre(15, 23, 31));
  query.limit = 1;
  EXPECT_THAT(ids(*store_, query), ElementsAre(31));
  query.limit = 10;
  query.after_id = 20;
  EXPECT_THAT(ids(*store_, query), ElementsAre(23, 31));
}

TEST_P(LedgerContract, TellsTheCertificateThatEachDeviceShowedLast) {
  const auto showing = [](std::int64_t id, std::string device, const std::string& certificate, Reason verdict) {
    auto row = connection(id);
    row.device = std::move(device);
    row.certificate = certificate;
    row.certificate_der = {certificate.begin(), certificate.end()};
    row.verdict = verdict;
    row.device_ca = "maker";
    row.chain = "chain of " + std::to_string(id);
    row.server_key_bits = id == 3 ? 1024 : 0;
    return row;
  };
  const auto one = kPhone.bare();
  const std::string other = "708105b37234";
  auto without = connection(9);
  without.device = one;  // only asked for
  EXPECT_OK(store_->append(
      {{showing(1, other, "bb", Reason::accepted), showing(2, one, "aa", Reason::accepted),
        showing(3, one, "aa", Reason::expired), showing(4, one, "cc", Reason::bad_signature),
        showing(5, "000000000001", "dd", Reason::unknown_ca), showing(6, "", "ee", Reason::accepted), without},
       {},
       {}}));
  const auto in_use = [&](Timestamp since) {
    std::vector<std::string> texts;
    EXPECT_OK(store_->certificates_in_use(since, [&](const CertificateInUse& found) {
      EXPECT_EQ(found.device_ca, "maker");
      texts.push_back(found.device + " " + std::string{found.certificate_der.begin(), found.certificate_der.end()} +
                      " " + std::to_string(found.server_key_bits) + " " + found.chain + " " +
                      std::to_string(to_micros(found.last) - to_micros(at(0))));
    }));
    return texts;
  };
  const auto second = std::to_string(to_micros(at(1)) - to_micros(at(0)));
  const auto third = std::to_string(to_micros(at(3)) - to_micros(at(0)));
  EXPECT_THAT(in_use(at(0)), ElementsAre(one + " aa 1024 chain of 3 " + third, other + " bb 0 chain of 1 " + second));
  EXPECT_THAT(in_use(at(3)), ElementsAre(one + " aa 1024 chain of 3 " + third));
  EXPECT_THAT(in_use(at(4)), IsEmpty());
}

TEST_P(LedgerContract, FollowsByTheOrderOfWriting) {
  EXPECT_OK(store_->append({{connection(10)}, {}, {}}));
  LedgerQuery query;
  query.after_id = *store_->last_written();
  EXPECT_GT(query.after_id, 0);
  EXPECT_THAT(ids(*store_, query), IsEmpty());
  // A long connection was accepted before the one above but is written after it.
  EXPECT_OK(store_->append({{connection(5), connection(11)}, {}, {}}));
  EXPECT_THAT(ids(*store_, query), ElementsAre(5, 11));
  query.after_id = *store_->last_written();
  EXPECT_THAT(ids(*store_, query), IsEmpty());
}

TEST_P(LedgerContract, KnowsItsHighestId) {
  EXPECT_EQ(*store_->last_id(), 0);
  EXPECT_OK(store_->append({{connection(10), connection(5)}, {}, {}}));
  EXPECT_EQ(*store_->last_id(), 10);
}

TEST_P(LedgerContract, RemovesWhatIsOlderThanItShallKeep) {
  EXPECT_OK(store_->append({{connection(1), connection(2), connection(3)}, {request(1), request(2), request(3)}, {}}));
  EXPECT_EQ(*store_->trim({.since = at(3), .connections = 1000}, 100), 4U) << "connections and requests";
  EXPECT_THAT(ids(*store_, {}), ElementsAre(3));
  EXPECT_EQ(store_->find({})->front().requests.size(), 1U);
  EXPECT_EQ(*store_->trim({.since = at(3), .connections = 1000}, 100), 0U);
}

TEST_P(LedgerContract, RemovesTheOldestBeyondTheNumberItShallKeepInBatches) {
  std::vector<ConnectionRow> rows;
  for (std::int64_t id = 1; id <= 10; ++id) rows.push_back(connection(id));
  EXPECT_OK(store_->append({rows, {}, {}}));
  EXPECT_EQ(*store_->trim({.since = at(0), .connections = 3}, 5), 5U);
  EXPECT_EQ(*store_->trim({.since = at(0), .connections = 3}, 5), 2U);
  EXPECT_THAT(ids(*store_, {}), ElementsAre(8, 9, 10));
}

TEST_P(LedgerContract, KeepsACertificateAsLongAsAConnectionShowsIt) {
  std::vector<ConnectionRow> rows{connection(1), connection(2)};
  for (auto& row : rows) {
    row.certificate = "aa";
    row.certificate_subject = "CN=phone";
    row.certificate_der = {1, 2, 3};
  }
  EXPECT_OK(store_->append({rows, {}, {}}));
  EXPECT_EQ(*store_->trim({.since = at(2), .connections = 1000}, 100), 1U);
  EXPECT_EQ(store_->find({})->front().connection.certificate_subject, "CN=phone");
  EXPECT_EQ(*store_->trim({.since = at(3), .connections = 1000}, 100), 1U);
  auto again = connection(3);
  again.certificate = "aa";
  again.certificate_subject = "CN=renewed";
  EXPECT_OK(store_->append({{again}, {}, {}}));
  EXPECT_EQ(store_->find({})->front().connection.certificate_subject, "CN=renewed") << "the old one was gone";
}

TEST_P(LedgerContract, RemovesAConnectionsManyRequestsInBatches) {
  std::vector<RequestRow> requests(25, request(1));
  EXPECT_OK(store_->append({{connection(1), connection(2)}, requests, {}}));
  EXPECT_EQ(*store_->trim({.since = at(2), .connections = 1000}, 10), 10U);
  EXPECT_THAT(ids(*store_, {}), ElementsAre(1, 2)) << "not before its requests";
  while (*store_->trim({.since = at(2), .connections = 1000}, 10) > 0) {
  }
  EXPECT_THAT(ids(*store_, {}), ElementsAre(2));
}

TEST_P(LedgerContract, RemovesStrangersBeforePhonesBeyondTheNumberItShallKeep) {
  std::vector<ConnectionRow> rows;
  for (std::int64_t id = 1; id <= 40; ++id) {
    auto row = connection(id);
    row.standing = id % 4 == 0 ? Standing::known : id % 4 == 1 ? Standing::likely : Standing::stranger;
    rows.push_back(row);
  }
  EXPECT_OK(store_->append({rows, {}, {}}));
  while (*store_->trim({.since = at(0), .connections = 16}, 7) > 0) {
  }
  const auto left = ids(*store_, {});
  EXPECT_EQ(left.size(), 16U);
  EXPECT_EQ(std::count_if(left.begin(), left.end(), [](auto id) { return id % 4 == 0; }), 10) << "all phones";
  EXPECT_EQ(left.back(), 40);
  EXPECT_EQ(std::count(left.begin(), left.end(), 39), 1) << "and the newest stranger";
}

TEST_P(LedgerContract, ReplacesTheRowOfAnOpenConnection) {
  auto open = connection(1);
  open.outcome = Outcome::open;
  EXPECT_OK(store_->append({{open}, {request(1)}, {}}));
  LedgerQuery failed;
  failed.failed = true;
  EXPECT_THAT(ids(*store_, failed), IsEmpty());
  open.closed_us = 77;
  EXPECT_OK(store_->append({{open}, {}, {}}));
  EXPECT_OK(store_->append({{connection(1)}, {}, {}}));
  const auto found = store_->find({});
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().connection.outcome, Outcome::ok);
  EXPECT_EQ(found->front().requests.size(), 1U);
  EXPECT_EQ(store_->append({{connection(1)}, {}, {}}).error().code, Errc::conflict) << "it has ended";
}

TEST_P(LedgerContract, EndsWhatACrashLeftOpenAndTakesTheTruthIfItComes) {
  auto open = connection(1);
  open.outcome = Outcome::open;
  EXPECT_OK(store_->append({{open, connection(2)}, {}, {}}));
  EXPECT_OK(store_->end_open());
  LedgerQuery failed;
  failed.failed = true;
  EXPECT_THAT(ids(*store_, failed), ElementsAre(1));
  EXPECT_EQ(store_->find(failed)->front().connection.outcome, Outcome::server_gone);
  EXPECT_OK(store_->append({{connection(1)}, {}, {}}));
  EXPECT_THAT(ids(*store_, failed), IsEmpty());
}

TEST_P(LedgerContract, AddsUpGapsByNetworkAndMinute) {
  const auto gap = [](std::string network, std::int64_t second, std::int64_t requests) {
    return GapRow{.network = std::move(network),
                  .first = at(second),
                  .last = at(second),
                  .connections = 1,
                  .requests = requests,
                  .turned_away = 5};
  };
  const auto minute = 60 - 1'700'000'000 % 60;  // begins then
  LedgerBatch batch;
  batch.gaps = {gap("192.0.2.0/24", minute + 5, 10), gap("", minute, 1)};
  EXPECT_OK(store_->append(batch));
  batch.gaps = {gap("192.0.2.0/24", minute + 50, 7), gap("192.0.2.0/24", minute + 60, 3)};
  EXPECT_OK(store_->append(batch));
  const auto all = *store_->gaps({}, 100);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].network, "");
  EXPECT_EQ(all[1].requests, 17);
  EXPECT_EQ(all[1].connections, 2);
  EXPECT_EQ(all[1].turned_away, 10);
  EXPECT_EQ(all[1].first, at(minute + 5));
  EXPECT_EQ(all[1].last, at(minute + 50));
  EXPECT_EQ(all[2].requests, 3);
  EXPECT_EQ(store_->gaps(at(minute + 51), 100)->size(), 1U);
  EXPECT_EQ(store_->gaps({}, 2)->front().requests, 17) << "the newest";
}

/// A full handshake of a phone that its certificate names.
ConnectionRow handshake(std::int64_t id, std::int64_t phone_cpu_us, std::string firmware = "7.5.7") {
  auto row = connection(id);
  row.handshake_us = 10;
  row.phone_cpu_us = phone_cpu_us;
  row.model = "SPA504G";
  row.firmware = std::move(firmware);
  row.key_exchange = "DH";
  row.key_exchange_bits = 1024;
  row.server_key_bits = 2048;
  row.server_hash = "sha1";
  row.device = kPhone.bare();
  row.assurance = "certificate";
  return row;
}

TEST_P(LedgerContract, AddsUpWhatHandshakesCostThePhones) {
  EXPECT_OK(store_->append({{handshake(1, 300), handshake(2, 500)}, {}, {}}));
  EXPECT_OK(store_->append({{handshake(3, 100), handshake(4, 7, "7.4.9")}, {}, {}}));
  const auto costs = store_->handshake_costs("SPA504G");
  ASSERT_TRUE(costs) << costs.error().what;
  ASSERT_EQ(costs->size(), 2U);
  const auto& cost = costs->back();
  EXPECT_EQ(cost.firmware, "7.5.7");
  EXPECT_EQ(cost.key_exchange, "DH");
  EXPECT_EQ(cost.key_exchange_bits, 1024);
  EXPECT_EQ(cost.server_key_bits, 2048);
  EXPECT_EQ(cost.server_hash, "sha1");
  EXPECT_EQ(cost.count, 3);
  EXPECT_EQ(cost.sum_us, 900);
  EXPECT_EQ(cost.min_us, 100);
  EXPECT_EQ(cost.max_us, 500);
  EXPECT_EQ(cost.last, at(3));
  EXPECT_THAT(*store_->handshake_costs("SPA962"), IsEmpty());
  EXPECT_EQ(store_->handshake_costs("")->size(), 2U);
}

TEST_P(LedgerContract, CountsNoHandshakeThatMeasuresNothing) {
  auto resumed = handshake(1, 300);
  resumed.resumed = true;
  auto stranger = handshake(2, 300);
  stranger.assurance = "claimed";
  auto unfinished = handshake(3, 300);
  unfinished.handshake_us = -1;
  auto nameless = handshake(4, 300);
  nameless.model = "";
  EXPECT_OK(store_->append({{resumed, stranger, unfinished, nameless, handshake(5, -1)}, {}, {}}));
  EXPECT_THAT(*store_->handshake_costs(""), IsEmpty());
}

TEST_P(LedgerContract, KeepsCostsLongerThanConnectionsAndABoundedNumberOfThem) {
  std::vector<ConnectionRow> rows;
  const auto many = static_cast<std::int64_t>(LedgerStore::kMaxCosts) + 3;
  for (std::int64_t id = 1; id <= many; ++id) rows.push_back(handshake(id, 1, "claimed " + std::to_string(id)));
  EXPECT_OK(store_->append({rows, {}, {}}));
  EXPECT_OK(store_->trim({.since = at(many + 1), .connections = 0}, 100'000));
  EXPECT_THAT(ids(*store_, {}), IsEmpty());
  const auto costs = *store_->handshake_costs("");
  EXPECT_EQ(costs.size(), LedgerStore::kMaxCosts);
  EXPECT_TRUE(std::none_of(costs.begin(), costs.end(), [](const auto& cost) { return cost.last < at(4); }));
}

TEST_P(LedgerContract, CountsCausesByModelFirmwareAndFailure) {
  auto failed = handshake(3, -1);
  failed.outcome = Outcome::handshake_failed;
  failed.cause = Cause::client_distrusts_our_chain;
  auto again = failed;
  again.id = 4;
  again.accepted = at(4);
  auto good = handshake(2, 1);
  good.cause = Cause::served;
  auto unknown = connection(5);
  unknown.ja4 = "t10d";
  unknown.outcome = Outcome::timeout;
  unknown.cause = Cause::silent;
  EXPECT_OK(store_->append({{handshake(1, 1, "7.4.9"), good, failed, again, unknown}, {}, {}}));

  const auto counts = *store_->causes({.since = at(2), .model = {}});
  ASSERT_EQ(counts.size(), 3U);
  const auto found = std::find_if(counts.begin(), counts.end(),
                                  [](const auto& count) { return count.cause == Cause::client_distrusts_our_chain; });
  ASSERT_NE(found, counts.end());
  EXPECT_EQ(found->model, "SPA504G");
  EXPECT_EQ(found->firmware, "7.5.7");
  EXPECT_EQ(found->ja4, "");
  EXPECT_TRUE(found->failed);
  EXPECT_EQ(found->count, 2);
  EXPECT_EQ(found->first, at(3));
  EXPECT_EQ(found->last, at(4));
  EXPECT_EQ(found->newest, 4);
  EXPECT_EQ(found->count_lately, 2);
  EXPECT_EQ(found->first_lately, at(3));
  EXPECT_TRUE(std::any_of(counts.begin(), counts.end(),
                          [](const auto& count) { return count.ja4 == "t10d" && count.model.empty(); }));
  EXPECT_EQ(store_->causes({.since = {}, .model = "SPA504G"})->size(), 3U);
  EXPECT_THAT(*store_->causes({.since = {}, .model = "SPA962"}), IsEmpty());
}

TEST_P(LedgerContract, CountsTheFailuresSinceTheLastGoodConnection) {
  std::vector<ConnectionRow> rows;
  for (std::int64_t id = 1; id <= 6; ++id) {
    auto row = handshake(id, 1);
    row.outcome = id == 3 ? Outcome::ok : Outcome::timeout;
    row.cause = id % 2 == 0 ? Cause::silent : Cause::closed;
    rows.push_back(row);
  }
  EXPECT_OK(store_->append({rows, {}, {}}));
  const auto counts = *store_->causes({});
  for (const auto& count : counts) {
    if (!count.failed) continue;
    EXPECT_EQ(count.count, count.cause == Cause::silent ? 3 : 2);
    EXPECT_EQ(count.count_lately, count.cause == Cause::silent ? 2 : 1);
    EXPECT_EQ(count.first_lately, at(count.cause == Cause::silent ? 4 : 5));
  }
}

TEST_P(LedgerContract, FindsTheFailedHandshakesOfWhoLikelyCame) {
  auto likely = connection(1);
  likely.likely_device = kPhone.bare();
  EXPECT_OK(store_->append({{likely, connection(2)}, {}, {}}));
  LedgerQuery query;
  query.mac = kPhone;
  EXPECT_THAT(ids(*store_, query), ElementsAre(1));
}

TEST_P(LedgerContract, FindsAConnectionByItsNumber) {
  EXPECT_OK(store_->append({{connection(1), connection(2)}, {}, {}}));
  LedgerQuery query;
  query.id = 2;
  EXPECT_THAT(ids(*store_, query), ElementsAre(2));
}

TEST_P(LedgerContract, KnowsTheOnlyDeviceOfAnAddress) {
  const std::string address = connection(1).address;
  EXPECT_FALSE(*store_->only_resident(address, {}));
  auto failed = connection(3);
  failed.outcome = Outcome::handshake_failed;
  EXPECT_OK(store_->append({{handshake(1, 1, "7.4.9"), handshake(2, 1), failed}, {}, {}}));
  const auto resident = *store_->only_resident(address, {});
  ASSERT_TRUE(resident);
  EXPECT_EQ(resident->device, kPhone.bare());
  EXPECT_EQ(resident->model, "SPA504G");
  EXPECT_EQ(resident->firmware, "7.5.7") << "the newest";
  EXPECT_FALSE(*store_->only_resident(address, at(3))) << "long ago";
  EXPECT_FALSE(*store_->only_resident("192.0.2.77", {}));

  auto other = handshake(4, 1);
  other.device = "708105b37234";
  EXPECT_OK(store_->append({{other}, {}, {}}));
  EXPECT_FALSE(*store_->only_resident(address, {})) << "two phones share the address";
}

TEST_P(LedgerContract, AppendsAllOrNothing) {
  EXPECT_OK(store_->append({{connection(1)}, {}, {}}));
  EXPECT_FALSE(store_->append({{connection(2), connection(1)}, {request(1)}, {}}));
  EXPECT_THAT(ids(*store_, {}), ElementsAre(1));
  EXPECT_THAT(store_->find({})->front().requests, IsEmpty());
}

TEST_P(LedgerContract, AnotherConnectionReadsWhileThisOneWrites) {
  const auto reader = open();
  for (std::int64_t id = 1; id <= 20; ++id) {
    EXPECT_OK(store_->append({{connection(id)}, {request(id)}, {}}));
    EXPECT_EQ(ids(*reader, {}).size(), static_cast<std::size_t>(id));
  }
}

}  // namespace
}  // namespace firstring::store
