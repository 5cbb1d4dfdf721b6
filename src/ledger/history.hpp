#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ip_address.hpp"
#include "base/time.hpp"

namespace firstring::ledger {

/// A full handshake that was completed before, by the same device or by others of its model.
struct Precedent {
  bool same_device = false;
  std::string firmware;
  std::string key_exchange;  ///< store::ConnectionRow::key_exchange
  int key_exchange_bits = 0;
  int server_key_bits = 0;
  std::string server_hash;
  std::int64_t computed_us = -1;  ///< ConnectionRow::phone_cpu_us, the mean where there are several; -1: unknown
  Timestamp last{};               ///< when it was completed last
};

/// What DNS says of the name in our certificate. The IPv4 addresses alone, for phones ask for no others
/// (spa-phones 2.2); none with `problem` set if it could not be asked.
struct NameLookup {
  std::vector<IpAddress> addresses;
  std::string problem;
};

/// What is known beside the row, and makes an explanation sharper. All of it may be missing.
struct History {
  std::vector<Precedent> precedents;  ///< those of the same device first
  std::optional<NameLookup> name;     ///< of ConnectionRow::server_name_shown
};

}  // namespace firstring::ledger
