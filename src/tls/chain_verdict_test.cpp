#include "tls/chain_verdict.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "crypto/test_crl.hpp"
#include "tls/test_pki.hpp"

namespace firstring::tls {
namespace {

using crypto::Issued;
using crypto::testing::CrlRecipe;
using testing::in_days;
using testing::lenient;
using testing::make_ca;
using testing::make_leaf;
using testing::Recipe;

bool has(const ChainVerdict& verdict, ChainFault fault) {
  return std::any_of(verdict.errors.begin(), verdict.errors.end(),
                     [&](const auto& error) { return error.fault == fault; });
}

class Verdict : public ::testing::Test {
 protected:
  ChainVerdict judge(const std::vector<crypto::Certificate>& chain, const DeviceCa& ca) const {
    return DeviceTrust::build({ca})->judge(chain, now());
  }

  const Issued root_ = make_ca("Maker Root");
  const DeviceCa maker_ = lenient("maker", {root_.certificate});
};

TEST_F(Verdict, IsNoneForNoCertificate) {
  const auto verdict = judge({}, maker_);
  EXPECT_FALSE(verdict.present);
  EXPECT_FALSE(verdict.accepted);
  EXPECT_EQ(verdict.reason(), Reason::none);
}

TEST_F(Verdict, AcceptsShaOneAnd1024BitsWhereTheCaSaysSo) {
  const auto verdict = judge({make_leaf("phone", root_).certificate}, maker_);
  EXPECT_TRUE(verdict.accepted);
  EXPECT_EQ(verdict.reason(), Reason::accepted);
  EXPECT_EQ(verdict.ca, "maker");
  EXPECT_TRUE(has(verdict, ChainFault::weak_hash)) << "forgiven weaknesses are still told";
}

TEST_F(Verdict, RefusesThemByDefault) {
  DeviceCa strict;
  strict.name = "maker";
  strict.roots = {root_.certificate};
  const auto verdict = judge({make_leaf("phone", root_).certificate}, strict);
  EXPECT_FALSE(verdict.accepted);
  EXPECT_EQ(verdict.reason(), Reason::weak_key);
  EXPECT_TRUE(has(verdict, ChainFault::weak_hash));
}

TEST_F(Verdict, AcceptsMd5OnlyWhereItIsNamed) {
  const auto leaf = Recipe{.name = "phone", .hash = crypto::Hash::md5}.make(&root_);
  EXPECT_EQ(judge({leaf.certificate}, maker_).reason(), Reason::weak_hash);
  auto ca = maker_;
  ca.weak_hashes.emplace_back("md5");
  EXPECT_TRUE(judge({leaf.certificate}, ca).accepted);
}

TEST_F(Verdict, NeverAcceptsKeysBelowTheRule) {
  const auto leaf = Recipe{.name = "phone", .rsa_bits = 768}.make(&root_);
  EXPECT_EQ(judge({leaf.certificate}, maker_).reason(), Reason::weak_key);
}

TEST_F(Verdict, KnowsAStranger) {
  const auto stranger = make_ca("Somebody Else");
  const auto verdict = judge({make_leaf("phone", stranger).certificate}, maker_);
  EXPECT_EQ(verdict.reason(), Reason::unknown_ca);
  EXPECT_EQ(verdict.ca, "");
}

TEST_F(Verdict, KnowsASelfSignedCertificate) {
  EXPECT_EQ(judge({Recipe{.name = "phone"}.make(nullptr).certificate}, maker_).reason(), Reason::unknown_ca);
}

TEST_F(Verdict, KnowsAForgery) {
  const auto forger = make_ca("Maker Root");
  const auto verdict = judge({make_leaf("phone", forger).certificate}, maker_);
  EXPECT_FALSE(verdict.accepted);
  EXPECT_TRUE(has(verdict, ChainFault::bad_signature) || has(verdict, ChainFault::unknown_ca));
}

TEST_F(Verdict, KnowsACertificateThatBearsTheRootsOwnName) {
  const auto impostor = Recipe{.name = "Maker Root"}.make(nullptr);
  EXPECT_FALSE(judge({impostor.certificate}, maker_).accepted);
}

TEST_F(Verdict, ReportsExpiry) {
  const auto leaf = Recipe{.name = "phone", .not_before = in_days(-20), .not_after = in_days(-1)}.make(&root_);
  EXPECT_EQ(judge({leaf.certificate}, maker_).reason(), Reason::expired);
}

TEST_F(Verdict, ForgivesExpiryOnlyByTheRuleOfItsCa) {
  const auto leaf = Recipe{.name = "phone", .not_before = in_days(-20), .not_after = in_days(-1)}.make(&root_);
  auto ca = maker_;
  ca.expired_accepted_before = Timestamp::max();
  const auto verdict = judge({leaf.certificate}, ca);
  EXPECT_TRUE(verdict.accepted);
  EXPECT_TRUE(has(verdict, ChainFault::expired)) << "forgiven, and still told";
}

// tls-facts.md C, "Trap seen": OpenSSL's own result would be just "expired".
TEST_F(Verdict, DoesNotForgiveAForgeryThatHasAlsoExpired) {
  const auto forger = make_ca("Maker Root");
  const auto leaf = Recipe{.name = "phone", .not_before = in_days(-20), .not_after = in_days(-1)}.make(&forger);
  auto ca = maker_;
  ca.expired_accepted_before = Timestamp::max();
  const auto verdict = judge({leaf.certificate}, ca);
  EXPECT_FALSE(verdict.accepted);
  EXPECT_NE(verdict.reason(), Reason::expired);
  EXPECT_TRUE(has(verdict, ChainFault::expired));
}

TEST_F(Verdict, ReportsACertificateOfTheFuture) {
  const auto leaf = Recipe{.name = "phone", .not_before = in_days(1), .not_after = in_days(5)}.make(&root_);
  EXPECT_EQ(judge({leaf.certificate}, maker_).reason(), Reason::not_yet_valid);
}

TEST_F(Verdict, ReportsTheWrongPurpose) {
  const auto leaf = Recipe{.name = "phone", .purpose = "serverAuth"}.make(&root_);
  EXPECT_EQ(judge({leaf.certificate}, maker_).reason(), Reason::wrong_purpose);
}

TEST_F(Verdict, AcceptsALeafAloneWithOurIntermediate) {
  const auto issuing = make_ca("Maker Issuing", &root_);
  const auto leaf = make_leaf("phone", issuing);
  EXPECT_EQ(judge({leaf.certificate}, maker_).reason(), Reason::unknown_ca);
  auto ca = maker_;
  ca.intermediates = {issuing.certificate};
  EXPECT_TRUE(judge({leaf.certificate}, ca).accepted);
}

TEST_F(Verdict, AcceptsAnIntermediateThatThePhoneSent) {
  const auto issuing = make_ca("Maker Issuing", &root_);
  EXPECT_TRUE(judge({make_leaf("phone", issuing).certificate, issuing.certificate}, maker_).accepted);
}

TEST_F(Verdict, DoesNotTakeADevicesCertificateForACa) {
  const auto device = make_leaf("phone", root_);
  const auto leaf = make_leaf("forged by a phone", device);
  const auto verdict = judge({leaf.certificate, device.certificate}, maker_);
  EXPECT_FALSE(verdict.accepted);
}

TEST_F(Verdict, LooksAtNoMoreThanEightCertificates) {
  std::vector<Issued> authorities{root_};
  for (int i = 0; i < 10; ++i) authorities.push_back(make_ca("Level " + std::to_string(i), &authorities.back()));
  std::vector<crypto::Certificate> chain{make_leaf("phone", authorities.back()).certificate};
  for (auto it = authorities.rbegin(); it != authorities.rend(); ++it) chain.push_back(it->certificate);
  EXPECT_FALSE(judge(chain, maker_).accepted);
}

TEST_F(Verdict, AsksEachOfTwoCasOfOneName) {
  const auto renewed = make_ca("Maker Root");
  auto second = lenient("renewed", {renewed.certificate});
  const auto trust = *DeviceTrust::build({maker_, second});
  EXPECT_EQ(trust.judge({make_leaf("old phone", root_).certificate}, now()).ca, "maker");
  EXPECT_EQ(trust.judge({make_leaf("new phone", renewed).certificate}, now()).ca, "renewed");
}

TEST_F(Verdict, DoesNotLendOneCasLeniencyToAnother) {
  const auto other_root = make_ca("Other Root");
  DeviceCa strict;
  strict.name = "strict";
  strict.roots = {other_root.certificate};
  const auto trust = *DeviceTrust::build({maker_, strict});
  EXPECT_FALSE(trust.judge({make_leaf("phone", other_root).certificate}, now()).accepted);
}

// ---- until a day ----

TEST_F(Verdict, ForgivesExpiryUntilTheDayThatTheCaNames) {
  const auto leaf = Recipe{.name = "phone", .not_before = in_days(-20), .not_after = in_days(-1)}.make(&root_);
  auto ca = maker_;
  ca.expired_accepted_before = in_days(3);
  const auto trust = *DeviceTrust::build({ca});
  const auto verdict = trust.judge({leaf.certificate}, now());
  EXPECT_TRUE(verdict.accepted);
  const auto told = std::find_if(verdict.errors.begin(), verdict.errors.end(),
                                 [](const auto& error) { return error.fault == ChainFault::expired; });
  EXPECT_NE(told->text.find("accepted until 20"), std::string::npos) << told->text;
  EXPECT_TRUE(trust.judge({leaf.certificate}, ca.expired_accepted_before - std::chrono::microseconds{1}).accepted);
  EXPECT_EQ(trust.judge({leaf.certificate}, ca.expired_accepted_before).reason(), Reason::expired);
}

// ---- revocation ----

class Revocation : public Verdict {
 protected:
  DeviceCa maker_with(std::vector<crypto::Crl> crls) const {
    auto ca = maker_;
    ca.crls = std::move(crls);
    return ca;
  }

  const Issued phone_ = make_leaf("phone", root_);
  const crypto::Crl against_phone_ = CrlRecipe{.revoked = {phone_.certificate}}.make(root_);
};

TEST_F(Revocation, RefusesARevokedPhoneAndNoOther) {
  const auto ca = maker_with({against_phone_});
  EXPECT_EQ(judge({phone_.certificate}, ca).reason(), Reason::revoked);
  EXPECT_TRUE(judge({make_leaf("other", root_).certificate}, ca).accepted);
}

TEST_F(Revocation, IsNotForgivenWithExpiry) {
  const auto leaf = Recipe{.name = "phone", .not_before = in_days(-20), .not_after = in_days(-1)}.make(&root_);
  auto ca = maker_with({CrlRecipe{.revoked = {leaf.certificate}}.make(root_)});
  ca.expired_accepted_before = Timestamp::max();
  EXPECT_EQ(judge({leaf.certificate}, ca).reason(), Reason::revoked);
}

TEST_F(Revocation, OfAnIntermediateCoversWhatItIssued) {
  const auto issuing = make_ca("Maker Issuing", &root_);
  auto ca = maker_with({CrlRecipe{.revoked = {issuing.certificate}}.make(root_)});
  const auto below = make_leaf("below", issuing);
  EXPECT_EQ(judge({below.certificate, issuing.certificate}, ca).reason(), Reason::revoked);
  ca.intermediates = {issuing.certificate};
  EXPECT_EQ(judge({below.certificate}, ca).reason(), Reason::revoked);
  EXPECT_TRUE(judge({phone_.certificate}, ca).accepted) << "there is no CRL of its issuer that names it";
}

TEST_F(Revocation, DoesNotMixUpIssuersOfOneName) {
  const auto renewed = make_ca("Maker Root");
  auto ca = maker_with({against_phone_, CrlRecipe{}.make(renewed)});
  ca.roots.push_back(renewed.certificate);
  EXPECT_EQ(judge({phone_.certificate}, ca).reason(), Reason::revoked);
  EXPECT_TRUE(judge({make_leaf("new phone", renewed).certificate}, ca).accepted);
}

TEST_F(Revocation, StaleListIsUsedAndToldOf) {
  const auto ca = maker_with(
      {CrlRecipe{.revoked = {phone_.certificate}, .this_update = in_days(-9), .next_update = in_days(-1)}.make(root_)});
  const auto verdict = judge({make_leaf("other", root_).certificate}, ca);
  EXPECT_TRUE(verdict.accepted);
  EXPECT_TRUE(has(verdict, ChainFault::crl_expired));
  EXPECT_EQ(judge({phone_.certificate}, ca).reason(), Reason::revoked);
}

TEST_F(Revocation, ListOfAStrangerIsRefused) {
  const auto trust = DeviceTrust::build({maker_with({CrlRecipe{}.make(make_ca("Somebody Else"))})});
  ASSERT_FALSE(trust);
  EXPECT_NE(trust.error().what.find("signed by none"), std::string::npos);
}

}  // namespace
}  // namespace firstring::tls
