#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "ledger/recorder.hpp"
#include "provision/fleet_keeper.hpp"
#include "store/fleet.hpp"
#include "store/ledger_store.hpp"
#include "tls/tape.hpp"

namespace firstring::server {

/// Gives a tape's place among Captures::kMaxTapes back when it goes.
struct ReleaseTape {
  std::atomic<std::size_t>* open = nullptr;
  void operator()(tls::Tape* tape) const;
};
using TapePtr = std::unique_ptr<tls::Tape, ReleaseTape>;

/// Carries out `firstring capture`: which connections get a tape, which of them become a file in evidence/, and the
/// alarm rows that mark the beginning and end of each order.
///
/// Whose a connection is shows only when it is over. So while an order for a device is on, whoever comes from where
/// that device was seen last is taped (everybody, if that is not known), in memory and within a bound; only what turns
/// out to be that device's own is written, and nothing else ever reaches the disk.
class Captures {
 public:
  static constexpr std::size_t kMaxTapes = 64;      ///< at once, of Tape::kMaxBytes each
  static constexpr std::size_t kMaxFiles = 10'000;  ///< in the folder

  /// `queue` is for the rows of captured connections and for alarms; no other thread than the keeper's puts there.
  Captures(std::filesystem::path folder, ledger::Recorder::Queue& queue) : folder_(std::move(folder)), queue_(queue) {}

  /// config::Limits::evidence_size. Any thread.
  void set_limit(std::size_t bytes) { limit_ = bytes; }
  /// Whether begin need be asked. Any thread.
  bool any() const { return any_.load(std::memory_order_relaxed); }

  /// A tape for a connection from `peer` that is accepted now, if an order may be for it and there is room. Any thread.
  TapePtr begin(const std::vector<store::CaptureOrder>& orders, const provision::DeviceRecords& records,
                const IpAddress& peer, Timestamp time);
  /// Takes tape and row of a connection that has ended if an order is for it, and says so; the row then comes into the
  /// ledger once the file is written. Any thread.
  bool take(TapePtr& tape, store::ConnectionRow& row, const std::vector<store::CaptureOrder>& orders, Timestamp time);

  /// Writes what was taken and follows the orders: FleetKeeper's Chore.
  void work(store::FleetStore& store, const provision::FleetView& fleet, Timestamp time);

 private:
  struct Taken {
    TapePtr tape;
    store::ConnectionRow row;
    std::vector<std::int64_t> orders;
  };

  void write(Taken taken, store::FleetStore& store, Timestamp time);
  Result<std::string> write_file_of(const Taken& taken);
  void announce(const std::vector<store::CaptureOrder>& orders, Timestamp time);
  void alarm(const store::CaptureOrder& order, std::string text, Timestamp time);

  std::filesystem::path folder_;
  ledger::Recorder::Queue& queue_;
  std::atomic<std::size_t> limit_{0};
  std::atomic<bool> any_{false};
  std::atomic<std::size_t> tapes_{0};

  std::mutex mutex_;
  std::vector<Taken> taken_;

  std::vector<store::CaptureOrder> announced_;  // the keeper's thread's own
};

/// Whether a connection from `peer` may be one that the order is for. `last_seen`: where the order's device came from
/// last, "" if that is not known.
bool may_concern(const store::CaptureOrder& order, std::string_view peer, std::string_view last_seen);
/// Whether a connection that has ended is one that the order is for; a device's by ledger::concerns.
bool concerns(const store::CaptureOrder& order, const store::ConnectionRow& row);

}  // namespace firstring::server
