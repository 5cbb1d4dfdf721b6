#include "ledger/recorder.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>

#include "base/time.hpp"
#include "ledger/cut.hpp"

namespace firstring::ledger {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kTrimEvery{60};
constexpr std::chrono::seconds kLookEvery{1};              // whether a storm is over, what is not recorded
constexpr std::size_t kMaxQuestions = 10;                  // for each batch: some milliseconds
constexpr std::size_t kMaxAlarms = 100;                    // looked at when it begins
constexpr std::size_t kAlarmBytes = std::size_t{1} << 20;  // of alarms that wait
constexpr auto kResidence = std::chrono::days{7};

std::atomic<std::int64_t> last_id{0};

/// How much of the budget rows of that kind may take up.
std::size_t share(std::size_t budget, store::Standing standing) {
  switch (standing) {
    case store::Standing::stranger:
      return budget / 2;
    case store::Standing::likely:
      return budget / 4 * 3;
    case store::Standing::known:
      break;
  }
  return budget;
}

/// Adds if the sum is within the limit.
bool take(std::atomic<std::size_t>& sum, std::size_t bytes, std::size_t limit) {
  auto before = sum.load();
  do {
    if (before + bytes > limit) return false;
  } while (!sum.compare_exchange_weak(before, before + bytes));
  return true;
}

std::optional<IpAddress> address_of(const store::ConnectionRow& row) {
  auto address = IpAddress::parse(row.address);
  return address ? std::optional{*address} : std::nullopt;
}

}  // namespace

void Recorder::Queue::connection(store::ConnectionRow row) {
  cut(row);
  const auto address = address_of(row);
  if (!recorder_->admit(row.standing, address, RowKind::connection, bytes_of(row))) {
    // One that is open will have its row when it ends.
    if (row.outcome != Outcome::open) recorder_->lose(address, RowKind::connection);
    return;
  }
  {
    const std::lock_guard lock{mutex_};
    rows_.connections.push_back(std::move(row));
  }
  recorder_->row_came();
}

void Recorder::Queue::request(store::RequestRow row, const IpAddress& peer, std::string log_line) {
  cut(row);
  log_line.shrink_to_fit();
  if (!recorder_->admit(row.standing, peer, RowKind::request, bytes_of(row) + log_line.size()))
    return recorder_->lose(peer, RowKind::request);
  {
    const std::lock_guard lock{mutex_};
    rows_.requests.push_back(std::move(row));
    if (!log_line.empty()) rows_.log_lines.push_back(std::move(log_line));
  }
  recorder_->row_came();
}

void Recorder::Queue::turned_away(const IpAddress& peer) { recorder_->count_gap(peer, RowKind::turned_away); }

void Recorder::Queue::alarm(store::AlarmRow row) {
  if (!recorder_->admit_alarm(row)) return;
  {
    const std::lock_guard lock{mutex_};
    rows_.alarms.push_back(std::move(row));
  }
  recorder_->row_came();
}

Recorder::Recorder(std::unique_ptr<store::LedgerStore> store, std::size_t workers,
                   std::function<void(const std::string&)> write_log, Options options)
    : store_(std::move(store)), write_log_(std::move(write_log)), options_(options), networks_(options.network_bytes) {
  for (std::size_t i = 0; i < workers; ++i) {
    queues_.push_back(std::make_unique<Queue>());
    queues_.back()->recorder_ = this;
  }
  knows_past_ = learn_past();
  thread_ = std::thread{[this] { run(); }};
}

/// False if the store cannot say.
bool Recorder::learn_past() {
  const auto highest = store_->last_id();
  if (!highest) return false;
  auto before = last_id.load();
  while (before < *highest && !last_id.compare_exchange_weak(before, *highest)) {
  }
  if (const auto costs = store_->handshake_costs("")) {
    for (const auto& cost : *costs) regressions_.remember(cost.model, cost.firmware, cost.count, cost.last);
  }
  const auto alarms = store_->alarms({.kind = "regression", .limit = kMaxAlarms});
  if (!alarms) return true;
  for (const auto& alarm : *alarms) {
    store::LedgerQuery query;
    query.id = alarm.connection;
    const auto raised_by = store_->find(query);
    if (!raised_by || raised_by->empty()) continue;
    const auto& row = raised_by->front().connection;
    regressions_.remember_alarm(row.model, row.firmware, alarm.at);
  }
  return true;
}

Recorder::~Recorder() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

/// Whether there is room for the row, which it then takes up. The writer may hang, in a disk or in the reader of the
/// request log.
bool Recorder::admit(store::Standing standing, const std::optional<IpAddress>& peer, RowKind kind, std::size_t bytes) {
  if (!take(bytes_, bytes, share(options_.queue_bytes, standing))) return false;
  // Whose address is unknown is nobody's, and comes from no socket.
  if (standing == store::Standing::known || !peer || networks_.take(*peer, kind, bytes, SteadyClock::now()))
    return true;
  bytes_ -= bytes;
  return false;
}

void Recorder::lose(const std::optional<IpAddress>& peer, RowKind kind) {
  ++lost_;
  count_gap(peer, kind);
}

void Recorder::count_gap(const std::optional<IpAddress>& peer, RowKind kind) {
  if (!gaps_.note(peer, kind, now())) return;
  gap_came_ = true;
  {
    const std::lock_guard lock{mutex_};
  }
  wake_.notify_one();
}

bool Recorder::admit_alarm(const store::AlarmRow& row) {
  if (!take(alarm_bytes_, bytes_of(row), kAlarmBytes)) return false;
  spdlog::warn("alarm {}: {}", row.kind, row.text);
  return true;
}

void Recorder::row_came() {
  const auto waiting = ++waiting_;
  if (waiting != 1 && waiting != options_.batch_rows) return;
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
      const std::chrono::milliseconds sleep = storms_.is_on() || !gaps_.empty() ? kLookEvery : kTrimEvery;
      wake_.wait_for(lock, held_.empty() ? sleep : options_.max_delay, [this] {
        return stopping_ || waiting_ > 0 || gap_came_.exchange(false) || trim_at_ < SteadyClock::now();
      });
      wake_.wait_for(lock, delay_, [this] { return stopping_ || waiting_ >= options_.batch_rows; });
      last = stopping_;
    }
    if (!knows_past_) knows_past_ = learn_past();
    collect();
    if (auto over = last ? storms_.stop(now()) : storms_.tick(now())) raise(*std::move(over));
    flush();
    for (auto& news : store_->take_news()) raise(std::move(news));
    flush();
    write_gaps(last);
    if (!last) trim();
  }
  std::size_t left = 0;
  for (const auto& batch : held_) left += batch.rows.size();
  if (left > 0) spdlog::error("ledger: {} rows were lost at the end", left);
}

void Recorder::collect() {
  // Strangers decide how many of these there are.
  std::size_t questions = kMaxQuestions;
  for (auto& queue : queues_) {
    Queue::Rows taken;
    {
      const std::lock_guard lock{queue->mutex_};
      std::swap(taken, queue->rows_);
    }
    waiting_ -= taken.size();
    std::string lines;
    for (const auto& line : taken.log_lines) {
      lines.append(line).append("\n");
      bytes_ -= line.size();
    }
    if (!lines.empty()) write_log_(lines);
    for (auto& row : taken.connections) {
      // Seen before it is measured: the watch may fill it in.
      const auto before = bytes_of(row);
      watch(row, questions);
      const auto bytes = bytes_of(row);
      bytes_ += bytes - before;
      batch_for(bytes).rows.connections.push_back(std::move(row));
    }
    for (auto& row : taken.requests) batch_for(bytes_of(row)).rows.requests.push_back(std::move(row));
    for (auto& row : taken.alarms) {
      auto& batch = batch_for(0);
      batch.alarm_bytes += bytes_of(row);
      batch.rows.alarms.push_back(std::move(row));
    }
  }
}

/// The last of held_, or a new one if so much does not fit there.
Recorder::Batch& Recorder::batch_for(std::size_t bytes) {
  const bool fits = !held_.empty() && held_.back().rows.size() < options_.batch_rows &&
                    held_.back().bytes + bytes <= options_.batch_bytes;
  auto& batch = fits ? held_.back() : held_.emplace_back();
  batch.bytes += bytes;
  return batch;
}

void Recorder::raise(store::AlarmRow alarm) {
  if (!admit_alarm(alarm)) return;
  auto& batch = batch_for(0);
  batch.alarm_bytes += bytes_of(alarm);
  batch.rows.alarms.push_back(std::move(alarm));
}

void Recorder::watch(store::ConnectionRow& row, std::size_t& questions) {
  if (row.outcome == Outcome::open) return;
  // A phone with a new firmware greets in a new way: then the address alone may tell who it is.
  if (RegressionWatch::is_failure(row) && row.model.empty() && questions > 0) {
    --questions;
    if (const auto resident = store_->only_resident(row.address, row.accepted - kResidence); resident && *resident) {
      row.likely_device = (*resident)->device;
      row.model = (*resident)->model;
      row.firmware = (*resident)->firmware;
      row.standing = std::max(row.standing, store::Standing::likely);
    }
  }
  if (auto alarm = regressions_.see(row)) raise(*std::move(alarm));
  if (auto alarm = storms_.see(row)) raise(*std::move(alarm));
}

void Recorder::flush() {
  if (held_.empty()) return;
  std::size_t rows = 0;
  for (const auto& batch : held_) rows += batch.rows.size();
  delay_ = rows < options_.busy_rows ? options_.max_delay : options_.busy_delay;
  for (; !held_.empty();) {
    auto& batch = held_.front();
    batch.rows.lag = delay_;
    const auto written = store_->append(batch.rows);
    if (written) {
      bytes_ -= batch.bytes;
      alarm_bytes_ -= batch.alarm_bytes;
      rows -= batch.rows.size();
      held_.pop_front();
      continue;
    }
    if (written.error().code == Errc::conflict) {
      split_or_drop(written.error());
      continue;
    }
    // Once a minute: a full disk must not fill up with the message that it is full.
    const auto time = SteadyClock::now();
    if (time - complained_ > std::chrono::minutes{1} || complained_ == SteadyClock::time_point{}) {
      complained_ = time;
      spdlog::error("ledger: {} rows wait to be written, {} are not recorded: {}", rows, lost_.load(),
                    written.error().what);
    }
    return;
  }
  if (complained_ != SteadyClock::time_point{}) {
    spdlog::info("ledger: writing again; {} rows are not recorded", lost_.load());
    complained_ = {};
  }
}

void Recorder::split_or_drop(const Error& error) {
  auto batch = std::move(held_.front());
  held_.pop_front();
  if (batch.rows.size() <= 1) {
    spdlog::error("ledger: a row is not recorded, for it can never be written: {}", error.what);
    bytes_ -= batch.bytes;
    alarm_bytes_ -= batch.alarm_bytes;
    for (const auto& row : batch.rows.connections) lose(address_of(row), RowKind::connection);
    for (std::size_t i = 0; i < batch.rows.requests.size(); ++i) lose(std::nullopt, RowKind::request);
    return;
  }
  std::vector<Batch> parts;
  for (auto& row : batch.rows.connections) {
    parts.push_back({.rows = {}, .bytes = bytes_of(row)});
    parts.back().rows.connections.push_back(std::move(row));
  }
  for (auto& row : batch.rows.requests) {
    parts.push_back({.rows = {}, .bytes = bytes_of(row)});
    parts.back().rows.requests.push_back(std::move(row));
  }
  for (auto& row : batch.rows.alarms) {
    parts.push_back({.rows = {}, .bytes = 0, .alarm_bytes = bytes_of(row)});
    parts.back().rows.alarms.push_back(std::move(row));
  }
  held_.insert(held_.begin(), std::make_move_iterator(parts.begin()), std::make_move_iterator(parts.end()));
}

/// Behind the rows: what those could not be written for, these cannot either.
void Recorder::write_gaps(bool last) {
  const auto time = SteadyClock::now();
  if (!held_.empty() || (time < write_gaps_at_ && !last)) return;
  write_gaps_at_ = time + kLookEvery;
  auto all = gaps_.take();
  if (all.empty()) return;
  std::int64_t connections = 0, requests = 0, turned_away = 0;
  for (const auto& gap : all) {
    connections += gap.connections;
    requests += gap.requests;
    turned_away += gap.turned_away;
  }
  while (!all.empty()) {
    const auto some = std::min(all.size(), options_.batch_rows);
    store::LedgerBatch batch{.connections = {}, .requests = {}, .alarms = {}, .lag = delay_};
    batch.gaps.assign(all.end() - static_cast<std::ptrdiff_t>(some), all.end());
    if (!store_->append(batch)) return gaps_.put_back(all);
    all.resize(all.size() - some);
  }
  if (time < told_gaps_at_) return;
  told_gaps_at_ = time + std::chrono::minutes{1};
  constexpr std::string_view kWhich = "of which networks: firstring ledger --gaps";
  if (connections + requests > 0)
    spdlog::warn("ledger: {} connections and {} requests are not recorded; {}", connections, requests, kWhich);
  if (turned_away > 0)
    spdlog::warn("turned away: {} connections that no [[listener]] networks allow; {}", turned_away, kWhich);
}

void Recorder::trim() {
  const auto time = SteadyClock::now();
  if (time < trim_at_) return;
  const auto removed =
      store_->trim({.since = now() - options_.keep_age, .connections = options_.keep_connections}, options_.batch_rows);
  if (!removed) spdlog::warn("ledger: remove old rows: {}", removed.error().what);
  // As long as there is a backlog, one batch after each write: removing must keep up with what strangers make us write.
  trim_at_ = removed && *removed > 0 ? time : time + kTrimEvery;
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
