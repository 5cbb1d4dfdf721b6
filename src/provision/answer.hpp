#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/secret_box.hpp"
#include "device/known_bad.hpp"
#include "http/message.hpp"
#include "policy/access.hpp"
#include "provision/fleet_view.hpp"

namespace firstring::provision {

/// The answer to one request, with what the ledger must know about it.
struct Answer {
  http::Response response;
  bool allow = false;
  std::string_view reason;              ///< stable code
  std::string problem;                  ///< for the server's log, where our own data is at fault; else empty
  std::optional<MacAddress> requested;  ///< the device that was asked for
  device::Assurance assurance = device::Assurance::none;
  const device::KnownBad* known_bad = nullptr;  ///< of a refusal: a fault of the maker's that may be behind it
  bool is_stranger = false;  ///< a good certificate of a device that nobody entered: see FleetKeeper::meet
};

/// How many bytes of body this request may have, by its method and route; 0: none, whatever it announces, and answer()
/// says why. Asked before a byte of the body is read. Today no route takes one.
std::size_t body_limit(const http::Request& request);

/// Decides and renders. Reads nothing but its arguments; any thread.
Answer answer(const http::Request& request, const policy::Requester& requester, const FleetView& fleet,
              const crypto::SecretBox& box);

}  // namespace firstring::provision
