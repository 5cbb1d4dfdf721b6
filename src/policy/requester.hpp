#pragma once

#include <cstdint>
#include <string>

#include "device/identity.hpp"
#include "policy/audience.hpp"
#include "policy/device_watch.hpp"
#include "tls/chain_verdict.hpp"

namespace firstring::policy {

/// The facts that a connection has about its peer, without conclusions: those are requester_of's.
struct PeerFacts {
  bool tls = false;
  bool quarantined = false;                ///< firstring-quarantine speaks its TLS
  bool secrets_over_quarantine = false;    ///< [quarantine] secrets: the operator allows them that way
  bool handshake_finished = false;         ///< both Finished messages were exchanged
  tls::ChainVerdict verdict{};             ///< on the chain that the client sent
  device::CertificateIdentity identity{};  ///< that chain's leaf names
  std::string key{};                       ///< crypto::Certificate::key_fingerprint of the leaf, hexadecimal; "": none
  std::string ja3{};                       ///< of its hello, hello::without_session: what the client is known by
  std::uint16_t offered_version = 0;       ///< hello::ClientHello::highest_version; 0 if the hello does not tell
};

/// Who sends a connection's requests, as far as known. Without TLS there is no verdict and no identity.
struct Requester {
  bool tls = false;
  Wire wire = Wire::sound;
  tls::ChainVerdict verdict;
  device::CertificateIdentity identity;       ///< of the leaf, believed only as far as the verdict goes
  WatchRefusal refusal = WatchRefusal::none;  ///< of the device that the certificate names
};

/// The only way to make a Requester. Pure. `refusal`: the result of watch() for the device that the certificate names.
Requester requester_of(const PeerFacts& facts, WatchRefusal refusal = WatchRefusal::none);

/// How sure the server is who the requester is; `claims_mac`: the URL or the User-Agent names one.
device::Assurance assess(const Requester& requester, bool claims_mac);

}  // namespace firstring::policy
