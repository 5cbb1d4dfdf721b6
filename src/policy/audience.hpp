#pragma once

#include <optional>

#include "base/mac_address.hpp"
#include "device/identity.hpp"
#include "store/fleet.hpp"
#include "tls/chain_verdict.hpp"

namespace firstring::policy {

/// Who a document is rendered for, and so which parameters may stand in it. There is no way to one that sees secrets
/// but for a verified certificate that names the device (`bound`), or an operator who holds the state folder's key and
/// asks for a preview by name. Invariant 2 of the architecture rests on this class.
class Audience {
 public:
  /// Anybody at all: public parameters.
  static Audience anyone() { return Audience{device::Assurance::none}; }

  /// Somebody of an assurance below `certificate`; `certificate` asked for here counts as `generic`.
  static Audience unproven(device::Assurance assurance);

  /// The device itself: only if the chain was accepted, its subject names one device, that device is `requested`,
  /// and the certificate can prove as much (device::KnownBad::assurance_at_most).
  static std::optional<Audience> bound(const tls::ChainVerdict& verdict, const device::CertificateIdentity& identity,
                                       const MacAddress& requested);

  /// What the operator's `firstring render --as` shows on the machine that holds the secrets anyway.
  static Audience operator_preview(device::Assurance assurance) { return Audience{assurance}; }

  /// public: anybody; tenant: a maker's certificate at least (`generic`); secret: the device itself.
  bool may_see(store::ParameterClass parameter_class) const;
  device::Assurance assurance() const { return assurance_; }

 private:
  explicit Audience(device::Assurance assurance) : assurance_(assurance) {}

  device::Assurance assurance_;
};

}  // namespace firstring::policy
