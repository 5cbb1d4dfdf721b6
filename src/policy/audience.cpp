#include "policy/audience.hpp"

#include <algorithm>

namespace firstring::policy {

Audience Audience::unproven(device::Assurance assurance) {
  return Audience{std::min(assurance, device::Assurance::generic)};
}

std::optional<Audience> Audience::bound(const tls::ChainVerdict& verdict, const device::CertificateIdentity& identity,
                                        const MacAddress& requested, Wire wire) {
  if (wire == Wire::quarantined) return std::nullopt;
  if (!verdict.present || !verdict.accepted) return std::nullopt;
  if (identity.kind != device::CertificateIdentity::Kind::device || identity.mac != requested) return std::nullopt;
  if (identity.best_assurance() < device::Assurance::certificate) return std::nullopt;
  return Audience{device::Assurance::certificate};
}

bool Audience::may_see(store::ParameterClass parameter_class) const {
  switch (parameter_class) {
    case store::ParameterClass::public_:
      return true;
    case store::ParameterClass::tenant:
      return assurance_ >= device::Assurance::generic;
    case store::ParameterClass::secret:
      return assurance_ == device::Assurance::certificate;
  }
  return false;
}

}  // namespace firstring::policy
