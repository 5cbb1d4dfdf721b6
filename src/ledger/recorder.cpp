#include "ledger/recorder.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>

#include "base/time.hpp"

namespace firstring::ledger {
namespace {

constexpr std::chrono::seconds kTrimEvery{60};
constexpr std::chrono::seconds kLookEvery{1};  // whether a storm is over
constexpr std::size_t kTrimBatch = 2000;       // a few milliseconds of the writer's time
constexpr std::size_t kMaxQuestions = 10;      // likewise, for each batch
constexpr std::size_t kMaxAlarms = 100;        // looked at when it begins
constexpr auto kResidence = std::chrono::days{7};

std::atomic<std::int64_t> last_id{0};

}  // namespace

void Recorder::Queue::connection(store::ConnectionRow row) {
  if (!recorder_->has_room()) return;
  {
    const std::lock_guard lock{mutex_};
    rows_.connections.push_back(std::move(row));
  }
  recorder_->row_came();
}

void Recorder::Queue::request(store::RequestRow row, std::string log_line) {
  if (!recorder_->has_room()) return;
  {
    const std::lock_guard lock{mutex_};
    rows_.requests.push_back(std::move(row));
    if (!log_line.empty()) rows_.log_lines.push_back(std::move(log_line));
  }
  recorder_->row_came();
}

void Recorder::Queue::alarm(store::AlarmRow row) {
  if (!recorder_->has_room()) return;
  spdlog::warn("alarm {}: {}", row.kind, row.text);
  {
    const std::lock_guard lock{mutex_};
    rows_.alarms.push_back(std::move(row));
  }
  recorder_->row_came();
}

Recorder::Recorder(std::unique_ptr<store::LedgerStore> store, std::size_t workers,
                   std::function<void(const std::string&)> write_log, Options options)
    : store_(std::move(store)), write_log_(std::move(write_log)), options_(options) {
  for (std::size_t i = 0; i < workers; ++i) {
    queues_.push_back(std::make_unique<Queue>());
    queues_.back()->recorder_ = this;
  }
  if (const auto highest = store_->last_id()) {
    auto before = last_id.load();
    while (before < *highest && !last_id.compare_exchange_weak(before, *highest)) {
    }
  }
  if (const auto costs = store_->handshake_costs("")) {
    for (const auto& cost : *costs) regressions_.remember(cost.model, cost.firmware, cost.count, cost.last);
  }
  remember_alarms();
  thread_ = std::thread{[this] { run(); }};
}

void Recorder::remember_alarms() {
  const auto alarms = store_->alarms({.kind = "regression", .limit = kMaxAlarms});
  if (!alarms) return;
  for (const auto& alarm : *alarms) {
    store::LedgerQuery query;
    query.id = alarm.connection;
    const auto raised_by = store_->find(query);
    if (!raised_by || raised_by->empty()) continue;
    const auto& row = raised_by->front().connection;
    regressions_.remember_alarm(row.model, row.firmware, alarm.at);
  }
}

Recorder::~Recorder() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

/// The writer may hang, in a disk or in the reader of the request log.
bool Recorder::has_room() {
  if (waiting_ < options_.max_held) return true;
  ++lost_;
  return false;
}

void Recorder::row_came() {
  const auto waiting = ++waiting_;
  if (waiting != 1 && waiting != options_.batch) return;
  // The writer looks at the number under this lock: without it, it might look, miss the row, and only then fall asleep.
  {
    const std::lock_guard lock{mutex_};
  }
  wake_.notify_one();
}

void Recorder::run() {
  for (bool last = false; !last;) {
    {
      std::unique_lock lock{mutex_};
      // Asleep until there is something to write (or held rows to try again, or old ones to remove), then a moment more
      // for company: a storm is written in large batches, and a lone phone is in the ledger when somebody looks.
      const std::chrono::milliseconds sleep = storms_.is_on() ? kLookEvery : kTrimEvery;
      wake_.wait_for(lock, held_.size() > 0 ? options_.max_delay : sleep,
                     [this] { return stopping_ || waiting_ > 0 || trim_at_ < std::chrono::steady_clock::now(); });
      wake_.wait_for(lock, delay_, [this] { return stopping_ || waiting_ >= options_.batch; });
      last = stopping_;
    }
    collect();
    watch();
    if (auto over = last ? storms_.stop(now()) : storms_.tick(now())) raise(*std::move(over));
    flush();
    if (!last) trim();
  }
  if (held_.size() > 0) spdlog::error("ledger: {} rows were lost at the end", held_.size());
}

namespace {

template <class T>
void move_all(std::vector<T>& from, std::vector<T>& to) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  from.clear();
}

}  // namespace

void Recorder::collect() {
  for (auto& queue : queues_) {
    Queue::Rows taken;
    {
      const std::lock_guard lock{queue->mutex_};
      std::swap(taken, queue->rows_);
    }
    waiting_ -= taken.size();
    std::string lines;
    for (const auto& line : taken.log_lines) lines.append(line).append("\n");
    if (!lines.empty()) write_log_(lines);
    if (held_.size() + taken.size() > options_.max_held) {
      lost_ += taken.size();
      continue;
    }
    move_all(taken.connections, held_.connections);
    move_all(taken.requests, held_.requests);
    move_all(taken.alarms, held_.alarms);
  }
}

void Recorder::raise(store::AlarmRow alarm) {
  spdlog::warn("alarm {}: {}", alarm.kind, alarm.text);
  held_.alarms.push_back(std::move(alarm));
}

void Recorder::watch() {
  // Strangers decide how many of these there are.
  std::size_t questions = kMaxQuestions;
  for (; watched_ < held_.connections.size(); ++watched_) {
    auto& row = held_.connections[watched_];
    // A phone with a new firmware greets in a new way: then the address alone may tell who it is.
    if (RegressionWatch::is_failure(row) && row.model.empty() && questions > 0) {
      --questions;
      if (const auto resident = store_->only_resident(row.address, row.accepted - kResidence); resident && *resident) {
        row.likely_device = (*resident)->device;
        row.model = (*resident)->model;
        row.firmware = (*resident)->firmware;
      }
    }
    if (auto alarm = regressions_.see(row)) raise(*std::move(alarm));
    if (auto alarm = storms_.see(row)) raise(*std::move(alarm));
  }
}

void Recorder::flush() {
  if (held_.size() == 0) return;
  delay_ = held_.size() < options_.busy_rows ? options_.max_delay : options_.busy_delay;
  held_.lag = delay_;
  if (auto written = store_->append(held_); !written) {
    // Once a minute: a full disk must not fill up with the message that it is full.
    const auto time = std::chrono::steady_clock::now();
    if (time - complained_ > std::chrono::minutes{1} || complained_ == std::chrono::steady_clock::time_point{}) {
      complained_ = time;
      spdlog::error("ledger: {} rows wait to be written, {} were lost: {}", held_.size(), lost_.load(),
                    written.error().what);
    }
    return;
  }
  if (complained_ != std::chrono::steady_clock::time_point{}) {
    spdlog::info("ledger: writing again; {} rows were lost", lost_.load());
    complained_ = {};
  }
  held_ = {};
  watched_ = 0;
}

void Recorder::trim() {
  const auto time = std::chrono::steady_clock::now();
  if (time < trim_at_) return;
  const auto removed = store_->trim(
      {.since = now() - options_.keep_age, .connections = options_.keep_connections, .bytes = options_.keep_bytes},
      kTrimBatch);
  if (!removed) spdlog::warn("ledger: remove old rows: {}", removed.error().what);
  // As long as there is a backlog, one batch after each write: removing must keep up with what strangers make us write.
  trim_at_ = removed && *removed == kTrimBatch ? time : time + kTrimEvery;
}

std::int64_t next_connection_id() {
  auto before = last_id.load();
  std::int64_t next = 0;
  do {
    next = std::max(before + 1, to_micros(now()));
  } while (!last_id.compare_exchange_weak(before, next));
  return next;
}

}  // namespace firstring::ledger
