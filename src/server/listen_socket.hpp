#pragma once

#include <vector>

#include "base/file.hpp"
#include "base/ip_address.hpp"
#include "base/result.hpp"

namespace firstring::server {

/// Phones that come back all at once wait here, in the kernel, for each socket; it cuts it to net.core.somaxconn.
inline constexpr int kBacklog = 4096;

/// The sockets of one listener, one for each worker, that share an address by SO_REUSEPORT: the kernel spreads the
/// connections. Non-blocking, close-on-exec, listening from the moment they are handed over; what they accept
/// inherits TCP_NODELAY.
struct ListenSockets {
  Endpoint bound;  ///< the address with the port that the kernel gave, if 0 was asked for
  std::vector<FileDescriptor> sockets;
};

/// Binds but does not listen yet, so that a reload which fails later has taken nothing over. The error says what to do.
Result<ListenSockets> bind_listener(const Endpoint& address, std::size_t workers);
Result<void> begin_listening(const ListenSockets& sockets);

}  // namespace firstring::server
