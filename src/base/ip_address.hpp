#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace firstring {

/// An IPv4 or IPv6 address. IPv4-mapped IPv6 (::ffff:192.0.2.1) is held as the IPv4 address that it means.
class IpAddress {
 public:
  IpAddress() = default;  ///< ::
  /// Without brackets, port or zone.
  static Result<IpAddress> parse(std::string_view text);
  static IpAddress from_v4(const std::array<std::uint8_t, 4>& octets);
  static IpAddress from_v6(const std::array<std::uint8_t, 16>& octets);

  bool is_v4() const;
  std::string to_string() const;
  /// 16 octets, IPv4 in its mapped form.
  const std::array<std::uint8_t, 16>& octets() const { return octets_; }

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  std::array<std::uint8_t, 16> octets_{};
};

/// An address and a port, as listeners are written: 192.0.2.1:443, [2001:db8::1]:443, [::]:443.
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  static Result<Endpoint> parse(std::string_view text);
  std::string to_string() const;

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

/// A network: 192.0.2.0/24, 2001:db8::/32, or a single address.
struct Prefix {
  IpAddress address;
  unsigned length = 128;  ///< over the 16 octets, so an IPv4 /24 is 120

  static Result<Prefix> parse(std::string_view text);
  bool contains(const IpAddress& other) const;
  std::string to_string() const;
};

/// Whether nobody on the internet can send to it: loopback, link-local, and what RFC 1918, RFC 6598 (carriers' NAT) and
/// RFC 4193 set aside. 0.0.0.0 and :: are not: to listen on them is to listen on every address.
bool is_internal(const IpAddress& address);

}  // namespace firstring
