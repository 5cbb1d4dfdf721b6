#pragma once

#include <optional>

#include "base/mac_address.hpp"
#include "device/identity.hpp"
#include "store/fleet.hpp"
#include "tls/chain_verdict.hpp"

namespace firstring::policy {

/// How well a connection is protected, whoever the peer is.
enum class Wire : unsigned char {
  sound,        ///< TLS that this process speaks
  quarantined,  ///< TLS of firstring-quarantine: neither the connection nor what it says about the peer can be trusted
  quarantined_but_allowed,  ///< the same, but the operator allows secrets ([quarantine] secrets)
};

/// Who a document is rendered for, and so which parameters it may contain. Only two ways lead to one that sees secrets:
/// a verified certificate that names the device (`bound`), and an operator with the state folder's key who asks for a
/// preview by name (`operator_preview`). Invariant 2 of the architecture rests on this class.
class Audience {
 public:
  /// Anybody at all: public parameters.
  static Audience anyone() { return Audience{device::Assurance::none}; }

  /// Somebody of an assurance below `certificate`; `certificate` asked for here counts as `generic`.
  static Audience unproven(device::Assurance assurance);

  /// The device itself: only if the chain was accepted, its subject names one device, that device is `requested`,
  /// the certificate can prove as much (device::KnownBad::assurance_at_most), and the wire may carry secrets.
  static std::optional<Audience> bound(const tls::ChainVerdict& verdict, const device::CertificateIdentity& identity,
                                       const MacAddress& requested, Wire wire);

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
