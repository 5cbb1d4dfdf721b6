#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/ip_address.hpp"

namespace firstring::simulator {

/// What a peer of a storm is.
enum class Role : unsigned char {
  phone,          ///< behaves
  half_hello,     ///< sends the first half of its ClientHello, then nothing
  silent,         ///< sends its ClientHello and nothing after the server's flight
  renegotiation,  ///< tries to renegotiate after its handshake
  flood,          ///< one of many connections of one address that say nothing
};
inline constexpr unsigned kRoles = 5;
std::string_view to_string(Role role);  ///< "half_hello"

struct Arrival {
  std::chrono::microseconds at;  ///< since the storm began
  Role role;
  unsigned number;  ///< 0, 1, ...: phones and misbehaving peers are counted apart

  friend bool operator==(const Arrival&, const Arrival&) = default;
};

/// Who comes when, the earliest first. Each comes at a moment of its own, any in [0, over) as likely as another, but
/// for the flood, which comes all at once after a quarter of `over`. The `misbehaving` are of their four roles in equal
/// parts. The same seed gives the same plan on every machine, and the phones' part of it does not depend on
/// `misbehaving`.
std::vector<Arrival> plan_arrivals(unsigned phones, unsigned misbehaving, std::chrono::microseconds over,
                                   std::uint64_t seed);

/// The most addresses that phones can be spread over.
inline constexpr unsigned kMaxSources = 60'000;

/// Where a peer comes from when phones are spread over `sources` loopback addresses (0: they are not, and the kernel
/// chooses): phones from 127.1.0.0/16 in turn, each misbehaving peer from one of its own in 127.2.0.0/16, the flood
/// from 127.3.0.1.
std::optional<IpAddress> source_of(Role role, unsigned number, unsigned sources);

}  // namespace firstring::simulator
