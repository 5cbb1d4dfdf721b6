#include "policy/audience.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "device/known_bad.hpp"

namespace firstring::policy {
namespace {

using device::Assurance;
using device::CertificateIdentity;
using store::ParameterClass;
using Kind = CertificateIdentity::Kind;

constexpr std::array kAssurances{Assurance::none, Assurance::claimed, Assurance::generic, Assurance::certificate};
const MacAddress kMac{{0x00, 0x0e, 0x08, 0xab, 0xcd, 0xef}};
const MacAddress kOther{{0x00, 0x0e, 0x08, 0xab, 0xcd, 0xee}};

CertificateIdentity identity_of(Kind kind, std::optional<MacAddress> mac) {
  CertificateIdentity identity;
  identity.kind = kind;
  identity.mac = mac;
  return identity;
}

tls::ChainVerdict verdict_of(bool present, bool accepted) {
  tls::ChainVerdict verdict;
  verdict.present = present;
  verdict.accepted = accepted;
  return verdict;
}

TEST(Audience, ShowsAnyoneWhatIsPublic) {
  EXPECT_TRUE(Audience::anyone().may_see(ParameterClass::public_));
  EXPECT_FALSE(Audience::anyone().may_see(ParameterClass::tenant));
  EXPECT_FALSE(Audience::anyone().may_see(ParameterClass::secret));
}

TEST(Audience, ShowsTenantParametersFromGenericOn) {
  EXPECT_FALSE(Audience::unproven(Assurance::claimed).may_see(ParameterClass::tenant));
  EXPECT_TRUE(Audience::unproven(Assurance::generic).may_see(ParameterClass::tenant));
}

TEST(Audience, IsNeverMoreThanGenericWithoutProof) {
  for (const auto assurance : kAssurances) {
    EXPECT_FALSE(Audience::unproven(assurance).may_see(ParameterClass::secret));
    EXPECT_EQ(Audience::unproven(assurance).assurance(), std::min(assurance, Assurance::generic));
  }
}

TEST(Audience, IsBoundToTheDeviceThatTheCertificateNames) {
  const auto audience = Audience::bound(verdict_of(true, true), identity_of(Kind::device, kMac), kMac, Wire::sound);
  ASSERT_TRUE(audience);
  EXPECT_EQ(audience->assurance(), Assurance::certificate);
  EXPECT_TRUE(audience->may_see(ParameterClass::secret));
}

TEST(Audience, IsNotBoundToAnotherDevice) {
  EXPECT_FALSE(Audience::bound(verdict_of(true, true), identity_of(Kind::device, kMac), kOther, Wire::sound));
}

TEST(Audience, IsNotBoundWithoutAnAcceptedChain) {
  EXPECT_FALSE(Audience::bound(verdict_of(false, false), identity_of(Kind::device, kMac), kMac, Wire::sound));
  EXPECT_FALSE(Audience::bound(verdict_of(true, false), identity_of(Kind::device, kMac), kMac, Wire::sound));
  EXPECT_FALSE(Audience::bound(verdict_of(false, true), identity_of(Kind::device, kMac), kMac, Wire::sound));
}

TEST(Audience, IsNotBoundByACertificateOfSeveralDevices) {
  EXPECT_FALSE(Audience::bound(verdict_of(true, true), identity_of(Kind::generic, std::nullopt), kMac, Wire::sound));
  // Not even if some fault left a MAC in it.
  EXPECT_FALSE(Audience::bound(verdict_of(true, true), identity_of(Kind::generic, kMac), kMac, Wire::sound));
  EXPECT_FALSE(Audience::bound(verdict_of(true, true), identity_of(Kind::unusable, kMac), kMac, Wire::sound));
  EXPECT_FALSE(
      Audience::bound(verdict_of(true, true), identity_of(Kind::device, std::nullopt), MacAddress{}, Wire::sound));
}

TEST(Audience, IsNotBoundByACertificateThatProvesLess) {
  const device::KnownBad leaked{.name = "leaked", .assurance_at_most = Assurance::generic};
  auto identity = identity_of(Kind::device, kMac);
  identity.known_bad = &leaked;
  EXPECT_FALSE(Audience::bound(verdict_of(true, true), identity, kMac, Wire::sound));
}

TEST(Audience, IsNotBoundOverTheQuarantineUnlessThatIsAllowed) {
  const auto over = [](Wire wire) {
    return Audience::bound(verdict_of(true, true), identity_of(Kind::device, kMac), kMac, wire);
  };
  EXPECT_TRUE(over(Wire::sound));
  EXPECT_FALSE(over(Wire::quarantined));
  EXPECT_TRUE(over(Wire::quarantined_but_allowed));
}

TEST(Audience, PreviewsWhatTheOperatorAsksFor) {
  EXPECT_TRUE(Audience::operator_preview(Assurance::certificate).may_see(ParameterClass::secret));
  EXPECT_FALSE(Audience::operator_preview(Assurance::generic).may_see(ParameterClass::secret));
}

TEST(AudienceProperty, SeesSecretsOnlyBoundToExactlyThisDevice) {
  EXPECT_TRUE(rc::check([] {
    const bool present = *rc::gen::arbitrary<bool>();
    const bool accepted = *rc::gen::arbitrary<bool>();
    const auto kind = *rc::gen::element(Kind::device, Kind::generic, Kind::unusable);
    const auto mac = *rc::gen::element<std::optional<MacAddress>>(kMac, kOther, std::nullopt);
    const device::KnownBad bad{
        .name = "bad",
        .assurance_at_most = *rc::gen::elementOf(std::vector<Assurance>{kAssurances.begin(), kAssurances.end()})};
    auto identity = identity_of(kind, mac);
    if (*rc::gen::arbitrary<bool>()) identity.known_bad = &bad;
    const auto wire = *rc::gen::element(Wire::sound, Wire::quarantined, Wire::quarantined_but_allowed);
    const auto audience = Audience::bound(verdict_of(present, accepted), identity, kMac, wire);
    const bool devalued = identity.known_bad != nullptr && bad.assurance_at_most < Assurance::certificate;
    const bool proven =
        present && accepted && kind == Kind::device && mac == kMac && !devalued && wire != Wire::quarantined;
    RC_ASSERT((audience && audience->may_see(ParameterClass::secret)) == proven);
  }));
}

}  // namespace
}  // namespace firstring::policy
