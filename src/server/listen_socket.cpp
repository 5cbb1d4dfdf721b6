#include "server/listen_socket.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace firstring::server {
namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress to_socket_address(const Endpoint& endpoint) {
  SocketAddress result;
  const auto& octets = endpoint.address.octets();
  if (endpoint.address.is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(result.storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    std::memcpy(&v4.sin_addr, octets.data() + 12, 4);
    result.length = sizeof v4;
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(result.storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    std::memcpy(&v6.sin6_addr, octets.data(), 16);
    result.length = sizeof v6;
  }
  return result;
}

Result<std::uint16_t> bound_port(int fd) {
  SocketAddress address;
  address.length = sizeof address.storage;
  if (::getsockname(fd, address.get(), &address.length) != 0) return fail(Errc::io, errno_text(errno));
  const bool is_v4 = address.storage.ss_family == AF_INET;
  return ntohs(is_v4 ? reinterpret_cast<sockaddr_in&>(address.storage).sin_port
                     : reinterpret_cast<sockaddr_in6&>(address.storage).sin6_port);
}

enum class Sharing : unsigned char { alone, with_siblings };

Result<FileDescriptor> bind_one(const Endpoint& endpoint, Sharing sharing) {
  auto address = to_socket_address(endpoint);
  const auto failed = [&](int error) {
    std::string remedy;
    if (error == EADDRINUSE)
      remedy = "; another program has this port (ss -ltnp shows which), or Firstring is already running";
    if (error == EACCES) remedy = "; ports below 1024 need root or the capability CAP_NET_BIND_SERVICE";
    if (error == EADDRNOTAVAIL) remedy = "; this machine has no such address (ip address shows which it has)";
    return fail(Errc::io, fmt::format("listen on {}: {}{}", endpoint.to_string(), errno_text(error), remedy));
  };
  FileDescriptor fd{::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!fd) return failed(errno);
  const int yes = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (sharing == Sharing::with_siblings) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
  // [::]:443 and 0.0.0.0:443 are two listeners, whatever the machine's default.
  if (!endpoint.address.is_v4()) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
  if (::bind(fd.get(), address.get(), address.length) != 0) return failed(errno);
  return fd;
}

}  // namespace

Result<ListenSockets> bind_listener(const Endpoint& address, std::size_t workers) {
  ListenSockets result{address, {}};
  if (address.port != 0) {
    // SO_REUSEPORT would let us join another Firstring's port without a word; binding once without it shows whether
    // somebody is there.
    FIRSTRING_TRY(const auto probe, bind_one(address, Sharing::alone));
    if (::listen(probe.get(), 1) != 0) {
      return fail(Errc::io, fmt::format("listen on {}: {}; another program has this port (ss -ltnp shows which)",
                                        address.to_string(), errno_text(errno)));
    }
  }
  for (std::size_t i = 0; i < workers; ++i) {
    FIRSTRING_TRY(auto fd, bind_one(result.bound, Sharing::with_siblings));
    FIRSTRING_TRY(result.bound.port, bound_port(fd.get()));
    result.sockets.push_back(std::move(fd));
  }
  return result;
}

Result<void> begin_listening(const ListenSockets& sockets) {
  for (const auto& fd : sockets.sockets) {
    if (::listen(fd.get(), kBacklog) != 0)
      return fail(Errc::io, fmt::format("listen on {}: {}", sockets.bound.to_string(), errno_text(errno)));
  }
  return {};
}

}  // namespace firstring::server
