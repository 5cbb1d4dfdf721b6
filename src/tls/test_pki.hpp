#pragma once

#include <chrono>
#include <string>

#include "crypto/issue.hpp"
#include "tls/context.hpp"

namespace firstring::tls::testing {

inline Timestamp in_days(int days) { return now() + std::chrono::days{days}; }

/// Certificates for tests, made in memory. Every member may be changed before `make`.
struct Recipe {
  std::string name{};
  unsigned rsa_bits = 1024;
  crypto::Hash hash = crypto::Hash::sha1;
  bool is_ca = false;
  std::string purpose{};
  Timestamp not_before = in_days(-10), not_after = in_days(10);

  crypto::Issued make(const crypto::Issued* issuer) const {
    auto key = *crypto::PrivateKey::generate_rsa(rsa_bits);
    crypto::CertificateRequest request;
    request.subject = {{"CN", name, 0, true}};
    request.not_before = not_before;
    request.not_after = not_after;
    request.hash = hash;
    request.is_ca = is_ca;
    request.extended_key_usage = purpose;
    auto certificate = *crypto::issue(request, key, issuer);
    return {std::move(certificate), std::move(key)};
  }
};

inline crypto::Issued make_ca(const std::string& name, const crypto::Issued* issuer = nullptr) {
  return Recipe{.name = name, .is_ca = true}.make(issuer);
}
inline crypto::Issued make_leaf(const std::string& name, const crypto::Issued& issuer) {
  return Recipe{.name = name}.make(&issuer);
}

/// A maker's CA that takes what old phones have.
inline DeviceCa lenient(std::string name, std::vector<crypto::Certificate> roots) {
  return {.name = std::move(name),
          .roots = std::move(roots),
          .intermediates = {},
          .min_rsa_bits = 1024,
          .weak_hashes = {"sha1"},
          .expired_accepted_before = Timestamp::min(),
          .crls = {}};
}

}  // namespace firstring::tls::testing
