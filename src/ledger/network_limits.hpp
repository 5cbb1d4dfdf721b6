#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/ip_address.hpp"
#include "store/ledger_store.hpp"

namespace firstring::ledger {

/// The network that the ledger counts an address under: /24 for IPv4, /48 for IPv6.
Prefix ledger_network(const IpAddress& address);

enum class RowKind : unsigned char {
  connection,
  request,
  turned_away,  ///< a connection of a network that may not connect, which has no row
};

/// The budget, in bytes a minute, for rows of one network's clients that are no proven phones, so that no network fills
/// the ledger. Any thread.
class NetworkBudget {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// Networks with a budget of their own; those beyond share one.
  static constexpr std::size_t kMostNetworks = 16'384;

  /// `bytes`: of connections and requests together, by store::bytes_of, of which requests get half at most.
  explicit NetworkBudget(std::size_t bytes) : bytes_(bytes) {}

  /// Whether a row of so many bytes is within the budget; if so, takes them from it.
  bool take(const IpAddress& peer, RowKind kind, std::size_t bytes, Time now);

 private:
  struct Taken {
    std::size_t all = 0, requests = 0;
  };

  const std::size_t bytes_;
  std::mutex mutex_;
  std::chrono::minutes minute_{-1};
  std::map<IpAddress, Taken> networks_;
  Taken others_;
};

/// Counts what is not recorded, by network and minute, until it is written. Any thread.
class Gaps {
 public:
  /// Counted apart; what else comes is one row, "other networks", from its first to its last.
  static constexpr std::size_t kMost = 4096;

  /// True if it is the first since all were taken. `peer`: nullopt if unknown.
  bool note(const std::optional<IpAddress>& peer, RowKind kind, Timestamp now);
  bool empty() const;
  /// All of them, which are forgotten here.
  std::vector<store::GapRow> take();
  /// Could not be written: added to what has come since.
  void put_back(const std::vector<store::GapRow>& rows);

 private:
  void add(const store::GapRow& row);

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::int64_t>, store::GapRow> rows_;  // by network and minute
};

}  // namespace firstring::ledger
