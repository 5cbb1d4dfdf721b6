#include "crypto/issue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>

#include <set>
#include <string>

namespace firstring::crypto {
namespace {

using testing::HasSubstr;

const Timestamp kBegin = *parse_timestamp("2026-01-02T03:04:05Z");
const Timestamp kEnd = *parse_timestamp("2046-01-02T03:04:05Z");

CertificateRequest request(const std::string& name, bool is_ca = false) {
  return {.subject = {{"CN", name}}, .not_before = kBegin, .not_after = kEnd, .is_ca = is_ca};
}

Issued make_root(unsigned bits = 1024) {
  auto key = *PrivateKey::generate_rsa(bits);
  auto certificate = *issue(request("Root", true), key, nullptr);
  return {std::move(certificate), std::move(key)};
}

std::string extension_text(const Certificate& certificate, int nid) {
  const int at = X509_get_ext_by_NID(certificate.native(), nid, -1);
  if (at < 0) return "";
  const BioPtr bio{BIO_new(BIO_s_mem())};
  X509V3_EXT_print(bio.get(), X509_get_ext(certificate.native(), at), 0, 0);
  char* data = nullptr;
  const auto length = static_cast<std::size_t>(BIO_get_mem_data(bio.get(), &data));
  return {data, length};
}

class IssueWithHash : public testing::TestWithParam<Hash> {};

TEST_P(IssueWithHash, MakesASignatureThatVerifies) {
  const auto root = make_root();
  auto leaf_request = request("leaf");
  leaf_request.hash = GetParam();
  const auto key = *PrivateKey::generate_rsa(1024);
  const auto leaf = issue(leaf_request, key, &root);
  ASSERT_TRUE(leaf) << leaf.error().what;
  constexpr const char* kNames[] = {"md5", "sha1", "sha256"};
  EXPECT_EQ(leaf->signature_hash(), kNames[static_cast<int>(GetParam())]);
  EXPECT_EQ(X509_verify(leaf->native(), root.key.native()), 1);
  EXPECT_NE(X509_verify(leaf->native(), key.native()), 1);
  ERR_clear_error();
}

INSTANTIATE_TEST_SUITE_P(EveryHash, IssueWithHash, testing::Values(Hash::md5, Hash::sha1, Hash::sha256));

TEST(Issue, MakesAChainThatOpensslAccepts) {
  const auto root = make_root(2048);
  auto leaf_request = request("phone.example");
  leaf_request.dns_names = {"phone.example"};
  leaf_request.ip_addresses = {"192.0.2.1", "2001:db8::1"};
  leaf_request.extended_key_usage = "serverAuth";
  const auto leaf = issue(leaf_request, *PrivateKey::generate_rsa(2048), &root);
  ASSERT_TRUE(leaf) << leaf.error().what;

  const X509StorePtr store{X509_STORE_new()};
  X509_STORE_add_cert(store.get(), root.certificate.native());
  const X509StoreContextPtr context{X509_STORE_CTX_new_ex(library(), nullptr)};
  X509_STORE_CTX_init(context.get(), store.get(), leaf->native(), nullptr);
  auto* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
  X509_VERIFY_PARAM_set_time(parameters,
                             std::chrono::floor<std::chrono::seconds>(kBegin).time_since_epoch().count() + 1);
  X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set1_host(parameters, "phone.example", 0);
  EXPECT_EQ(X509_verify_cert(context.get()), 1)
      << X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
  for (const char* address : {"192.0.2.1", "2001:db8::1"}) EXPECT_EQ(X509_check_ip_asc(leaf->native(), address, 0), 1);
}

TEST(Issue, WritesTheExtensionsOfALeaf) {
  const auto root = make_root();
  auto leaf_request = request("leaf");
  leaf_request.extended_key_usage = "clientAuth";
  const auto leaf = *issue(leaf_request, *PrivateKey::generate_rsa(1024), &root);
  EXPECT_EQ(X509_get_version(leaf.native()), X509_VERSION_3);
  EXPECT_EQ(extension_text(leaf, NID_basic_constraints), "CA:FALSE");
  EXPECT_EQ(extension_text(leaf, NID_key_usage), "Digital Signature, Key Encipherment");
  EXPECT_EQ(extension_text(leaf, NID_ext_key_usage), "TLS Web Client Authentication");
  EXPECT_EQ(extension_text(leaf, NID_subject_alt_name), "");
  EXPECT_EQ(extension_text(leaf, NID_authority_key_identifier),
            extension_text(root.certificate, NID_subject_key_identifier));
  EXPECT_FALSE(leaf.is_self_issued());
}

TEST(Issue, WritesTheExtensionsOfACa) {
  const auto root = make_root();
  EXPECT_EQ(extension_text(root.certificate, NID_basic_constraints), "CA:TRUE");
  EXPECT_EQ(extension_text(root.certificate, NID_key_usage), "Certificate Sign, CRL Sign");
  EXPECT_EQ(extension_text(root.certificate, NID_ext_key_usage), "");
  EXPECT_TRUE(root.certificate.is_self_issued());
}

TEST(Issue, KeepsTheDatesToTheSecond) {
  const auto root = make_root();
  EXPECT_EQ(root.certificate.not_before(), kBegin);
  EXPECT_EQ(root.certificate.not_after(), kEnd);
}

TEST(Issue, AllowsDatesInTheFarPastAndFuture) {
  auto odd = request("odd");
  odd.not_before = *parse_timestamp("1969-12-31");
  odd.not_after = *parse_timestamp("9999-12-31");
  const auto certificate = issue(odd, *PrivateKey::generate_rsa(1024), nullptr);
  ASSERT_TRUE(certificate) << certificate.error().what;
  EXPECT_EQ(certificate->not_before(), odd.not_before);
  EXPECT_EQ(certificate->not_after(), odd.not_after);
}

TEST(Issue, KeepsEveryAttributeInOrder) {
  auto phone = request("");
  phone.subject = {{"C", "US"},
                   {"ST", "708105B37234"},
                   {"L", "CBT153908BX"},
                   {"O", "Cisco Systems, Inc."},
                   {"OU", "cisco.com"},
                   {"CN", std::string{"a\0b \xc3\xbc", 6}},
                   {"serialNumber", "PID:CP-8841 SN:FCH1"},
                   {"emailAddress", "linksys-certadmin@cisco.com"},
                   {"1.2.3.4", "x"}};
  const auto certificate = issue(phone, *PrivateKey::generate_rsa(1024), nullptr);
  ASSERT_TRUE(certificate) << certificate.error().what;
  const auto subject = certificate->subject();
  ASSERT_EQ(subject.size(), phone.subject.size());
  for (std::size_t i = 0; i < subject.size(); ++i) {
    EXPECT_EQ(subject[i].type, phone.subject[i].type);
    EXPECT_EQ(subject[i].value, phone.subject[i].value);
    EXPECT_EQ(subject[i].rdn, static_cast<int>(i));
    EXPECT_TRUE(subject[i].well_formed);
  }
}

TEST(Issue, JoinsNeighboursOfOneRdn) {
  auto odd = request("");
  odd.subject = {{"C", "US"}, {"CN", "a", 1}, {"ST", "b", 1}, {"L", "c", 2}};
  const auto subject = issue(odd, *PrivateKey::generate_rsa(1024), nullptr)->subject();
  ASSERT_EQ(subject.size(), 4U);
  EXPECT_EQ(subject[1].rdn, subject[2].rdn);
  EXPECT_NE(subject[0].rdn, subject[1].rdn);
  EXPECT_NE(subject[2].rdn, subject[3].rdn);
}

TEST(Issue, GivesEachCertificateItsOwnPositiveSerialNumber) {
  const auto key = *PrivateKey::generate_ec();
  std::set<std::string> seen;
  for (int i = 0; i < 50; ++i) {
    const auto certificate = *issue(request("x"), key, nullptr);
    const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate.native());
    EXPECT_EQ(ASN1_STRING_type(serial), V_ASN1_INTEGER);  // not V_ASN1_NEG_INTEGER
    EXPECT_LE(ASN1_STRING_length(serial), 16);
    seen.insert(to_hex({ASN1_STRING_get0_data(serial), static_cast<std::size_t>(ASN1_STRING_length(serial))}));
  }
  EXPECT_EQ(seen.size(), 50U);
}

TEST(Issue, SignsWithAnEllipticCurveKey) {
  const auto key = *PrivateKey::generate_ec();
  const auto certificate = issue(request("x"), key, nullptr);
  ASSERT_TRUE(certificate) << certificate.error().what;
  EXPECT_EQ(X509_verify(certificate->native(), key.native()), 1);
  EXPECT_EQ(extension_text(*certificate, NID_key_usage), "Digital Signature");
}

TEST(Issue, KeepsACommaInAnAlternativeNameInOneName) {
  auto odd = request("x");
  odd.dns_names = {"a.example,IP:192.0.2.1"};
  const auto certificate = *issue(odd, *PrivateKey::generate_ec(), nullptr);
  EXPECT_EQ(X509_check_ip_asc(certificate.native(), "192.0.2.1", 0), 0);
}

TEST(Issue, RejectsAnUnknownAttributeType) {
  auto odd = request("x");
  odd.subject = {{"NoSuchType", "x"}};
  const auto certificate = issue(odd, *PrivateKey::generate_ec(), nullptr);
  ASSERT_FALSE(certificate);
  EXPECT_THAT(certificate.error().what, HasSubstr("NoSuchType"));
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(Issue, RejectsAValueThatIsTooLong) {
  const auto certificate = issue(request(std::string(65, 'x')), *PrivateKey::generate_ec(), nullptr);
  ASSERT_FALSE(certificate);
  EXPECT_THAT(certificate.error().what, HasSubstr("set CN to 'xxx"));
}

TEST(Issue, RejectsAlternativeNamesThatAreNone) {
  const auto key = *PrivateKey::generate_ec();
  for (const char* name : {"", "a b", "m\xc3\xbcller"}) {
    auto odd = request("x");
    odd.dns_names = {name};
    EXPECT_EQ(issue(odd, key, nullptr).error().code, Errc::invalid_input) << name;
  }
  auto odd = request("x");
  odd.ip_addresses = {"192.0.2.256"};
  EXPECT_FALSE(issue(odd, key, nullptr));
}

TEST(Issue, RejectsAnUnknownKeyUsage) {
  auto odd = request("x");
  odd.extended_key_usage = "makeCoffee";
  EXPECT_FALSE(issue(odd, *PrivateKey::generate_ec(), nullptr));
  EXPECT_EQ(ERR_peek_error(), 0U);
}

}  // namespace
}  // namespace firstring::crypto
