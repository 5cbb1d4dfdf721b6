#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "crypto/certificate.hpp"

namespace firstring::crypto {

/// A certificate revocation list (RFC 5280 section 5) as a value, complete and of one CA. Copies share the parsed
/// OpenSSL object, which is not changed after it was read; any thread.
class Crl {
 public:
  /// Nothing may follow the list. Refuses what it cannot honour: a critical extension, as delta lists, partial lists
  /// and lists on behalf of other CAs have (RFC 5280 sections 5.2.4, 5.2.5).
  static Result<Crl> from_der(ByteView der);
  /// A file of PEM blocks, at least one, or one list in DER; at most kMaxFile bytes. The error names the file.
  static Result<std::vector<Crl>> from_file(const std::filesystem::path& path);
  static constexpr std::size_t kMaxFile = 64U << 20;  ///< about a million revoked certificates

  /// Whether `authority` signed this list; if so, the list is about what that authority issued from now on.
  bool bind(const Certificate& authority);
  /// Whether `issuer` is who it is bound to, by name and key.
  bool is_of(X509* issuer) const;

  /// When the certificate was revoked. Only for certificates that is_of's issuer issued; a binary search.
  std::optional<Timestamp> revoked_at(X509* certificate) const;

  std::string issuer_text() const;
  Timestamp this_update() const { return this_update_; }
  std::optional<Timestamp> next_update() const { return next_update_; }
  std::size_t size() const;  ///< how many certificates are revoked

 private:
  Crl() = default;

  std::shared_ptr<X509_CRL> crl_;
  std::optional<Certificate> authority_;
  Timestamp this_update_{};
  std::optional<Timestamp> next_update_;
};

}  // namespace firstring::crypto
