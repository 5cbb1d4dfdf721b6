#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "ledger/recorder.hpp"
#include "provision/device_records.hpp"
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
/// Which device a connection is of shows only when it is over. So while an order for a device is on, connections from
/// where that device was seen last (all, if that is not known) are recorded in memory, within a bound; only those that
/// turn out to be that device's are written, and nothing else reaches the disk.
class Captures {
 public:
  static constexpr std::size_t kMaxTapes = 64;      ///< at once, of Tape::kMaxBytes each
  static constexpr std::size_t kMaxFiles = 10'000;  ///< in the folder

  /// Starts a thread that writes the files and the results of orders, so that no connection waits for a slow disk or a
  /// locked database. `store`: a connection for this thread alone. `queue`: for the rows of captured connections and
  /// for alarms.
  Captures(std::filesystem::path folder, std::unique_ptr<store::FleetStore> store, ledger::Recorder::Queue& queue);
  Captures(const Captures&) = delete;
  Captures& operator=(const Captures&) = delete;
  ~Captures();

  /// config::Limits::evidence_size. Any thread.
  void set_limit(std::size_t bytes) { limit_ = bytes; }
  /// Whether any order is on, so that begin() is worth a call. Any thread.
  bool any() const { return any_.load(std::memory_order_relaxed); }

  /// A tape for a connection from `peer` that is accepted now, if an order may be for it and there is room. Any thread.
  TapePtr begin(const std::vector<store::CaptureOrder>& orders, const provision::DeviceRecords& records,
                const IpAddress& peer, Timestamp time);
  /// Takes tape and row of a connection that has ended if an order is for it, and says so; the row then comes into the
  /// ledger once the file is written. Any thread.
  bool take(TapePtr& tape, store::ConnectionRow& row, const std::vector<store::CaptureOrder>& orders, Timestamp time);

  /// Tells the orders as of now. To be called at intervals, since orders end by time too. Does not block. Any thread.
  void follow(const std::vector<store::CaptureOrder>& orders);

  /// Writes what was taken, and ends the thread. What is taken later is not written.
  void stop();

 private:
  struct Taken {
    TapePtr tape;
    store::ConnectionRow row;
    std::vector<std::int64_t> orders;
  };

  void run();
  void write(Taken taken, Timestamp time);
  Result<std::string> write_file_of(const Taken& taken);
  void announce(const std::vector<store::CaptureOrder>& orders, Timestamp time);
  void alarm(const store::CaptureOrder& order, std::string text, Timestamp time);

  const std::filesystem::path folder_;
  const std::unique_ptr<store::FleetStore> store_;  // the thread's own
  ledger::Recorder::Queue& queue_;
  std::atomic<std::size_t> limit_{0};
  std::atomic<bool> any_{false};
  std::atomic<std::size_t> tapes_{0};

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Taken> taken_;
  std::vector<store::CaptureOrder> orders_;
  bool followed_ = false;  // since the thread looked last
  bool stopping_ = false;

  std::vector<store::CaptureOrder> announced_;  // the thread's own
  std::thread thread_;                          // last: it uses all of the above
};

/// Whether a connection from `peer` may be one that the order is for. `last_seen`: where the order's device came from
/// last, "" if that is not known.
bool may_concern(const store::CaptureOrder& order, std::string_view peer, std::string_view last_seen);
/// Whether a connection that has ended is one that the order is for; a device's by ledger::concerns.
bool concerns(const store::CaptureOrder& order, const store::ConnectionRow& row);

}  // namespace firstring::server
