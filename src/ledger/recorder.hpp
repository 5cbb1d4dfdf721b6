#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ledger/network_limits.hpp"
#include "ledger/regression.hpp"
#include "ledger/storm.hpp"
#include "store/ledger_store.hpp"

namespace firstring::ledger {

/// Takes rows from the workers and writes them in batches, by one thread: at most 25 ms late, or 250 ms while many
/// come, which costs half; the store's lag() says which. A worker never waits for the disk. If the store fails (locked,
/// full, damaged), rows are held up to a budget of bytes and tried again. Strangers' rows are what is left out first,
/// and what strangers of one network may have recorded in a minute is bounded as well. What is left out is counted by
/// network and minute, and the counts become rows of their own.
class Recorder {
 public:
  struct Options {
    std::chrono::milliseconds max_delay{25};
    std::chrono::milliseconds busy_delay{250};  ///< after a batch of so many rows:
    std::size_t busy_rows = 10;
    std::size_t batch_rows = 500;  ///< appended to the store in one go; see store::LedgerBounds
    std::size_t batch_bytes = std::size_t{4} << 20;
    /// Of rows that wait to be written, over all workers, by store::bytes_of. Strangers get half of it, who may be a
    /// phone three quarters. Alarms have 1 MiB for themselves.
    std::size_t queue_bytes = std::size_t{64} << 20;
    /// Of the rows of whoever is no known phone, for each network and minute. Two hundred phones behind one address
    /// that come back to the bootstrap listener, with ten connections and twenty requests each, take 6 MiB.
    std::size_t network_bytes = std::size_t{8} << 20;
    // Of connections in the store; what goes beyond is removed, the oldest first.
    std::chrono::milliseconds keep_age{std::chrono::days{90}};
    std::size_t keep_connections = 2'000'000;
  };

  /// One worker's end. Only its own worker puts, so its lock is almost never contended. Rows are cut here.
  class Queue {
   public:
    void connection(store::ConnectionRow row);
    /// `peer`: whom it came from. `log_line`: the request as one JSON line, or "" where no request log is kept.
    void request(store::RequestRow row, const IpAddress& peer, std::string log_line);
    void alarm(store::AlarmRow row);
    /// A connection from a network that may not connect has no row: it is counted by network and minute.
    void turned_away(const IpAddress& peer);

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
  /// Connections and requests that are not recorded, since the start.
  std::uint64_t lost() const { return lost_.load(); }

 private:
  /// What is appended in one go.
  struct Batch {
    store::LedgerBatch rows;
    std::size_t bytes = 0, alarm_bytes = 0;
  };

  bool learn_past();
  bool admit(store::Standing standing, const std::optional<IpAddress>& peer, RowKind kind, std::size_t bytes);
  void count_gap(const std::optional<IpAddress>& peer, RowKind kind);
  void lose(const std::optional<IpAddress>& peer, RowKind kind);
  bool admit_alarm(const store::AlarmRow& row);
  void row_came();
  void run();
  void collect();
  void watch(store::ConnectionRow& row, std::size_t& questions);
  void raise(store::AlarmRow alarm);
  Batch& batch_for(std::size_t bytes);
  void flush();
  /// Takes the first of held_ apart, one row of which can never be written; drops it if it is the only one.
  void split_or_drop(const Error& error);
  void write_gaps(bool last);
  void trim();

  std::unique_ptr<store::LedgerStore> store_;
  std::function<void(const std::string&)> write_log_;
  Options options_;
  std::vector<std::unique_ptr<Queue>> queues_;
  // The writer's own.
  std::deque<Batch> held_;  // collected and not yet written
  bool knows_past_ = false;
  RegressionWatch regressions_;
  StormWatch storms_;
  std::chrono::milliseconds delay_ = options_.max_delay;  // for company
  std::chrono::steady_clock::time_point complained_{}, trim_at_{}, write_gaps_at_{}, told_gaps_at_{};
  // Everybody's.
  std::atomic<std::size_t> waiting_{0};                 // rows in the queues
  std::atomic<std::size_t> bytes_{0}, alarm_bytes_{0};  // of all rows that are not written yet
  std::atomic<std::uint64_t> lost_{0};
  NetworkBudget networks_;
  Gaps gaps_;
  std::atomic<bool> gap_came_{false};

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

/// A number for a new connection: unique on this machine, rising with time. A Recorder makes sure that it is above
/// those that its store has.
std::int64_t next_connection_id();

}  // namespace firstring::ledger
