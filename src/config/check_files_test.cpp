#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/file.hpp"
#include "base/temporary_folder.hpp"
#include "config/config.hpp"
#include "crypto/certificate.hpp"
#include "crypto/issue.hpp"
#include "crypto/test_crl.hpp"

namespace firstring::config {
namespace {

using namespace std::chrono_literals;
using crypto::Certificate;
using crypto::Issued;
using crypto::PrivateKey;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const Timestamp kNow = *parse_timestamp("2026-11-23");
constexpr auto kYear = std::chrono::days{365};

crypto::CertificateRequest request_for(const std::string& name) {
  return {.subject = {{"CN", name}}, .not_before = kNow - kYear, .not_after = kNow + kYear};
}

Issued make_ca(const std::string& name, const Issued* issuer = nullptr) {
  auto request = request_for(name);
  request.is_ca = true;
  auto key = *PrivateKey::generate_ec();
  auto certificate = *crypto::issue(request, key, issuer);
  return {std::move(certificate), std::move(key)};
}

/// What tests only read, made once.
const Issued& root() {
  static const Issued made = make_ca("Root");
  return made;
}
const Issued& intermediate() {
  static const Issued made = make_ca("Intermediate", &root());
  return made;
}
const PrivateKey& ec_key() {
  static const PrivateKey key = *PrivateKey::generate_ec();
  return key;
}
const PrivateKey& rsa_key() {
  static const PrivateKey key = *PrivateKey::generate_rsa(1024);
  return key;
}

/// A state folder with one good server chain and one good device CA, for a test to spoil.
class CheckFiles : public testing::Test {
 protected:
  void SetUp() override {
    write("leaf.crt", leaf(request_for("leaf"), ec_key()).to_pem() + intermediate().certificate.to_pem());
    write("leaf.key", ec_key().to_pem(), 0600);
    write("roots.pem", root().certificate.to_pem());
  }

  static Certificate leaf(const crypto::CertificateRequest& request, const PrivateKey& key) {
    return *crypto::issue(request, key, &intermediate());
  }

  void write(const std::string& name, std::string_view content, mode_t mode = 0644) {
    const auto written = write_file(dir_ / name, content, mode);
    ASSERT_TRUE(written) << written.error().what;
  }

  /// What is said of this configuration, with the state folder's own path left out.
  std::vector<std::string> check(const std::string& more = "", const std::string& chain_name = "modern") {
    const auto text =
        "[[listener]]\naddress = \"[::]:443\"\n[[server_chain]]\nname = \"" + chain_name +
        "\"\ncertificate = \"leaf.crt\"\nkey = \"leaf.key\"\n[[device_ca]]\nname = \"maker\"\nroots = \"roots.pem\"\n" +
        more;
    const auto loaded = load_text(text, dir_, "firstring.toml");
    EXPECT_TRUE(loaded.diagnostics.empty()) << loaded.diagnostics.front().to_string();
    std::vector<std::string> lines;
    for (const auto& diagnostic : check_files(loaded.config, kNow)) {
      auto line = diagnostic.to_string();
      for (std::size_t at = 0; (at = line.find(dir_.string() + "/")) != std::string::npos;)
        line.erase(at, dir_.string().size() + 1);
      lines.push_back(line);
    }
    return lines;
  }

  const TemporaryFolder folder_;
  const std::filesystem::path dir_ = folder_.path();
};

TEST_F(CheckFiles, FindsNothingWrongWithGoodFiles) { EXPECT_THAT(check(), IsEmpty()); }

TEST_F(CheckFiles, TakesAbsolutePaths) {
  write("other.pem", root().certificate.to_pem());
  EXPECT_THAT(check("intermediates = \"" + (dir_ / "other.pem").string() + "\""), IsEmpty());
}

TEST_F(CheckFiles, ReportsEveryMissingFileAtItsKey) {
  for (const auto name : {"leaf.crt", "leaf.key", "roots.pem"}) std::filesystem::remove(dir_ / name);
  EXPECT_THAT(
      check("intermediates = \"inter.pem\""),
      ElementsAre(
          "firstring.toml:5:1: error: leaf.crt: no such file or directory; put the file there or correct 'certificate'",
          "firstring.toml:6:1: error: leaf.key: no such file or directory; put the file there or correct 'key'",
          "firstring.toml:9:1: error: roots.pem: no such file or directory; put the file there or correct 'roots'",
          "firstring.toml:10:1: error: inter.pem: no such file or directory; put the file there or correct "
          "'intermediates'"));
}

TEST_F(CheckFiles, RefusesAFolder) {
  std::filesystem::remove(dir_ / "leaf.crt");
  std::filesystem::create_directory(dir_ / "leaf.crt");
  EXPECT_THAT(check(), ElementsAre(HasSubstr(":5:1: error: leaf.crt is not a regular file")));
}

TEST_F(CheckFiles, RefusesAPipeInsteadOfWaitingForIt) {
  std::filesystem::remove(dir_ / "leaf.key");
  ASSERT_EQ(::mkfifo((dir_ / "leaf.key").c_str(), 0600), 0);
  EXPECT_THAT(check(), ElementsAre(HasSubstr(":6:1: error: leaf.key is not a regular file")));
}

TEST_F(CheckFiles, RefusesWhatIsNotPem) {
  write("leaf.crt", "hello");
  write("leaf.key", "hello", 0600);
  write("roots.pem", "");
  EXPECT_THAT(check(), ElementsAre(HasSubstr("; it must be a PEM file of certificates"),
                                   HasSubstr("; it must be a PEM file of one private key"),
                                   HasSubstr("; it must be a PEM file of certificates")));
}

TEST_F(CheckFiles, RefusesACertificateInPlaceOfTheKey) {
  write("leaf.key", root().certificate.to_pem(), 0600);
  EXPECT_THAT(check(), ElementsAre(HasSubstr(":6:1: error: leaf.key")));
}

TEST_F(CheckFiles, RefusesAKeyOfAnotherCertificate) {
  write("leaf.key", PrivateKey::generate_ec()->to_pem(), 0600);
  EXPECT_THAT(check(),
              ElementsAre(HasSubstr(
                  ":6:1: error: the key in leaf.key does not belong to the certificate in leaf.crt; name the key")));
}

TEST_F(CheckFiles, RefusesAKeyThatOthersCanRead) {
  write("leaf.key", ec_key().to_pem(), 0640);
  EXPECT_THAT(check(),
              ElementsAre(AllOf(HasSubstr(":6:1: error: "),
                                HasSubstr("other users can read this secret (mode 0640); run: chmod 600 leaf.key"))));
}

TEST_F(CheckFiles, WarnsOfAnExpiredServerCertificate) {
  auto request = request_for("leaf");
  request.not_after = kNow - 1s;
  write("leaf.crt", leaf(request, ec_key()).to_pem());
  EXPECT_THAT(check(), ElementsAre("firstring.toml:5:1: warning: the certificate (CN=leaf) expired on 2026-11-22; "
                                   "phones that know the date refuse it, `firstring expiry` says how many: have it "
                                   "renewed"));
}

TEST_F(CheckFiles, WarnsOfAServerCertificateOfTheFuture) {
  auto request = request_for("leaf");
  request.not_before = kNow + 24h;
  write("leaf.crt", leaf(request, ec_key()).to_pem());
  EXPECT_THAT(check(),
              ElementsAre(HasSubstr(":5:1: warning: the certificate (CN=leaf) is not valid before 2026-11-24; ")));
}

TEST_F(CheckFiles, WarnsThirtyDaysBeforeAServerCertificateExpires) {
  auto request = request_for("leaf");
  request.not_after = kNow + std::chrono::days{29};
  write("leaf.crt", leaf(request, ec_key()).to_pem());
  EXPECT_THAT(check(), ElementsAre(HasSubstr(":5:1: warning: the certificate (CN=leaf) expires on 2026-12-22; ")));
  request.not_after = kNow + std::chrono::days{31};
  write("leaf.crt", leaf(request, ec_key()).to_pem());
  EXPECT_THAT(check(), IsEmpty());
}

TEST_F(CheckFiles, RefusesAChainThatLeavesOutAnIssuer) {
  write("leaf.crt", leaf(request_for("leaf"), ec_key()).to_pem() + root().certificate.to_pem());
  EXPECT_THAT(
      check(),
      ElementsAre(HasSubstr(
          ":5:1: error: certificate 2 (CN=Root) in leaf.crt did not issue the certificate (CN=leaf) before it; ")));
}

TEST_F(CheckFiles, RefusesAnIssuerOfTheSameNameWithAnotherKey) {
  write("leaf.crt", leaf(request_for("leaf"), ec_key()).to_pem() + make_ca("Intermediate").certificate.to_pem());
  EXPECT_THAT(check(), ElementsAre(HasSubstr("did not issue")));
}

TEST_F(CheckFiles, RefusesALegacyChainThatIsNotRsa) {
  EXPECT_THAT(
      check("", "legacy"),
      ElementsAre(HasSubstr(":5:1: error: the chain \"legacy\" has a key of type ec, but old phones know RSA alone")));
}

TEST_F(CheckFiles, LooksAtTheSecondPairToo) {
  const auto with_second = [&](std::string_view certificate, std::string_view key) {
    const auto text = fmt::format(
        "[[listener]]\naddress = \"[::]:443\"\n[[device_ca]]\nname = \"maker\"\nroots = "
        "\"roots.pem\"\n[[server_chain]]\n"
        "name = \"modern\"\ncertificate = \"rsa.crt\"\nkey = \"rsa.key\"\necdsa_certificate = \"{}\"\necdsa_key = "
        "\"{}\"\n",
        certificate, key);
    std::vector<std::string> what;
    for (const auto& found : check_files(load_text(text, dir_, "f").config, kNow)) what.push_back(found.what);
    return what;
  };
  write("rsa.crt", leaf(request_for("leaf"), rsa_key()).to_pem());
  write("rsa.key", rsa_key().to_pem(), 0600);
  EXPECT_THAT(with_second("leaf.crt", "leaf.key"), IsEmpty());
  EXPECT_THAT(with_second("leaf.crt", "rsa.key"), ElementsAre(HasSubstr("does not belong to the certificate")));
  EXPECT_THAT(with_second("rsa.crt", "rsa.key"),
              ElementsAre(HasSubstr("the second certificate has a key of type rsa")));
}

TEST_F(CheckFiles, TakesALegacyChainOfShortRsaAndSha1) {
  auto request = request_for("leaf");
  request.hash = crypto::Hash::sha1;
  write("leaf.crt", leaf(request, rsa_key()).to_pem());
  write("leaf.key", rsa_key().to_pem(), 0600);
  EXPECT_THAT(check("", "legacy"), IsEmpty());
}

TEST_F(CheckFiles, FollowsSignaturesOfMd5) {
  auto request = request_for("Old root");
  request.is_ca = true;
  const Issued old{*crypto::issue(request, rsa_key(), nullptr), rsa_key()};
  auto leaf_request = request_for("leaf");
  leaf_request.hash = crypto::Hash::md5;
  write("leaf.crt", crypto::issue(leaf_request, ec_key(), &old)->to_pem() + old.certificate.to_pem());
  EXPECT_THAT(check(), IsEmpty());
}

TEST_F(CheckFiles, ReportsSeveralFaultsOfOneChain) {
  auto request = request_for("leaf");
  request.not_after = kNow - kYear / 2;
  write("leaf.crt", leaf(request, ec_key()).to_pem() + root().certificate.to_pem());
  write("leaf.key", rsa_key().to_pem(), 0600);
  EXPECT_THAT(check("", "legacy"), UnorderedElementsAre(HasSubstr("does not belong"), HasSubstr("expired on"),
                                                        HasSubstr("did not issue"), HasSubstr("know RSA alone")));
}

TEST_F(CheckFiles, RefusesRootsWithoutACa) {
  write("roots.pem", leaf(request_for("phone"), ec_key()).to_pem());
  EXPECT_THAT(check(),
              ElementsAre(HasSubstr(
                  ":9:1: error: roots.pem holds no certificate of a CA; put the maker's CA certificates there")));
}

TEST_F(CheckFiles, WarnsOfACertificateOfNoCaAmongRoots) {
  write("roots.pem", root().certificate.to_pem() + leaf(request_for("phone"), ec_key()).to_pem());
  EXPECT_THAT(check(), ElementsAre(HasSubstr(":9:1: warning: roots.pem holds 1 certificate of no CA")));
}

TEST_F(CheckFiles, SaysWhatBecomesOfThePhonesOfAnExpiredDeviceCa) {
  auto request = request_for("Old maker");
  request.is_ca = true;
  request.not_after = kNow - 24h;
  write("roots.pem", crypto::issue(request, ec_key(), nullptr)->to_pem());
  EXPECT_THAT(check(), ElementsAre(AllOf(HasSubstr(":9:1: warning: CN=Old maker expired on 2026-11-22; phones "
                                                   "below it are refused, `firstring expiry` says how many: "),
                                         HasSubstr("accept_expired = true"))));
  EXPECT_THAT(check("accept_expired = true"),
              ElementsAre(HasSubstr(":9:1: warning: CN=Old maker expired on 2026-11-22; ")));
}

TEST_F(CheckFiles, WarnsOfADeviceCaOfTheFuture) {
  auto request = request_for("New maker");
  request.is_ca = true;
  request.not_before = kNow + 24h;
  write("roots.pem", crypto::issue(request, ec_key(), nullptr)->to_pem());
  EXPECT_THAT(check("accept_expired = true"),
              ElementsAre(HasSubstr(":9:1: warning: CN=New maker is not valid before 2026-11-24; ")));
}

TEST_F(CheckFiles, LooksAtIntermediatesToo) {
  write("inter.pem", leaf(request_for("phone"), ec_key()).to_pem());
  EXPECT_THAT(check("intermediates = \"inter.pem\""),
              ElementsAre(HasSubstr(":10:1: error: inter.pem holds no certificate of a CA")));
}

// ---- revocation, and rules with a date ----

class CheckCrls : public CheckFiles {
 protected:
  void write_crl(const crypto::testing::CrlRecipe& recipe, const Issued& issuer) {
    write("maker.crl", crypto::testing::crl_pem(recipe.der(issuer)));
  }
  const crypto::testing::CrlRecipe fresh_{.this_update = kNow - 24h, .next_update = kNow + 24h};
};

TEST_F(CheckCrls, TakesOneOfARootOrOfAnIntermediate) {
  write_crl(fresh_, root());
  EXPECT_THAT(check("crl = \"maker.crl\""), IsEmpty());
  write("inter.pem", intermediate().certificate.to_pem());
  write_crl(fresh_, intermediate());
  EXPECT_THAT(check("crl = \"maker.crl\"\nintermediates = \"inter.pem\""), IsEmpty());
}

TEST_F(CheckCrls, RefusesOneThatNoneOfThemSigned) {
  write_crl(fresh_, intermediate());
  EXPECT_THAT(
      check("crl = \"maker.crl\""),
      ElementsAre(HasSubstr("firstring.toml:10:1: error: the CRL of CN=Intermediate in maker.crl is signed by no "
                            "certificate in roots or intermediates")));
}

TEST_F(CheckCrls, RefusesWhatIsNone) {
  write("maker.crl", root().certificate.to_pem());
  EXPECT_THAT(check("crl = \"maker.crl\""), ElementsAre(HasSubstr("there is no CRL in it")));
  std::filesystem::remove(dir_ / "maker.crl");
  EXPECT_THAT(check("crl = \"maker.crl\""), ElementsAre(HasSubstr("maker.crl: no such file or directory")));
}

TEST_F(CheckCrls, WarnsOfOneThatWasDueForRenewalOrIsToCome) {
  write_crl({.this_update = kNow - 48h, .next_update = kNow - 24h}, root());
  EXPECT_THAT(check("crl = \"maker.crl\""),
              ElementsAre(HasSubstr("warning: the CRL of CN=Root in maker.crl was due for renewal on 2026-11-22; it is "
                                    "still used")));
  write_crl({.this_update = kNow + 24h, .next_update = kNow + 48h}, root());
  EXPECT_THAT(check("crl = \"maker.crl\""), ElementsAre(HasSubstr("warning: the CRL of CN=Root in maker.crl is of")));
}

TEST_F(CheckFiles, SaysUntilWhenExpiredPhonesAreLetIn) {
  EXPECT_THAT(check("accept_expired_until = 2027-06-30"), IsEmpty());
  EXPECT_THAT(check("accept_expired_until = 2026-12-01"),
              ElementsAre(HasSubstr("warning: phones whose certificate has run out are refused after 2026-12-01")));
  EXPECT_THAT(
      check("accept_expired_until = 2026-11-22"),
      ElementsAre(HasSubstr("warning: 2026-11-22 has passed: phones whose certificate has run out are refused")));
}

TEST_F(CheckFiles, LetsAServerStartWhenAForeseenDayHasPassed) {
  auto request = request_for("Root");
  request.is_ca = true;
  request.not_after = kNow - 24h;
  write("roots.pem", crypto::issue(request, ec_key(), nullptr)->to_pem());
  EXPECT_THAT(check("accept_expired_until = 2026-11-22"),
              UnorderedElementsAre(HasSubstr("warning: 2026-11-22 has passed"),
                                   HasSubstr("warning: CN=Root expired on 2026-11-22; phones below it are refused")));
  EXPECT_THAT(check("accept_expired_until = 2027-11-22"), ElementsAre(HasSubstr("are let in")));
}

}  // namespace
}  // namespace firstring::config
