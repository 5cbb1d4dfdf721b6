#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ledger/regression.hpp"
#include "ledger/storm.hpp"
#include "store/ledger_store.hpp"

namespace firstring::ledger {

/// Takes rows from the workers and writes them in batches, by one thread: at most 25 ms late, or 250 ms while many
/// come, which costs half; the store's lag() says which. A worker never waits for the disk. If the store fails (locked,
/// full), rows are held up to a bound and tried again; what goes beyond the bound is counted and said.
class Recorder {
 public:
  struct Options {
    std::chrono::milliseconds max_delay{25};
    std::chrono::milliseconds busy_delay{250};  ///< after a batch of so many rows:
    std::size_t busy_rows = 10;
    std::size_t batch = 1000;
    std::size_t max_held = 50'000;  ///< rows, over all workers
    // Of connections in the store; what goes beyond is removed, the oldest first.
    std::chrono::milliseconds keep_age{std::chrono::days{90}};
    std::size_t keep_connections = 2'000'000;
    std::uint64_t keep_bytes = 0;  ///< store::Retention::bytes
  };

  /// One worker's end. Only its own worker puts, so its lock is almost never contended.
  class Queue {
   public:
    void connection(store::ConnectionRow row);
    /// `log_line`: the request as one JSON line, or "" where no request log is kept.
    void request(store::RequestRow row, std::string log_line);
    void alarm(store::AlarmRow row);

   private:
    friend class Recorder;
    struct Rows : store::LedgerBatch {
      std::vector<std::string> log_lines;
    };

    Recorder* recorder_ = nullptr;
    std::mutex mutex_;
    Rows rows_;
  };

  /// `write_log` gets complete lines of the request log, from the writer's thread; empty for none.
  Recorder(std::unique_ptr<store::LedgerStore> store, std::size_t workers,
           std::function<void(const std::string&)> write_log, Options options);
  /// Writes what is left, trying once.
  ~Recorder();

  Queue& queue(std::size_t worker) { return *queues_[worker]; }
  bool keeps_request_log() const { return static_cast<bool>(write_log_); }
  /// Rows that could not be kept since the start.
  std::uint64_t lost() const { return lost_.load(); }

 private:
  void remember_alarms();
  bool has_room();
  void row_came();
  void run();
  void collect();
  void watch();
  void raise(store::AlarmRow alarm);
  void flush();
  void trim();

  std::unique_ptr<store::LedgerStore> store_;
  std::function<void(const std::string&)> write_log_;
  Options options_;
  std::vector<std::unique_ptr<Queue>> queues_;
  // The writer's own.
  Queue::Rows held_;         // collected and not yet written
  std::size_t watched_ = 0;  // so many of held_.connections the watches have seen
  RegressionWatch regressions_;
  StormWatch storms_;
  std::chrono::milliseconds delay_ = options_.max_delay;  // for company
  std::atomic<std::size_t> waiting_{0};
  std::atomic<std::uint64_t> lost_{0};
  std::chrono::steady_clock::time_point complained_{}, trim_at_{};

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

/// A number for a new connection: unique on this machine, rising with time. A Recorder makes sure that it is above
/// those that its store has.
std::int64_t next_connection_id();

}  // namespace firstring::ledger
