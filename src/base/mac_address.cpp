#include "base/mac_address.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "base/text.hpp"

namespace firstring {
namespace {

auto not_a_mac(std::string_view text) {
  return fail(
      Errc::invalid_input,
      fmt::format("'{}' is not a MAC address; write 12 hexadecimal digits, as in 000e08abcdef or 00:0e:08:ab:cd:ef",
                  text.substr(0, 40)));
}

}  // namespace

Result<MacAddress> MacAddress::parse_bare(std::string_view text) {
  if (text.size() != 12) return not_a_mac(text);
  // Read in place: a fleet has 100,000 of them.
  std::uint64_t number = 0;
  for (const char c : text) {
    const int value = hex_value(c);
    if (value < 0) return not_a_mac(text);
    number = number << 4 | static_cast<std::uint64_t>(value);
  }
  return from_number(number);
}

Result<MacAddress> MacAddress::parse(std::string_view text) {
  if (text.size() == 12) return parse_bare(text);
  // Digits in a group, by the separator that follows the first one.
  const bool dotted = text.size() == 14;
  if (!dotted && text.size() != 17) return not_a_mac(text);
  const std::size_t group = dotted ? 4 : 2;
  const char separator = text[group];
  if (dotted ? separator != '.' : separator != ':' && separator != '-') return not_a_mac(text);
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i % (group + 1) == group) {
      if (text[i] != separator) return not_a_mac(text);
    } else {
      digits += text[i];
    }
  }
  auto mac = parse_bare(digits);
  if (!mac) return not_a_mac(text);
  return mac;
}

std::string MacAddress::bare() const { return to_hex(octets_); }

std::string MacAddress::bare_upper() const {
  auto text = bare();
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
  return text;
}

std::string MacAddress::colons() const {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", octets_[0], octets_[1], octets_[2], octets_[3],
                     octets_[4], octets_[5]);
}

std::uint64_t MacAddress::as_number() const {
  std::uint64_t number = 0;
  for (const auto octet : octets_) number = number << 8 | octet;
  return number;
}

MacAddress MacAddress::from_number(std::uint64_t number) {
  std::array<std::uint8_t, 6> octets{};
  for (auto it = octets.rbegin(); it != octets.rend(); ++it, number >>= 8) *it = static_cast<std::uint8_t>(number);
  return MacAddress{octets};
}

}  // namespace firstring
