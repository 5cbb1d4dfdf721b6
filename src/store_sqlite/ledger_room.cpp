#include "store_sqlite/ledger_room.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace firstring::store::sqlite {

Result<void> LedgerRoom::begin() {
  return database_.read_once([&]() -> Result<void> {
    database_.number(
        fmt::format("PRAGMA wal_autocheckpoint = {}", std::min<std::uint64_t>(1000, bounds_.log / 4 / kPageBytes)));
    database_.number(fmt::format("PRAGMA journal_size_limit = {}", bounds_.log / 2));
    // The kernel keeps what is read of the file; what SQLite keeps besides stays with the process after each flood.
    database_.query("PRAGMA cache_size = -2048").run();
    // Pages that are freed are not to be written for that.
    database_.number("PRAGMA secure_delete = FAST");
    if (bounds_.database == 0) return {};
    page_bytes_ = database_.number("PRAGMA page_size");
    // SQLite gives the number of pages that there are, if it is higher.
    most_pages_ = database_.number(fmt::format("PRAGMA max_page_count = {}", bounds_.database / page_bytes_));
    return {};
  });
}

Result<void> LedgerRoom::append(const LedgerBatch& batch, const std::function<Result<void>()>& write) {
  FIRSTRING_CHECK(bound_log());
  auto need = pages_of(batch);
  FIRSTRING_CHECK(make_room(need));
  auto appended = write();
  // What a batch takes is an estimate; SQLite's own count of pages is not.
  constexpr int kTries = 4;
  for (int i = 0; i < kTries && !appended && bounds_.database > 0 && database_.is_at_its_bound(); ++i) {
    need *= 2;
    FIRSTRING_CHECK(make_room(need));
    appended = write();
  }
  return appended;
}

Result<std::size_t> LedgerRoom::trim(const Retention& keep, std::size_t batch) {
  FIRSTRING_CHECK(bound_log());
  return change([&]() -> Result<std::size_t> {
    if (!connections_) {
      connections_ = static_cast<std::size_t>(database_.number("SELECT count(*) FROM connection"));
    }
    auto left = std::min<std::size_t>(batch, 1'000'000);
    const auto all = left;
    const auto too_old =
        "SELECT written, id, ifnull(certificate, 0) FROM (SELECT written, id, certificate, accepted "
        "FROM connection ORDER BY written LIMIT ?) WHERE accepted < ?";
    remove_connections(found(too_old, left, keep.since), left);
    if (*connections_ > keep.connections) {
      auto beyond = std::min(left, *connections_ - keep.connections);
      // By number, nothing but the newest of each kind is safe from the others.
      left -= beyond;
      for (const auto standing : {Standing::stranger, Standing::likely, Standing::known}) {
        const auto floor = standing == Standing::known ? 0 : keep.connections / 16;
        if (beyond > 0) remove_connections(oldest(standing, beyond, floor), beyond);
      }
      left += beyond;
    }
    if (bounds_.database > 0 && left > 0 && used_pages() > bounds_.database / page_bytes_) left -= remove_least(left);
    const auto limit = static_cast<std::int64_t>(batch);
    // Requests whose connection's row was lost, in a crash or with a full disk.
    database_
        .query("DELETE FROM request WHERE written IN (SELECT written FROM request ORDER BY written LIMIT ?) AND at < ?")
        .run(limit, keep.since);
    database_
        .query(
            "DELETE FROM handshake_cost WHERE id IN (SELECT id FROM handshake_cost ORDER BY last DESC LIMIT -1 "
            "OFFSET ?)")
        .run(LedgerStore::kMaxCosts);
    database_
        .query("DELETE FROM alarm WHERE written IN (SELECT written FROM alarm ORDER BY written LIMIT ?) AND at < ?")
        .run(limit, keep.since);
    database_.query("DELETE FROM gap WHERE written IN (SELECT written FROM gap ORDER BY written LIMIT ?) AND last < ?")
        .run(limit, keep.since);
    remove_notes(batch);
    return all - left;
  });
}

std::uint64_t LedgerRoom::used_pages() {
  return database_.number("PRAGMA page_count") - database_.number("PRAGMA freelist_count");
}

/// More than the rows take at most, but for what a split of pages in indexes takes by bad luck.
std::uint64_t LedgerRoom::pages_of(const LedgerBatch& batch) {
  constexpr std::uint64_t kSpare = 32, kRowsAPage = 4;  // of all indexes together
  std::uint64_t bytes = 0;
  for (const auto& row : batch.connections) bytes += bytes_of(row);
  for (const auto& row : batch.requests) bytes += bytes_of(row);
  for (const auto& row : batch.alarms) bytes += bytes_of(row);
  return kSpare + bytes / kPageBytes * 3 / 2 + batch.size() / kRowsAPage;
}

/// So that `pages` more fit.
Result<void> LedgerRoom::make_room(std::uint64_t pages) {
  while (bounds_.database > 0) {
    FIRSTRING_TRY(const auto used, database_.read_once([&]() -> Result<std::uint64_t> { return used_pages(); }));
    if (used + pages <= most_pages_) return {};
    FIRSTRING_TRY(const auto removed,
                  change([&]() -> Result<std::size_t> { return remove_least(bounds_.batch_rows); }));
    if (removed == 0)
      return fail(Errc::limit_exceeded,
                  fmt::format("append to {}: it is full of what is kept longest; raise ledger_size in [limits]",
                              database_.path().string()));
    FIRSTRING_CHECK(bound_log());
  }
  return {};
}

/// Empties the write-ahead log into the database when half of its room is taken: one transaction needs less than the
/// other half.
Result<void> LedgerRoom::bound_log() {
  const auto bytes = [&] {
    std::error_code error;
    const auto size = std::filesystem::file_size(database_.path().string() + "-wal", error);
    return error ? 0 : size;
  };
  if (bytes() <= bounds_.log / 2) return {};
  FIRSTRING_CHECK(database_.empty_log());
  if (bytes() <= bounds_.log / 2) return {};
  return fail(Errc::unavailable,
              fmt::format("append to {}: a program has been reading it for long and holds what is written since; end "
                          "that program",
                          database_.path().string()));
}

/// Within a transaction: what is least worth keeping, at most so many rows. Gives how many went.
std::size_t LedgerRoom::remove_least(std::size_t most) {
  auto left = most;
  remove_notes(most);
  for (const auto standing : {Standing::stranger, Standing::likely}) {
    left -= remove_requests(standing, left);
    if (left > 0) remove_connections(oldest(standing, left, bounds_.floor), left);
  }
  if (left > 0) remove_connections(oldest(Standing::known, left, bounds_.floor), left);
  // A phone may have asked more than its connection is worth.
  if (left > 0) {
    auto newest = database_.query("SELECT written FROM request ORDER BY written DESC LIMIT 1 OFFSET ?");
    if (newest.bind(bounds_.floor).next()) {
      database_
          .query(
              "DELETE FROM request WHERE written IN (SELECT written FROM request WHERE written <= ? ORDER BY "
              "written LIMIT ?)")
          .run(newest.integer(0), left);
      left -= static_cast<std::size_t>(database_.changes());
    }
  }
  return most - left;
}

/// Of strangers or of who may be known, the oldest but for the floor.
std::size_t LedgerRoom::remove_requests(Standing standing, std::size_t most) {
  auto newest = database_.query(
      "SELECT written FROM request WHERE standing = ? AND standing < 2 ORDER BY written DESC LIMIT 1 OFFSET ?");
  if (!newest.bind(standing, bounds_.floor).next()) return 0;
  database_
      .query(
          "DELETE FROM request WHERE written IN (SELECT written FROM request WHERE standing = ? AND standing < 2 "
          "AND written <= ? ORDER BY written LIMIT ?)")
      .run(standing, newest.integer(0), most);
  return static_cast<std::size_t>(database_.changes());
}

LedgerRoom::Found LedgerRoom::oldest(Standing standing, std::size_t most, std::size_t floor) {
  std::int64_t last = 0;
  {
    auto newest =
        database_.query("SELECT written FROM connection WHERE standing = ? ORDER BY written DESC LIMIT 1 OFFSET ?");
    if (!newest.bind(standing, floor).next()) return {};
    last = newest.integer(0);
  }
  return found(
      "SELECT written, id, ifnull(certificate, 0) FROM connection WHERE standing = ? AND written <= ? ORDER BY "
      "written "
      "LIMIT ?",
      standing, last, most);
}

/// With their requests, which may be a hundred thousand: as many rows as are left, of which the rest is what is left.
void LedgerRoom::remove_connections(const Found& all, std::size_t& left) {
  auto remove_requests = database_.query(
      "DELETE FROM request WHERE written IN (SELECT written FROM request WHERE connection = ? LIMIT ?)");
  auto remove_connection = database_.query("DELETE FROM connection WHERE written = ?");
  auto remove_certificate = database_.query(
      "DELETE FROM certificate WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM connection WHERE certificate = ?1)");
  for (const auto& [written, id, certificate] : all) {
    if (left == 0) return;
    remove_requests.run(id, left);
    left -= static_cast<std::size_t>(database_.changes());
    if (left == 0) return;
    remove_connection.run(written);
    --left;
    count_removed(1);
    if (certificate != 0) remove_certificate.run(certificate);
  }
}

/// Alarms and gaps beyond the newest.
void LedgerRoom::remove_notes(std::size_t most) {
  for (const auto* sql : {"DELETE FROM alarm WHERE written IN (SELECT written FROM alarm WHERE written <= (SELECT "
                          "max(written) FROM alarm) - ? ORDER BY written LIMIT ?)",
                          "DELETE FROM gap WHERE written IN (SELECT written FROM gap WHERE written <= (SELECT "
                          "max(written) FROM gap) - ? ORDER BY written LIMIT ?)"})
    database_.query(sql).run(bounds_.alarms, most);
}

}  // namespace firstring::store::sqlite
