#include "base/ip_address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace firstring {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool parse_number(std::string_view text, unsigned limit, unsigned& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && value <= limit;
}

}  // namespace

IpAddress IpAddress::from_v4(const std::array<std::uint8_t, 4>& octets) {
  IpAddress result;
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), result.octets_.begin());
  std::copy(octets.begin(), octets.end(), result.octets_.begin() + 12);
  return result;
}

IpAddress IpAddress::from_v6(const std::array<std::uint8_t, 16>& octets) {
  IpAddress result;
  result.octets_ = octets;
  return result;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string copy{text};
  std::array<std::uint8_t, 4> v4{};
  if (copy.find('\0') == std::string::npos) {
    if (::inet_pton(AF_INET, copy.c_str(), v4.data()) == 1) return from_v4(v4);
    std::array<std::uint8_t, 16> v6{};
    if (::inet_pton(AF_INET6, copy.c_str(), v6.data()) == 1) return from_v6(v6);
  }
  return fail(Errc::invalid_input, fmt::format("'{}' is not an IPv4 or IPv6 address", text.substr(0, 60)));
}

bool IpAddress::is_v4() const { return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), octets_.begin()); }

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_v4()) {
    ::inet_ntop(AF_INET, octets_.data() + 12, text.data(), text.size());
  } else {
    ::inet_ntop(AF_INET6, octets_.data(), text.data(), text.size());
  }
  return text.data();
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return fail(Errc::invalid_input, fmt::format("'{}' is not an address and port: {}; write 192.0.2.1:443 or [::]:443",
                                                 text.substr(0, 60), why));
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad("there is no port");
  auto host = text.substr(0, colon);
  unsigned port = 0;
  if (!parse_number(text.substr(colon + 1), 65535, port)) return bad("the port is not a number up to 65535");
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad("an IPv6 address stands in brackets");
  }
  auto address = IpAddress::parse(host);
  if (!address) return bad("the part before the port is not an IP address");
  return Endpoint{*address, static_cast<std::uint16_t>(port)};
}

std::string Endpoint::to_string() const {
  return address.is_v4() ? fmt::format("{}:{}", address.to_string(), port)
                         : fmt::format("[{}]:{}", address.to_string(), port);
}

Result<Prefix> Prefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  FIRSTRING_TRY(auto address, IpAddress::parse(text.substr(0, slash)));
  const unsigned bits = address.is_v4() ? 32 : 128;
  unsigned length = bits;
  if (slash != std::string_view::npos && !parse_number(text.substr(slash + 1), bits, length)) {
    return fail(Errc::invalid_input,
                fmt::format("'{}' is not a network; the number behind the slash is at most {}", text, bits));
  }
  return Prefix{address, length + 128 - bits};
}

std::string Prefix::to_string() const {
  return fmt::format("{}/{}", address.to_string(), address.is_v4() ? length - 96 : length);
}

bool Prefix::contains(const IpAddress& other) const {
  const auto& a = address.octets();
  const auto& b = other.octets();
  const unsigned whole = length / 8;
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  const unsigned rest = length % 8;
  if (rest == 0) return true;
  const unsigned mask = 0xffU << (8 - rest);
  return ((a[whole] ^ b[whole]) & mask) == 0;
}

bool is_internal(const IpAddress& address) {
  static const std::array kPrivate{*Prefix::parse("127.0.0.0/8"),
                                   *Prefix::parse("10.0.0.0/8"),
                                   *Prefix::parse("172.16.0.0/12"),
                                   *Prefix::parse("192.168.0.0/16"),
                                   *Prefix::parse("169.254.0.0/16"),
                                   *Prefix::parse("100.64.0.0/10"),
                                   *Prefix::parse("::1"),
                                   *Prefix::parse("fe80::/10"),
                                   *Prefix::parse("fc00::/7")};
  return std::any_of(kPrivate.begin(), kPrivate.end(), [&](const Prefix& prefix) { return prefix.contains(address); });
}

}  // namespace firstring
