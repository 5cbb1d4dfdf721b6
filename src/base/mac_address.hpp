#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace firstring {

/// A device's 48-bit Ethernet address, the name by which it is known everywhere.
class MacAddress {
 public:
  constexpr MacAddress() = default;
  constexpr explicit MacAddress(std::array<std::uint8_t, 6> octets) : octets_(octets) {}

  /// Reads what people and phones write, in either case: 000e08abcdef, 00:0e:08:ab:cd:ef, 00-0e-08-ab-cd-ef,
  /// 000e.08ab.cdef. One kind of separator, in its right places, and nothing before or after.
  static Result<MacAddress> parse(std::string_view text);

  /// Only the bare form: exactly 12 hexadecimal digits, as certificates and file names carry it.
  static Result<MacAddress> parse_bare(std::string_view text);

  /// 000e08abcdef: how it is stored, compared, and named in files. `$MA` of the phones.
  std::string bare() const;
  /// 000E08ABCDEF: `$MAU` of the phones.
  std::string bare_upper() const;
  /// 00:0e:08:ab:cd:ef: how people read it. `$MAC` of the phones.
  std::string colons() const;

  constexpr const std::array<std::uint8_t, 6>& octets() const { return octets_; }
  std::uint64_t as_number() const;
  static MacAddress from_number(std::uint64_t number);

  friend constexpr auto operator<=>(const MacAddress&, const MacAddress&) = default;

 private:
  std::array<std::uint8_t, 6> octets_{};
};

}  // namespace firstring

template <>
struct std::hash<firstring::MacAddress> {
  std::size_t operator()(const firstring::MacAddress& mac) const noexcept {
    return std::hash<std::uint64_t>{}(mac.as_number());
  }
};
