#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "store_sqlite/database.hpp"

namespace firstring::store::sqlite {
namespace {

constexpr std::string_view kDeviceColumns = "mac, model, serial, ifnull(device_group, ''), created";
constexpr std::string_view kParameterColumns = "name, class, access, value, sealed";
constexpr std::string_view kLineColumns = "number, user, proxy, display, transport, srtp, sealed_password";
constexpr std::string_view kRecordColumns =
    "mac, certificate, key, pinned_at, strongest_version, address, last_seen, ja3, personality, model, firmware";
constexpr std::string_view kDeletePardon = "DELETE FROM pardon WHERE kind = ? AND device IS ?";
constexpr std::size_t kProgressStep = 1000;
// What a revision changed, in fleet_change, where it is not one device.
constexpr std::string_view kNoDevice = "none";
constexpr std::string_view kAllDevices = "all";
/// Revisions of which the changes are remembered: as many as it is worth while to read one by one.
constexpr std::int64_t kMaxChanges = 1000;

template <class Value>
Value stored(const std::string& text, std::optional<Value> parsed) {
  if (!parsed) throw_damaged(fmt::format("unknown value '{}'", printable(text, 40)));
  return *parsed;
}

MacAddress read_mac(Query& row, int column) {
  const auto text = row.text(column);
  return stored(text, to_optional(MacAddress::parse_bare(text)));
}

Device read_device(Query& row) {
  return {.mac = read_mac(row, 0),
          .model = row.text(1),
          .serial = row.text(2),
          .group = row.text(3),
          .created = row.time(4)};
}

/// `first` is the column where kParameterColumns begins.
Parameter read_parameter(Query& row, int first) {
  const auto class_text = row.text(first + 1);
  const auto access = row.text(first + 2);
  return {.name = row.text(first),
          .parameter_class = stored(class_text, parse_parameter_class(class_text)),
          .access = access.empty() ? std::nullopt : std::optional{stored(access, parse_user_access(access))},
          .value = row.text(first + 3),
          .sealed = row.blob(first + 4)};
}

Line read_line(Query& row, int first) {
  const auto transport = row.text(first + 4);
  return {.number = static_cast<unsigned>(row.integer(first)),
          .user = row.text(first + 1),
          .proxy = row.text(first + 2),
          .display = row.text(first + 3),
          .transport = stored(transport, parse_transport(transport)),
          .srtp = row.integer(first + 5) != 0,
          .sealed_password = row.blob(first + 6)};
}

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

Scope read_scope(Query& row, int first) {
  const auto kind = row.integer(first);
  if (kind < 0 || kind > 3) throw_damaged(fmt::format("unknown kind of scope {}", kind));
  return {static_cast<Scope::Kind>(kind), row.text(first + 1)};
}

std::optional<std::string> null_if_empty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional{text};
}

auto no_device(const MacAddress& mac) {
  return fail(Errc::not_found, fmt::format("device {} is not there; enter it with: firstring device add", mac.bare()));
}

auto no_group(std::string_view name) {
  return fail(Errc::not_found,
              fmt::format("group '{}' is not there; make it with: firstring group add", printable(name, 40)));
}

class SqliteFleet final : public FleetStore {
 public:
  explicit SqliteFleet(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  Result<std::int64_t> revision() override {
    return database_->read_once([&]() -> Result<std::int64_t> { return read_revision(); });
  }

  bool has_moved() override { return database_->has_moved(); }

  Result<Fleet> load() override {
    return database_->read([&]() -> Result<Fleet> {
      Fleet fleet;
      read_common(fleet);
      read_all_devices(fleet, {});
      return fleet;
    });
  }

  Result<Fleet> load_changes(const Fleet& before) override {
    return database_->read([&]() -> Result<Fleet> {
      Fleet fleet;
      read_common(fleet);
      const auto changed = changed_devices(before.revision, fleet.revision);
      if (!changed) {
        read_all_devices(fleet, before.devices);
        return fleet;
      }
      fleet.devices = before.devices;
      for (const auto& mac : *changed) read_device_again(fleet, mac);
      return fleet;
    });
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
          return fail(Errc::conflict, fmt::format("add device {}: it is there already", device.mac.bare()));
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
      auto row = query(fmt::format("SELECT {} FROM device WHERE mac = ?", kDeviceColumns));
      row.bind(mac);
      if (!row.next()) return no_device(mac);
      return read_device(row);
    });
  }

  Result<std::vector<Device>> devices() override {
    return database_->read_once([&]() -> Result<std::vector<Device>> { return read_devices(); });
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
        return fail(Errc::conflict, fmt::format("add group '{}': it is there already", group.name));
      }
      return {};
    });
  }

  Result<std::vector<Group>> groups() override {
    return database_->read_once([&]() -> Result<std::vector<Group>> { return read_groups(); });
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
    return database_->read_once([&]() -> Result<std::vector<Parameter>> { return read_parameters(scope); });
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
    return database_->read_once([&]() -> Result<std::vector<Line>> { return read_lines(mac); });
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

  Result<void> keep_device_records(const std::vector<DeviceRecord>& records) override {
    if (records.empty()) return {};
    return database_->write([&]() -> Result<void> {
      auto put =
          query(fmt::format("INSERT OR REPLACE INTO device_record ({}) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? "
                            "WHERE EXISTS (SELECT 1 FROM device WHERE mac = ?1)",
                            kRecordColumns));
      for (const auto& one : records) {
        put.run(one.mac, one.certificate, one.key, one.pinned_at, one.strongest_version, one.address, one.last_seen,
                one.ja3, one.personality, one.model, one.firmware);
      }
      return {};
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
      release_memory();
      return {};
    });
  }

  Result<std::optional<DeviceRecord>> device_record(const MacAddress& mac) override {
    return database_->read_once([&]() -> Result<std::optional<DeviceRecord>> {
      auto row = query(fmt::format("SELECT {} FROM device_record WHERE mac = ?", kRecordColumns));
      row.bind(mac);
      return row.next() ? std::optional{read_record(row)} : std::nullopt;
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
    return database_->read_once([&]() -> Result<std::vector<Pardon>> { return read_pardons(); });
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
      const auto all = read_captures();
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
    return database_->read([&]() -> Result<std::vector<CaptureOrder>> { return read_captures(); });
  }

  Result<void> note_capture(std::int64_t order, const std::string& file, Timestamp now) override {
    return change(kNoDevice, [&]() -> Result<void> {
      const auto all = read_captures();
      if (std::none_of(all.begin(), all.end(), [&](const auto& one) { return one.id == order && one.is_on(now); }))
        return fail(Errc::conflict, "the capture is over");
      query("INSERT INTO capture_file (capture_order, name) VALUES (?, ?)").run(order, file);
      return {};
    });
  }

  Result<std::size_t> end_captures(std::string_view who, Timestamp now) override {
    std::size_t ended = 0;
    FIRSTRING_CHECK(change(kNoDevice, [&]() -> Result<void> {
      for (const auto& one : read_captures()) {
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
      const auto revision = read_revision();
      query("INSERT INTO fleet_change (revision, devices) VALUES (?, ?)").run(revision, devices);
      query("DELETE FROM fleet_change WHERE revision <= ?").run(revision - kMaxChanges);
      return {};
    });
  }

  static std::string touched(const Scope& scope) {
    return scope.kind == Scope::Kind::device ? scope.name : std::string{kNoDevice};
  }

  std::int64_t read_revision() {
    auto row = query("SELECT revision FROM fleet");
    if (!row.next()) throw_damaged("the revision is missing");
    return row.integer(0);
  }

  std::vector<Group> read_groups() {
    std::vector<Group> all;
    for (auto row = query("SELECT name, ifnull(parent, '') FROM device_group ORDER BY name"); row.next();) {
      all.push_back({.name = row.text(0), .parent = row.text(1)});
    }
    return all;
  }

  std::vector<Device> read_devices() {
    std::vector<Device> all;
    for (auto row = query(fmt::format("SELECT {} FROM device ORDER BY mac", kDeviceColumns)); row.next();) {
      all.push_back(read_device(row));
    }
    return all;
  }

  /// Everything but the devices.
  void read_common(Fleet& fleet) {
    fleet.revision = read_revision();
    fleet.groups = read_groups();
    for (auto row = query(fmt::format("SELECT {}, scope_kind, scope_name FROM parameter WHERE scope_kind < 3 "
                                      "ORDER BY scope_kind, scope_name, name",
                                      kParameterColumns));
         row.next();) {
      auto scope = read_scope(row, 5);
      if (fleet.layers.empty() || fleet.layers.back().first != scope)
        fleet.layers.emplace_back(std::move(scope), std::vector<Parameter>{});
      fleet.layers.back().second.push_back(read_parameter(row, 0));
    }
    fleet.captures = read_captures();
    std::erase_if(fleet.captures, [](const auto& order) { return order.files.size() >= order.wanted; });
    fleet.pardons = read_pardons();
  }

  using Devices = std::vector<std::shared_ptr<const FleetDevice>>;

  /// Three sorted tables in one pass, so that every device is made once and in its final size. One that is as it was
  /// `before` is shared, so that two revisions of a fleet take little more room than one.
  void read_all_devices(Fleet& fleet, const Devices& before) {
    auto counted = query("SELECT count(*) FROM device");
    if (counted.next()) fleet.devices.reserve(static_cast<std::size_t>(counted.integer(0)));
    auto devices = query(fmt::format("SELECT {} FROM device ORDER BY mac", kDeviceColumns));
    auto parameters = query(fmt::format(
        "SELECT {}, scope_name FROM parameter WHERE scope_kind = 3 ORDER BY scope_name, name", kParameterColumns));
    auto lines = query(fmt::format("SELECT {}, device FROM line ORDER BY device, number", kLineColumns));
    auto old = before.begin();
    FleetDevice read;
    bool more_parameters = parameters.next();
    bool more_lines = lines.next();
    while (devices.next()) {
      read.device = read_device(devices);
      read.parameters.clear();
      read.lines.clear();
      for (; more_parameters && read_mac(parameters, 5) == read.device.mac; more_parameters = parameters.next())
        read.parameters.push_back(read_parameter(parameters, 0));
      for (; more_lines && read_mac(lines, 7) == read.device.mac; more_lines = lines.next())
        read.lines.push_back(read_line(lines, 0));
      while (old != before.end() && (*old)->device.mac < read.device.mac) ++old;
      fleet.devices.push_back(old != before.end() && **old == read ? *old : std::make_shared<const FleetDevice>(read));
    }
    if (more_parameters || more_lines) throw_damaged("it holds settings of a device that is not there");
    release_memory();
  }

  /// The page cache is as large as the fleet after that, and of no more use.
  void release_memory() { sqlite3_db_release_memory(database_->connection().getHandle()); }

  /// Each once, sorted; nullopt if the whole fleet must be read.
  std::optional<std::vector<MacAddress>> changed_devices(std::int64_t before, std::int64_t revision) {
    if (before > revision || revision - before > kMaxChanges) return std::nullopt;
    std::vector<MacAddress> changed;
    std::int64_t known = 0;
    auto row = query("SELECT devices FROM fleet_change WHERE revision > ?");
    for (row.bind(before); row.next(); ++known) {
      const auto devices = row.text(0);
      if (devices == kAllDevices) return std::nullopt;
      if (devices != kNoDevice) changed.push_back(read_mac(row, 0));
    }
    if (known != revision - before) return std::nullopt;
    std::sort(changed.begin(), changed.end());
    changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
    return changed;
  }

  void read_device_again(Fleet& fleet, const MacAddress& mac) {
    auto place = std::lower_bound(fleet.devices.begin(), fleet.devices.end(), mac,
                                  [](const auto& one, const MacAddress& wanted) { return one->device.mac < wanted; });
    const bool was_there = place != fleet.devices.end() && (*place)->device.mac == mac;
    auto row = query(fmt::format("SELECT {} FROM device WHERE mac = ?", kDeviceColumns));
    if (!row.bind(mac).next()) {
      if (was_there) fleet.devices.erase(place);
      return;
    }
    auto device = std::make_shared<const FleetDevice>(
        FleetDevice{read_device(row), read_parameters(Scope::of_device(mac)), read_lines(mac)});
    if (was_there) {
      *place = std::move(device);
    } else {
      fleet.devices.insert(place, std::move(device));
    }
  }

  std::vector<Parameter> read_parameters(const Scope& scope) {
    std::vector<Parameter> all;
    auto row = query(fmt::format("SELECT {} FROM parameter WHERE scope_kind = ? AND scope_name = ? ORDER BY name",
                                 kParameterColumns));
    for (row.bind(static_cast<int>(scope.kind), scope.name); row.next();) all.push_back(read_parameter(row, 0));
    return all;
  }

  std::vector<Line> read_lines(const MacAddress& mac) {
    std::vector<Line> all;
    auto row = query(fmt::format("SELECT {} FROM line WHERE device = ? ORDER BY number", kLineColumns));
    for (row.bind(mac); row.next();) all.push_back(read_line(row, 0));
    return all;
  }

  std::vector<CaptureOrder> read_captures() {
    std::vector<CaptureOrder> all;
    for (auto row = query("SELECT id, who, ordered, until, wanted FROM capture_order ORDER BY id"); row.next();) {
      all.push_back({.id = row.integer(0),
                     .who = row.text(1),
                     .ordered = row.time(2),
                     .until = row.time(3),
                     .wanted = static_cast<unsigned>(row.integer(4)),
                     .files = {}});
    }
    for (auto row = query("SELECT capture_order, name FROM capture_file ORDER BY name"); row.next();) {
      const auto order =
          std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.id == row.integer(0); });
      if (order != all.end()) order->files.push_back(row.text(1));
    }
    return all;
  }

  std::vector<Pardon> read_pardons() {
    std::vector<Pardon> all;
    for (auto row = query("SELECT kind, ifnull(device, ''), at, until FROM pardon ORDER BY device, kind");
         row.next();) {
      const auto kind = row.text(0);
      all.push_back({.kind = stored(kind, parse_pardon_kind(kind)),
                     .mac = row.text(1).empty() ? std::nullopt : std::optional{read_mac(row, 1)},
                     .at = row.time(2),
                     .until = row.time(3)});
    }
    return all;
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
};

}  // namespace

std::unique_ptr<FleetStore> fleet_over(std::unique_ptr<Database> database) {
  return std::make_unique<SqliteFleet>(std::move(database));
}

Result<std::unique_ptr<FleetStore>> open_fleet(const std::filesystem::path& dir, OpenMode mode) {
  FIRSTRING_TRY(auto database, Database::open(dir, kFleetDatabase, {.mode = mode}));
  return fleet_over(std::move(database));
}

Result<std::vector<SealedValue>> sealed_samples(const std::filesystem::path& dir) {
  FIRSTRING_TRY(const auto database, Database::open(dir, kFleetDatabase, {.mode = OpenMode::as_it_is}));
  return database->read([&]() -> Result<std::vector<SealedValue>> {
    std::vector<SealedValue> samples;
    for (const std::string_view order : {"ASC", "DESC"}) {
      auto parameter = database->query(
          fmt::format("SELECT scope_kind, scope_name, name, sealed FROM parameter WHERE class = 'secret' ORDER BY "
                      "scope_kind {0}, scope_name {0}, name {0} LIMIT 1",
                      order));
      if (parameter.next()) {
        const auto scope = read_scope(parameter, 0);
        samples.push_back({seal_context(scope, parameter.text(2)), parameter.blob(3)});
      }
      auto line = database->query(
          fmt::format("SELECT device, number, sealed_password FROM line WHERE length(sealed_password) > 0 ORDER BY "
                      "device {0}, number {0} LIMIT 1",
                      order));
      if (line.next()) {
        const auto number = static_cast<unsigned>(line.integer(1));
        samples.push_back({seal_context_line(read_mac(line, 0), number), line.blob(2)});
      }
    }
    return samples;
  });
}

}  // namespace firstring::store::sqlite
