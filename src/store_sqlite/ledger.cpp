#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <system_error>
#include <tuple>

#include "store/ledger_columns.hpp"
#include "store_sqlite/database.hpp"

namespace firstring::store::sqlite {
namespace {

/// The names that a for_each_... visits.
template <class Row, class ForEach>
std::vector<std::string> names_of(ForEach for_each) {
  std::vector<std::string> names;
  const Row row;
  for_each(row, [&](const char* name, const auto&) { names.emplace_back(name); });
  return names;
}

const auto kColumns = names_of<ConnectionRow>([](const auto& row, auto visit) { for_each_column(row, visit); });
const auto kRequestColumns =
    names_of<RequestRow>([](const auto& row, auto visit) { for_each_request_column(row, visit); });
const auto kAlarmColumns = names_of<AlarmRow>([](const auto& row, auto visit) { for_each_alarm_column(row, visit); });
const auto kGapColumns = names_of<GapRow>([](const auto& row, auto visit) { for_each_gap_column(row, visit); });
const auto kCostColumns =
    names_of<HandshakeCost>([](const auto& row, auto visit) { for_each_cost_column(row, visit); });

std::string placeholders(std::size_t count) {
  return fmt::format("{}", fmt::join(std::vector<std::string_view>(count, "?"), ", "));
}

const std::string kInsertConnection =
    fmt::format("INSERT INTO connection ({}, failed, certificate) VALUES ({}, {}, {})", fmt::join(kColumns, ", "),
                placeholders(kColumns.size()),
                // Requests of this connection are mostly written before it.
                "? OR EXISTS (SELECT 1 FROM request WHERE connection = ? AND decision = 'deny')",
                "(SELECT id FROM certificate WHERE sha256 = ?)");
const std::string kInsertRequest = fmt::format("INSERT INTO request ({}) VALUES ({})", fmt::join(kRequestColumns, ", "),
                                               placeholders(kRequestColumns.size()));
const std::string kInsertAlarm = fmt::format("INSERT INTO alarm ({}) VALUES ({})", fmt::join(kAlarmColumns, ", "),
                                             placeholders(kAlarmColumns.size()));
const std::string kAddGap = fmt::format(
    "INSERT INTO gap ({}, minute) VALUES ({}) ON CONFLICT DO UPDATE SET first = min(first, excluded.first), last = "
    "max(last, excluded.last), connections = connections + excluded.connections, requests = requests + "
    "excluded.requests, turned_away = turned_away + excluded.turned_away",
    fmt::join(kGapColumns, ", "), placeholders(kGapColumns.size() + 1));
const std::string kAddCost = fmt::format(
    "INSERT INTO handshake_cost ({}) VALUES ({}) ON CONFLICT DO UPDATE SET count = count + 1, sum_us = sum_us + "
    "excluded.sum_us, min_us = min(min_us, excluded.min_us), max_us = max(max_us, excluded.max_us), last = "
    "max(last, excluded.last)",
    fmt::join(kCostColumns, ", "), placeholders(kCostColumns.size()));
constexpr std::size_t kMaxFirmware = 64;  // characters: it is what the phone claims

/// What a connection adds to handshake_cost; nullopt if its handshake is no measure.
std::optional<HandshakeCost> cost_of(const ConnectionRow& row) {
  if (row.outcome == Outcome::open || row.phone_cpu_us < 0 || row.handshake_us < 0 || row.resumed ||
      row.model.empty() || row.assurance != "certificate")
    return std::nullopt;
  return HandshakeCost{.model = row.model,
                       .firmware = row.firmware.substr(0, kMaxFirmware),
                       .key_exchange = row.key_exchange,
                       .key_exchange_bits = row.key_exchange_bits,
                       .server_key_bits = row.server_key_bits,
                       .server_hash = row.server_hash,
                       .count = 1,
                       .sum_us = row.phone_cpu_us,
                       .min_us = row.phone_cpu_us,
                       .max_us = row.phone_cpu_us,
                       .last = row.accepted};
}

// Named with their table, for `certificate` has some of the names too.
const std::string kSelectConnection = fmt::format(
    "SELECT connection.{}, sha256, subject, issuer, der FROM connection LEFT JOIN certificate ON certificate.id = "
    "connection.certificate WHERE written = ?",
    fmt::join(kColumns, ", connection."));
const std::string kSelectRequests =
    fmt::format("SELECT {} FROM request WHERE connection = ? ORDER BY at, written", fmt::join(kRequestColumns, ", "));

/// RFC 8259 section 7. Bytes outside ASCII stay as they are: they came from certificates and may be no UTF-8.
std::string to_json(const std::vector<std::string>& texts) {
  std::string json = "[";
  for (const auto& text : texts) {
    if (json.size() > 1) json += ',';
    json += '"';
    for (const char c : text) {
      if (static_cast<unsigned char>(c) < 0x20) {
        json += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
      } else {
        if (c == '"' || c == '\\') json += '\\';
        json += c;
      }
    }
    json += '"';
  }
  return json += ']';
}

class SqliteLedger final : public LedgerStore {
 public:
  SqliteLedger(std::unique_ptr<Database> database, const LedgerBounds& bounds)
      : database_(std::move(database)), bounds_(bounds) {}

  /// To be called once, before anything else.
  Result<void> begin() {
    return database_->read_once([&]() -> Result<void> {
      number(
          fmt::format("PRAGMA wal_autocheckpoint = {}", std::min<std::uint64_t>(1000, bounds_.log / 4 / kPageBytes)));
      number(fmt::format("PRAGMA journal_size_limit = {}", bounds_.log / 2));
      // The kernel keeps what is read of the file; what SQLite keeps besides stays with the process after each flood.
      database_->query("PRAGMA cache_size = -2048").run();
      // Pages that are freed are not to be written for that.
      number("PRAGMA secure_delete = FAST");
      if (bounds_.database == 0) return {};
      page_bytes_ = number("PRAGMA page_size");
      // SQLite gives the number of pages that there are, if it is higher.
      most_pages_ = number(fmt::format("PRAGMA max_page_count = {}", bounds_.database / page_bytes_));
      return {};
    });
  }

  Result<void> append(const LedgerBatch& batch) override {
    FIRSTRING_CHECK(bound_log());
    auto need = pages_of(batch);
    FIRSTRING_CHECK(make_room(need));
    auto appended = write(batch);
    // What a batch takes is an estimate; SQLite's own count of pages is not.
    constexpr int kTries = 4;
    for (int i = 0; i < kTries && !appended && bounds_.database > 0 && database_->is_at_its_bound(); ++i) {
      need *= 2;
      FIRSTRING_CHECK(make_room(need));
      appended = write(batch);
    }
    return appended;
  }

  Result<std::chrono::milliseconds> lag() override {
    return database_->read([&]() -> Result<std::chrono::milliseconds> {
      return std::chrono::milliseconds{number("SELECT lag FROM writer")};
    });
  }

  Result<std::vector<LedgerEntry>> find(const LedgerQuery& wanted) override {
    return database_->read([&]() -> Result<std::vector<LedgerEntry>> {
      const auto rows = matching(wanted);
      std::vector<LedgerEntry> entries;
      entries.reserve(rows.size());
      for (auto written = rows.rbegin(); written != rows.rend(); ++written) entries.push_back(read_entry(*written));
      return entries;
    });
  }

  Result<std::vector<AlarmRow>> alarms(const AlarmQuery& wanted) override {
    return database_->read_once([&]() -> Result<std::vector<AlarmRow>> {
      auto row = database_->query(
          fmt::format("SELECT {} FROM alarm WHERE (?1 IS NULL OR device = ?1 OR (device = '' AND ?4 <> '' AND EXISTS ("
                      "SELECT 1 FROM connection WHERE id = alarm.connection AND model = ?4 AND firmware = ?5))) "
                      "AND (?2 IS NULL OR at >= ?2) AND (?6 = '' OR kind = ?6) ORDER BY written DESC LIMIT ?3",
                      fmt::join(kAlarmColumns, ", ")));
      row.bind(wanted.mac, wanted.since,
               std::min<std::uint64_t>(wanted.limit, std::numeric_limits<std::int64_t>::max()), wanted.model,
               wanted.firmware, wanted.kind);
      std::vector<AlarmRow> found;
      while (row.next()) {
        int column = 0;
        for_each_alarm_column(found.emplace_back(), [&](const char*, auto& value) { read(row, column++, value); });
      }
      std::reverse(found.begin(), found.end());
      return found;
    });
  }

  Result<std::vector<GapRow>> gaps(std::optional<Timestamp> since, std::size_t limit) override {
    return database_->read_once([&]() -> Result<std::vector<GapRow>> {
      auto row = database_->query(
          fmt::format("SELECT {} FROM gap WHERE last >= ? ORDER BY last DESC LIMIT ?", fmt::join(kGapColumns, ", ")));
      row.bind(since.value_or(Timestamp{}), std::min<std::uint64_t>(limit, std::numeric_limits<std::int64_t>::max()));
      std::vector<GapRow> found;
      while (row.next()) {
        int column = 0;
        for_each_gap_column(found.emplace_back(), [&](const char*, auto& value) { read(row, column++, value); });
      }
      std::reverse(found.begin(), found.end());
      return found;
    });
  }

  Result<void> end_open() override {
    return database_->write([&]() -> Result<void> {
      database_
          ->query(
              "UPDATE connection SET outcome = 'server_gone', cause = 'server_gone', failed = 1 WHERE outcome = "
              "'open'")
          .run();
      return {};
    });
  }

  Result<std::vector<HandshakeCost>> handshake_costs(const std::string& model) override {
    return database_->read_once([&]() -> Result<std::vector<HandshakeCost>> {
      auto row = database_->query(fmt::format(
          "SELECT {} FROM handshake_cost WHERE ?1 = '' OR model = ?1 ORDER BY model, firmware, key_exchange, "
          "key_exchange_bits, server_key_bits, server_hash",
          fmt::join(kCostColumns, ", ")));
      row.bind(model);
      std::vector<HandshakeCost> found;
      while (row.next()) {
        int column = 0;
        for_each_cost_column(found.emplace_back(), [&](const char*, auto& value) { read(row, column++, value); });
      }
      return found;
    });
  }

  Result<std::vector<CauseCount>> causes(const CauseQuery& wanted) override {
    return database_->read([&]() -> Result<std::vector<CauseCount>> {
      std::vector<CauseCount> found;
      const auto since = wanted.since.value_or(Timestamp{});
      if (wanted.model.empty()) {
        auto row = database_->query(
            "SELECT '', '', ja4, failed, cause, count(*), min(accepted), max(accepted), max(written) FROM connection "
            "INDEXED BY connection_cause_unknown WHERE model = '' AND cause <> 'open' AND accepted >= ? GROUP BY ja4, "
            "failed, cause");
        row.bind(since);
        read_causes(row, found);
      }
      auto row = database_->query(fmt::format(
          "SELECT model, firmware, '', failed, cause, count(*), min(accepted), max(accepted), max(written) FROM "
          "connection INDEXED BY connection_cause WHERE model {} ? AND model <> '' AND cause <> 'open' AND accepted >= "
          "? GROUP BY model, "
          "firmware, failed, cause",
          wanted.model.empty() ? "<>" : "="));
      row.bind(wanted.model, since);
      read_causes(row, found);
      count_lately(since, found);
      return found;
    });
  }

  Result<std::optional<Resident>> only_resident(const std::string& address, Timestamp since) override {
    return database_->read_once([&]() -> Result<std::optional<Resident>> {
      // The inner limit bounds the work where strangers have filled the ledger from that address.
      auto row = database_->query(
          "SELECT device, model, firmware FROM (SELECT device, model, firmware, assurance FROM connection WHERE "
          "address "
          "= ? AND accepted >= ? ORDER BY accepted DESC, id DESC LIMIT 100) WHERE assurance = 'certificate' AND device "
          "<> ''");
      row.bind(address, since);
      std::optional<Resident> resident;
      while (row.next()) {
        if (resident && resident->device != row.text(0)) return std::optional<Resident>{};
        if (!resident) resident = Resident{.device = row.text(0), .model = row.text(1), .firmware = row.text(2)};
      }
      return resident;
    });
  }

  Result<void> certificates_in_use(Timestamp since, const std::function<void(const CertificateInUse&)>& each) override {
    return database_->read_once([&]() -> Result<void> {
      // From device to device through connection_device, and of each from its newest row back: SQLite's own DISTINCT
      // and GROUP BY would read all rows.
      auto row = database_->query(
          "WITH RECURSIVE seen (device) AS ("
          "  SELECT min(device) FROM connection WHERE device > ''"
          "  UNION ALL"
          "  SELECT (SELECT min(device) FROM connection WHERE device > seen.device) FROM seen WHERE seen.device NOT "
          "NULL"
          ") SELECT connection.device, accepted, chain, device_ca, der, ifnull(("
          "  SELECT shown.server_key_bits FROM connection AS shown INDEXED BY connection_device"
          "  WHERE shown.device = seen.device AND shown.chain = connection.chain AND shown.server_key_bits > 0"
          "  ORDER BY shown.id DESC LIMIT 1), 0) FROM seen "
          "JOIN connection ON written = (SELECT written FROM connection INDEXED BY connection_device"
          "  WHERE device = seen.device AND certificate NOT NULL AND verdict IN ('accepted', 'expired')"
          "  ORDER BY id DESC LIMIT 1) "
          "JOIN certificate ON certificate.id = connection.certificate WHERE accepted >= ?");
      for (row.bind(since); row.next();) {
        each({.device = row.text(0),
              .last = row.time(1),
              .chain = row.text(2),
              .server_key_bits = static_cast<int>(row.integer(5)),
              .device_ca = row.text(3),
              .certificate_der = row.blob(4)});
      }
      return {};
    });
  }

  Result<std::int64_t> last_written() override {
    return database_->read_once([&]() -> Result<std::int64_t> {
      auto row = database_->query("SELECT ifnull(max(written), 0) FROM connection");
      row.next();
      return row.integer(0);
    });
  }

  Result<std::int64_t> last_id() override {
    return database_->read_once([&]() -> Result<std::int64_t> {
      auto row = database_->query("SELECT ifnull(max(id), 0) FROM connection");
      row.next();
      return row.integer(0);
    });
  }

  Result<std::size_t> trim(const Retention& keep, std::size_t batch) override {
    FIRSTRING_CHECK(bound_log());
    return change([&]() -> Result<std::size_t> {
      if (!connections_) {
        connections_ = static_cast<std::size_t>(number("SELECT count(*) FROM connection"));
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
          ->query(
              "DELETE FROM request WHERE written IN (SELECT written FROM request ORDER BY written LIMIT ?) AND at < ?")
          .run(limit, keep.since);
      database_
          ->query(
              "DELETE FROM handshake_cost WHERE id IN (SELECT id FROM handshake_cost ORDER BY last DESC LIMIT -1 "
              "OFFSET ?)")
          .run(kMaxCosts);
      database_
          ->query("DELETE FROM alarm WHERE written IN (SELECT written FROM alarm ORDER BY written LIMIT ?) AND at < ?")
          .run(limit, keep.since);
      database_
          ->query("DELETE FROM gap WHERE written IN (SELECT written FROM gap ORDER BY written LIMIT ?) AND last < ?")
          .run(limit, keep.since);
      remove_notes(batch);
      return all - left;
    });
  }

 private:
  static constexpr std::uint64_t kPageBytes = 4096;
  using Found = std::vector<std::array<std::int64_t, 3>>;  // written, id, certificate (0 for none) of connections

  Result<void> write(const LedgerBatch& batch) {
    auto appended = change([&]() -> Result<void> {
      auto insert_request = database_->query(kInsertRequest);
      auto mark_failed = database_->query("UPDATE connection SET failed = 1 WHERE id = ? AND failed = 0");
      for (const auto& request : batch.requests) {
        for_each_request_column(request, [&](const char*, const auto& value) { insert_request.bind(value); });
        insert_request.run();
        if (request.decision == Decision::deny) mark_failed.run(request.connection);
      }
      auto insert_certificate = database_->query(
          "INSERT INTO certificate (sha256, subject, issuer, der) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING");
      auto insert_connection = database_->query(kInsertConnection);
      auto remove_open = database_->query("DELETE FROM connection WHERE id = ? AND outcome IN ('open', 'server_gone')");
      for (const auto& connection : batch.connections) {
        if (!connection.certificate.empty()) {
          insert_certificate.run(connection.certificate, connection.certificate_subject, connection.certificate_issuer,
                                 connection.certificate_der);
        }
        remove_open.run(connection.id);
        if (connections_) *connections_ -= static_cast<std::size_t>(database_->changes());
        for_each_column(connection, [&]<class Value>(const char*, const Value& value) {
          if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
            insert_connection.bind(to_json(value));
          } else {
            insert_connection.bind(value);
          }
        });
        const bool failed = connection.outcome != Outcome::ok && connection.outcome != Outcome::open;
        insert_connection.run(failed, connection.id, connection.certificate);
        if (connections_) ++*connections_;
      }
      add_costs(batch.connections);
      auto insert_alarm = database_->query(kInsertAlarm);
      for (const auto& alarm : batch.alarms) {
        for_each_alarm_column(alarm, [&](const char*, const auto& value) { insert_alarm.bind(value); });
        insert_alarm.run();
      }
      auto add_gap = database_->query(kAddGap);
      for (const auto& gap : batch.gaps) {
        for_each_gap_column(gap, [&](const char*, const auto& value) { add_gap.bind(value); });
        add_gap.run(std::chrono::floor<std::chrono::minutes>(gap.first.time_since_epoch()).count());
      }
      if (lag_ != batch.lag) database_->query("UPDATE writer SET lag = ?").run(batch.lag.count());
      return {};
    });
    lag_.reset();
    if (appended) lag_ = batch.lag;
    return appended;
  }

  /// A transaction that may change the number of connections.
  template <class Body>
  auto change(Body&& body) -> std::invoke_result_t<Body> {
    auto changed = database_->write(std::forward<Body>(body));
    if (!changed) connections_.reset();
    return changed;
  }

  // ---- room ----

  std::uint64_t used_pages() { return number("PRAGMA page_count") - number("PRAGMA freelist_count"); }

  /// More than the rows take at most, but for what a split of pages in indexes takes by bad luck.
  static std::uint64_t pages_of(const LedgerBatch& batch) {
    constexpr std::uint64_t kSpare = 32, kRowsAPage = 4;  // of all indexes together
    std::uint64_t bytes = 0;
    for (const auto& row : batch.connections) bytes += bytes_of(row);
    for (const auto& row : batch.requests) bytes += bytes_of(row);
    for (const auto& row : batch.alarms) bytes += bytes_of(row);
    return kSpare + bytes / kPageBytes * 3 / 2 + batch.size() / kRowsAPage;
  }

  /// So that `pages` more fit.
  Result<void> make_room(std::uint64_t pages) {
    while (bounds_.database > 0) {
      FIRSTRING_TRY(const auto used, database_->read_once([&]() -> Result<std::uint64_t> { return used_pages(); }));
      if (used + pages <= most_pages_) return {};
      FIRSTRING_TRY(const auto removed,
                    change([&]() -> Result<std::size_t> { return remove_least(bounds_.batch_rows); }));
      if (removed == 0)
        return fail(Errc::limit_exceeded,
                    fmt::format("append to {}: it is full of what is kept longest; raise ledger_size in [limits]",
                                database_->path().string()));
      FIRSTRING_CHECK(bound_log());
    }
    return {};
  }

  /// Empties the write-ahead log into the database when half of its room is taken: one transaction needs less than the
  /// other half.
  Result<void> bound_log() {
    const auto bytes = [&] {
      std::error_code error;
      const auto size = std::filesystem::file_size(database_->path().string() + "-wal", error);
      return error ? 0 : size;
    };
    if (bytes() <= bounds_.log / 2) return {};
    FIRSTRING_CHECK(database_->empty_log());
    if (bytes() <= bounds_.log / 2) return {};
    return fail(Errc::unavailable,
                fmt::format("append to {}: a program has been reading it for long and holds what is written since; end "
                            "that program",
                            database_->path().string()));
  }

  /// Within a transaction: what is least worth keeping, at most so many rows. Gives how many went.
  std::size_t remove_least(std::size_t most) {
    auto left = most;
    remove_notes(most);
    for (const auto standing : {Standing::stranger, Standing::likely}) {
      left -= remove_requests(standing, left);
      if (left > 0) remove_connections(oldest(standing, left, bounds_.floor), left);
    }
    if (left > 0) remove_connections(oldest(Standing::known, left, bounds_.floor), left);
    // A phone may have asked more than its connection is worth.
    if (left > 0) {
      auto newest = database_->query("SELECT written FROM request ORDER BY written DESC LIMIT 1 OFFSET ?");
      if (newest.bind(bounds_.floor).next()) {
        database_
            ->query(
                "DELETE FROM request WHERE written IN (SELECT written FROM request WHERE written <= ? ORDER BY "
                "written LIMIT ?)")
            .run(newest.integer(0), left);
        left -= static_cast<std::size_t>(database_->changes());
      }
    }
    return most - left;
  }

  /// Of strangers or of who may be known, the oldest but for the floor.
  std::size_t remove_requests(Standing standing, std::size_t most) {
    auto newest = database_->query(
        "SELECT written FROM request WHERE standing = ? AND standing < 2 ORDER BY written DESC LIMIT 1 OFFSET ?");
    if (!newest.bind(standing, bounds_.floor).next()) return 0;
    database_
        ->query(
            "DELETE FROM request WHERE written IN (SELECT written FROM request WHERE standing = ? AND standing < 2 "
            "AND written <= ? ORDER BY written LIMIT ?)")
        .run(standing, newest.integer(0), most);
    return static_cast<std::size_t>(database_->changes());
  }

  Found oldest(Standing standing, std::size_t most, std::size_t floor) {
    std::int64_t last = 0;
    {
      auto newest =
          database_->query("SELECT written FROM connection WHERE standing = ? ORDER BY written DESC LIMIT 1 OFFSET ?");
      if (!newest.bind(standing, floor).next()) return {};
      last = newest.integer(0);
    }
    return found(
        "SELECT written, id, ifnull(certificate, 0) FROM connection WHERE standing = ? AND written <= ? ORDER BY "
        "written "
        "LIMIT ?",
        standing, last, most);
  }

  template <class... Values>
  Found found(std::string_view sql, const Values&... values) {
    auto row = database_->query(sql);
    row.bind(values...);
    Found all;
    while (row.next()) all.push_back({row.integer(0), row.integer(1), row.integer(2)});
    return all;
  }

  /// With their requests, which may be a hundred thousand: as many rows as are left, of which the rest is what is left.
  void remove_connections(const Found& all, std::size_t& left) {
    auto remove_requests = database_->query(
        "DELETE FROM request WHERE written IN (SELECT written FROM request WHERE connection = ? LIMIT ?)");
    auto remove_connection = database_->query("DELETE FROM connection WHERE written = ?");
    auto remove_certificate = database_->query(
        "DELETE FROM certificate WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM connection WHERE certificate = ?1)");
    for (const auto& [written, id, certificate] : all) {
      if (left == 0) return;
      remove_requests.run(id, left);
      left -= static_cast<std::size_t>(database_->changes());
      if (left == 0) return;
      remove_connection.run(written);
      --left;
      if (connections_) --*connections_;
      if (certificate != 0) remove_certificate.run(certificate);
    }
  }

  /// Alarms and gaps beyond the newest.
  void remove_notes(std::size_t most) {
    for (const auto* sql : {"DELETE FROM alarm WHERE written IN (SELECT written FROM alarm WHERE written <= (SELECT "
                            "max(written) FROM alarm) - ? ORDER BY written LIMIT ?)",
                            "DELETE FROM gap WHERE written IN (SELECT written FROM gap WHERE written <= (SELECT "
                            "max(written) FROM gap) - ? ORDER BY written LIMIT ?)"})
      database_->query(sql).run(bounds_.alarms, most);
  }

  /// The only value that `sql` gives; 0 for none.
  std::uint64_t number(std::string_view sql) {
    auto row = database_->query(sql);
    return row.next() ? static_cast<std::uint64_t>(row.integer(0)) : 0;
  }

  void add_costs(const std::vector<ConnectionRow>& connections) {
    auto add = database_->query(kAddCost);
    for (const auto& connection : connections) {
      const auto cost = cost_of(connection);
      if (!cost) continue;
      for_each_cost_column(*cost, [&](const char*, const auto& value) { add.bind(value); });
      add.run();
    }
  }

  void read_causes(Query& row, std::vector<CauseCount>& found) {
    auto id_of = database_->query("SELECT id FROM connection WHERE written = ?");
    while (row.next()) {
      id_of.bind(row.integer(8)).next();
      found.push_back({.model = row.text(0),
                       .firmware = row.text(1),
                       .ja4 = row.text(2),
                       .failed = row.integer(3) != 0,
                       .cause = parse_code<Cause>(row.text(4)),
                       .count = row.integer(5),
                       .first = row.time(6),
                       .last = row.time(7),
                       .newest = id_of.integer(0),
                       .count_lately = 0,
                       .first_lately = {}});
      id_of.reset();
    }
  }

  void count_lately(Timestamp since, std::vector<CauseCount>& counts) {
    std::map<std::tuple<std::string_view, std::string_view, std::string_view>, Timestamp> last_good;
    for (const auto& count : counts) {
      auto& last = last_good[{count.model, count.firmware, count.ja4}];
      if (!count.failed) last = std::max(last, count.last);
    }
    auto known = database_->query(
        "SELECT count(*), ifnull(min(accepted), 0) FROM connection WHERE model = ? AND firmware = ? AND failed = 1 AND "
        "cause = ? AND model <> '' AND accepted > ?");
    auto unknown = database_->query(
        "SELECT count(*), ifnull(min(accepted), 0) FROM connection WHERE ja4 = ? AND failed = 1 AND cause = ? AND "
        "model "
        "= '' AND accepted > ?");
    for (auto& count : counts) {
      if (!count.failed) continue;
      const auto after =
          std::max(last_good[{count.model, count.firmware, count.ja4}], since - std::chrono::microseconds{1});
      auto& row = count.model.empty() ? unknown : known;
      if (count.model.empty()) {
        row.bind(count.ja4, count.cause, after);
      } else {
        row.bind(count.model, count.firmware, count.cause, after);
      }
      row.next();
      count.count_lately = row.integer(0);
      count.first_lately = row.time(1);
      row.reset();
    }
  }

  /// The numbers of the rows that match, newest first. Each condition has an index; ledger_test.cpp holds it to
  /// that.
  std::vector<std::int64_t> matching(const LedgerQuery& wanted) {
    std::vector<std::string_view> conditions{"1"};
    if (wanted.id) conditions.emplace_back("id = ?");
    if (wanted.mac) {
      conditions.emplace_back(
          "id IN (SELECT id FROM connection WHERE device = ? UNION ALL SELECT connection FROM request WHERE device = ? "
          "UNION ALL SELECT id FROM connection WHERE likely_device = ? AND likely_device <> '')");
    }
    if (!wanted.address.empty()) conditions.emplace_back("address = ?");
    if (wanted.failed) conditions.emplace_back("failed = 1");
    if (wanted.since) conditions.emplace_back("accepted >= ?");
    // Whoever follows asks for a handful of new rows: through the other indexes that would cost a look at all old ones.
    if (wanted.after_id > 0) conditions.emplace_back("written > ?");
    auto row = database_->query(
        fmt::format("SELECT written FROM connection {} WHERE {} ORDER BY accepted DESC, id DESC LIMIT ?",
                    wanted.after_id > 0 ? "NOT INDEXED" : "", fmt::join(conditions, " AND ")));
    if (wanted.id) row.bind(*wanted.id);
    if (wanted.mac) row.bind(*wanted.mac, *wanted.mac, *wanted.mac);
    if (!wanted.address.empty()) row.bind(wanted.address);
    if (wanted.since) row.bind(*wanted.since);
    if (wanted.after_id > 0) row.bind(wanted.after_id);
    // SQLite takes a negative limit for none.
    row.bind(std::min<std::uint64_t>(wanted.limit, std::numeric_limits<std::int64_t>::max()));
    std::vector<std::int64_t> rows;
    while (row.next()) rows.push_back(row.integer(0));
    return rows;
  }

  LedgerEntry read_entry(std::int64_t written) {
    LedgerEntry entry;
    auto& connection = entry.connection;
    auto row = database_->query(kSelectConnection);
    if (!row.bind(written).next()) throw_damaged("an index names a row that is not there");
    int column = 0;
    for_each_column(connection, [&](const char*, auto& value) { read(row, column++, value); });
    read(row, column++, connection.certificate);
    read(row, column++, connection.certificate_subject);
    read(row, column++, connection.certificate_issuer);
    read(row, column, connection.certificate_der);

    auto request_row = database_->query(kSelectRequests);
    for (request_row.bind(connection.id); request_row.next();) {
      auto& request = entry.requests.emplace_back();
      int request_column = 0;
      for_each_request_column(request, [&](const char*, auto& value) { read(request_row, request_column++, value); });
    }
    return entry;
  }

  template <class Value>
  void read(Query& row, int column, Value& value) {
    if constexpr (StableCode<Value>) {
      value = parse_code<Value>(row.text(column));
    } else if constexpr (std::is_integral_v<Value> || std::is_enum_v<Value>) {
      value = static_cast<Value>(row.integer(column));
    } else if constexpr (std::is_same_v<Value, Timestamp>) {
      value = row.time(column);
    } else if constexpr (std::is_same_v<Value, Bytes>) {
      value = row.blob(column);
    } else if constexpr (std::is_same_v<Value, std::string>) {
      value = row.text(column);
    } else {
      const auto json = row.text(column);
      if (json == "[]") return;
      auto texts = database_->query("SELECT value FROM json_each(?)");
      for (texts.bind(json); texts.next();) value.push_back(texts.text(0));
    }
  }

  std::unique_ptr<Database> database_;
  LedgerBounds bounds_;
  std::uint64_t page_bytes_ = kPageBytes;
  std::uint64_t most_pages_ = 0;                  // that SQLite lets the database have
  std::optional<std::chrono::milliseconds> lag_;  // what the file says, as far as known
  std::optional<std::size_t> connections_;        // how many there are, once counted: this is the only writer
};

}  // namespace

Result<std::unique_ptr<LedgerStore>> ledger_over(std::unique_ptr<Database> database, const LedgerBounds& bounds) {
  auto ledger = std::make_unique<SqliteLedger>(std::move(database), bounds);
  FIRSTRING_CHECK(ledger->begin());
  return std::unique_ptr<LedgerStore>{std::move(ledger)};
}

Result<std::unique_ptr<LedgerStore>> open_ledger(const std::filesystem::path& dir, OpenMode mode,
                                                 const LedgerBounds& bounds) {
  FIRSTRING_TRY(auto database, Database::open(dir, kLedgerDatabase, {.mode = mode}));
  return ledger_over(std::move(database), bounds);
}

}  // namespace firstring::store::sqlite
