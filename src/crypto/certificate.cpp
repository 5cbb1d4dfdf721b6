#include "crypto/certificate.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "base/file.hpp"
#include "base/text.hpp"
#include "crypto/asn1.hpp"

namespace firstring::crypto {
namespace {

constexpr std::size_t kMaxChainFile = 1U << 20;

/// Forgets the errors raised while it lives: what OpenSSL leaves in the queue would be taken for the next call's.
class QuietErrors {
 public:
  QuietErrors() { ERR_set_mark(); }
  ~QuietErrors() { ERR_pop_to_mark(); }
  QuietErrors(const QuietErrors&) = delete;
  QuietErrors& operator=(const QuietErrors&) = delete;
};

tl::unexpected<Error> malformed(std::string_view doing) {
  return fail(Errc::invalid_input, fmt::format("{}: {}", doing, drain_errors()));
}

std::string attribute_type(const ASN1_OBJECT* object) {
  if (const int nid = OBJ_obj2nid(object); nid != NID_undef) return OBJ_nid2sn(nid);
  const int length = OBJ_obj2txt(nullptr, 0, object, 1);
  if (length <= 0) return "unknown";
  std::string text(static_cast<std::size_t>(length) + 1, '\0');
  OBJ_obj2txt(text.data(), static_cast<int>(text.size()), object, 1);
  text.pop_back();
  return text;
}

/// These types hold ASCII. OpenSSL reads their octets as Latin-1, so that octets above 0x7f would pass as letters.
bool is_ascii_type(int type) {
  return type == V_ASN1_PRINTABLESTRING || type == V_ASN1_IA5STRING || type == V_ASN1_NUMERICSTRING ||
         type == V_ASN1_VISIBLESTRING;
}

NameAttribute to_attribute(const X509_NAME_ENTRY* entry) {
  const ASN1_STRING* data = X509_NAME_ENTRY_get_data(entry);
  const std::string_view octets{reinterpret_cast<const char*>(ASN1_STRING_get0_data(data)),
                                static_cast<std::size_t>(ASN1_STRING_length(data))};
  NameAttribute attribute{attribute_type(X509_NAME_ENTRY_get_object(entry)), std::string{octets},
                          X509_NAME_ENTRY_set(entry), false};
  if (is_ascii_type(ASN1_STRING_type(data)) &&
      std::any_of(octets.begin(), octets.end(), [](char c) { return static_cast<unsigned char>(c) > 0x7f; })) {
    return attribute;
  }
  unsigned char* utf8 = nullptr;
  const int length = ASN1_STRING_to_UTF8(&utf8, data);
  if (length < 0) return attribute;
  attribute.value.assign(reinterpret_cast<char*>(utf8), static_cast<std::size_t>(length));
  attribute.well_formed = true;
  OPENSSL_free(utf8);
  return attribute;
}

std::string take_text(BIO* bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(length)};
}

/// The certificates of a PEM text up to `limit`.
Result<std::vector<Certificate>> read_certificates(std::string_view pem, std::size_t limit) {
  FIRSTRING_TRY(const auto blocks, read_pem(pem, {PEM_STRING_X509, PEM_STRING_X509_OLD}, limit));
  std::vector<Certificate> certificates;
  for (const auto& der : blocks) {
    auto certificate = Certificate::from_der(der);
    if (!certificate)
      return fail(std::move(certificate).error().while_(fmt::format("certificate {}", certificates.size() + 1)));
    certificates.push_back(*std::move(certificate));
  }
  if (certificates.empty()) {
    return fail(Errc::invalid_input,
                fmt::format("read PEM: there is no certificate in it; {}",
                            pem.starts_with("\x30\x82") ? "it looks like DER, convert it with: openssl x509 -inform der"
                                                        : "it must hold a block that begins with "
                                                          "-----BEGIN CERTIFICATE-----"));
  }
  return certificates;
}

}  // namespace

DistinguishedName to_name(const X509_NAME* name) {
  const QuietErrors quiet;
  DistinguishedName result;
  const int count = X509_NAME_entry_count(name);
  result.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) result.push_back(to_attribute(X509_NAME_get_entry(name, i)));
  return result;
}

Result<Timestamp> to_timestamp(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return malformed("read the validity");
  const std::chrono::year_month_day date{std::chrono::year{parts.tm_year + 1900},
                                         std::chrono::month{static_cast<unsigned>(parts.tm_mon + 1)},
                                         std::chrono::day{static_cast<unsigned>(parts.tm_mday)}};
  return Timestamp{std::chrono::sys_days{date}} + std::chrono::hours{parts.tm_hour} +
         std::chrono::minutes{parts.tm_min} + std::chrono::seconds{parts.tm_sec};
}

Result<std::vector<Bytes>> read_pem(std::string_view pem, std::initializer_list<std::string_view> kinds,
                                    std::size_t limit) {
  std::vector<Bytes> blocks;
  if (pem.size() > INT_MAX) return fail(Errc::limit_exceeded, "read PEM: too large");
  const BioPtr bio{BIO_new_mem_buf(pem.empty() ? "" : pem.data(), static_cast<int>(pem.size()))};
  if (!bio) return openssl_failure("read PEM");
  while (blocks.size() < limit) {
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long length = 0;
    if (PEM_read_bio(bio.get(), &name, &header, &data, &length) != 1) {
      const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
      const auto errors = drain_errors();
      if (at_end) break;
      return fail(Errc::invalid_input, fmt::format("read PEM: {}", errors));
    }
    if (std::find(kinds.begin(), kinds.end(), std::string_view{name}) != kinds.end())
      blocks.emplace_back(data, data + length);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, static_cast<std::size_t>(length));  // it may have been a key
  }
  return blocks;
}

Sha256 sha256(ByteView bytes) {
  // Fetched once and never freed, as the library context is.
  static EVP_MD* const digest = EVP_MD_fetch(library(), "SHA2-256", nullptr);
  Sha256 result{};
  if (digest == nullptr || EVP_Digest(bytes.data(), bytes.size(), result.data(), nullptr, digest, nullptr) != 1) {
    fmt::print(stderr, "compute SHA-256: {}\n", drain_errors());
    std::abort();
  }
  return result;
}

std::string to_string(const DistinguishedName& name) {
  std::string text;
  int rdn = -1;
  for (const auto& attribute : name) {
    if (!text.empty()) text += attribute.rdn == rdn ? " + " : ", ";
    text += fmt::format("{}={}", attribute.type, printable(attribute.value));
    rdn = attribute.rdn;
  }
  return text;
}

std::string_view to_string(KeyType type) {
  switch (type) {
    case KeyType::rsa:
      return "rsa";
    case KeyType::ec:
      return "ec";
    case KeyType::ed25519:
      return "ed25519";
    case KeyType::dsa:
      return "dsa";
    case KeyType::other:
      break;
  }
  return "other";
}

Result<Certificate> Certificate::from_der(ByteView der) {
  constexpr std::string_view kDoing = "read certificate";
  if (der.size() > LONG_MAX) return fail(Errc::limit_exceeded, "read certificate: too large");
  X509* parsed = X509_new_ex(library(), nullptr);
  if (parsed == nullptr) return openssl_failure(kDoing);
  const unsigned char* position = der.data();
  const bool read = d2i_X509(&parsed, &position, static_cast<long>(der.size())) != nullptr;
  // Where the DER is bad d2i_X509 has freed and cleared it, where an extension is bad it has not.
  const X509Ptr x509{parsed};
  if (!read) return malformed(kDoing);
  if (position != der.data() + der.size()) {
    return fail(Errc::invalid_input,
                fmt::format("{}: {} bytes follow its end", kDoing, der.data() + der.size() - position));
  }
  return from_x509(x509.get());
}

Result<Certificate> Certificate::from_pem(std::string_view pem) {
  FIRSTRING_TRY(auto certificates, read_certificates(pem, 1));
  return std::move(certificates.front());
}

Result<std::vector<Certificate>> Certificate::chain_from_pem(std::string_view pem) {
  return read_certificates(pem, SIZE_MAX);
}

Result<std::vector<Certificate>> Certificate::chain_from_file(const std::filesystem::path& path) {
  FIRSTRING_TRY(const auto pem, read_file(path, kMaxChainFile));
  auto chain = chain_from_pem(pem);
  if (!chain) return fail(std::move(chain).error().while_(path.string()));
  return chain;
}

Result<Certificate> Certificate::from_x509(X509* x509) {
  if (x509 == nullptr) return fail(Errc::invalid_input, "read certificate: there is none");
  // Checked here, so that not_before() and not_after() cannot fail.
  FIRSTRING_TRY([[maybe_unused]] const auto begin, to_timestamp(X509_get0_notBefore(x509)));
  FIRSTRING_TRY([[maybe_unused]] const auto end, to_timestamp(X509_get0_notAfter(x509)));
  X509_up_ref(x509);
  Certificate certificate{std::shared_ptr<X509>{X509Ptr{x509}}, Sha256{}};
  const auto der = certificate.to_der();
  if (der.empty()) return openssl_failure("read certificate");
  certificate.fingerprint_ = sha256(der);
  return certificate;
}

DistinguishedName Certificate::subject() const { return to_name(X509_get_subject_name(x509_.get())); }
DistinguishedName Certificate::issuer() const { return to_name(X509_get_issuer_name(x509_.get())); }
Timestamp Certificate::not_before() const { return *to_timestamp(X509_get0_notBefore(x509_.get())); }
Timestamp Certificate::not_after() const { return *to_timestamp(X509_get0_notAfter(x509_.get())); }

KeyType Certificate::key_type() const {
  const QuietErrors quiet;
  const EVP_PKEY* key = X509_get0_pubkey(x509_.get());
  if (key == nullptr) return KeyType::other;
  if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS")) return KeyType::rsa;
  if (EVP_PKEY_is_a(key, "EC")) return KeyType::ec;
  if (EVP_PKEY_is_a(key, "ED25519")) return KeyType::ed25519;
  if (EVP_PKEY_is_a(key, "DSA")) return KeyType::dsa;
  return KeyType::other;
}

unsigned Certificate::key_bits() const {
  const QuietErrors quiet;
  const EVP_PKEY* key = X509_get0_pubkey(x509_.get());
  return key == nullptr ? 0 : static_cast<unsigned>(std::max(0, EVP_PKEY_get_bits(key)));
}

std::string Certificate::signature_hash() const {
  const QuietErrors quiet;
  int hash = NID_undef;
  int key = NID_undef;
  X509_get_signature_info(x509_.get(), &hash, &key, nullptr, nullptr);
  if (hash != NID_undef) return to_lower(OBJ_nid2sn(hash));
  // Ed25519 names no hash of its own: SHA-512 is part of it (RFC 8032 section 5.1).
  return key == NID_ED25519 ? "sha512" : "unknown";
}

bool Certificate::is_self_issued() const {
  return X509_NAME_cmp(X509_get_subject_name(x509_.get()), X509_get_issuer_name(x509_.get())) == 0;
}

Sha256 Certificate::key_fingerprint() const {
  unsigned char* encoded = nullptr;
  const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509_.get()), &encoded);
  // It was read as a part of the certificate, so it can be written again.
  if (length < 0) std::abort();
  const auto hash = sha256({encoded, static_cast<std::size_t>(length)});
  OPENSSL_free(encoded);
  return hash;
}

bool Certificate::issued_by(const Certificate& issuer) const {
  const QuietErrors quiet;
  return X509_check_issued(issuer.native(), x509_.get()) == X509_V_OK &&
         X509_verify(x509_.get(), X509_get0_pubkey(issuer.native())) == 1;
}

std::string Certificate::to_pem() const {
  const BioPtr bio{BIO_new(BIO_s_mem())};
  if (!bio || PEM_write_bio_X509(bio.get(), x509_.get()) != 1) {
    ERR_clear_error();
    return {};
  }
  return take_text(bio.get());
}

Bytes Certificate::to_der() const {
  unsigned char* encoded = nullptr;
  const int length = i2d_X509(x509_.get(), &encoded);
  if (length < 0) return {};
  Bytes der(encoded, encoded + length);
  OPENSSL_free(encoded);
  return der;
}

Result<DistinguishedName> name_from_der(ByteView der) {
  constexpr std::string_view kDoing = "read name";
  library();
  if (der.size() > LONG_MAX) return fail(Errc::limit_exceeded, "read name: too large");
  const unsigned char* position = der.data();
  const X509NamePtr name{d2i_X509_NAME(nullptr, &position, static_cast<long>(der.size()))};
  if (!name) return malformed(kDoing);
  if (position != der.data() + der.size()) {
    return fail(Errc::invalid_input,
                fmt::format("{}: {} bytes follow its end", kDoing, der.data() + der.size() - position));
  }
  return to_name(name.get());
}

Result<PrivateKey> PrivateKey::generate_rsa(unsigned bits) {
  PkeyPtr key{EVP_PKEY_Q_keygen(library(), nullptr, "RSA", std::size_t{bits})};
  if (!key) return openssl_failure(fmt::format("make an RSA key of {} bits", bits));
  return PrivateKey{std::move(key)};
}

Result<PrivateKey> PrivateKey::generate_ec() {
  PkeyPtr key{EVP_PKEY_Q_keygen(library(), nullptr, "EC", "P-256")};
  if (!key) return openssl_failure("make an EC key");
  return PrivateKey{std::move(key)};
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
  if (pem.size() > INT_MAX) return fail(Errc::limit_exceeded, "read private key: too large");
  const BioPtr bio{BIO_new_mem_buf(pem.empty() ? "" : pem.data(), static_cast<int>(pem.size()))};
  if (!bio) return openssl_failure("read private key");
  bool asked = false;
  // Without a callback of ours OpenSSL would ask at the terminal, and a server would wait there.
  const auto refuse = [](char*, int, int, void* was_asked) {
    *static_cast<bool*>(was_asked) = true;
    return -1;
  };
  PkeyPtr key{PEM_read_bio_PrivateKey_ex(bio.get(), nullptr, refuse, &asked, library(), nullptr)};
  if (key) return PrivateKey{std::move(key)};
  const auto errors = drain_errors();
  if (asked) {
    return fail(
        Errc::invalid_input,
        "read private key: it is encrypted with a pass phrase; write it without one: openssl pkey -in OLD -out NEW");
  }
  return fail(Errc::invalid_input, fmt::format("read private key: there is none in PEM form ({})", errors));
}

Result<PrivateKey> PrivateKey::from_file(const std::filesystem::path& path) {
  FIRSTRING_TRY(const auto pem, read_secret_file(path));
  auto key = from_pem(pem.reveal());
  if (!key) return fail(std::move(key).error().while_(path.string()));
  return key;
}

std::string PrivateKey::to_pem() const {
  const BioPtr bio{BIO_new(BIO_s_mem())};
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    ERR_clear_error();
    return {};
  }
  return take_text(bio.get());
}

bool PrivateKey::matches(const Certificate& certificate) const {
  const QuietErrors quiet;
  return X509_check_private_key(certificate.native(), key_.get()) == 1;
}

}  // namespace firstring::crypto
