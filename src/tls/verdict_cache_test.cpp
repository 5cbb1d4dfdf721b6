#include "tls/verdict_cache.hpp"

#include <gtest/gtest.h>

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

class CachedVerdict : public ::testing::Test {
 protected:
  using TrustPtr = std::shared_ptr<const DeviceTrust>;

  static TrustPtr trust_in(DeviceCa ca) {
    return std::make_shared<const DeviceTrust>(*DeviceTrust::build({std::move(ca)}));
  }

  const Issued root_ = make_ca("Maker Root");
  const TrustPtr trust_ = trust_in(lenient("maker", {root_.certificate}));
  const std::vector<crypto::Certificate> phone_{
      make_leaf("phone", root_).certificate};  // valid 10 days before and after
  VerdictCache cache_;
};

TEST_F(CachedVerdict, IsTheSameAsTheFirst) {
  const auto first = cache_.judge(trust_, phone_, now());
  EXPECT_EQ(cache_.hits(), 0U);
  const auto second = cache_.judge(trust_, phone_, now());
  EXPECT_EQ(cache_.hits(), 1U);
  EXPECT_TRUE(second.accepted);
  EXPECT_EQ(second.ca, "maker");
  ASSERT_EQ(second.errors.size(), first.errors.size()) << "what was forgiven is still told";
  for (std::size_t i = 0; i < first.errors.size(); ++i) EXPECT_EQ(second.errors[i].text, first.errors[i].text);
}

TEST_F(CachedVerdict, EndsWhenTheCertificateRunsOutAndBeforeItBegins) {
  EXPECT_TRUE(cache_.judge(trust_, phone_, now()).accepted);
  EXPECT_EQ(cache_.judge(trust_, phone_, in_days(11)).reason(), Reason::expired);
  EXPECT_EQ(cache_.judge(trust_, phone_, in_days(-11)).reason(), Reason::not_yet_valid) << "a clock that went back";
  EXPECT_EQ(cache_.hits(), 0U);
  EXPECT_TRUE(cache_.judge(trust_, phone_, now()).accepted);
}

TEST_F(CachedVerdict, HoldsToTheLastSecondAsTheVerdictItselfDoes) {
  const auto last = phone_.front().not_after();
  EXPECT_TRUE(cache_.judge(trust_, phone_, now()).accepted);
  for (const auto at : {last - std::chrono::seconds{1}, last, last + std::chrono::seconds{1}}) {
    EXPECT_EQ(cache_.judge(trust_, phone_, at).accepted, trust_->judge(phone_, at).accepted) << to_iso8601(at);
  }
}

TEST_F(CachedVerdict, IsForgottenWithTheTrustThatItCameFrom) {
  EXPECT_TRUE(cache_.judge(trust_, phone_, now()).accepted);
  auto revoking = lenient("maker", {root_.certificate});
  revoking.crls = {CrlRecipe{.revoked = {phone_.front()}}.make(root_)};
  EXPECT_EQ(cache_.judge(trust_in(revoking), phone_, now()).reason(), Reason::revoked);
  EXPECT_TRUE(cache_.judge(trust_, phone_, now()).accepted);
  EXPECT_EQ(cache_.hits(), 0U);
}

TEST_F(CachedVerdict, SaysThatACrlIsDueAsSoonAsItIs) {
  auto ca = lenient("maker", {root_.certificate});
  ca.crls = {CrlRecipe{.next_update = in_days(1)}.make(root_)};
  const auto trust = trust_in(ca);
  const auto is_due = [&](Timestamp at) {
    const auto verdict = cache_.judge(trust, phone_, at);
    return std::any_of(verdict.errors.begin(), verdict.errors.end(),
                       [](const auto& error) { return error.fault == ChainFault::crl_expired; });
  };
  EXPECT_FALSE(is_due(now()));
  EXPECT_TRUE(is_due(in_days(2)));
}

TEST_F(CachedVerdict, EndsWithTheGraceForExpiredCertificates) {
  auto ca = lenient("maker", {root_.certificate});
  ca.expired_accepted_before = in_days(12);
  const auto trust = trust_in(ca);
  const auto long_root = in_days(10);  // the root runs out with the phone: both are forgiven until then
  EXPECT_TRUE(cache_.judge(trust, phone_, long_root + std::chrono::days{1}).accepted);
  EXPECT_FALSE(cache_.judge(trust, phone_, in_days(13)).accepted);
}

TEST_F(CachedVerdict, IsKeptOfAcceptedChainsAlone) {
  const std::vector<crypto::Certificate> stranger{make_leaf("stranger", make_ca("Other Root")).certificate};
  EXPECT_FALSE(cache_.judge(trust_, stranger, now()).accepted);
  EXPECT_FALSE(cache_.judge(trust_, stranger, now()).accepted);
  EXPECT_EQ(cache_.hits(), 0U);
}

TEST_F(CachedVerdict, IsOfTheWholeChain) {
  const auto middle = make_ca("middle", &root_);
  const auto leaf = make_leaf("phone", middle).certificate;
  EXPECT_TRUE(cache_.judge(trust_, {leaf, middle.certificate}, now()).accepted);
  EXPECT_FALSE(cache_.judge(trust_, {leaf}, now()).accepted);
}

TEST_F(CachedVerdict, KeepsWhoComesAgainAndIsBounded) {
  VerdictCache small{2};
  std::vector<std::vector<crypto::Certificate>> others;
  for (int i = 0; i < 6; ++i) others.push_back({make_leaf("other", root_).certificate});
  for (const auto& other : others) {
    small.judge(trust_, phone_, now());
    small.judge(trust_, other, now());
  }
  EXPECT_EQ(small.hits(), others.size() - 1) << "of the phone that comes again and again";
  small.judge(trust_, others.front(), now());
  EXPECT_EQ(small.hits(), others.size() - 1) << "who came long ago is forgotten";
}

}  // namespace
}  // namespace firstring::tls
