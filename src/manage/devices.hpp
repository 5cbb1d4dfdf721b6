#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "device/known_bad.hpp"
#include "manage/desk.hpp"
#include "manage/device_list.hpp"
#include "manage/version.hpp"

namespace firstring::manage {

struct NewDevice {
  MacAddress mac;
  std::string model;  ///< in any case
  std::string serial{}, group{};
};

/// Fails with invalid_input for a model or serial number that will not do, with conflict if the device is there
/// already, with not_found if the group is not.
Result<Changed<store::Device>> add_device(const Desk& desk, const NewDevice& device);

/// Devices of one batch of known-bad hardware: they may never get in.
struct KnownBadDevices {
  const device::KnownBad* batch = nullptr;
  MacAddress first;
  std::size_t more = 0;  ///< besides the first

  std::string warning() const;  ///< which devices, what their fault is, what to do
};
std::vector<KnownBadDevices> known_bad_among(std::span<const store::Device> devices);

Result<std::vector<store::Device>> list_devices(const Desk& desk);

/// One device with its lines, and what the server has learnt of it.
struct DeviceView {
  store::Device device;
  std::string version;
  std::vector<store::Line> lines;
  std::size_t parameters = 0;  ///< in its own layer
  std::optional<store::DeviceRecord> record;
  std::vector<store::Pardon> pardons;           ///< those that can still have an effect on it
  const device::KnownBad* known_bad = nullptr;  ///< the batch that it is of
};
Result<DeviceView> show_device(const Desk& desk, const MacAddress& mac);

/// With its lines and parameters; the ledger keeps what it did.
Result<Change> remove_device(const Desk& desk, const MacAddress& mac, const SeenVersion& seen = {});

/// Devices that came with a good certificate but are not in the fleet.
Result<std::vector<store::PendingDevice>> list_pending(const Desk& desk);

/// Reads such a list and holds it against the fleet; changes nothing.
Result<DeviceList> check_device_list(const Desk& desk, std::string_view csv);
/// Adds all devices of a checked list or none: invalid_input if it has problems. `progress` is told how many are done.
Result<Change> import_devices(
    const Desk& desk, const DeviceList& list, const std::function<void(std::size_t)>& progress = [](std::size_t) {});
/// What import reads.
Result<std::string> export_devices(const Desk& desk);

/// Forgets the pinned certificate: the next good one that the device comes with is pinned, and with it its TLS version.
Result<Changed<store::Pardon>> unpin(const Desk& desk, const MacAddress& mac);

inline constexpr std::chrono::milliseconds kLongestAmnesty = std::chrono::days{30};
/// Lets the device, or all for nothing, come with an older TLS version than before; what it shows during that time is
/// what it is held to afterwards. invalid_input for less than 1 ms or more than kLongestAmnesty.
Result<Changed<store::Pardon>> grant_amnesty(const Desk& desk, const std::optional<MacAddress>& mac,
                                             std::chrono::milliseconds duration);
/// not_found if there is none.
Result<Change> end_amnesty(const Desk& desk, const std::optional<MacAddress>& mac);

}  // namespace firstring::manage
