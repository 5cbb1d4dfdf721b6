#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ip_address.hpp"
#include "base/mac_address.hpp"
#include "policy/device_watch.hpp"
#include "store/fleet.hpp"
#include "store/ledger_store.hpp"

namespace firstring::provision {

/// What is remembered of each device of the fleet, and who came from where last. Any thread; locks are held for a
/// look-up and split over the devices, so that workers seldom meet. Bounded by the number of devices: strangers have no
/// record.
class DeviceRecords {
 public:
  /// Takes one that the store has; the one seen longest ago first.
  void load(const store::DeviceRecord& record);

  std::optional<store::DeviceRecord> find(const MacAddress& mac) const;
  /// Who came from there last with this hello: a hint, no proof. Many phones can share one address.
  std::optional<store::DeviceRecord> last_at(const IpAddress& address, std::string_view ja3) const;

  enum class Kept : unsigned char { no, yes };
  /// Compares the sighting with the device's record (policy::watch) and, with Kept::yes, keeps the new one; two
  /// sightings of one device do so one after the other. Kept::no is for a device that has not been added. Alarms that
  /// were raised for it less than a resync period ago are left out.
  policy::Watched meet(const policy::Sighting& sighting, const policy::Pardons& pardons,
                       const policy::WatchSettings& settings, Kept kept);
  /// Alarms that the ledger has from before, oldest first, so that a restart repeats none.
  void remember(const std::vector<store::AlarmRow>& alarms);
  /// How many of them are worth remembering.
  static constexpr std::size_t kMaxRemembered = 10'000;
  /// Forgets the device's record if `is_gone` says that it is.
  void forget(const MacAddress& mac, const std::function<bool(const store::DeviceRecord&)>& is_gone);

  /// FleetStore::keep_device_records.
  using Write = std::function<Result<std::vector<store::LostRace>>(const std::vector<store::RecordChange>&)>;
  /// Writes those that were kept since the last call. One that another writer has changed meanwhile is merged with what
  /// is there now (policy::merge), here too, so that a phone is held against the pin that stands, and written again.
  /// What could not be written, or lost every race, comes with the next call. One thread at a time.
  Result<void> write_back(const Write& write);

 private:
  static constexpr std::size_t kShards = 64;
  static constexpr std::size_t kMaxAtOnePlace = 8;
  static constexpr std::size_t kMaxAlarmed = 512;  ///< in one shard: strangers raise alarms too

  using AlarmTimes = std::array<std::optional<Timestamp>, policy::WatchAlarm::kKinds>;

  /// A record in a third of the room that its texts would take, see device_records.cpp; "" for none.
  using Packed = std::string;
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<MacAddress, Packed> entries;
    std::unordered_map<MacAddress, Packed> changed;  ///< those to be written, as the store has them
    std::unordered_map<MacAddress, AlarmTimes> alarmed;
  };
  /// Devices by the hash of address and JA3, the one that came last at the end. Each device is in one list alone.
  struct PlaceShard {
    mutable std::mutex mutex;
    std::unordered_map<std::size_t, std::vector<MacAddress>> devices;
  };

  Shard& shard(const MacAddress& mac);
  const Shard& shard(const MacAddress& mac) const;
  static AlarmTimes& alarm_times(Shard& shard, const MacAddress& mac);
  static void leave_out_repeated(Shard& shard, const MacAddress& mac, Timestamp time, std::chrono::milliseconds period,
                                 std::vector<policy::WatchAlarm>& alarms);
  std::vector<store::RecordChange> take_changed();
  /// They were not written.
  void put_back(const std::vector<store::RecordChange>& changes);
  void take_in(const store::RecordChange& change, const std::optional<store::DeviceRecord>& now);
  /// `old`: what is there, unpacked; nullptr for none.
  void put(Shard& shard, const store::DeviceRecord& record, const store::DeviceRecord* old);
  void enter_place(const store::DeviceRecord& record);
  void leave_place(const store::DeviceRecord& record);

  // Where both are locked, the shard of the device comes first.
  std::array<Shard, kShards> shards_;
  std::array<PlaceShard, kShards> places_;
};

}  // namespace firstring::provision
