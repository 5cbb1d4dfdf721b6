#include "policy/access.hpp"

#include <fmt/format.h>

namespace firstring::policy {
namespace {

using Kind = device::CertificateIdentity::Kind;

Access deny(unsigned status, Reason reason, std::string sentence) {
  return {.allow = false,
          .status = status,
          .reason = reason,
          .sentence = std::move(sentence),
          .audience = std::nullopt,
          .is_stranger = false};
}

Access allow(Reason reason, Audience audience) {
  return {.allow = true, .status = 200, .reason = reason, .sentence = {}, .audience = audience, .is_stranger = false};
}

Access decide_profile(const MacAddress& requested, const Requester& requester, const FleetFacts& device) {
  if (!requester.tls)
    return deny(403, Reason::needs_tls, "This file is sent over TLS only, to the phone that it belongs to.");
  if (!requester.verdict.present)
    return deny(403, Reason::no_certificate,
                "This file is sent only to a phone that presents its maker's certificate.");
  if (!requester.verdict.accepted) {
    return deny(403, requester.verdict.reason(),
                fmt::format("Your certificate was not accepted: {}.", to_string(requester.verdict.reason())));
  }
  if (requester.identity.kind == Kind::generic) {
    return deny(403, Reason::generic_certificate,
                "Your certificate is one that many phones share: it does not say which phone you are.");
  }
  if (requester.identity.kind != Kind::device)
    return deny(403, Reason::unusable_certificate, "Your certificate does not name a phone.");
  if (requester.identity.best_assurance() < device::Assurance::certificate) {
    return deny(403, Reason::known_bad_certificate,
                "Your certificate was made in a way that does not prove which phone you are.");
  }
  if (requester.identity.mac == requested && requester.wire == Wire::quarantined) {
    return deny(403, Reason::quarantined,
                "Your connection uses SSL 3.0, RC4 or 3DES, which are too weak for this file: it contains passwords.");
  }
  const auto audience = Audience::bound(requester.verdict, requester.identity, requested, requester.wire);
  if (!audience) return deny(403, Reason::other_device, "Your certificate names another phone.");
  if (!device.is_known) {
    auto access = deny(404, Reason::unknown_device, "This phone has not been added here.");
    access.is_stranger = true;
    return access;
  }
  const auto* maker = requester.identity.maker;
  if (maker != nullptr && device.maker != nullptr && maker != device.maker)
    return deny(403, Reason::other_maker, "Your certificate was issued by another maker than this phone's.");
  switch (requester.refusal) {
    case WatchRefusal::none:
      break;
    case WatchRefusal::pin_mismatch:
      return deny(403, Reason::pin_mismatch, "This phone came with another certificate before.");
    case WatchRefusal::downgraded:
      return deny(403, Reason::downgraded, "This phone offered a newer TLS version before.");
  }
  return allow(Reason::bound, *audience);
}

}  // namespace

Access decide_file(const device::FileMatch& file, const Requester& requester, const FleetFacts& device) {
  switch (file.kind) {
    case device::FileKind::bootstrap:
      // The same for everybody, phone or not: what a model's first file says is on its maker's web page too.
      return allow(Reason::public_, Audience::anyone());
    case device::FileKind::profile:
      if (!file.mac) break;
      return decide_profile(*file.mac, requester, device);
  }
  return deny(404, Reason::no_such_file, "There is no such file.");
}

}  // namespace firstring::policy
