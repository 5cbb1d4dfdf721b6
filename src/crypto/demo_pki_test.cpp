#include "crypto/demo_pki.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "crypto/certificate.hpp"

namespace firstring::crypto {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

unsigned mode_of(const fs::path& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

/// OpenSSL's own verdict at security level `level` for `purpose`; X509_V_OK if it believes the chain.
int verdict(const Certificate& leaf, const fs::path& roots, int level, int purpose, const char* host = nullptr) {
  const X509StorePtr store{X509_STORE_new()};
  const auto certificates = *Certificate::chain_from_file(roots);
  for (const auto& root : certificates) X509_STORE_add_cert(store.get(), root.native());
  const X509StoreContextPtr context{X509_STORE_CTX_new_ex(library(), nullptr)};
  X509_STORE_CTX_init(context.get(), store.get(), leaf.native(), nullptr);
  auto* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_auth_level(parameters, level);
  X509_VERIFY_PARAM_set_purpose(parameters, purpose);
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_CHECK_SS_SIGNATURE);
  if (host != nullptr) X509_VERIFY_PARAM_set1_host(parameters, host, 0);
  X509_verify_cert(context.get());
  return X509_STORE_CTX_get_error(context.get());
}

std::string value_of(const DistinguishedName& name, std::string_view type) {
  for (const auto& attribute : name) {
    if (attribute.type == type) return attribute.value;
  }
  return "";
}

/// Made once: nine RSA keys take a while under the sanitizers.
class DemoPki : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = fs::path{testing::TempDir()} / ("demo-pki-" + std::to_string(::getpid()));
    fs::remove_all(dir_);
    const auto written = write_demo_pki(dir_, "prov.example");
    ASSERT_TRUE(written) << written.error().what;
  }
  static void TearDownTestSuite() { fs::remove_all(dir_); }

  static Certificate certificate(const std::string& path) { return Certificate::chain_from_file(dir_ / path)->front(); }
  static fs::path phone_file(const DemoPhone& phone, const std::string& ending) {
    return dir_ / "demo" / "phones" / (phone.mac.bare() + ending);
  }

  static inline fs::path dir_;
};

TEST_F(DemoPki, WritesExactlyItsFilesWithTheirModes) {
  std::set<std::string> expected{"pki/device-ca-demo.crt", "pki/server-root.crt",   "pki/server-legacy.crt",
                                 "pki/server-legacy.key",  "pki/quarantine.crt",    "pki/quarantine.key",
                                 "pki/server-modern.crt",  "pki/server-modern.key", "demo/maker.key"};
  for (const auto& phone : demo_phones()) {
    for (const char* ending : {".crt", ".key"}) expected.insert("demo/phones/" + phone.mac.bare() + ending);
  }
  std::set<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator{dir_}) {
    if (entry.is_directory()) {
      EXPECT_EQ(mode_of(entry.path()), 0700U) << entry.path();
    } else {
      found.insert(fs::relative(entry.path(), dir_));
      EXPECT_EQ(mode_of(entry.path()), entry.path().extension() == ".key" ? 0600U : 0644U) << entry.path();
    }
  }
  EXPECT_EQ(found, expected);
}

TEST_F(DemoPki, LegacyChainIsSha1And1024BitsUpToItsRoot) {
  const auto leaf = certificate("pki/server-legacy.crt");
  const auto roots = *Certificate::chain_from_file(dir_ / "pki/server-root.crt");
  ASSERT_EQ(roots.size(), 2U);
  for (const auto& member : {leaf, roots[1]}) {
    EXPECT_EQ(member.signature_hash(), "sha1");
    EXPECT_EQ(member.key_bits(), 1024U);
  }
  EXPECT_EQ(leaf.issuer_text(), roots[1].subject_text());
  EXPECT_EQ(verdict(leaf, dir_ / "pki/server-root.crt", 0, X509_PURPOSE_SSL_SERVER), X509_V_OK);
}

TEST_F(DemoPki, ModernChainSatisfiesAModernClient) {
  const auto leaf = certificate("pki/server-modern.crt");
  EXPECT_EQ(leaf.signature_hash(), "sha256");
  EXPECT_EQ(leaf.key_bits(), 2048U);
  for (const char* host : {"prov.example", "localhost"}) {
    EXPECT_EQ(verdict(leaf, dir_ / "pki/server-root.crt", 2, X509_PURPOSE_SSL_SERVER, host), X509_V_OK) << host;
  }
  for (const char* address : {"127.0.0.1", "::1"}) EXPECT_EQ(X509_check_ip_asc(leaf.native(), address, 0), 1);
}

TEST_F(DemoPki, ServerCertificatesCarryTheHostAsCommonName) {
  for (const char* path : {"pki/server-modern.crt", "pki/server-legacy.crt"}) {
    EXPECT_EQ(value_of(certificate(path).subject(), "CN"), "prov.example") << path;
  }
}

TEST_F(DemoPki, KeysBelongToTheirCertificates) {
  for (const std::string& stem :
       {std::string{"pki/server-modern"}, std::string{"pki/server-legacy"}, std::string{"pki/quarantine"}}) {
    EXPECT_TRUE(PrivateKey::from_file(dir_ / (stem + ".key"))->matches(certificate(stem + ".crt"))) << stem;
  }
  EXPECT_TRUE(PrivateKey::from_file(dir_ / "demo/maker.key")->matches(certificate("pki/device-ca-demo.crt")));
  for (const auto& phone : demo_phones()) {
    const auto chain = *Certificate::chain_from_file(phone_file(phone, ".crt"));
    EXPECT_TRUE(PrivateKey::from_file(phone_file(phone, ".key"))->matches(chain.front())) << phone.model;
  }
}

TEST_F(DemoPki, PhonesVerifyAgainstTheirMakerAndNotAgainstTheServers) {
  for (const auto& phone : demo_phones()) {
    const auto leaf = Certificate::chain_from_file(phone_file(phone, ".crt"))->front();
    EXPECT_EQ(leaf.signature_hash(), "sha1");
    EXPECT_EQ(leaf.key_bits(), 1024U);
    EXPECT_EQ(verdict(leaf, dir_ / "pki/device-ca-demo.crt", 0, X509_PURPOSE_SSL_CLIENT), X509_V_OK) << phone.model;
    EXPECT_NE(verdict(leaf, dir_ / "pki/server-root.crt", 0, X509_PURPOSE_SSL_CLIENT), X509_V_OK) << phone.model;
  }
}

TEST_F(DemoPki, PhonesHaveBothSubjectLayouts) {
  std::set<std::string> subjects;
  for (const auto& phone : demo_phones()) {
    subjects.insert(Certificate::chain_from_file(phone_file(phone, ".crt"))->front().subject_text());
  }
  EXPECT_THAT(subjects,
              testing::UnorderedElementsAre(
                  "OU=SPA-504G, L=CCQ00000504, ST=000e08000504", "OU=SPA-514G, L=CCQ00000514, ST=000e08000514",
                  "OU=CP-8841-3PCC, L=FCH00008841, ST=000e08008841",
                  "C=US, ST=708105000525, L=CBT00000525, O=Cisco Systems, Inc., OU=cisco.com, "
                  "CN=SPA-525G2, MAC: 708105000525, Serial: CBT00000525, emailAddress=linksys-certadmin@cisco.com"));
}

TEST_F(DemoPki, IsValidSinceYesterdayForTwentyYears) {
  const auto in_19_years = now() + std::chrono::days{19 * 365};
  for (const auto& phone : demo_phones()) {
    const auto leaf = Certificate::chain_from_file(phone_file(phone, ".crt"))->front();
    EXPECT_LT(leaf.not_before(), now() - std::chrono::hours{23});
    EXPECT_GT(leaf.not_after(), in_19_years);
  }
  EXPECT_GT(certificate("pki/device-ca-demo.crt").not_after(), in_19_years);
  EXPECT_GT(certificate("pki/server-modern.crt").not_after(), now() + std::chrono::days{800});
}

TEST_F(DemoPki, ReplacesNothing) {
  const auto before = certificate("pki/server-modern.crt").fingerprint();
  const auto again = write_demo_pki(dir_, "prov.example");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::conflict);
  EXPECT_EQ(certificate("pki/server-modern.crt").fingerprint(), before);
}

TEST_F(DemoPki, WritesNothingIfOneFileIsThere) {
  const auto other = dir_.string() + "-partial";
  fs::create_directories(fs::path{other} / "pki");
  std::ofstream{fs::path{other} / "pki" / "server-modern.key"} << "mine";
  EXPECT_EQ(write_demo_pki(other, "prov.example").error().code, Errc::conflict);
  EXPECT_FALSE(fs::exists(fs::path{other} / "demo"));
  fs::remove_all(other);
}

TEST_F(DemoPki, TakesAnAddressAsHost) {
  const auto other = dir_.string() + "-address";
  const auto written = write_demo_pki(other, "2001:db8::5");
  ASSERT_TRUE(written) << written.error().what;
  const auto leaf = Certificate::chain_from_file(fs::path{other} / "pki/server-modern.crt")->front();
  EXPECT_EQ(X509_check_ip_asc(leaf.native(), "2001:db8::5", 0), 1);
  fs::remove_all(other);
}

TEST_F(DemoPki, RejectsAHostThatIsNone) {
  const auto other = dir_.string() + "-host";
  for (const std::string& host :
       {std::string{}, std::string{"a b"}, std::string{"a,b"}, std::string{"a/../b"}, std::string(65, 'a')}) {
    const auto written = write_demo_pki(other, host);
    ASSERT_FALSE(written) << host;
    EXPECT_EQ(written.error().code, Errc::invalid_input);
    EXPECT_THAT(written.error().what, HasSubstr("--host"));
  }
  EXPECT_FALSE(fs::exists(other));
}

TEST(DemoPhones, HaveTheirMakersAddresses) {
  ASSERT_EQ(demo_phones().size(), 4U);
  for (const auto& phone : demo_phones()) {
    EXPECT_THAT(phone.mac.bare(), testing::StartsWith(phone.model == "SPA525G2" ? "708105" : "000e08"));
  }
}

}  // namespace
}  // namespace firstring::crypto
