#include "crypto/crl.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>

#include "base/file.hpp"
#include "base/temporary_folder.hpp"
#include "crypto/test_crl.hpp"

namespace firstring::crypto {
namespace {

using testing::crl_pem;
using testing::CrlRecipe;
using ::testing::HasSubstr;

Issued make(const std::string& name, const Issued* issuer) {
  auto key = *PrivateKey::generate_ec();
  auto certificate = *issue({.subject = {{"CN", name}},
                             .not_before = now() - std::chrono::hours{1},
                             .not_after = now() + std::chrono::hours{1},
                             .is_ca = issuer == nullptr},
                            key, issuer);
  return {std::move(certificate), std::move(key)};
}

class CrlTest : public ::testing::Test {
 protected:
  Result<std::vector<Crl>> read(std::string_view content) const {
    EXPECT_TRUE(write_file(file_, content));
    return Crl::from_file(file_);
  }
  static std::string_view text(const Bytes& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  const Issued root_ = make("Root", nullptr);
  const Issued good_ = make("good", &root_);
  const Issued bad_ = make("bad", &root_);
  const Bytes der_ = CrlRecipe{.revoked = {bad_.certificate}}.der(root_);
  const TemporaryFolder folder_;
  const std::filesystem::path file_ = folder_.path() / "maker.crl";
};

TEST_F(CrlTest, KnowsWhatIsRevokedAndSince) {
  auto crl = *Crl::from_der(der_);
  EXPECT_TRUE(crl.bind(root_.certificate));
  EXPECT_TRUE(crl.is_of(root_.certificate.native()));
  EXPECT_EQ(crl.size(), 1U);
  EXPECT_EQ(crl.issuer_text(), "CN=Root");
  EXPECT_LT(crl.this_update(), now());
  EXPECT_GT(crl.next_update(), now());
  EXPECT_EQ(crl.revoked_at(bad_.certificate.native()), crl.this_update());
  EXPECT_FALSE(crl.revoked_at(good_.certificate.native()));
}

TEST_F(CrlTest, BelongsToTheKeyThatSignedItAndNotToAName) {
  const auto same_name = make("Root", nullptr);
  auto crl = *Crl::from_der(der_);
  EXPECT_FALSE(crl.is_of(root_.certificate.native())) << "not bound yet";
  EXPECT_FALSE(crl.bind(same_name.certificate));
  EXPECT_FALSE(crl.bind(good_.certificate));
  EXPECT_TRUE(crl.bind(root_.certificate));
  EXPECT_FALSE(crl.is_of(same_name.certificate.native()));
}

TEST_F(CrlTest, OfNothingIsGoodToo) {
  auto crl = CrlRecipe{}.make(root_);
  EXPECT_EQ(crl.size(), 0U);
  EXPECT_FALSE(crl.revoked_at(bad_.certificate.native()));
}

TEST_F(CrlTest, IsReadFromDerAndFromPemWithSeveral) {
  EXPECT_EQ(read(text(der_))->size(), 1U);
  const auto other = make("Other", nullptr);
  const auto two = read(root_.certificate.to_pem() + crl_pem(der_) + crl_pem(CrlRecipe{}.der(other)));
  ASSERT_TRUE(two) << two.error().what;
  EXPECT_EQ(two->size(), 2U);
  EXPECT_EQ(two->back().issuer_text(), "CN=Other");
}

TEST_F(CrlTest, RefusesAFileThatHoldsNone) {
  for (const auto& content :
       {std::string{}, std::string{"garbage"}, root_.certificate.to_pem(), std::string{text(der_).substr(0, 40)},
        std::string{text(der_)} + "x", std::string{"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"}}) {
    const auto result = read(content);
    ASSERT_FALSE(result) << content;
    EXPECT_THAT(result.error().what, HasSubstr(file_.string()));
  }
  EXPECT_EQ(Crl::from_file("/nonexistent/x.crl").error().code, Errc::not_found);
}

TEST_F(CrlTest, RefusesAPartialList) {
  const auto crl = Crl::from_der(CrlRecipe{.partial = true}.der(root_));
  ASSERT_FALSE(crl);
  EXPECT_THAT(crl.error().what, HasSubstr("critical extension"));
}

TEST_F(CrlTest, FindsOneOfAHundredThousandWithoutDelay) {
  CrlRecipe recipe{.revoked = {bad_.certificate}};
  recipe.serials.resize(100'000);
  std::iota(recipe.serials.rbegin(), recipe.serials.rend(), 1);  // not in order
  const auto crl = recipe.make(root_);
  ASSERT_EQ(crl.size(), 100'001U);
  const auto started = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(crl.revoked_at(bad_.certificate.native()));
    EXPECT_FALSE(crl.revoked_at(good_.certificate.native()));
  }
  // 2,000 look-ups; a walk through the list would take a hundred times as long.
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::milliseconds{500});
}

}  // namespace
}  // namespace firstring::crypto
