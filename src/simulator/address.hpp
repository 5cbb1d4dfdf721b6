#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.hpp"
#include "base/result.hpp"

namespace firstring::simulator {

/// Where a phone goes: a host name, or an address without brackets, and a port.
struct Server {
  std::string host;
  std::uint16_t port;
};

/// Reads host:port, 192.0.2.1:443, [2001:db8::1]:443; without a port it is `standard_port`.
Result<Server> parse_server(std::string_view text, std::uint16_t standard_port);

/// The addresses of a host name, IPv4 only, as phones ask DNS (spa-phones.md 2.2); an address of either kind is itself.
Result<std::vector<IpAddress>> resolve(const std::string& host);

/// An endpoint in the form that the kernel takes.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};
SocketAddress to_socket_address(const Endpoint& endpoint);

}  // namespace firstring::simulator
