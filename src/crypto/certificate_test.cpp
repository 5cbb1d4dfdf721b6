#include "crypto/certificate.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/file.hpp"
#include "crypto/issue.hpp"

namespace firstring::crypto {
namespace {

using testing::HasSubstr;

// Made by the openssl program, not by us: X.509 v1, MD5, RSA-1024, with the
// subject of a real SPA525G2 (spa-phones.md 1.1).
constexpr std::string_view kOldPhone = R"(-----BEGIN CERTIFICATE-----
MIIDGjCCAoMCAhAAMA0GCSqGSIb3DQEBBAUAMIHUMQswCQYDVQQGEwJVUzEVMBMG
A1UECBMMNzA4MTA1QjM3MjM0MRQwEgYDVQQHEwtDQlQxNTM5MDhCWDEcMBoGA1UE
ChMTQ2lzY28gU3lzdGVtcywgSW5jLjESMBAGA1UECxMJY2lzY28uY29tMTowOAYD
VQQDEzFTUEEtNTI1RzIsIE1BQzogNzA4MTA1QjM3MjM0LCBTZXJpYWw6IENCVDE1
MzkwOEJYMSowKAYJKoZIhvcNAQkBFhtsaW5rc3lzLWNlcnRhZG1pbkBjaXNjby5j
b20wHhcNMjYxMTIzMjIxNjA3WhcNNDYxMTE4MjIxNjA3WjCB1DELMAkGA1UEBhMC
VVMxFTATBgNVBAgTDDcwODEwNUIzNzIzNDEUMBIGA1UEBxMLQ0JUMTUzOTA4Qlgx
HDAaBgNVBAoTE0Npc2NvIFN5c3RlbXMsIEluYy4xEjAQBgNVBAsTCWNpc2NvLmNv
bTE6MDgGA1UEAxMxU1BBLTUyNUcyLCBNQUM6IDcwODEwNUIzNzIzNCwgU2VyaWFs
OiBDQlQxNTM5MDhCWDEqMCgGCSqGSIb3DQEJARYbbGlua3N5cy1jZXJ0YWRtaW5A
Y2lzY28uY29tMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDW4J2VWJSWXXm2
XUNVlfVlpZc00O10EQDzq1qjf87d1+nSHy55Z97jgAVRwidI1iYPkkg1fyXdJCX2
y7xKZw7G/nZrbDtCVLA9UrfdlyBijZeKPp5CZ1ehYwM9DndlTQIH/4yZyJvTElIT
g5GvwfefeI6NQg6i/XWFg9D3zQGOxQIDAQABMA0GCSqGSIb3DQEBBAUAA4GBALhB
9KA7lxFPh1sYbViJ18LjhNVVTdAd6GFEfK3J4CsAud6gXvvCYGrcQjOTAJih5H31
yJGVBbDSTkH6cqG3/+2k5coTZvy4iCdKC45WeMVz8Lq1jiH4XHOYlBj2rXjdnqc4
rvuj8Ba698omp2IuVY3ZY0GjxIyc9GMkuDoePcCC
-----END CERTIFICATE-----
)";
constexpr std::string_view kOldPhoneFingerprint = "0193fc4c3609ffa3c3206c033f79970311b7524b80c45dee9f7b112ab711c68a";

Certificate old_phone() { return *Certificate::from_pem(kOldPhone); }

Certificate self_signed(const DistinguishedName& subject, const PrivateKey& key) {
  return *issue({.subject = subject, .not_after = now() + std::chrono::hours{1}}, key, nullptr);
}

/// DER by hand, of less than 128 octets a part: names that OpenSSL would not write.
std::string tlv(unsigned char tag, const std::string& value) {
  return std::string{static_cast<char>(tag), static_cast<char>(value.size())} + value;
}
const std::string kCommonName{"\x06\x03\x55\x04\x03", 5};
std::string attribute(unsigned char tag, const std::string& value, const std::string& type = kCommonName) {
  return tlv(0x30, type + tlv(tag, value));
}
Result<DistinguishedName> name_with(unsigned char tag, const std::string& value) {
  return name_from_der(as_bytes(tlv(0x30, tlv(0x31, attribute(tag, value)))));
}

/// A file with `content` for as long as the object lives.
class TemporaryFile {
 public:
  TemporaryFile(const std::string& content, mode_t mode)
      : path_(std::filesystem::path{testing::TempDir()} / fmt::format("certificate-test-{}", ::getpid())) {
    EXPECT_TRUE(write_file(path_, content, mode));
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { std::filesystem::remove(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

constexpr unsigned char kBitString = 0x03, kUtf8 = 0x0c, kPrintable = 0x13, kT61 = 0x14, kIa5 = 0x16, kUniversal = 0x1c,
                        kBmp = 0x1e;

// Certificate

TEST(Certificate, ReadsAnOldPhonesCertificate) {
  const auto certificate = Certificate::from_pem(kOldPhone);
  ASSERT_TRUE(certificate) << certificate.error().what;
  EXPECT_EQ(certificate->signature_hash(), "md5");
  EXPECT_EQ(certificate->key_type(), KeyType::rsa);
  EXPECT_EQ(certificate->key_bits(), 1024U);
  EXPECT_EQ(to_iso8601(certificate->not_before()), "2026-11-23T22:16:07.000000Z");
  EXPECT_EQ(to_iso8601(certificate->not_after()), "2046-11-18T22:16:07.000000Z");
  EXPECT_TRUE(certificate->is_self_issued());
  EXPECT_EQ(certificate->fingerprint_hex(), kOldPhoneFingerprint);
}

TEST(Certificate, KeepsAttributesWithCommasWhole) {
  const auto subject = old_phone().subject();
  ASSERT_EQ(subject.size(), 7U);
  EXPECT_EQ(subject[1].type, "ST");
  EXPECT_EQ(subject[1].value, "708105B37234");
  EXPECT_EQ(subject[5].type, "CN");
  EXPECT_EQ(subject[5].value, "SPA-525G2, MAC: 708105B37234, Serial: CBT153908BX");
  EXPECT_EQ(subject[6].type, "emailAddress");
  for (int i = 0; i < 7; ++i) EXPECT_EQ(subject[static_cast<std::size_t>(i)].rdn, i);
}

TEST(Certificate, PrintsItsSubjectInTheOrderOfTheDer) {
  EXPECT_EQ(old_phone().subject_text(),
            "C=US, ST=708105B37234, L=CBT153908BX, O=Cisco Systems, Inc., OU=cisco.com, "
            "CN=SPA-525G2, MAC: 708105B37234, Serial: CBT153908BX, emailAddress=linksys-certadmin@cisco.com");
}

TEST(Certificate, RoundTripsThroughDerAndPem) {
  const auto certificate = old_phone();
  EXPECT_EQ(certificate.to_pem(), kOldPhone);
  EXPECT_EQ(Certificate::from_der(certificate.to_der())->fingerprint(), certificate.fingerprint());
  EXPECT_EQ(sha256(certificate.to_der()), certificate.fingerprint());
}

TEST(Certificate, RejectsBytesAfterTheDer) {
  auto der = old_phone().to_der();
  der.push_back(0);
  const auto certificate = Certificate::from_der(der);
  ASSERT_FALSE(certificate);
  EXPECT_EQ(certificate.error().code, Errc::invalid_input);
  EXPECT_EQ(certificate.error().what, "read certificate: 1 bytes follow its end");
}

TEST(Certificate, RejectsEveryTruncation) {
  const auto der = old_phone().to_der();
  for (std::size_t length = 0; length < der.size(); ++length) {
    EXPECT_FALSE(Certificate::from_der(ByteView{der}.first(length))) << length;
  }
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(Certificate, RejectsATimeThatIsNone) {
  auto der = old_phone().to_der();
  const std::string text{as_text(der)};
  der[text.find("261123")] = 'x';
  const auto certificate = Certificate::from_der(der);
  ASSERT_FALSE(certificate);
  EXPECT_THAT(certificate.error().what, HasSubstr("read the validity"));
}

TEST(Certificate, WithAnExtensionThatDoesNotParseIsReadAndMarked) {
  const auto key = *PrivateKey::generate_rsa(1024);
  auto der = self_signed({{"CN", "x"}}, key).to_der();
  const std::string basic_constraints{"\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x02\x30", 11};
  const auto at = as_text(der).find(basic_constraints);
  ASSERT_NE(at, std::string_view::npos);
  der[at + 10] = 0x31;  // SET where a SEQUENCE belongs
  const auto certificate = Certificate::from_der(der);
  ASSERT_TRUE(certificate) << certificate.error().what;
  EXPECT_EQ(ERR_peek_error(), 0U);
  EXPECT_NE(X509_get_extension_flags(certificate->native()) & EXFLAG_INVALID, 0U);
  ERR_clear_error();
}

TEST(Certificate, HoldsItsOwnReference) {
  X509* parsed = nullptr;
  const auto der = old_phone().to_der();
  const unsigned char* position = der.data();
  parsed = d2i_X509(nullptr, &position, static_cast<long>(der.size()));
  const auto certificate = Certificate::from_x509(parsed);
  X509_free(parsed);
  ASSERT_TRUE(certificate);
  EXPECT_EQ(certificate->fingerprint_hex(), kOldPhoneFingerprint);
}

TEST(Certificate, IsNoneWithoutAnX509) { EXPECT_FALSE(Certificate::from_x509(nullptr)); }

TEST(Certificate, KnowsTheFingerprintOfItsKey) {
  // openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | sha256sum
  EXPECT_EQ(to_hex(old_phone().key_fingerprint()), "71de255753a5ba6f19314848d06be87f655889b15bdfa663c911f3638d473ed8");
}

TEST(Certificate, WithAKeyOfAnUnknownAlgorithmIsStillRead) {
  auto der = old_phone().to_der();
  const std::string rsa_encryption{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9};
  der[as_text(der).find(rsa_encryption) + 8] = 0x7f;
  const auto certificate = Certificate::from_der(der);
  ASSERT_TRUE(certificate) << certificate.error().what;
  EXPECT_EQ(certificate->key_type(), KeyType::other);
  EXPECT_EQ(certificate->key_bits(), 0U);
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(Certificate, WithASignatureOfAnUnknownAlgorithmIsStillRead) {
  auto der = old_phone().to_der();
  const std::string md5_with_rsa{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04", 9};
  for (auto at = as_text(der).find(md5_with_rsa); at != std::string_view::npos; at = as_text(der).find(md5_with_rsa)) {
    der[at + 8] = 0x7f;
  }
  const auto certificate = Certificate::from_der(der);
  ASSERT_TRUE(certificate) << certificate.error().what;
  EXPECT_EQ(certificate->signature_hash(), "unknown");
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(Certificate, KnowsAnEllipticCurveKey) {
  const auto key = *PrivateKey::generate_ec();
  const auto certificate = self_signed({{"CN", "x"}}, key);
  EXPECT_EQ(certificate.key_type(), KeyType::ec);
  EXPECT_EQ(certificate.key_bits(), 256U);
  EXPECT_EQ(certificate.signature_hash(), "sha256");
}

// Chains

TEST(CertificateChain, KeepsItsOrderAndPassesOverOtherBlocks) {
  const auto key = *PrivateKey::generate_rsa(1024);
  const auto other = self_signed({{"CN", "other"}}, key);
  const auto chain =
      Certificate::chain_from_pem("text before\n" + other.to_pem() + key.to_pem() + std::string{kOldPhone});
  ASSERT_TRUE(chain) << chain.error().what;
  ASSERT_EQ(chain->size(), 2U);
  EXPECT_EQ((*chain)[0].fingerprint(), other.fingerprint());
  EXPECT_EQ((*chain)[1].fingerprint_hex(), kOldPhoneFingerprint);
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(CertificateChain, IsRefusedWithoutACertificate) {
  for (const char* pem : {"", "nothing here", "-----BEGIN CERTIFICATE-----\n"}) {
    EXPECT_FALSE(Certificate::chain_from_pem(pem)) << pem;
  }
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(CertificateChain, SaysWhichCertificateIsDamaged) {
  std::string damaged{kOldPhone};
  damaged[damaged.find("MIIDG")] = 'X';
  const auto chain = Certificate::chain_from_pem(std::string{kOldPhone} + damaged);
  ASSERT_FALSE(chain);
  EXPECT_THAT(chain.error().what, testing::StartsWith("certificate 2: read certificate: "));
}

TEST(CertificateChain, TellsHowToConvertDer) {
  const auto der = old_phone().to_der();
  const auto chain = Certificate::chain_from_pem(as_text(der));
  ASSERT_FALSE(chain);
  EXPECT_THAT(chain.error().what, HasSubstr("openssl x509 -inform der"));
}

TEST(CertificateChain, ErrorNamesTheFile) {
  const TemporaryFile file{"nothing here", 0644};
  const auto& path = file.path();
  const auto chain = Certificate::chain_from_file(path);
  ASSERT_FALSE(chain);
  EXPECT_THAT(chain.error().what, HasSubstr(path.string()));
  EXPECT_EQ(Certificate::chain_from_file(path.string() + ".missing").error().code, Errc::not_found);
}

// Names

TEST(NameFromDer, DecodesEveryStringTypeToUtf8) {
  EXPECT_EQ(name_with(kPrintable, "abc")->front().value, "abc");
  EXPECT_EQ(name_with(kIa5, "a@b")->front().value, "a@b");
  EXPECT_EQ(name_with(kUtf8, "M\xc3\xbcller")->front().value, "M\xc3\xbcller");
  EXPECT_EQ(name_with(kT61, "M\xfcller")->front().value, "M\xc3\xbcller");
  EXPECT_EQ(name_with(kBmp, std::string{"\0M\0\xfc", 4})->front().value, "M\xc3\xbc");
  EXPECT_EQ(name_with(kUniversal, std::string{"\0\0\0M\0\x01\xf4\x2d", 8})->front().value, "M\xf0\x9f\x90\xad");
}

TEST(NameFromDer, KeepsAnEmbeddedNul) {
  const std::string value{"000e08abcdef\0.evil", 18};
  for (const auto tag : {kUtf8, kPrintable, kIa5}) {
    const auto name = name_with(tag, value);
    ASSERT_TRUE(name);
    EXPECT_EQ(name->front().value, value);
  }
}

TEST(NameFromDer, FlagsHighOctetsInAnAsciiString) {
  for (const auto tag : {kPrintable, kIa5}) {
    const auto name = name_with(tag, "M\xfcller");
    ASSERT_TRUE(name);
    EXPECT_FALSE(name->front().well_formed);
    EXPECT_EQ(name->front().value, "M\xfcller");
  }
}

TEST(NameFromDer, FlagsAValueThatIsNoString) {
  const auto name = name_with(kBitString, std::string{"\0\x41\x42", 3});
  ASSERT_TRUE(name) << name.error().what;
  EXPECT_FALSE(name->front().well_formed);
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(NameFromDer, NeverGivesMalformedUnicodeAsWellFormed) {
  struct Case {
    unsigned char tag;
    std::string octets;
  };
  for (const auto& [tag, octets] : {Case{kUtf8, "\xff\xfe"}, Case{kUtf8, "\xc0\x80"}, Case{kUtf8, "\xe2\x82"},
                                    Case{kUtf8, "\xed\xa0\x80"}, Case{kBmp, "\x41"}, Case{kBmp, "\xd8\x3d"},
                                    Case{kUniversal, std::string{"\0\0\0", 3}}, Case{kUniversal, "\x7f\xff\xff\xff"}}) {
    const auto name = name_with(tag, octets);
    EXPECT_TRUE(!name || !name->front().well_formed) << to_hex(as_bytes(octets));
  }
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(NameFromDer, TellsAMultiValuedRdnFromTwoRdns) {
  const auto name = name_from_der(
      as_bytes(tlv(0x30, tlv(0x31, attribute(kUtf8, "a")) + tlv(0x31, attribute(kUtf8, "b") + attribute(kUtf8, "c")) +
                             tlv(0x31, attribute(kUtf8, "d")))));
  ASSERT_TRUE(name);
  ASSERT_EQ(name->size(), 4U);
  EXPECT_EQ((*name)[0].rdn, 0);
  EXPECT_EQ((*name)[1].rdn, 1);
  EXPECT_EQ((*name)[2].rdn, 1);
  EXPECT_EQ((*name)[3].rdn, 2);
  EXPECT_EQ(to_string(*name), "CN=a, CN=b + CN=c, CN=d");
}

TEST(NameFromDer, NamesAnUnknownTypeByItsOid) {
  const std::string oid{"\x06\x03\x2a\x03\x04", 5};
  const auto name = name_from_der(as_bytes(tlv(0x30, tlv(0x31, attribute(kUtf8, "x", oid)))));
  ASSERT_TRUE(name);
  EXPECT_EQ(name->front().type, "1.2.3.4");
}

TEST(NameFromDer, ReadsTheEmptyName) {
  const auto name = name_from_der(as_bytes(tlv(0x30, "")));
  ASSERT_TRUE(name);
  EXPECT_TRUE(name->empty());
}

TEST(NameFromDer, RejectsGarbageTruncationAndTrailingBytes) {
  const auto whole = tlv(0x30, tlv(0x31, attribute(kUtf8, "abc")));
  EXPECT_FALSE(name_from_der({}));
  EXPECT_FALSE(name_from_der(as_bytes("garbage")));
  EXPECT_FALSE(name_from_der(as_bytes(whole + "x")));
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(name_from_der(as_bytes(whole.substr(0, length))));
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(NameText, EscapesControlCharacters) {
  EXPECT_EQ(to_string(DistinguishedName{{"CN", std::string{"a\0\x1b[2J", 6}}}), "CN=a\\x00\\x1b[2J");
}

// Private keys

TEST(PrivateKey, RoundTripsThroughPem) {
  for (const auto& key : {*PrivateKey::generate_rsa(1024), *PrivateKey::generate_ec()}) {
    const auto pem = key.to_pem();
    EXPECT_THAT(pem, testing::StartsWith("-----BEGIN PRIVATE KEY-----\n"));
    const auto again = PrivateKey::from_pem(pem);
    ASSERT_TRUE(again) << again.error().what;
    EXPECT_EQ(again->to_pem(), pem);
    EXPECT_EQ(ERR_peek_error(), 0U);
  }
}

TEST(PrivateKey, ReadsTheTraditionalForm) {
  const auto key = *PrivateKey::generate_rsa(1024);
  const BioPtr bio{BIO_new(BIO_s_mem())};
  ASSERT_EQ(PEM_write_bio_PrivateKey_traditional(bio.get(), key.native(), nullptr, nullptr, 0, nullptr, nullptr), 1);
  char* data = nullptr;
  const auto length = static_cast<std::size_t>(BIO_get_mem_data(bio.get(), &data));
  const auto again = PrivateKey::from_pem({data, length});
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(again->to_pem(), key.to_pem());
}

TEST(PrivateKey, EncryptedIsRefusedWithoutAsking) {
  const auto key = *PrivateKey::generate_rsa(1024);
  char pass_phrase[] = "secret";
  const BioPtr bio{BIO_new(BIO_s_mem())};
  ASSERT_EQ(PEM_write_bio_PKCS8PrivateKey(bio.get(), key.native(), EVP_aes_128_cbc(), pass_phrase, 6, nullptr, nullptr),
            1);
  char* data = nullptr;
  const auto length = static_cast<std::size_t>(BIO_get_mem_data(bio.get(), &data));
  const auto again = PrivateKey::from_pem({data, length});
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().what, HasSubstr("encrypted with a pass phrase"));
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(PrivateKey, IsNotReadFromACertificateOrGarbage) {
  for (const auto pem : {std::string_view{""}, std::string_view{"garbage"}, kOldPhone})
    EXPECT_FALSE(PrivateKey::from_pem(pem));
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(PrivateKey, MatchesItsOwnCertificateOnly) {
  const auto key = *PrivateKey::generate_rsa(1024);
  EXPECT_TRUE(key.matches(self_signed({{"CN", "x"}}, key)));
  EXPECT_FALSE(key.matches(old_phone()));
  EXPECT_FALSE(PrivateKey::generate_ec()->matches(old_phone()));
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(PrivateKey, FileThatOthersCanReadIsRefused) {
  const TemporaryFile file{PrivateKey::generate_ec()->to_pem(), 0644};
  const auto& path = file.path();
  const auto key = PrivateKey::from_file(path);
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, Errc::denied);
  EXPECT_THAT(key.error().what, HasSubstr("chmod 600 " + path.string()));
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_TRUE(PrivateKey::from_file(path));
}

TEST(PrivateKey, FileErrorNamesTheFile) {
  const TemporaryFile file{"garbage", 0600};
  const auto key = PrivateKey::from_file(file.path());
  ASSERT_FALSE(key);
  EXPECT_THAT(key.error().what, HasSubstr(file.path().string()));
}

TEST(PrivateKey, OfNoSizeIsAnError) { EXPECT_FALSE(PrivateKey::generate_rsa(1)); }

TEST(Sha256, IsThatOfFips180) {
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

}  // namespace
}  // namespace firstring::crypto
