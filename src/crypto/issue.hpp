#pragma once

#include <string>
#include <vector>

#include "crypto/certificate.hpp"

namespace firstring::crypto {

enum class Hash : unsigned char { md5, sha1, sha256 };

/// What a new certificate says. Used for the demonstration PKI of `firstring init --demo` and by tests: production
/// certificates come from the phones' maker and from the operator's CA.
struct CertificateRequest {
  DistinguishedName subject;
  Timestamp not_before;
  Timestamp not_after;
  Hash hash = Hash::sha256;
  bool is_ca = false;
  std::vector<std::string> dns_names;     ///< subjectAltName
  std::vector<std::string> ip_addresses;  ///< subjectAltName
  std::string extended_key_usage;         ///< OpenSSL's names, "clientAuth" or "serverAuth"; empty leaves the extension out
};

struct Issued {
  Certificate certificate;
  PrivateKey key;
};

/// `key` becomes the certificate's key; signed by `issuer`, or by itself if `issuer` is nullptr.
Result<Certificate> issue(const CertificateRequest& request, const PrivateKey& key, const Issued* issuer);

}  // namespace firstring::crypto
