#pragma once

// Private to this module.

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "store_sqlite/database.hpp"

namespace firstring::store::sqlite {

/// How much the ledger holds: keeps its files within LedgerBounds, and forgets what is least worth keeping. For the
/// only writer of a ledger.
class LedgerRoom {
 public:
  LedgerRoom(Database& database, const LedgerBounds& bounds) : database_(database), bounds_(bounds) {}

  /// Tells SQLite the bounds. To be called once, before anything else.
  Result<void> begin();

  /// Makes room for the batch, then calls `write`, which appends it in one transaction; again with more room where it
  /// did not fit.
  Result<void> append(const LedgerBatch& batch, const std::function<Result<void>()>& write);

  /// LedgerStore::trim.
  Result<std::size_t> trim(const Retention& keep, std::size_t batch);

  /// A transaction that may change the number of connections, and says so by the two below.
  template <class Body>
  auto change(Body&& body) -> std::invoke_result_t<Body> {
    auto changed = database_.write(std::forward<Body>(body));
    if (!changed) connections_.reset();
    return changed;
  }
  void count_added() {
    if (connections_) ++*connections_;
  }
  void count_removed(std::size_t connections) {
    if (connections_) *connections_ -= connections;
  }

 private:
  static constexpr std::uint64_t kPageBytes = 4096;
  using Found = std::vector<std::array<std::int64_t, 3>>;  // written, id, certificate (0 for none) of connections

  std::uint64_t used_pages();
  static std::uint64_t pages_of(const LedgerBatch& batch);
  Result<void> make_room(std::uint64_t pages);
  Result<void> bound_log();
  std::size_t remove_least(std::size_t most);
  std::size_t remove_requests(Standing standing, std::size_t most);
  Found oldest(Standing standing, std::size_t most, std::size_t floor);
  void remove_connections(const Found& all, std::size_t& left);
  void remove_notes(std::size_t most);

  template <class... Values>
  Found found(std::string_view sql, const Values&... values) {
    auto row = database_.query(sql);
    row.bind(values...);
    Found all;
    while (row.next()) all.push_back({row.integer(0), row.integer(1), row.integer(2)});
    return all;
  }

  Database& database_;
  LedgerBounds bounds_;
  std::uint64_t page_bytes_ = kPageBytes;
  std::uint64_t most_pages_ = 0;            // that SQLite lets the database have
  std::optional<std::size_t> connections_;  // how many there are, once counted
};

}  // namespace firstring::store::sqlite
