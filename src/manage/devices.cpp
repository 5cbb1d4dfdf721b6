#include "manage/devices.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "manage/lookup.hpp"

namespace firstring::manage {
namespace {

Result<std::vector<store::Pardon>> pardons_of(const Desk& desk, const MacAddress& mac,
                                              const std::optional<store::DeviceRecord>& record) {
  FIRSTRING_TRY(auto pardons, desk.fleet->pardons());
  const auto time = desk.time();
  std::erase_if(pardons, [&](const store::Pardon& one) {
    if (one.mac && *one.mac != mac) return true;
    return one.kind == store::Pardon::Kind::amnesty ? one.until <= time : record && one.at < record->pinned_at;
  });
  return pardons;
}

std::string subject_of(const std::optional<MacAddress>& mac) { return mac ? mac->bare() : "all devices"; }

}  // namespace

Result<Changed<store::Device>> add_device(const Desk& desk, const NewDevice& device) {
  const auto model = find_model(device.model);
  if (!model) return fail(Errc::invalid_input, model.error().what);
  if (const auto bad = bad_label(device.serial); !bad.empty()) return fail(Errc::invalid_input, "serial: it " + bad);
  store::Device added{.mac = device.mac,
                      .model = (*model)->name,
                      .serial = device.serial,
                      .group = device.group,
                      .created = desk.time()};
  const auto mac = added.mac.bare();
  if (desk.fleet->device(added.mac))
    return fail(Errc::conflict, fmt::format("device {} already exists; see: firstring device show {}", mac, mac));
  if (!added.group.empty()) FIRSTRING_CHECK(check_group(*desk.fleet, added.group));
  FIRSTRING_TRY(auto change, commit(desk, "device.add", mac, [&](auto& fleet) { return fleet.add_device(added); }));
  return Changed<store::Device>{std::move(added), std::move(change)};
}

std::string KnownBadDevices::warning() const {
  return fmt::format("device {}{}: {}. {}", first.bare(), more > 0 ? fmt::format(" and {} more", more) : "",
                     batch->sentence(), batch->remedy);
}

std::vector<KnownBadDevices> known_bad_among(std::span<const store::Device> devices) {
  std::vector<KnownBadDevices> found;
  for (const auto& batch : device::known_bad_hardware()) {
    const auto is_of_it = [&](const store::Device& device) {
      return device::find_known_bad(device.model, device.serial) == &batch;
    };
    const auto first = std::find_if(devices.begin(), devices.end(), is_of_it);
    if (first == devices.end()) continue;
    const auto more = static_cast<std::size_t>(std::count_if(first + 1, devices.end(), is_of_it));
    found.push_back({.batch = &batch, .first = first->mac, .more = more});
  }
  return found;
}

Result<std::vector<store::Device>> list_devices(const Desk& desk) { return desk.fleet->devices(); }

Result<DeviceView> show_device(const Desk& desk, const MacAddress& mac) {
  DeviceView view;
  FIRSTRING_TRY(view.device, find_device(*desk.fleet, mac));
  view.version = version_of(view.device);
  FIRSTRING_TRY(view.lines, desk.fleet->lines(mac));
  FIRSTRING_TRY(const auto parameters, desk.fleet->parameters(store::Scope::of_device(mac)));
  view.parameters = parameters.size();
  FIRSTRING_TRY(view.record, desk.fleet->device_record(mac));
  FIRSTRING_TRY(view.pardons, pardons_of(desk, mac, view.record));
  view.known_bad = device::find_known_bad(view.device.model, view.device.serial);
  return view;
}

Result<Change> remove_device(const Desk& desk, const MacAddress& mac, const SeenVersion& seen) {
  FIRSTRING_TRY(const auto device, find_device(*desk.fleet, mac));
  FIRSTRING_CHECK(check_version(seen, version_of(device), "device " + mac.bare()));
  return commit(desk, "device.remove", mac.bare(), [&](auto& fleet) { return fleet.remove_device(mac); });
}

Result<std::vector<store::PendingDevice>> list_pending(const Desk& desk) { return desk.fleet->pending(); }

Result<DeviceList> check_device_list(const Desk& desk, std::string_view csv) {
  FIRSTRING_TRY(const auto existing, desk.fleet->devices());
  FIRSTRING_TRY(const auto groups, desk.fleet->groups());
  return read_device_list(csv, device::Catalogue::shipped(), existing, groups, desk.time());
}

Result<Change> import_devices(const Desk& desk, const DeviceList& list,
                              const std::function<void(std::size_t)>& progress) {
  if (!list.problems.empty()) {
    return fail(Errc::invalid_input, fmt::format("{} bad line{}; nothing added", list.problems.size(),
                                                 list.problems.size() == 1 ? "" : "s"));
  }
  return commit(desk, "device.import", fmt::format("{} devices", list.devices.size()),
                [&](auto& fleet) { return fleet.add_devices(list.devices, progress); });
}

Result<std::string> export_devices(const Desk& desk) {
  FIRSTRING_TRY(const auto devices, desk.fleet->devices());
  return write_device_list(devices);
}

Result<Changed<store::Pardon>> unpin(const Desk& desk, const MacAddress& mac) {
  FIRSTRING_CHECK(find_device(*desk.fleet, mac));
  const auto time = desk.time();
  store::Pardon pardon{.kind = store::Pardon::Kind::unpin, .mac = mac, .at = time, .until = time};
  FIRSTRING_TRY(auto change,
                commit(desk, "device.unpin", mac.bare(), [&](auto& fleet) { return fleet.pardon(pardon); }));
  return Changed<store::Pardon>{pardon, std::move(change)};
}

Result<Changed<store::Pardon>> grant_amnesty(const Desk& desk, const std::optional<MacAddress>& mac,
                                             std::chrono::milliseconds duration) {
  if (duration <= std::chrono::milliseconds{0} || duration > kLongestAmnesty)
    return fail(Errc::invalid_input, "for: an amnesty lasts at least 1ms and at most 30d");
  if (mac) FIRSTRING_CHECK(find_device(*desk.fleet, *mac));
  const auto time = desk.time();
  store::Pardon pardon{.kind = store::Pardon::Kind::amnesty, .mac = mac, .at = time, .until = time + duration};
  FIRSTRING_TRY(auto change,
                commit(desk, "device.amnesty", subject_of(mac), [&](auto& fleet) { return fleet.pardon(pardon); }));
  return Changed<store::Pardon>{pardon, std::move(change)};
}

Result<Change> end_amnesty(const Desk& desk, const std::optional<MacAddress>& mac) {
  if (mac) FIRSTRING_CHECK(find_device(*desk.fleet, *mac));
  return commit(desk, "device.amnesty_end", subject_of(mac),
                [&](auto& fleet) { return fleet.end_pardon(store::Pardon::Kind::amnesty, mac); });
}

}  // namespace firstring::manage
