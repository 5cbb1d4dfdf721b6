#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "crypto/openssl.hpp"

namespace firstring::crypto {

using Sha256 = std::array<std::uint8_t, 32>;
Sha256 sha256(ByteView bytes);

/// One attribute of a distinguished name, in the order of the DER. `rdn` numbers the RDN that it stands in, so that a
/// multi-valued RDN can be told from two RDNs.
struct NameAttribute {
  std::string type;   ///< OpenSSL's short name where it has one ("CN", "ST", "serialNumber", "emailAddress"), else the
                      ///< dotted OID
  std::string value;  ///< UTF-8; may hold NUL and any other character
  int rdn = 0;
  /// False if the octets are no valid string of their ASN.1 type; `value` is then the raw octets. PrintableString and
  /// its like may hold any ASCII: real certificates carry '@' and '_' there.
  bool well_formed = true;
};
using DistinguishedName = std::vector<NameAttribute>;

/// One line for people, most significant first: "C=US, O=Cisco Systems, Inc., CN=...". Never parse it: values hold
/// commas.
std::string to_string(const DistinguishedName& name);

enum class KeyType : unsigned char { rsa, ec, ed25519, dsa, other };
std::string_view to_string(KeyType type);

/// A certificate as a value. Copies share the parsed OpenSSL object, which is never changed.
class Certificate {
 public:
  /// Nothing may follow the certificate. A weak or unknown key or hash or a bad extension is no error (OpenSSL marks
  /// the last with EXFLAG_INVALID and refuses it in a chain): judging is tls::DeviceTrust's.
  static Result<Certificate> from_der(ByteView der);
  /// The first certificate of a PEM text.
  static Result<Certificate> from_pem(std::string_view pem);
  /// All certificates of a PEM text, at least one, in its order. Blocks of other kinds are passed over.
  static Result<std::vector<Certificate>> chain_from_pem(std::string_view pem);
  /// chain_from_pem of a file; the error names it.
  static Result<std::vector<Certificate>> chain_from_file(const std::filesystem::path& path);
  /// Takes a reference of its own.
  static Result<Certificate> from_x509(X509* x509);

  DistinguishedName subject() const;
  DistinguishedName issuer() const;
  std::string subject_text() const { return to_string(subject()); }
  std::string issuer_text() const { return to_string(issuer()); }
  Timestamp not_before() const;
  Timestamp not_after() const;
  KeyType key_type() const;
  unsigned key_bits() const;  ///< 0 if the key cannot be read
  /// "md5", "sha1", "sha256", ...; "unknown" if OpenSSL does not know it.
  std::string signature_hash() const;
  bool is_self_issued() const;
  /// Whether `issuer` signed it, by name and by signature. Dates and strength are not judged here.
  bool issued_by(const Certificate& issuer) const;
  /// SHA-256 of the DER.
  const Sha256& fingerprint() const { return fingerprint_; }
  std::string fingerprint_hex() const { return to_hex(fingerprint_); }
  /// SHA-256 of the DER of the SubjectPublicKeyInfo: stays when a certificate is renewed with its key (RFC 7469 2.4).
  Sha256 key_fingerprint() const;

  std::string to_pem() const;
  Bytes to_der() const;
  X509* native() const { return x509_.get(); }

 private:
  explicit Certificate(std::shared_ptr<X509> x509, const Sha256& fingerprint)
      : x509_(std::move(x509)), fingerprint_(fingerprint) {}

  std::shared_ptr<X509> x509_;
  Sha256 fingerprint_;
};

/// Reads a DER X.501 Name by itself, for fuzzing and for names that do not come in a certificate.
Result<DistinguishedName> name_from_der(ByteView der);

/// A private key. Copies share the OpenSSL object.
class PrivateKey {
 public:
  static Result<PrivateKey> generate_rsa(unsigned bits);
  /// On P-256.
  static Result<PrivateKey> generate_ec();
  /// PEM, PKCS#8 or traditional, not encrypted with a pass phrase.
  static Result<PrivateKey> from_pem(std::string_view pem);
  /// read_secret_file, then from_pem; the error names the file.
  static Result<PrivateKey> from_file(const std::filesystem::path& path);

  std::string to_pem() const;  ///< PKCS#8. A secret: write it with mode 0600 only.
  bool matches(const Certificate& certificate) const;
  EVP_PKEY* native() const { return key_.get(); }

 private:
  explicit PrivateKey(PkeyPtr key) : key_(std::move(key)) {}

  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace firstring::crypto
