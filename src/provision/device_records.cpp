#include "provision/device_records.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace firstring::provision {
namespace {

std::size_t place_hash(std::string_view address, std::string_view ja3) {
  const std::hash<std::string_view> hash;
  return hash(address) * 31 + hash(ja3);
}

/// MAC addresses of one maker differ in their low bits alone.
std::size_t shard_number(std::uint64_t mac, std::size_t shards) { return (mac * 0x9e3779b97f4a7c15U >> 32) % shards; }

}  // namespace

DeviceRecords::Shard& DeviceRecords::shard(const MacAddress& mac) {
  return shards_[shard_number(mac.as_number(), kShards)];
}

const DeviceRecords::Shard& DeviceRecords::shard(const MacAddress& mac) const {
  return shards_[shard_number(mac.as_number(), kShards)];
}

void DeviceRecords::load(std::vector<store::DeviceRecord> records) {
  for (auto& record : records) {
    auto& shard = this->shard(record.mac);
    const std::lock_guard lock{shard.mutex};
    put(shard, std::move(record));
  }
}

std::optional<store::DeviceRecord> DeviceRecords::find(const MacAddress& mac) const {
  const auto& shard = this->shard(mac);
  const std::lock_guard lock{shard.mutex};
  const auto found = shard.entries.find(mac);
  return found != shard.entries.end() ? std::optional{found->second.record} : std::nullopt;
}

std::optional<store::DeviceRecord> DeviceRecords::last_at(const IpAddress& address, std::string_view ja3) const {
  const auto text = address.to_string();
  const auto hash = place_hash(text, ja3);
  std::vector<MacAddress> devices;
  {
    const auto& place = places_[hash % kShards];
    const std::lock_guard lock{place.mutex};
    const auto found = place.devices.find(hash);
    if (found == place.devices.end()) return std::nullopt;
    devices = found->second;
  }
  for (auto mac = devices.rbegin(); mac != devices.rend(); ++mac) {
    auto record = find(*mac);
    if (record && record->address == text && record->ja3 == ja3) return record;
  }
  return std::nullopt;
}

policy::Watched DeviceRecords::meet(const policy::Sighting& sighting, const policy::Pardons& pardons,
                                    const policy::WatchSettings& settings, Kept kept) {
  const auto& mac = sighting.seen.mac;
  auto& shard = this->shard(mac);
  const std::lock_guard lock{shard.mutex};
  const auto found = shard.entries.find(mac);
  auto watched =
      policy::watch(found != shard.entries.end() ? &found->second.record : nullptr, sighting, pardons, settings);
  if (watched.record && kept == Kept::yes) mark_changed(shard, put(shard, *watched.record));
  leave_out_repeated(shard, mac, sighting.seen.last_seen, settings.resync_period, watched.alarms);
  return watched;
}

void DeviceRecords::leave_out_repeated(Shard& shard, const MacAddress& mac, Timestamp time,
                                       std::chrono::milliseconds period, std::vector<policy::WatchAlarm>& alarms) {
  if (alarms.empty()) return;
  // Full of others, most of them long past: better an alarm twice than memory without a bound.
  if (shard.alarmed.size() >= kMaxAlarmed && !shard.alarmed.contains(mac)) shard.alarmed.clear();
  auto& raised = shard.alarmed[mac];
  std::erase_if(alarms, [&](const auto& alarm) {
    auto& last = raised.at(static_cast<std::size_t>(alarm.kind));
    if (last && *last <= time && time - *last < period) return true;
    last = time;
    return false;
  });
}

void DeviceRecords::forget(const std::function<bool(const store::DeviceRecord&)>& is_gone) {
  for (auto& shard : shards_) {
    const std::lock_guard lock{shard.mutex};
    std::erase_if(shard.entries, [&](const auto& item) {
      const auto& record = item.second.record;
      if (!is_gone(record)) return false;
      leave_place(record);
      return true;
    });
  }
}

std::vector<store::DeviceRecord> DeviceRecords::take_changed() {
  std::vector<store::DeviceRecord> changed;
  for (auto& shard : shards_) {
    const std::lock_guard lock{shard.mutex};
    for (const auto& mac : shard.changed) {
      const auto found = shard.entries.find(mac);
      if (found == shard.entries.end()) continue;
      found->second.changed = false;
      changed.push_back(found->second.record);
    }
    shard.changed.clear();
  }
  return changed;
}

void DeviceRecords::put_back(const std::vector<store::DeviceRecord>& changed) {
  for (const auto& record : changed) {
    auto& shard = this->shard(record.mac);
    const std::lock_guard lock{shard.mutex};
    // What is there now is at least as new.
    if (const auto found = shard.entries.find(record.mac); found != shard.entries.end())
      mark_changed(shard, found->second);
  }
}

void DeviceRecords::mark_changed(Shard& shard, Entry& entry) {
  if (!std::exchange(entry.changed, true)) shard.changed.push_back(entry.record.mac);
}

DeviceRecords::Entry& DeviceRecords::put(Shard& shard, store::DeviceRecord record) {
  auto& entry = shard.entries[record.mac];
  leave_place(entry.record);
  entry.record = std::move(record);
  enter_place(entry.record);
  return entry;
}

void DeviceRecords::enter_place(const store::DeviceRecord& record) {
  const auto hash = place_hash(record.address, record.ja3);
  auto& place = places_[hash % kShards];
  const std::lock_guard lock{place.mutex};
  auto& devices = place.devices[hash];
  devices.push_back(record.mac);
  if (devices.size() > kMaxAtOnePlace) devices.erase(devices.begin());
}

void DeviceRecords::leave_place(const store::DeviceRecord& record) {
  const auto hash = place_hash(record.address, record.ja3);
  auto& place = places_[hash % kShards];
  const std::lock_guard lock{place.mutex};
  const auto found = place.devices.find(hash);
  if (found == place.devices.end()) return;
  std::erase(found->second, record.mac);
  if (found->second.empty()) place.devices.erase(found);
}

}  // namespace firstring::provision
