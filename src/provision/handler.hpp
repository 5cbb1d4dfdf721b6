#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "base/codes.hpp"
#include "base/mac_address.hpp"
#include "device/identity.hpp"
#include "device/known_bad.hpp"
#include "http/message.hpp"
#include "policy/requester.hpp"
#include "store/ledger_store.hpp"

namespace firstring::provision {

/// The answer to one request, with what the ledger must know about it.
struct Answer {
  http::Response response;
  bool allow = false;
  Reason reason = Reason::unknown;
  std::string problem;                  ///< for the server's log, where our own data is at fault; else empty
  std::optional<MacAddress> requested;  ///< the device that was asked for
  device::Assurance assurance = device::Assurance::none;
  const device::KnownBad* known_bad = nullptr;  ///< of a refusal: a fault of the maker's that may be behind it
  bool is_stranger = false;     ///< a good certificate of a device that has not been added: see FleetKeeper::meet
  std::string model, firmware;  ///< of who asks, if the request or the fleet tell: ConnectionRow's
};

/// A complete request, and what is known of who asks.
struct Inquiry {
  const http::Request& request;
  const policy::PeerFacts& peer;
  const store::ConnectionRow& row;  ///< as far as it is known by now
  /// Runs a step of the handler's on the thread of the connection, unless that has ended: for what another thread has
  /// found. Any thread.
  std::function<void(std::function<void()> step)> resume;
};

/// What answers the requests of one kind of listener. A connection knows nothing of what it serves but this.
class Handler {
 public:
  virtual ~Handler() = default;

  /// How many bytes of body this request may have, by its method and path; 0: none, whatever it announces, and handle()
  /// says why. Asked before a byte of the body is read.
  virtual std::size_t body_limit(const http::Request& request) const = 0;

  /// Calls `done` once: before it returns, or later from any thread. The inquiry lives until then; if the connection
  /// ends before, only `done` and `resume` may still be called, and do nothing. What blocks does not belong here.
  using Done = std::function<void(Answer)>;
  virtual void handle(const Inquiry& inquiry, Done done) = 0;
};

}  // namespace firstring::provision
