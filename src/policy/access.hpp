#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/codes.hpp"
#include "base/mac_address.hpp"
#include "device/model.hpp"
#include "policy/audience.hpp"
#include "policy/requester.hpp"

namespace firstring::policy {

/// A decision about one file, with its reason. Pure: the same question always gets the same answer.
struct Access {
  bool allow = false;
  unsigned status = 403;
  Reason reason = Reason::unknown;
  std::string sentence;              ///< for the peer: says no more than it knows already
  std::optional<Audience> audience;  ///< set if allowed
  /// Its certificate is good and names the device whose file it requests, but that device has not been added.
  bool is_stranger = false;
};

/// What the fleet knows of the device that a file belongs to.
struct FleetFacts {
  bool is_known = false;                 ///< it has been added
  const device::Maker* maker = nullptr;  ///< of its model; nullptr if its model is none that this program knows
};

/// Binding: the MAC in the certificate equals the MAC in the request, as whole values; and no maker's CA vouches for
/// another maker's phone. Nobody without a good certificate learns whether a device exists.
Access decide_file(const device::FileMatch& file, const Requester& requester, const FleetFacts& device);

}  // namespace firstring::policy
