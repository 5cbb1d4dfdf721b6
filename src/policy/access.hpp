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
  std::string sentence;              ///< for the peer: no more than it knows already
  std::optional<Audience> audience;  ///< set if allowed
  bool is_stranger =
      false;  ///< its certificate is good and names the device it asks for, but nobody entered that device
};

/// `device_known`: the device that `file` belongs to is entered. Binding: the MAC in the certificate equals the MAC in
/// the request, as whole values. Nobody without a good certificate learns whether a device exists.
Access decide_file(const device::FileMatch& file, const Requester& requester, bool device_known);

}  // namespace firstring::policy
