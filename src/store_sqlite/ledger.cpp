#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "store/ledger_columns.hpp"
#include "store_sqlite/database.hpp"
#include "store_sqlite/ledger_causes.hpp"
#include "store_sqlite/ledger_room.hpp"

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
      : database_(std::move(database)), room_(*database_, bounds) {}

  /// To be called once, before anything else.
  Result<void> begin() { return room_.begin(); }

  Result<void> append(const LedgerBatch& batch) override {
    return room_.append(batch, [&] { return write(batch); });
  }

  Result<std::chrono::milliseconds> lag() override {
    return database_->read([&]() -> Result<std::chrono::milliseconds> {
      return std::chrono::milliseconds{database_->number("SELECT lag FROM writer")};
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
    return database_->read([&]() -> Result<std::vector<CauseCount>> { return count_causes(*database_, wanted); });
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

  Result<std::size_t> trim(const Retention& keep, std::size_t batch) override { return room_.trim(keep, batch); }

 private:
  Result<void> write(const LedgerBatch& batch) {
    auto appended = room_.change([&]() -> Result<void> {
      auto insert_request = database_->query(kInsertRequest);
      auto mark_failed = database_->query("UPDATE connection SET failed = 1 WHERE id = ? AND failed = 0");
      for (const auto& request : batch.requests) {
        for_each_request_column(request, [&](const char*, const auto& value) { insert_request.bind_in_place(value); });
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
        room_.count_removed(static_cast<std::size_t>(database_->changes()));
        for_each_column(connection, [&]<class Value>(const char*, const Value& value) {
          if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
            insert_connection.bind(to_json(value));
          } else {
            insert_connection.bind(value);
          }
        });
        const bool failed = connection.outcome != Outcome::ok && connection.outcome != Outcome::open;
        insert_connection.run(failed, connection.id, connection.certificate);
        room_.count_added();
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

  void add_costs(const std::vector<ConnectionRow>& connections) {
    auto add = database_->query(kAddCost);
    for (const auto& connection : connections) {
      const auto cost = cost_of(connection);
      if (!cost) continue;
      for_each_cost_column(*cost, [&](const char*, const auto& value) { add.bind(value); });
      add.run();
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
  LedgerRoom room_;
  std::optional<std::chrono::milliseconds> lag_;  // what the file says, as far as known
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
