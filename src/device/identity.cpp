#include "device/identity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "device/known_bad.hpp"
#include "device/model.hpp"

namespace firstring::device {
namespace {

constexpr std::array<std::string_view, 4> kAssurances{"none", "claimed", "generic", "certificate"};

CertificateIdentity unusable(std::string problem) {
  CertificateIdentity identity;
  identity.problem = std::move(problem);
  return identity;
}

}  // namespace

std::string_view to_string(Assurance assurance) { return kAssurances.at(static_cast<std::size_t>(assurance)); }

std::optional<Assurance> parse_assurance(std::string_view text) {
  const auto found = std::find(kAssurances.begin(), kAssurances.end(), text);
  if (found == kAssurances.end()) return std::nullopt;
  return static_cast<Assurance>(found - kAssurances.begin());
}

CertificateIdentity identify(const crypto::DistinguishedName& subject, const crypto::DistinguishedName& issuer) {
  const auto* maker = Catalogue::shipped().maker_of_issuer(issuer);
  if (maker == nullptr) return unusable("its issuer is none whose certificates can be read");
  auto read = maker->read_subject(subject);
  if (!read.problem.empty()) return unusable(std::move(read.problem));

  CertificateIdentity identity;
  if (!maker->issuers.empty()) identity.maker = maker;
  identity.mac = read.mac;
  identity.product = std::move(read.product);
  for (const auto& mark : read.marks) {
    if (identity.known_bad == nullptr) identity.known_bad = find_known_bad_subject(mark);
  }
  if (identity.known_bad != nullptr && identity.known_bad->certificate == KnownBad::Certificate::shared) {
    if (identity.mac)
      return unusable(fmt::format("it is the generic certificate and yet names {}", identity.mac->bare()));
    identity.kind = CertificateIdentity::Kind::generic;
    return identity;
  }
  if (!identity.mac) return unusable(std::move(read.nameless));
  identity.kind = CertificateIdentity::Kind::device;
  identity.serial = std::move(read.serial);
  if (identity.known_bad == nullptr) identity.known_bad = find_known_bad(identity.product, identity.serial);
  return identity;
}

Assurance CertificateIdentity::best_assurance() const {
  const auto by_kind = kind == Kind::device    ? Assurance::certificate
                       : kind == Kind::generic ? Assurance::generic
                                               : Assurance::none;
  return known_bad == nullptr ? by_kind : std::min(by_kind, known_bad->assurance_at_most);
}

}  // namespace firstring::device
