#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ip_address.hpp"
#include "base/time.hpp"

namespace firstring::server {

/// How many connections of which networks were refused before a byte was read ([[listener]] networks): counted, since a
/// row for each would let a stranger fill the ledger. By IPv4 /24 or IPv6 /48 and by minute; bounded, and what goes
/// beyond the bound is counted under no network.
class TurnedAway {
 public:
  static constexpr std::size_t kMostNetworks = 256;  ///< at once

  struct Count {
    Timestamp minute{};  ///< its beginning
    Prefix network;      ///< ::/0: of networks beyond the bound
    std::uint64_t connections = 0;
  };

  void note(const IpAddress& from, Timestamp at);
  /// Everything counted since the last call: by minute, and those with most connections first.
  std::vector<Count> take();
  bool empty() const { return counts_.empty(); }

 private:
  struct Key {
    Timestamp minute;
    IpAddress network;
    unsigned length;
    auto operator<=>(const Key&) const = default;
  };
  std::map<Key, std::uint64_t> counts_;
};

/// The IPv4 /24 or IPv6 /48 that an address is in.
Prefix site_of(const IpAddress& address);

/// Says it in one line: "turned away 1,203 connections of 3 networks ...".
std::string to_string(const std::vector<TurnedAway::Count>& counts);

}  // namespace firstring::server
