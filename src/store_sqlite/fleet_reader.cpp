#include "store_sqlite/fleet_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace firstring::store::sqlite {
namespace {

constexpr std::string_view kDeviceColumns = "mac, model, serial, ifnull(device_group, ''), created";
constexpr std::string_view kParameterColumns = "name, class, access, value, sealed";
constexpr std::string_view kLineColumns = "number, user, proxy, display, transport, srtp, sealed_password";

template <class Value>
Value stored(const std::string& text, std::optional<Value> parsed) {
  if (!parsed) throw_damaged(fmt::format("unknown value '{}'", printable(text, 40)));
  return *parsed;
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

Scope read_scope(Query& row, int first) {
  const auto kind = row.integer(first);
  if (kind < 0 || kind > 3) throw_damaged(fmt::format("unknown kind of scope {}", kind));
  return {static_cast<Scope::Kind>(kind), row.text(first + 1)};
}

}  // namespace

MacAddress read_mac(Query& row, int column) {
  const auto text = row.text(column);
  return stored(text, to_optional(MacAddress::parse_bare(text)));
}

Fleet FleetReader::fleet() {
  Fleet fleet;
  read_common(fleet);
  read_all_devices(fleet, {});
  return fleet;
}

Fleet FleetReader::fleet(const Fleet& before) {
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
}

std::optional<Device> FleetReader::device(const MacAddress& mac) {
  auto row = query(fmt::format("SELECT {} FROM device WHERE mac = ?", kDeviceColumns));
  return row.bind(mac).next() ? std::optional{read_device(row)} : std::nullopt;
}

std::int64_t FleetReader::revision() {
  auto row = query("SELECT revision FROM fleet");
  if (!row.next()) throw_damaged("the revision is missing");
  return row.integer(0);
}

std::vector<Group> FleetReader::groups() {
  std::vector<Group> all;
  for (auto row = query("SELECT name, ifnull(parent, '') FROM device_group ORDER BY name"); row.next();) {
    all.push_back({.name = row.text(0), .parent = row.text(1)});
  }
  return all;
}

std::vector<Device> FleetReader::devices() {
  std::vector<Device> all;
  for (auto row = query(fmt::format("SELECT {} FROM device ORDER BY mac", kDeviceColumns)); row.next();) {
    all.push_back(read_device(row));
  }
  return all;
}

/// Everything but the devices.
void FleetReader::read_common(Fleet& fleet) {
  fleet.revision = revision();
  fleet.groups = groups();
  for (auto row = query(fmt::format("SELECT {}, scope_kind, scope_name FROM parameter WHERE scope_kind < 3 "
                                    "ORDER BY scope_kind, scope_name, name",
                                    kParameterColumns));
       row.next();) {
    auto scope = read_scope(row, 5);
    if (fleet.layers.empty() || fleet.layers.back().first != scope)
      fleet.layers.emplace_back(std::move(scope), std::vector<Parameter>{});
    fleet.layers.back().second.push_back(read_parameter(row, 0));
  }
  fleet.captures = captures();
  std::erase_if(fleet.captures, [](const auto& order) { return order.files.size() >= order.wanted; });
  fleet.pardons = pardons();
}

/// Three sorted tables in one pass, so that every device is made once and in its final size. One that is as it was
/// `before` is shared, so that two revisions of a fleet take little more room than one.
void FleetReader::read_all_devices(Fleet& fleet, const Devices& before) {
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

void FleetReader::release_memory() { sqlite3_db_release_memory(database_.connection().getHandle()); }

/// Each once, sorted; nullopt if the whole fleet must be read.
std::optional<std::vector<MacAddress>> FleetReader::changed_devices(std::int64_t before, std::int64_t revision) {
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

void FleetReader::read_device_again(Fleet& fleet, const MacAddress& mac) {
  auto place = std::lower_bound(fleet.devices.begin(), fleet.devices.end(), mac,
                                [](const auto& one, const MacAddress& wanted) { return one->device.mac < wanted; });
  const bool was_there = place != fleet.devices.end() && (*place)->device.mac == mac;
  auto found = device(mac);
  if (!found) {
    if (was_there) fleet.devices.erase(place);
    return;
  }
  auto read = std::make_shared<const FleetDevice>(
      FleetDevice{*std::move(found), parameters(Scope::of_device(mac)), lines(mac)});
  if (was_there) {
    *place = std::move(read);
  } else {
    fleet.devices.insert(place, std::move(read));
  }
}

std::vector<Parameter> FleetReader::parameters(const Scope& scope) {
  std::vector<Parameter> all;
  auto row = query(
      fmt::format("SELECT {} FROM parameter WHERE scope_kind = ? AND scope_name = ? ORDER BY name", kParameterColumns));
  for (row.bind(static_cast<int>(scope.kind), scope.name); row.next();) all.push_back(read_parameter(row, 0));
  return all;
}

std::vector<Line> FleetReader::lines(const MacAddress& mac) {
  std::vector<Line> all;
  auto row = query(fmt::format("SELECT {} FROM line WHERE device = ? ORDER BY number", kLineColumns));
  for (row.bind(mac); row.next();) all.push_back(read_line(row, 0));
  return all;
}

std::vector<CaptureOrder> FleetReader::captures() {
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
    const auto order = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.id == row.integer(0); });
    if (order != all.end()) order->files.push_back(row.text(1));
  }
  return all;
}

std::vector<Pardon> FleetReader::pardons() {
  std::vector<Pardon> all;
  for (auto row = query("SELECT kind, ifnull(device, ''), at, until FROM pardon ORDER BY device, kind"); row.next();) {
    const auto kind = row.text(0);
    all.push_back({.kind = stored(kind, parse_pardon_kind(kind)),
                   .mac = row.text(1).empty() ? std::nullopt : std::optional{read_mac(row, 1)},
                   .at = row.time(2),
                   .until = row.time(3)});
  }
  return all;
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
