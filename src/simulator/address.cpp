#include "simulator/address.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <memory>

#include "base/text.hpp"
#include "crypto/openssl.hpp"

namespace firstring::simulator {

Result<Server> parse_server(std::string_view text, std::uint16_t standard_port) {
  const auto bad = [&] {
    return fail(Errc::invalid_input, fmt::format("read the server '{}': not of the form host:port", printable(text)));
  };
  if (const auto endpoint = Endpoint::parse(text)) return Server{endpoint->address.to_string(), endpoint->port};
  if (const auto address = IpAddress::parse(text)) return Server{address->to_string(), standard_port};
  const auto colon = text.rfind(':');
  Server server{std::string{text.substr(0, colon)}, standard_port};
  if (colon != std::string_view::npos) {
    const auto port = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), server.port);
    if (error != std::errc{} || end != port.data() + port.size() || server.port == 0) return bad();
  }
  const auto allowed = [](char c) { return is_alphanumeric(c) || c == '.' || c == '-' || c == '_'; };
  if (server.host.empty() || !std::all_of(server.host.begin(), server.host.end(), allowed)) return bad();
  return server;
}

Result<std::vector<IpAddress>> resolve(const std::string& host) {
  if (auto address = IpAddress::parse(host)) return std::vector{*address};
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &raw); error != 0) {
    return fail(Errc::not_found, fmt::format("resolve {}: {}", printable(host), to_lower(::gai_strerror(error))));
  }
  const std::unique_ptr<addrinfo, crypto::Deleter<::freeaddrinfo>> found{raw};
  std::vector<IpAddress> addresses;
  for (const addrinfo* each = raw; each != nullptr; each = each->ai_next) {
    sockaddr_in address{};
    std::memcpy(&address, each->ai_addr, std::min<std::size_t>(sizeof address, each->ai_addrlen));
    std::array<std::uint8_t, 4> octets{};
    std::memcpy(octets.data(), &address.sin_addr, octets.size());
    addresses.push_back(IpAddress::from_v4(octets));
  }
  return addresses;
}

SocketAddress to_socket_address(const Endpoint& endpoint) {
  SocketAddress result;
  const auto& octets = endpoint.address.octets();
  if (endpoint.address.is_v4()) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    std::memcpy(&address.sin_addr, octets.data() + 12, 4);
    std::memcpy(&result.storage, &address, sizeof address);
    result.length = sizeof address;
  } else {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(endpoint.port);
    std::memcpy(&address.sin6_addr, octets.data(), 16);
    std::memcpy(&result.storage, &address, sizeof address);
    result.length = sizeof address;
  }
  return result;
}

}  // namespace firstring::simulator
