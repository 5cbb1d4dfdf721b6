#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/certificate.hpp"
#include "vendor/claims.hpp"
#include "vendor/code.hpp"
#include "vendor/pattern.hpp"

namespace firstring::device {

/// A maker of phones: one data/vendors/<folder>/maker.toml, which explains the keys.
struct Maker {
  std::string folder;                  ///< "cisco"
  std::string name;                    ///< "Cisco"
  const vendor::Code* code = nullptr;  ///< for what patterns cannot say; nullptr: the patterns below say it all
  std::vector<std::string> issuers;    ///< CN of the CAs that sign its phones' certificates; empty: see maker_of_issuer
  std::vector<std::pair<std::string, vendor::Pattern>> subjects;  ///< attribute ("CN") and its form, with {mac}
  std::vector<vendor::Pattern> user_agents;                       ///< tried in this order

  /// As this maker writes subjects. Where two of `subjects` fit, they must name one MAC address.
  vendor::Subject read_subject(const crypto::DistinguishedName& subject) const;
  std::optional<vendor::UserAgent> read_user_agent(std::string_view text) const;
};

}  // namespace firstring::device
