#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <tuple>

#include "store/sqlite_database.hpp"

namespace firstring::store {
namespace {

/// The columns of `connection` that are members of the row, in one order for writing and reading.
template <class Row, class Visit>
void for_each_column(Row& row, Visit&& visit) {
  visit("id", row.id);
  visit("accepted", row.accepted);
  visit("hello_us", row.hello_us);
  visit("server_flight_us", row.server_flight_us);
  visit("client_flight_us", row.client_flight_us);
  visit("handshake_us", row.handshake_us);
  visit("closed_us", row.closed_us);
  visit("listener", row.listener);
  visit("address", row.address);
  visit("port", row.port);
  visit("local_address", row.local_address);
  visit("local_port", row.local_port);
  visit("hello", row.hello);
  visit("hello_format", row.hello_format);
  visit("server_name", row.server_name);
  visit("ja3", row.ja3);
  visit("ja4", row.ja4);
  visit("personality", row.personality);
  visit("personality_reason", row.personality_reason);
  visit("outcome", row.outcome);
  visit("stage", row.stage);
  visit("detail", row.detail);
  visit("alert", row.alert);
  visit("alert_from", row.alert_from);
  visit("alert_code", row.alert_code);
  visit("version", row.version);
  visit("cipher", row.cipher);
  visit("key_exchange", row.key_exchange);
  visit("key_exchange_bits", row.key_exchange_bits);
  visit("resumed", row.resumed);
  visit("chain", row.chain);
  visit("verdict", row.verdict);
  visit("device_ca", row.device_ca);
  visit("verdict_errors", row.verdict_errors);
  visit("device", row.device);
  visit("assurance", row.assurance);
  visit("bytes_in", row.bytes_in);
  visit("bytes_out", row.bytes_out);
  visit("cause", row.cause);
  visit("model", row.model);
  visit("firmware", row.firmware);
  visit("likely_device", row.likely_device);
  visit("server_name_shown", row.server_name_shown);
  visit("server_key_bits", row.server_key_bits);
  visit("server_hash", row.server_hash);
  visit("server_name_matches", row.server_name_matches);
  visit("rtt_us", row.rtt_us);
  visit("phone_cpu_us", row.phone_cpu_us);
  visit("asked_renegotiation", row.asked_renegotiation);
  visit("quarantined", row.quarantined);
  visit("capture", row.capture);
  visit("known_bad", row.known_bad);
  visit("queued_us", row.queued_us);
}

template <class Row, class Visit>
void for_each_alarm_column(Row& row, Visit&& visit) {
  visit("at", row.at);
  visit("kind", row.kind);
  visit("device", row.device);
  visit("address", row.address);
  visit("connection", row.connection);
  visit("text", row.text);
}

template <class Row, class Visit>
void for_each_cost_column(Row& row, Visit&& visit) {
  visit("model", row.model);
  visit("firmware", row.firmware);
  visit("key_exchange", row.key_exchange);
  visit("key_exchange_bits", row.key_exchange_bits);
  visit("server_key_bits", row.server_key_bits);
  visit("server_hash", row.server_hash);
  visit("count", row.count);
  visit("sum_us", row.sum_us);
  visit("min_us", row.min_us);
  visit("max_us", row.max_us);
  visit("last", row.last);
}

template <class Row, class Visit>
void for_each_request_column(Row& row, Visit&& visit) {
  visit("connection", row.connection);
  visit("at", row.at);
  visit("duration_us", row.duration_us);
  visit("method", row.method);
  visit("target", row.target);
  visit("status", row.status);
  visit("bytes", row.bytes);
  visit("user_agent", row.user_agent);
  visit("device", row.device);
  visit("decision", row.decision);
  visit("reason", row.reason);
}

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
const std::string kAddCost = fmt::format(
    "INSERT INTO handshake_cost ({}) VALUES ({}) ON CONFLICT DO UPDATE SET count = count + 1, sum_us = sum_us + "
    "excluded.sum_us, min_us = min(min_us, excluded.min_us), max_us = max(max_us, excluded.max_us), last = "
    "max(last, excluded.last)",
    fmt::join(kCostColumns, ", "), placeholders(kCostColumns.size()));
constexpr std::size_t kMaxFirmware = 64;  // characters: it is what the phone claims

/// What a connection adds to handshake_cost; nullopt if its handshake is no measure.
std::optional<HandshakeCost> cost_of(const ConnectionRow& row) {
  if (row.phone_cpu_us < 0 || row.handshake_us < 0 || row.resumed || row.model.empty() ||
      row.assurance != "certificate")
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
  explicit SqliteLedger(std::unique_ptr<SqliteDatabase> database) : database_(std::move(database)) {}

  Result<void> append(const LedgerBatch& batch) override {
    auto appended = database_->write([&]() -> Result<void> {
      auto insert_request = database_->query(kInsertRequest);
      auto mark_failed = database_->query("UPDATE connection SET failed = 1 WHERE id = ? AND failed = 0");
      for (const auto& request : batch.requests) {
        for_each_request_column(request, [&](const char*, const auto& value) { insert_request.bind(value); });
        insert_request.run();
        if (request.decision == "deny") mark_failed.run(request.connection);
      }
      auto insert_certificate = database_->query(
          "INSERT INTO certificate (sha256, subject, issuer, der) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING");
      auto insert_connection = database_->query(kInsertConnection);
      for (const auto& connection : batch.connections) {
        if (!connection.certificate.empty()) {
          insert_certificate.run(connection.certificate, connection.certificate_subject, connection.certificate_issuer,
                                 connection.certificate_der);
        }
        for_each_column(connection, [&]<class Value>(const char*, const Value& value) {
          if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
            insert_connection.bind(to_json(value));
          } else {
            insert_connection.bind(value);
          }
        });
        insert_connection.run(connection.outcome != "ok", connection.id, connection.certificate);
      }
      add_costs(batch.connections);
      auto insert_alarm = database_->query(kInsertAlarm);
      for (const auto& alarm : batch.alarms) {
        for_each_alarm_column(alarm, [&](const char*, const auto& value) { insert_alarm.bind(value); });
        insert_alarm.run();
      }
      // A number in the file's header that SQLite leaves to its user.
      if (lag_ != batch.lag) database_->query(fmt::format("PRAGMA user_version = {}", batch.lag.count())).run();
      return {};
    });
    lag_.reset();
    if (appended) lag_ = batch.lag;
    return appended;
  }

  Result<std::chrono::milliseconds> lag() override {
    return database_->read([&]() -> Result<std::chrono::milliseconds> {
      auto version = database_->query("PRAGMA user_version");
      return std::chrono::milliseconds{version.next() ? version.integer(0) : 0};
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
            "INDEXED BY connection_cause_unknown WHERE model = '' AND accepted >= ? GROUP BY ja4, failed, cause");
        row.bind(since);
        read_causes(row, found);
      }
      auto row = database_->query(fmt::format(
          "SELECT model, firmware, '', failed, cause, count(*), min(accepted), max(accepted), max(written) FROM "
          "connection INDEXED BY connection_cause WHERE model {} ? AND model <> '' AND accepted >= ? GROUP BY model, "
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
    return database_->write([&]() -> Result<std::size_t> {
      const auto limit = static_cast<std::int64_t>(std::min<std::size_t>(batch, 1'000'000));
      std::vector<std::array<std::int64_t, 3>> old;  // written, id, certificate (0 for none)
      {
        auto row = database_->query(
            "SELECT written, id, ifnull(certificate, 0) FROM (SELECT written, id, certificate, accepted FROM "
            "connection "
            "ORDER BY written LIMIT ?) WHERE accepted < ? OR written <= (SELECT max(written) FROM connection) - ?");
        const auto most = is_too_large(keep.bytes) ? 0 : keep.connections;
        row.bind(limit, keep.since,
                 static_cast<std::int64_t>(std::min<std::size_t>(most, std::numeric_limits<std::int64_t>::max())));
        while (row.next()) old.push_back({row.integer(0), row.integer(1), row.integer(2)});
      }
      auto remove_requests = database_->query("DELETE FROM request WHERE connection = ?");
      auto remove_connection = database_->query("DELETE FROM connection WHERE written = ?");
      auto remove_certificate = database_->query(
          "DELETE FROM certificate WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM connection WHERE certificate = ?1)");
      for (const auto& [written, id, certificate] : old) {
        remove_requests.run(id);
        remove_connection.run(written);
        if (certificate != 0) remove_certificate.run(certificate);
      }
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
      return old.size();
    });
  }

 private:
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
                       .cause = row.text(4),
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

  /// Whether what the file holds, without the pages that are free again, takes more than `bytes`.
  bool is_too_large(std::uint64_t bytes) {
    if (bytes == 0) return false;
    const auto number = [&](std::string_view pragma) {
      auto row = database_->query(pragma);
      row.next();
      return static_cast<std::uint64_t>(row.integer(0));
    };
    return (number("PRAGMA page_count") - number("PRAGMA freelist_count")) * number("PRAGMA page_size") > bytes;
  }

  /// The numbers of the rows that match, newest first. Each condition has an index; sqlite_ledger_test.cpp holds it to
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
    if constexpr (std::is_integral_v<Value>) {
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

  std::unique_ptr<SqliteDatabase> database_;
  std::optional<std::chrono::milliseconds> lag_;  // what the file says, as far as known
};

}  // namespace

std::unique_ptr<LedgerStore> ledger_over(std::unique_ptr<SqliteDatabase> database) {
  return std::make_unique<SqliteLedger>(std::move(database));
}

Result<std::unique_ptr<LedgerStore>> open_ledger(const std::filesystem::path& dir, OpenMode mode) {
  FIRSTRING_TRY(auto database, SqliteDatabase::open(dir, kLedgerDatabase, {.mode = mode}));
  return ledger_over(std::move(database));
}

}  // namespace firstring::store
