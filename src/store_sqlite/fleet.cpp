#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "store_sqlite/database.hpp"
#include "store_sqlite/fleet_reader.hpp"

namespace firstring::store::sqlite {
namespace {

constexpr std::string_view kRecordColumns =
    "mac, certificate, key, pinned_at, strongest_version, address, last_seen, ja3, personality, model, firmware";
const std::string kSelectRecord = fmt::format("SELECT {} FROM device_record WHERE mac = ?", kRecordColumns);
const std::string kPutRecord =
    fmt::format("INSERT OR REPLACE INTO device_record ({}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", kRecordColumns);
constexpr std::string_view kDeletePardon = "DELETE FROM pardon WHERE kind = ? AND device IS ?";
constexpr std::size_t kProgressStep = 1000;

DeviceRecord read_record(Query& row) {
  return {.mac = read_mac(row, 0),
          .certificate = row.text(1),
          .key = row.text(2),
          .pinned_at = row.time(3),
          .strongest_version = static_cast<std::uint16_t>(row.integer(4)),
          .address = row.text(5),
          .last_seen = row.time(6),
          .ja3 = row.text(7),
          .personality = row.text(8),
          .model = row.text(9),
          .firmware = row.text(10)};
}

std::optional<std::string> null_if_empty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional{text};
}

auto no_device(const MacAddress& mac) {
  return fail(Errc::not_found, fmt::format("device {} does not exist; add it with: firstring device add", mac.bare()));
}

auto no_group(std::string_view name) {
  return fail(Errc::not_found,
              fmt::format("group '{}' does not exist; add it with: firstring group add", printable(name, 40)));
}

class SqliteFleet final : public FleetStore {
 public:
  explicit SqliteFleet(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  Result<std::int64_t> revision() override {
    return database_->read_once([&]() -> Result<std::int64_t> { return reader_.revision(); });
  }

  bool has_moved() override { return database_->has_moved(); }

  Result<Fleet> load() override {
    return database_->read([&]() -> Result<Fleet> { return reader_.fleet(); });
  }

  Result<Fleet> load_changes(const Fleet& before) override {
    return database_->read([&]() -> Result<Fleet> { return reader_.fleet(before); });
  }

  Result<void> add_device(const Device& device) override { return add_devices({device}, nullptr); }

  Result<void> add_devices(const std::vector<Device>& devices,
                           const std::function<void(std::size_t)>& progress) override {
    if (devices.empty()) return {};
    return change(devices.size() == 1 ? devices.front().mac.bare() : kAllDevices, [&]() -> Result<void> {
      auto insert = query(
          "INSERT INTO device (mac, model, serial, device_group, created) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO "
          "NOTHING");
      auto forget = query("DELETE FROM pending WHERE mac = ?");
      std::string known_group;  // a list is mostly of one group
      std::size_t done = 0;
      for (const auto& device : devices) {
        FIRSTRING_CHECK(check_name("model", device.model));
        if (!device.group.empty() && device.group != known_group) {
          FIRSTRING_CHECK(need_group(device.group));
          known_group = device.group;
        }
        insert.run(device.mac, device.model, device.serial, null_if_empty(device.group), device.created);
        if (database_->changes() == 0) {
          return fail(Errc::conflict, fmt::format("add device {}: it already exists", device.mac.bare()));
        }
        forget.run(device.mac);
        ++done;
        if (progress && (done % kProgressStep == 0 || done == devices.size())) progress(done);
      }
      return {};
    });
  }

  Result<Device> device(const MacAddress& mac) override {
    return database_->read_once([&]() -> Result<Device> {
      auto device = reader_.device(mac);
      if (!device) return no_device(mac);
      return *std::move(device);
    });
  }

  Result<std::vector<Device>> devices() override {
    return database_->read_once([&]() -> Result<std::vector<Device>> { return reader_.devices(); });
  }

  Result<void> remove_device(const MacAddress& mac) override {
    return change(mac.bare(), [&]() -> Result<void> {
      // Its layer and lines go by ON DELETE CASCADE.
      query("DELETE FROM device WHERE mac = ?").run(mac);
      if (database_->changes() == 0) return no_device(mac);
      return {};
    });
  }

  Result<void> add_group(const Group& group) override {
    FIRSTRING_CHECK(check_name("group", group.name));
    return change(kNoDevice, [&]() -> Result<void> {
      if (!group.parent.empty()) FIRSTRING_CHECK(need_group(group.parent));
      query("INSERT INTO device_group (name, parent) VALUES (?, ?) ON CONFLICT DO NOTHING")
          .run(group.name, null_if_empty(group.parent));
      if (database_->changes() == 0) {
        return fail(Errc::conflict, fmt::format("add group '{}': it already exists", group.name));
      }
      return {};
    });
  }

  Result<std::vector<Group>> groups() override {
    return database_->read_once([&]() -> Result<std::vector<Group>> { return reader_.groups(); });
  }

  Result<void> set_parameters(const Scope& scope, const std::vector<Parameter>& parameters) override {
    if (parameters.empty()) return {};
    for (const auto& parameter : parameters) {
      FIRSTRING_CHECK(check_name("parameter", parameter.name));
      const bool secret = parameter.parameter_class == ParameterClass::secret;
      if (secret ? parameter.sealed.empty() || !parameter.value.empty() : !parameter.sealed.empty()) {
        return fail(Errc::invalid_input,
                    fmt::format("set parameter {}: a secret, and nothing else, is stored sealed", parameter.name));
      }
    }
    return change(touched(scope), [&]() -> Result<void> {
      FIRSTRING_CHECK(need_scope(scope));
      auto put = query(
          "INSERT INTO parameter (scope_kind, scope_name, name, class, access, value, sealed) VALUES (?, ?, ?, ?, ?, "
          "?, ?) "
          "ON CONFLICT DO UPDATE SET class = excluded.class, access = excluded.access, value = excluded.value, "
          "sealed = excluded.sealed");
      for (const auto& parameter : parameters) {
        const std::string access{parameter.access ? to_string(*parameter.access) : ""};
        put.run(static_cast<int>(scope.kind), scope.name, parameter.name, to_string(parameter.parameter_class),
                null_if_empty(access), parameter.value, parameter.sealed);
      }
      return {};
    });
  }

  Result<void> unset_parameters(const Scope& scope, const std::vector<std::string>& names) override {
    if (names.empty()) return {};
    return change(touched(scope), [&]() -> Result<void> {
      auto remove = query("DELETE FROM parameter WHERE scope_kind = ? AND scope_name = ? AND name = ?");
      for (const auto& name : names) {
        remove.run(static_cast<int>(scope.kind), scope.name, name);
        if (database_->changes() == 0) {
          return fail(Errc::not_found, fmt::format("unset parameter '{}': it is not set in {}; nothing was changed",
                                                   printable(name, 40), printable(scope.to_string(), 60)));
        }
      }
      return {};
    });
  }

  Result<std::vector<Parameter>> parameters(const Scope& scope) override {
    return database_->read_once([&]() -> Result<std::vector<Parameter>> { return reader_.parameters(scope); });
  }

  Result<void> set_line(const MacAddress& mac, const Line& line) override {
    if (line.number == 0) return fail(Errc::invalid_input, "set line 0: the lines of a device are numbered from 1");
    return change(mac.bare(), [&]() -> Result<void> {
      FIRSTRING_CHECK(need_device(mac));
      query(
          "INSERT INTO line (device, number, user, proxy, display, transport, srtp, sealed_password) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET user = excluded.user, proxy = excluded.proxy, "
          "display = excluded.display, transport = excluded.transport, srtp = excluded.srtp, "
          "sealed_password = excluded.sealed_password")
          .run(mac, line.number, line.user, line.proxy, line.display, to_string(line.transport), line.srtp,
               line.sealed_password);
      return {};
    });
  }

  Result<std::vector<Line>> lines(const MacAddress& mac) override {
    return database_->read_once([&]() -> Result<std::vector<Line>> { return reader_.lines(mac); });
  }

  Result<void> note_pending(const PendingDevice& device) override {
    return database_->write([&]() -> Result<void> {
      const auto cut = [](const std::string& text) { return text.substr(0, kMaxPendingText); };
      query(
          "INSERT INTO pending (mac, product, serial, address, user_agent, first_seen, last_seen, attempts) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET product = excluded.product, serial = "
          "excluded.serial, "
          "address = excluded.address, user_agent = excluded.user_agent, last_seen = excluded.last_seen, "
          "attempts = attempts + excluded.attempts")
          .run(device.mac, cut(device.product), cut(device.serial), cut(device.address), cut(device.user_agent),
               device.first_seen, device.last_seen, std::max<std::int64_t>(device.attempts, 1));
      // Makes room by age, but never throws out the one just noted: its clock may be behind those of the others.
      query(
          "DELETE FROM pending WHERE mac IN (SELECT mac FROM pending WHERE mac <> ?1 ORDER BY last_seen, mac "
          "LIMIT max(0, (SELECT count(*) FROM pending) - ?2))")
          .run(device.mac, kMaxPending);
      return {};
    });
  }

  Result<std::vector<PendingDevice>> pending() override {
    return database_->read_once([&]() -> Result<std::vector<PendingDevice>> {
      std::vector<PendingDevice> all;
      for (auto row =
               query("SELECT mac, product, serial, address, user_agent, first_seen, last_seen, attempts FROM pending "
                     "ORDER BY last_seen, mac");
           row.next();) {
        all.push_back({.mac = read_mac(row, 0),
                       .product = row.text(1),
                       .serial = row.text(2),
                       .address = row.text(3),
                       .user_agent = row.text(4),
                       .first_seen = row.time(5),
                       .last_seen = row.time(6),
                       .attempts = row.integer(7)});
      }
      return all;
    });
  }

  Result<void> forget_pending(const MacAddress& mac) override {
    return database_->write([&]() -> Result<void> {
      query("DELETE FROM pending WHERE mac = ?").run(mac);
      if (database_->changes() == 0) {
        return fail(Errc::not_found, fmt::format("device {} is not among the pending ones", mac.bare()));
      }
      return {};
    });
  }

  Result<std::vector<LostRace>> keep_device_records(const std::vector<RecordChange>& changes) override {
    if (changes.empty()) return std::vector<LostRace>{};
    return database_->write([&]() -> Result<std::vector<LostRace>> {
      std::vector<LostRace> lost;
      auto entered = query("SELECT 1 FROM device WHERE mac = ? AND created <= ?");
      auto put = query(kPutRecord);
      auto found = query(kSelectRecord);
      for (std::size_t i = 0; i < changes.size(); ++i) {
        const auto& mac = changes[i].after.mac;
        const bool is_entered = entered.bind(mac, changes[i].after.pinned_at).next();
        entered.reset();
        if (!is_entered) continue;
        auto now = found.bind(mac).next() ? std::optional{read_record(found)} : std::nullopt;
        found.reset();
        const auto record = compare_and_set(changes[i], now);
        if (record) {
          put.run(record->mac, record->certificate, record->key, record->pinned_at, record->strongest_version,
                  record->address, record->last_seen, record->ja3, record->personality, record->model,
                  record->firmware);
        } else {
          lost.push_back({.change = i, .now = std::move(now)});
        }
      }
      return lost;
    });
  }

  Result<std::vector<DeviceRecord>> device_records() override {
    std::vector<DeviceRecord> all;
    FIRSTRING_CHECK(each_device_record([&](DeviceRecord record) { all.push_back(std::move(record)); }));
    return all;
  }

  Result<void> each_device_record(const std::function<void(DeviceRecord)>& each) override {
    return database_->read_once([&]() -> Result<void> {
      for (auto row = query(fmt::format("SELECT {} FROM device_record ORDER BY last_seen, mac", kRecordColumns));
           row.next();) {
        each(read_record(row));
      }
      reader_.release_memory();
      return {};
    });
  }

  Result<std::optional<DeviceRecord>> device_record(const MacAddress& mac) override {
    return database_->read_once([&]() -> Result<std::optional<DeviceRecord>> {
      auto row = query(kSelectRecord);
      return row.bind(mac).next() ? std::optional{read_record(row)} : std::nullopt;
    });
  }

  Result<void> pardon(const Pardon& pardon) override {
    if (pardon.until < pardon.at) return fail(Errc::invalid_input, "pardon: it would end before it begins");
    return change(kNoDevice, [&]() -> Result<void> {
      if (pardon.mac) FIRSTRING_CHECK(need_device(*pardon.mac));
      // No upsert: for a UNIQUE constraint, two NULLs differ.
      query(kDeletePardon).run(to_string(pardon.kind), pardon.mac);
      query("INSERT INTO pardon (kind, device, at, until) VALUES (?, ?, ?, ?)")
          .run(to_string(pardon.kind), pardon.mac, pardon.at, pardon.until);
      return {};
    });
  }

  Result<void> end_pardon(Pardon::Kind kind, const std::optional<MacAddress>& mac) override {
    return change(kNoDevice, [&]() -> Result<void> {
      query(kDeletePardon).run(to_string(kind), mac);
      if (database_->changes() != 0) return {};
      return fail(Errc::not_found,
                  fmt::format("end the {} of {}: there is none", to_string(kind), mac ? mac->bare() : "all devices"));
    });
  }

  Result<std::vector<Pardon>> pardons() override {
    return database_->read_once([&]() -> Result<std::vector<Pardon>> { return reader_.pardons(); });
  }

  Result<void> open_enrolment(const EnrolmentWindow& window) override {
    if (window.until <= window.opened)
      return fail(Errc::invalid_input, "open enrolment: it would end before it begins");
    return change(kNoDevice, [&]() -> Result<void> {
      if (!window.group.empty()) FIRSTRING_CHECK(need_group(window.group));
      query("DELETE FROM enrolment WHERE until <= ?").run(window.opened);
      query("INSERT INTO enrolment (device_group, model, opened, until) VALUES (?, ?, ?, ?)")
          .run(null_if_empty(window.group), window.model, window.opened, window.until);
      return {};
    });
  }

  Result<void> close_enrolment() override {
    return change(kNoDevice, [&]() -> Result<void> {
      query("DELETE FROM enrolment").run();
      return {};
    });
  }

  Result<std::vector<EnrolmentWindow>> enrolment(Timestamp now) override {
    return database_->read_once([&]() -> Result<std::vector<EnrolmentWindow>> {
      std::vector<EnrolmentWindow> all;
      auto row =
          query("SELECT ifnull(device_group, ''), model, opened, until FROM enrolment WHERE until > ? ORDER BY id");
      for (row.bind(now); row.next();) {
        all.push_back({.group = row.text(0), .model = row.text(1), .opened = row.time(2), .until = row.time(3)});
      }
      return all;
    });
  }

  Result<std::int64_t> order_capture(const CaptureOrder& order) override {
    if (order.until <= order.ordered || order.wanted == 0)
      return fail(Errc::invalid_input, "order a capture: it would end before it begins");
    std::int64_t id = 0;
    FIRSTRING_CHECK(change(kNoDevice, [&]() -> Result<void> {
      const auto all = reader_.captures();
      const auto on = std::count_if(all.begin(), all.end(), [&](const auto& one) { return one.is_on(order.ordered); });
      if (on >= static_cast<std::ptrdiff_t>(kMaxCaptures))
        return fail(Errc::limit_exceeded,
                    fmt::format("{} captures are on already; end some with: firstring capture --stop", on));
      std::size_t kept = all.size();
      for (const auto& one : all) {
        if (kept < kMaxCapturesKept || one.is_on(order.ordered)) continue;
        query("DELETE FROM capture_order WHERE id = ?").run(one.id);
        --kept;
      }
      query("INSERT INTO capture_order (who, ordered, until, wanted) VALUES (?, ?, ?, ?)")
          .run(order.who, order.ordered, order.until, order.wanted);
      auto row = query("SELECT max(id) FROM capture_order");
      if (row.next()) id = row.integer(0);
      return {};
    }));
    return id;
  }

  Result<std::vector<CaptureOrder>> captures() override {
    return database_->read([&]() -> Result<std::vector<CaptureOrder>> { return reader_.captures(); });
  }

  Result<void> note_capture(std::int64_t order, const std::string& file, Timestamp now) override {
    return change(kNoDevice, [&]() -> Result<void> {
      const auto all = reader_.captures();
      if (std::none_of(all.begin(), all.end(), [&](const auto& one) { return one.id == order && one.is_on(now); }))
        return fail(Errc::conflict, "the capture is over");
      query("INSERT INTO capture_file (capture_order, name) VALUES (?, ?)").run(order, file);
      return {};
    });
  }

  Result<std::size_t> end_captures(std::string_view who, Timestamp now) override {
    std::size_t ended = 0;
    FIRSTRING_CHECK(change(kNoDevice, [&]() -> Result<void> {
      for (const auto& one : reader_.captures()) {
        if (!one.is_on(now) || (!who.empty() && one.who != who)) continue;
        query("UPDATE capture_order SET until = ? WHERE id = ?").run(now, one.id);
        ++ended;
      }
      return {};
    }));
    return ended;
  }

 private:
  Query query(std::string_view sql) { return database_->query(sql); }

  /// A write that can alter what a phone gets; `devices` is what fleet_change says of it.
  template <class Body>
  Result<void> change(std::string_view devices, Body&& body) {
    return database_->write([&]() -> Result<void> {
      FIRSTRING_CHECK(body());
      query("UPDATE fleet SET revision = revision + 1").run();
      const auto revision = reader_.revision();
      query("INSERT INTO fleet_change (revision, devices) VALUES (?, ?)").run(revision, devices);
      query("DELETE FROM fleet_change WHERE revision <= ?").run(revision - kMaxChanges);
      return {};
    });
  }

  static std::string touched(const Scope& scope) {
    return scope.kind == Scope::Kind::device ? scope.name : std::string{kNoDevice};
  }

  Result<void> need_device(const MacAddress& mac) {
    auto row = query("SELECT 1 FROM device WHERE mac = ?");
    if (!row.bind(mac).next()) return no_device(mac);
    return {};
  }

  Result<void> need_group(const std::string& name) {
    auto row = query("SELECT 1 FROM device_group WHERE name = ?");
    if (!row.bind(name).next()) return no_group(name);
    return {};
  }

  Result<void> need_scope(const Scope& scope) {
    switch (scope.kind) {
      case Scope::Kind::base:
        if (!scope.name.empty()) return fail(Errc::invalid_input, "the base layer has no name");
        return {};
      case Scope::Kind::model:
        return check_name("model", scope.name);
      case Scope::Kind::group:
        return need_group(scope.name);
      case Scope::Kind::device:
        break;
    }
    FIRSTRING_TRY(const auto mac, MacAddress::parse_bare(scope.name));
    return need_device(mac);
  }

  std::unique_ptr<Database> database_;
  FleetReader reader_{*database_};
};

}  // namespace

std::unique_ptr<FleetStore> fleet_over(std::unique_ptr<Database> database) {
  return std::make_unique<SqliteFleet>(std::move(database));
}

Result<std::unique_ptr<FleetStore>> open_fleet(const std::filesystem::path& dir, OpenMode mode) {
  FIRSTRING_TRY(auto database, Database::open(dir, kFleetDatabase, {.mode = mode}));
  return fleet_over(std::move(database));
}

}  // namespace firstring::store::sqlite
