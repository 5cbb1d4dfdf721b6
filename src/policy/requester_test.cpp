#include "policy/requester.hpp"

#include <gtest/gtest.h>

namespace firstring::policy {
namespace {

PeerFacts shown(const MacAddress& mac) {
  PeerFacts facts;
  facts.tls = facts.handshake_finished = true;
  facts.verdict = {.present = true, .accepted = true, .ca = "maker", .errors = {}};
  facts.identity.kind = device::CertificateIdentity::Kind::device;
  facts.identity.mac = mac;
  return facts;
}

const auto kPhone = *MacAddress::parse("000e08abcdef");

TEST(RequesterOf, BelievesACertificateOnlyOnceTheHandshakeIsFinished) {
  auto facts = shown(kPhone);
  EXPECT_TRUE(requester_of(facts).verdict.accepted);
  EXPECT_EQ(assess(requester_of(facts), false), device::Assurance::certificate);
  facts.handshake_finished = false;
  EXPECT_FALSE(requester_of(facts).verdict.accepted);
  EXPECT_EQ(assess(requester_of(facts), true), device::Assurance::claimed);
}

TEST(RequesterOf, TakesTheQuarantinesWordForNoMoreThanAClaimUnlessTheOperatorDoes) {
  auto facts = shown(kPhone);
  facts.quarantined = true;
  EXPECT_EQ(requester_of(facts).wire, Wire::quarantined);
  EXPECT_EQ(assess(requester_of(facts), false), device::Assurance::claimed);
  facts.secrets_over_quarantine = true;
  EXPECT_EQ(requester_of(facts).wire, Wire::quarantined_but_allowed);
  EXPECT_EQ(assess(requester_of(facts), false), device::Assurance::certificate);
  facts.quarantined = false;
  EXPECT_EQ(requester_of(facts).wire, Wire::sound);
}

TEST(RequesterOf, KeepsWhatTheWatchHasFound) {
  EXPECT_EQ(requester_of(shown(kPhone), WatchRefusal::pin_mismatch).refusal, WatchRefusal::pin_mismatch);
  EXPECT_EQ(requester_of(shown(kPhone)).refusal, WatchRefusal::none);
}

TEST(RequesterOf, KnowsNothingOfAConnectionWithoutTls) {
  const auto requester = requester_of({});
  EXPECT_FALSE(requester.tls);
  EXPECT_EQ(assess(requester, false), device::Assurance::none);
}

}  // namespace
}  // namespace firstring::policy
