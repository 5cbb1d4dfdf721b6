#pragma once

// Private to this module.

#include <optional>
#include <string>
#include <vector>

#include "store_sqlite/database.hpp"

namespace firstring::store::sqlite {

/// The MAC address in a column. What a column may not hold is damage, here and below: see throw_damaged.
MacAddress read_mac(Query& row, int column);

/// The tables of the fleet as values, at the state that the caller's read or write sees.
class FleetReader {
 public:
  explicit FleetReader(Database& database) : database_(database) {}

  std::int64_t revision();
  Fleet fleet();
  /// What has not changed since `before` is shared with it, and not read if the changes since are known.
  Fleet fleet(const Fleet& before);

  std::vector<Group> groups();
  std::optional<Device> device(const MacAddress& mac);
  std::vector<Device> devices();
  std::vector<Parameter> parameters(const Scope& scope);
  std::vector<Line> lines(const MacAddress& mac);
  std::vector<CaptureOrder> captures();
  std::vector<Pardon> pardons();

  /// The page cache is as large as the fleet after all of it was read, and of no more use.
  void release_memory();

 private:
  using Devices = std::vector<std::shared_ptr<const FleetDevice>>;

  Query query(std::string_view sql) { return database_.query(sql); }
  void read_common(Fleet& fleet);
  void read_all_devices(Fleet& fleet, const Devices& before);
  void read_device_again(Fleet& fleet, const MacAddress& mac);
  std::optional<std::vector<MacAddress>> changed_devices(std::int64_t before, std::int64_t revision);

  Database& database_;
};

// What a revision changed, in fleet_change, where it is not one device.
inline constexpr std::string_view kNoDevice = "none";
inline constexpr std::string_view kAllDevices = "all";
/// Revisions of which the changes are remembered: as many as it is worth while to read one by one.
inline constexpr std::int64_t kMaxChanges = 1000;

}  // namespace firstring::store::sqlite
