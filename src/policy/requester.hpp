#pragma once

#include <cstdint>
#include <string>

#include "device/identity.hpp"
#include "policy/audience.hpp"
#include "policy/device_watch.hpp"
#include "tls/chain_verdict.hpp"

namespace firstring::policy {

/// What a connection has shown of its peer. Facts alone: what follows from them is requester_of's to say.
struct PeerFacts {
  bool tls = false;
  bool quarantined = false;              ///< firstring-quarantine speaks its TLS
  bool secrets_over_quarantine = false;  ///< the operator lets secrets go that way: [quarantine] secrets
  bool handshake_finished = false;       ///< both Finished are there
  tls::ChainVerdict verdict;             ///< on the chain that the client sent
  device::CertificateIdentity identity;  ///< what that chain's leaf says of itself
  std::string key;                       ///< crypto::Certificate::key_fingerprint of the leaf, hexadecimal; "": none
  std::string ja3;                       ///< of its hello, hello::without_session: what the client is known by
  std::uint16_t offered_version = 0;     ///< hello::ClientHello::highest_version; 0 if the hello does not tell
};

/// Who asks, as far as it is known. On a connection without TLS there is no verdict and no identity.
struct Requester {
  bool tls = false;
  Wire wire = Wire::sound;
  tls::ChainVerdict verdict;
  device::CertificateIdentity identity;       ///< of the leaf, believed only as far as the verdict goes
  WatchRefusal refusal = WatchRefusal::none;  ///< of the device that the certificate names
};

/// The one way to a Requester. Pure. `refusal`: what the watch over the device that the certificate names has found.
Requester requester_of(const PeerFacts& facts, WatchRefusal refusal = WatchRefusal::none);

/// How sure we are who asks; `claims_mac`: the URL or the User-Agent names one.
device::Assurance assess(const Requester& requester, bool claims_mac);

}  // namespace firstring::policy
