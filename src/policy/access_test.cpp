#include "policy/access.hpp"

#include <gtest/gtest.h>

#include "device/known_bad.hpp"

namespace firstring::policy {
namespace {

using device::CertificateIdentity;
using device::FileKind;
using device::FileMatch;

class AccessDecision : public ::testing::Test {
 protected:
  static Requester with_certificate(const MacAddress& mac) {
    Requester requester;
    requester.tls = true;
    requester.verdict = {.present = true, .accepted = true, .ca = "maker", .errors = {}};
    requester.identity.kind = CertificateIdentity::Kind::device;
    requester.identity.mac = mac;
    return requester;
  }

  Access ask(const Requester& requester, bool known = true) const {
    return decide_file({FileKind::profile, nullptr, mac_}, requester, {.is_known = known, .maker = &maker_});
  }

  const device::Maker maker_{};
  const MacAddress mac_ = *MacAddress::parse("000e08abcdef");
  const MacAddress other_ = *MacAddress::parse("000e08abcdee");
};

TEST_F(AccessDecision, GivesAPhoneItsOwnProfileWithItsSecrets) {
  const auto access = ask(with_certificate(mac_));
  ASSERT_TRUE(access.allow);
  EXPECT_EQ(access.reason, Reason::bound);
  EXPECT_TRUE(access.audience->may_see(store::ParameterClass::secret));
}

TEST_F(AccessDecision, RefusesAnotherPhonesProfile) {
  const auto access = ask(with_certificate(other_));
  EXPECT_FALSE(access.allow);
  EXPECT_EQ(access.status, 403U);
  EXPECT_EQ(access.reason, Reason::other_device);
  EXPECT_FALSE(access.audience);
}

TEST_F(AccessDecision, LetsNoMakersCaVouchForAnotherMakersPhone) {
  const device::Maker another{};
  auto requester = with_certificate(mac_);
  requester.identity.maker = &another;
  const auto access = ask(requester);
  EXPECT_EQ(access.status, 403U);
  EXPECT_EQ(access.reason, Reason::other_maker);
  requester.identity.maker = &maker_;
  EXPECT_TRUE(ask(requester).allow);
}

TEST_F(AccessDecision, TellsNobodyElseWhetherADeviceExists) {
  for (const auto& requester : {Requester{.tls = true, .verdict = {}, .identity = {}}, with_certificate(other_)}) {
    const auto known = ask(requester, true);
    const auto unknown = ask(requester, false);
    EXPECT_EQ(known.status, unknown.status);
    EXPECT_EQ(known.sentence, unknown.sentence);
  }
}

TEST_F(AccessDecision, RefusesAClientWithoutACertificate) {
  EXPECT_EQ(ask({.tls = true, .verdict = {}, .identity = {}}).reason, Reason::no_certificate);
}

TEST_F(AccessDecision, RefusesPlainHttp) { EXPECT_EQ(ask({}).reason, Reason::needs_tls); }

TEST_F(AccessDecision, RefusesACertificateThatWasNotAcceptedByItsVerdict) {
  auto requester = with_certificate(mac_);
  requester.verdict.accepted = false;
  requester.verdict.errors = {{tls::ChainFault::expired, false, 0, "expired"},
                              {tls::ChainFault::bad_signature, false, 0, "forged"}};
  EXPECT_EQ(ask(requester).reason, Reason::bad_signature);
  EXPECT_EQ(ask(requester).status, 403U);
}

TEST_F(AccessDecision, RefusesTheGenericCertificate) {
  auto requester = with_certificate(mac_);
  requester.identity = {};
  requester.identity.kind = CertificateIdentity::Kind::generic;
  EXPECT_EQ(ask(requester).reason, Reason::generic_certificate);
  requester.identity.kind = CertificateIdentity::Kind::unusable;
  EXPECT_EQ(ask(requester).reason, Reason::unusable_certificate);
}

TEST_F(AccessDecision, RefusesACertificateThatItsMakersFaultDevalues) {
  const device::KnownBad leaked{.name = "leaked", .assurance_at_most = device::Assurance::claimed};
  auto requester = with_certificate(mac_);
  requester.identity.known_bad = &leaked;
  EXPECT_EQ(ask(requester).reason, Reason::known_bad_certificate);
  EXPECT_EQ(ask(requester).status, 403U);
  EXPECT_EQ(assess(requester, false), device::Assurance::claimed);
  EXPECT_EQ(ask(requester, true).sentence, ask(requester, false).sentence) << "tells nothing about the device";
}

TEST_F(AccessDecision, KnowsAStrangerWithAGoodCertificate) {
  const auto access = ask(with_certificate(mac_), false);
  EXPECT_EQ(access.status, 404U);
  EXPECT_EQ(access.reason, Reason::unknown_device);
  EXPECT_TRUE(access.is_stranger);
}

TEST_F(AccessDecision, RefusesADeviceThatIsNotAsItWas) {
  auto requester = with_certificate(mac_);
  for (const auto& [refusal, reason] : {std::pair{WatchRefusal::pin_mismatch, Reason::pin_mismatch},
                                        std::pair{WatchRefusal::downgraded, Reason::downgraded}}) {
    requester.refusal = refusal;
    EXPECT_EQ(ask(requester).reason, reason);
    EXPECT_EQ(ask(requester).status, 403U);
    EXPECT_FALSE(ask(requester).audience);
  }
}

TEST_F(AccessDecision, RefusesAPhoneItsOwnFileOverTheQuarantineUnlessThatIsAllowed) {
  auto requester = with_certificate(mac_);
  requester.wire = Wire::quarantined;
  for (const bool known : {true, false}) {
    const auto access = ask(requester, known);
    EXPECT_EQ(access.status, 403U);
    EXPECT_EQ(access.reason, Reason::quarantined);
    EXPECT_FALSE(access.is_stranger) << "nobody is entered by what the quarantine says";
  }
  EXPECT_EQ(assess(requester, false), device::Assurance::claimed);
  requester.identity.mac = other_;
  EXPECT_EQ(ask(requester).reason, Reason::other_device);

  requester = with_certificate(mac_);
  requester.wire = Wire::quarantined_but_allowed;
  EXPECT_EQ(ask(requester).reason, Reason::bound);
  EXPECT_EQ(assess(requester, false), device::Assurance::certificate);
}

TEST_F(AccessDecision, GivesTheFirstFileToAnybodyWithoutSecrets) {
  auto suspicious = with_certificate(mac_);
  suspicious.refusal = WatchRefusal::pin_mismatch;
  for (const auto& requester : {Requester{}, with_certificate(mac_), suspicious}) {
    const auto access = decide_file({FileKind::bootstrap, nullptr, std::nullopt}, requester, {});
    ASSERT_TRUE(access.allow);
    EXPECT_FALSE(access.audience->may_see(store::ParameterClass::secret));
    EXPECT_FALSE(access.audience->may_see(store::ParameterClass::tenant));
  }
}

TEST_F(AccessDecision, AssuranceIsOrderedByProof) {
  auto requester = with_certificate(mac_);
  EXPECT_EQ(assess(requester, true), device::Assurance::certificate);
  requester.verdict.accepted = false;
  EXPECT_EQ(assess(requester, true), device::Assurance::claimed);
  EXPECT_EQ(assess(requester, false), device::Assurance::none);
}

}  // namespace
}  // namespace firstring::policy
