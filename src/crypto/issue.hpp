#pragma once

#include <string>
#include <vector>

#include "crypto/certificate.hpp"

namespace firstring::crypto {

enum class Hash : unsigned char { md5, sha1, sha256 };

/// What a new certificate says. Used for the demonstration PKI of `firstring init --demo` and by tests: production
/// certificates come from the phones' maker and from the operator's CA.
struct CertificateRequest {
  /// Neighbours with the same `rdn` above 0 share an RDN; with 0, the default, each attribute has its own.
  /// Values become the type that OpenSSL gives the attribute, mostly UTF8String, within the limits of RFC 5280 appendix
  /// A.
  DistinguishedName subject{};
  Timestamp not_before{};
  Timestamp not_after{};  ///< may lie before now, or before not_before: tests need such certificates
  Hash hash = Hash::sha256;
  bool is_ca = false;
  std::vector<std::string> dns_names{};     ///< subjectAltName
  std::vector<std::string> ip_addresses{};  ///< subjectAltName
  std::string extended_key_usage{};  ///< OpenSSL's names, "clientAuth" or "serverAuth"; empty leaves the extension out
};

struct Issued {
  Certificate certificate;
  PrivateKey key;
};

/// `key` becomes the certificate's key; signed by `issuer`, or by itself if `issuer` is nullptr. X.509 v3 with
/// basicConstraints, keyUsage, key identifiers and a random serial number of 127 bits. That the issuer's key belongs to
/// its certificate is not checked: tests forge with it. Errors: invalid_input for a name that cannot stand in a
/// subjectAltName, crypto for what OpenSSL refuses (an unknown attribute type, a value too long for its type).
Result<Certificate> issue(const CertificateRequest& request, const PrivateKey& key, const Issued* issuer);

}  // namespace firstring::crypto
