#pragma once

#include "crypto/secret_box.hpp"
#include "http/message.hpp"
#include "policy/access.hpp"
#include "provision/fleet_view.hpp"
#include "provision/handler.hpp"

namespace firstring::provision {

/// What a request says of what it wants and of its sender. Of the sender, claims: identity is the certificate's.
struct Claims {
  std::optional<device::FileMatch> file;    ///< by its path; nullopt for a file that no model asks for
  std::optional<device::UserAgent> sender;  ///< by its User-Agent
};
Claims claims_of(const http::Request& request);

/// Decides and renders. `claims`: those of the request. Reads nothing but its arguments; any thread.
Answer answer(const http::Request& request, const Claims& claims, const policy::Requester& requester,
              const FleetView& fleet, const crypto::SecretBox& box);

}  // namespace firstring::provision
