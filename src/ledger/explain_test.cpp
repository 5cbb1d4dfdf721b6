#include "ledger/explain.hpp"

#include <gtest/gtest.h>

#include "ledger/json.hpp"

namespace firstring::ledger {
namespace {

using store::ConnectionRow;
using store::LedgerEntry;
using store::RequestRow;

ConnectionRow row(std::string outcome, std::string stage) {
  ConnectionRow made;
  made.outcome = std::move(outcome);
  made.stage = std::move(stage);
  return made;
}

LedgerEntry denied(std::string reason) {
  LedgerEntry entry{row("ok", "done"), {}};
  entry.connection.device = "000e08abcdee";
  RequestRow request;
  request.method = "GET";
  request.target = "/000e08abcdef.xml";
  request.device = "000e08abcdef";
  request.status = 403;
  request.decision = "deny";
  request.reason = std::move(reason);
  entry.requests.push_back(std::move(request));
  return entry;
}

class EveryDenial : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryDenial, HasACauseASentenceAndARemedy) {
  const auto explanation = explain(denied(GetParam()));
  EXPECT_EQ(explanation.cause, GetParam());
  EXPECT_TRUE(explanation.explanation.ends_with('.')) << explanation.explanation;
  EXPECT_TRUE(explanation.remedy.ends_with('.')) << explanation.remedy;
  EXPECT_EQ(explanation.explanation.find('{'), std::string::npos) << explanation.explanation;
}

INSTANTIATE_TEST_SUITE_P(Reasons, EveryDenial,
                         ::testing::Values("no_certificate", "other_device", "generic_certificate",
                                           "unusable_certificate", "unknown_ca", "bad_signature", "expired",
                                           "not_yet_valid", "weak_key", "weak_hash", "wrong_purpose", "unknown_device",
                                           "no_such_file", "needs_tls", "method_not_allowed", "render_failed"));

TEST(Explain, NamesBothPhonesWhereOneAsksForTheOthersFile) {
  const auto explanation = explain(denied("other_device"));
  EXPECT_NE(explanation.explanation.find("000e08abcdee"), std::string::npos);
  EXPECT_NE(explanation.explanation.find("000e08abcdef"), std::string::npos);
}

TEST(Explain, BadRequestsAreOneCause) { EXPECT_EQ(explain(denied("head_too_large")).cause, "bad_request"); }

TEST(Explain, AServedRequestNeedsNoRemedy) {
  auto entry = denied("bound");
  entry.requests[0].decision = "allow";
  entry.requests[0].status = 200;
  const auto explanation = explain(entry);
  EXPECT_EQ(explanation.cause, "served");
  EXPECT_EQ(explanation.remedy, "");
}

TEST(Explain, ReadsTheClientsAlert) {
  auto failed = row("handshake_failed", "server_flight");
  failed.alert = "unknown_ca";
  failed.alert_from = "client";
  failed.chain = "modern";
  EXPECT_EQ(explain({failed, {}}).cause, "client_distrusts_our_chain");
  failed.alert = "decrypt_error";
  EXPECT_EQ(explain({failed, {}}).cause, "client_cannot_verify_our_signature");
}

TEST(Explain, ReadsOurOwnReasons) {
  auto failed = row("handshake_failed", "hello");
  failed.alert_from = "server";
  failed.detail = "error:0A000102:SSL routines::unsupported protocol";
  EXPECT_EQ(explain({failed, {}}).cause, "no_common_version");
  failed.detail = "error:0A0000C1:SSL routines::no shared cipher";
  EXPECT_EQ(explain({failed, {}}).cause, "no_common_cipher");
}

TEST(Explain, TellsSilenceFromLeaving) {
  EXPECT_EQ(explain({row("handshake_failed", "server_flight"), {}}).cause, "client_left_after_our_flight");
  EXPECT_EQ(explain({row("timeout", "server_flight"), {}}).cause, "client_silent_after_our_flight");
  EXPECT_EQ(explain({row("timeout", "tcp"), {}}).cause, "silent");
  EXPECT_EQ(explain({row("timeout", "hello"), {}}).cause, "half_hello");
  EXPECT_EQ(explain({row("closed", "finished"), {}}).cause, "no_request");
}

TEST(Timeline, SaysWhatItMeansThatThereIsNothing) {
  EXPECT_NE(timeline("000e08abcdef", {}).find("never reached this server"), std::string::npos);
}

TEST(Timeline, ShowsUntrustedTextAsText) {
  auto entry = denied("no_such_file");
  entry.requests[0].target = "/\x1b[2J";
  const std::vector<LedgerEntry> entries{entry};
  EXPECT_EQ(timeline("x", entries).find('\x1b'), std::string::npos);
}

TEST(Json, HasTheLastRequestAtTheTop) {
  const auto text = to_json(denied("other_device"));
  for (const auto* member : {"\"outcome\":\"ok\"", "\"stage\":\"done\"", "\"status\":403", "\"decision\":\"deny\"",
                             "\"reason\":\"other_device\"", "\"device\":\"000e08abcdee\"",
                             "\"requested_device\":\"000e08abcdef\"", "\"cause\":\"other_device\"", "\"requests\":["}) {
    EXPECT_NE(text.find(member), std::string::npos) << member << " in " << text;
  }
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(Json, IsValidWhateverStrangersSend) {
  auto entry = denied("no_such_file");
  entry.requests[0].user_agent = "\xff\xfe\x01\"";
  entry.connection.certificate_subject = "CN=\xc3";
  EXPECT_NE(to_json(entry).find("\\u0001\\\""), std::string::npos);
  EXPECT_EQ(to_json(entry).find('\xff'), std::string::npos);
  EXPECT_EQ(request_to_json(entry.connection, entry.requests[0]).find("\xc3\""), std::string::npos);
}

TEST(Json, TheRequestLogHasTheCipher) {
  auto entry = denied("other_device");
  entry.connection.version = "TLSv1";
  entry.connection.cipher = "DHE-RSA-AES256-SHA";
  const auto text = request_to_json(entry.connection, entry.requests[0]);
  EXPECT_NE(text.find("\"cipher\":\"DHE-RSA-AES256-SHA\""), std::string::npos);
  EXPECT_NE(text.find("\"status\":403"), std::string::npos);
}

}  // namespace
}  // namespace firstring::ledger
