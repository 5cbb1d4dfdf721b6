#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/mac_address.hpp"
#include "device/identity.hpp"
#include "device/model.hpp"
#include "policy/audience.hpp"
#include "policy/device_watch.hpp"
#include "tls/chain_verdict.hpp"

namespace firstring::policy {

/// What is known of the peer that asks. On a connection without TLS there is no verdict and no identity.
struct Requester {
  bool tls = false;
  Wire wire = Wire::sound;
  tls::ChainVerdict verdict;
  device::CertificateIdentity identity;       ///< of the leaf, believed only as far as the verdict goes
  WatchRefusal refusal = WatchRefusal::none;  ///< of the device that the certificate names
};

/// How sure we are who asks; `claims_mac`: the URL or the User-Agent names one.
device::Assurance assess(const Requester& requester, bool claims_mac);

/// A decision about one file, with its reason. Pure: the same question always gets the same answer.
struct Access {
  bool allow = false;
  unsigned status = 403;
  std::string_view reason;           ///< stable code for the ledger
  std::string sentence;              ///< for the peer: no more than it knows already
  std::optional<Audience> audience;  ///< set if allowed
  bool is_stranger =
      false;  ///< its certificate is good and names the device it asks for, but nobody entered that device
};

/// `device_known`: the device that `file` belongs to is entered. Binding: the MAC in the certificate equals the MAC in
/// the request, as whole values. Nobody without a good certificate learns whether a device exists.
Access decide_file(const device::FileMatch& file, const Requester& requester, bool device_known);

}  // namespace firstring::policy
