#include "provision/device_records.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/bytes.hpp"
#include "policy/record_merge.hpp"

namespace firstring::provision {
namespace {

std::size_t place_hash(std::string_view address, std::string_view ja3) {
  const std::hash<std::string_view> hash;
  return hash(address) * 31 + hash(ja3);
}

/// MAC addresses of one maker differ in their low bits alone.
std::size_t shard_number(std::uint64_t mac, std::size_t shards) { return (mac * 0x9e3779b97f4a7c15U >> 32) % shards; }

// A packed record: pinned_at, last_seen, strongest_version, then each text behind its length, one octet. Texts of
// hexadecimal digits, most of what there is, take half their length, which bit 7 of the length says.
constexpr std::size_t kMaxText = 0x7f;
constexpr unsigned char kHexadecimal = 0x80;

constexpr std::array kTexts{&store::DeviceRecord::certificate, &store::DeviceRecord::key,
                            &store::DeviceRecord::address,     &store::DeviceRecord::ja3,
                            &store::DeviceRecord::personality, &store::DeviceRecord::model,
                            &store::DeviceRecord::firmware};

/// By octet: the value of a hexadecimal digit in lower case, -1 for all others.
constexpr auto kDigits = [] {
  std::array<signed char, 256> values{};
  values.fill(-1);
  for (signed char i = 0; i < 16; ++i) values.at(static_cast<unsigned char>("0123456789abcdef"[i])) = i;
  return values;
}();

/// Writes the octets that the digits mean; false, and `out` may hold some, if they are none.
bool put_hexadecimal(std::string_view digits, char* out) {
  if (digits.size() % 2 != 0) return false;
  for (const auto* digit = digits.begin(); digit != digits.end(); digit += 2) {
    const int value =
        kDigits[static_cast<unsigned char>(digit[0])] * 16 | kDigits[static_cast<unsigned char>(digit[1])];
    if (value < 0) return false;
    *out++ = static_cast<char>(value);
  }
  return true;
}

template <class Number>
void put_number(std::string& out, Number number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

template <class Number>
Number take_number(std::string_view& in) {
  Number number{};
  std::memcpy(&number, in.data(), sizeof number);
  in.remove_prefix(sizeof number);
  return number;
}

/// Texts beyond kMaxText are cut: ours are none of them, and a User-Agent's version is at most device's 200 octets.
std::string pack(const store::DeviceRecord& record) {
  std::array<char, kTexts.size() * (kMaxText + 1)> buffer;
  std::size_t size = 0;
  for (const auto member : kTexts) {
    const auto text = std::string_view{record.*member}.substr(0, kMaxText);
    const bool shortened = put_hexadecimal(text, &buffer[size + 1]);
    const auto length = shortened ? text.size() / 2 : text.copy(&buffer[size + 1], text.size());
    buffer[size] = static_cast<char>(length | (shortened ? kHexadecimal : 0));
    size += 1 + length;
  }
  std::string packed;
  packed.reserve(2 * sizeof(std::int64_t) + sizeof record.strongest_version + size);
  put_number(packed, to_micros(record.pinned_at));
  put_number(packed, to_micros(record.last_seen));
  put_number(packed, record.strongest_version);
  return packed.append(buffer.data(), size);
}

store::DeviceRecord unpack(const MacAddress& mac, std::string_view packed) {
  store::DeviceRecord record;
  record.mac = mac;
  record.pinned_at = from_micros(take_number<std::int64_t>(packed));
  record.last_seen = from_micros(take_number<std::int64_t>(packed));
  record.strongest_version = take_number<std::uint16_t>(packed);
  for (const auto member : kTexts) {
    const auto length = take_number<unsigned char>(packed);
    const auto octets = packed.substr(0, length & kMaxText);
    record.*member = (length & kHexadecimal) != 0 ? to_hex(as_bytes(octets)) : std::string{octets};
    packed.remove_prefix(octets.size());
  }
  return record;
}

std::optional<store::DeviceRecord> unpack_optional(const MacAddress& mac, std::string_view packed) {
  return packed.empty() ? std::nullopt : std::optional{unpack(mac, packed)};
}

}  // namespace

DeviceRecords::Shard& DeviceRecords::shard(const MacAddress& mac) {
  return shards_[shard_number(mac.as_number(), kShards)];
}

const DeviceRecords::Shard& DeviceRecords::shard(const MacAddress& mac) const {
  return shards_[shard_number(mac.as_number(), kShards)];
}

void DeviceRecords::load(const store::DeviceRecord& record) {
  auto& shard = this->shard(record.mac);
  const std::lock_guard lock{shard.mutex};
  const auto found = shard.entries.find(record.mac);
  if (found == shard.entries.end()) {
    put(shard, record, nullptr);
  } else {
    const auto old = unpack(record.mac, found->second);
    put(shard, record, &old);
  }
}

std::optional<store::DeviceRecord> DeviceRecords::find(const MacAddress& mac) const {
  const auto& shard = this->shard(mac);
  const std::lock_guard lock{shard.mutex};
  const auto found = shard.entries.find(mac);
  return found != shard.entries.end() ? std::optional{unpack(mac, found->second)} : std::nullopt;
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
  std::optional<store::DeviceRecord> old;
  if (found != shard.entries.end()) old = unpack(mac, found->second);
  const auto* before = old ? &*old : nullptr;
  auto watched = policy::watch(before, sighting, pardons, settings);
  if (watched.record && kept == Kept::yes) {
    shard.changed.try_emplace(mac, found != shard.entries.end() ? found->second : Packed{});
    put(shard, *watched.record, before);
  }
  leave_out_repeated(shard, mac, sighting.seen.last_seen, settings.resync_period, watched.alarms);
  return watched;
}

void DeviceRecords::remember(const std::vector<store::AlarmRow>& alarms) {
  for (const auto& alarm : alarms) {
    const auto mac = MacAddress::parse(alarm.device);
    const auto kind = policy::parse_alarm_kind(alarm.kind);
    if (!mac || !kind) continue;
    auto& shard = this->shard(*mac);
    const std::lock_guard lock{shard.mutex};
    alarm_times(shard, *mac).at(static_cast<std::size_t>(*kind)) = alarm.at;
  }
}

DeviceRecords::AlarmTimes& DeviceRecords::alarm_times(Shard& shard, const MacAddress& mac) {
  // Full of others, most of them long past: better an alarm twice than memory without a bound.
  if (shard.alarmed.size() >= kMaxAlarmed && !shard.alarmed.contains(mac)) shard.alarmed.clear();
  return shard.alarmed[mac];
}

void DeviceRecords::leave_out_repeated(Shard& shard, const MacAddress& mac, Timestamp time,
                                       std::chrono::milliseconds period, std::vector<policy::WatchAlarm>& alarms) {
  if (alarms.empty()) return;
  auto& raised = alarm_times(shard, mac);
  std::erase_if(alarms, [&](const auto& alarm) {
    auto& last = raised.at(static_cast<std::size_t>(alarm.kind));
    if (last && *last <= time && time - *last < period) return true;
    last = time;
    return false;
  });
}

void DeviceRecords::forget(const MacAddress& mac, const std::function<bool(const store::DeviceRecord&)>& is_gone) {
  auto& shard = this->shard(mac);
  const std::lock_guard lock{shard.mutex};
  const auto found = shard.entries.find(mac);
  if (found == shard.entries.end()) return;
  const auto record = unpack(mac, found->second);
  if (!is_gone(record)) return;
  leave_place(record);
  shard.entries.erase(found);
  shard.changed.erase(mac);
}

Result<void> DeviceRecords::write_back(const Write& write) {
  constexpr int kTries = 3;
  for (int i = 0; i < kTries; ++i) {
    const auto changes = take_changed();
    if (changes.empty()) return {};
    const auto lost = write(changes);
    if (!lost) {
      put_back(changes);
      return fail(lost.error());
    }
    for (const auto& race : *lost) take_in(changes.at(race.change), race.now);
    if (lost->empty()) return {};
  }
  return {};
}

std::vector<store::RecordChange> DeviceRecords::take_changed() {
  std::vector<store::RecordChange> changes;
  for (auto& shard : shards_) {
    const std::lock_guard lock{shard.mutex};
    for (const auto& [mac, before] : shard.changed)
      changes.push_back({unpack_optional(mac, before), unpack(mac, shard.entries.at(mac))});
    shard.changed.clear();
  }
  return changes;
}

void DeviceRecords::put_back(const std::vector<store::RecordChange>& changes) {
  for (const auto& [before, after] : changes) {
    auto& shard = this->shard(after.mac);
    const std::lock_guard lock{shard.mutex};
    // What is there now is at least as new; the store has what it had before.
    if (shard.entries.contains(after.mac)) shard.changed.insert_or_assign(after.mac, before ? pack(*before) : Packed{});
  }
}

/// The store did not take `change`, for it has `now`.
void DeviceRecords::take_in(const store::RecordChange& change, const std::optional<store::DeviceRecord>& now) {
  const auto& mac = change.after.mac;
  auto& shard = this->shard(mac);
  const std::lock_guard lock{shard.mutex};
  const auto found = shard.entries.find(mac);
  if (found == shard.entries.end()) return;
  shard.changed.insert_or_assign(mac, now ? pack(*now) : Packed{});
  // The device was removed and perhaps added again: if what is here is of the one that is gone, the store passes it
  // over.
  if (!now) return;
  const auto ours = unpack(mac, found->second);  // may be newer than what was to be written
  const auto merged = policy::merge(change.before ? &*change.before : nullptr, ours, *now);
  put(shard, merged, &ours);
  if (merged == *now) shard.changed.erase(mac);
}

void DeviceRecords::put(Shard& shard, const store::DeviceRecord& record, const store::DeviceRecord* old) {
  if (old != nullptr && (old->address != record.address || old->ja3 != record.ja3)) leave_place(*old);
  shard.entries.insert_or_assign(record.mac, pack(record));
  enter_place(record);
}

void DeviceRecords::enter_place(const store::DeviceRecord& record) {
  const auto hash = place_hash(record.address, record.ja3);
  auto& place = places_[hash % kShards];
  const std::lock_guard lock{place.mutex};
  auto& devices = place.devices[hash];
  if (!devices.empty() && devices.back() == record.mac) return;
  std::erase(devices, record.mac);
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
