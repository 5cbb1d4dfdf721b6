#pragma once

#include "crypto/secret_box.hpp"
#include "http/message.hpp"
#include "policy/access.hpp"
#include "provision/fleet_view.hpp"
#include "provision/handler.hpp"

namespace firstring::provision {

/// Decides and renders. Reads nothing but its arguments; any thread.
Answer answer(const http::Request& request, const policy::Requester& requester, const FleetView& fleet,
              const crypto::SecretBox& box);

}  // namespace firstring::provision
