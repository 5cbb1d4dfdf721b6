#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/mac_address.hpp"
#include "crypto/certificate.hpp"
#include "vendor/claims.hpp"

namespace firstring::vendor {

/// What one phone puts in for its macros.
struct PhoneFacts {
  MacAddress mac;
  std::string_view product, psn, serial, version;
  bool has_certificate = false;
};

/// What data cannot say of a maker: its own functions, chosen by name (`code` in maker.toml). A maker needs none of it
/// if its subjects and User-Agents can be written as patterns (vendor/pattern.hpp). Pure functions on strangers' bytes.
struct Code {
  std::string_view name;

  Subject (*read_subject)(const crypto::DistinguishedName& subject);
  std::optional<UserAgent> (*read_user_agent)(std::string_view text);
  /// The macros that phones expand in rules and paths.
  std::string (*expand_macros)(std::string_view text, const PhoneFacts& phone);
};

}  // namespace firstring::vendor
