#include "policy/requester.hpp"

#include <algorithm>

namespace firstring::policy {

Requester requester_of(const PeerFacts& facts, WatchRefusal refusal) {
  Requester requester{
      .tls = facts.tls, .wire = Wire::sound, .verdict = facts.verdict, .identity = facts.identity, .refusal = refusal};
  if (facts.quarantined)
    requester.wire = facts.secrets_over_quarantine ? Wire::quarantined_but_allowed : Wire::quarantined;
  // A handshake that did not finish proved nothing: its certificate may be somebody else's.
  if (!facts.handshake_finished) requester.verdict.accepted = false;
  return requester;
}

device::Assurance assess(const Requester& requester, bool claims_mac) {
  auto proven = requester.verdict.accepted ? requester.identity.best_assurance() : device::Assurance::none;
  // What the quarantine says of a certificate is no more than a claim to us.
  if (requester.wire == Wire::quarantined) proven = std::min(proven, device::Assurance::claimed);
  return std::max(proven, claims_mac ? device::Assurance::claimed : device::Assurance::none);
}

}  // namespace firstring::policy
