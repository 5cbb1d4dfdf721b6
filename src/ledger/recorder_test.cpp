#include "ledger/recorder.hpp"

#include <gtest/gtest.h>

#include <future>
#include <set>
#include <thread>

#include "base/time.hpp"

namespace firstring::ledger {
namespace {

/// Keeps what it is given, or refuses as long as it is told to.
struct Sink {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t connections = 0, requests = 0, refusals = 0, trims = 0, alarms = 0;
  std::int64_t last_id = 0;
  bool refuse = false;
  std::chrono::milliseconds lag{0}, longest_lag{0};
  store::ConnectionRow last;
  std::optional<store::Resident> resident;  ///< of every address

  bool wait_for(const std::function<bool()>& condition) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, std::chrono::seconds{20}, condition);
  }
};

class SinkStore : public store::LedgerStore {
 public:
  explicit SinkStore(Sink& sink) : sink_(sink) {}

  Result<void> append(const store::LedgerBatch& batch) override {
    const std::lock_guard lock{sink_.mutex};
    sink_.changed.notify_all();
    if (sink_.refuse) {
      ++sink_.refusals;
      return fail(Errc::io, "disk is full");
    }
    sink_.connections += batch.connections.size();
    if (!batch.connections.empty()) sink_.last = batch.connections.back();
    sink_.requests += batch.requests.size();
    sink_.alarms += batch.alarms.size();
    sink_.lag = batch.lag;
    sink_.longest_lag = std::max(sink_.longest_lag, batch.lag);
    return {};
  }
  Result<std::chrono::milliseconds> lag() override { return sink_.lag; }
  Result<std::vector<store::LedgerEntry>> find(const store::LedgerQuery&) override {
    return std::vector<store::LedgerEntry>{};
  }
  Result<std::vector<store::AlarmRow>> alarms(const store::AlarmQuery&) override {
    return std::vector<store::AlarmRow>{};
  }
  Result<std::int64_t> last_written() override { return 0; }
  Result<std::int64_t> last_id() override { return sink_.last_id; }
  Result<std::vector<store::HandshakeCost>> handshake_costs(const std::string&) override {
    return std::vector<store::HandshakeCost>{};
  }
  Result<std::vector<store::CauseCount>> causes(const store::CauseQuery&) override {
    return std::vector<store::CauseCount>{};
  }
  Result<std::optional<store::Resident>> only_resident(const std::string&, Timestamp) override {
    return sink_.resident;
  }
  Result<void> certificates_in_use(Timestamp, const std::function<void(const store::CertificateInUse&)>&) override {
    return {};
  }
  Result<std::size_t> trim(const store::Retention&, std::size_t batch) override {
    const std::lock_guard lock{sink_.mutex};
    sink_.changed.notify_all();
    return ++sink_.trims < 3 ? batch : 0;
  }

 private:
  Sink& sink_;
};

TEST(Recorder, WritesEveryRowOfEveryWorker) {
  Sink sink;
  constexpr std::size_t kWorkers = 4, kRows = 5000;
  {
    Recorder recorder{std::make_unique<SinkStore>(sink), kWorkers, {}, {}};
    std::vector<std::thread> workers;
    for (std::size_t i = 0; i < kWorkers; ++i) {
      workers.emplace_back([&recorder, i] {
        for (std::size_t n = 0; n < kRows; ++n) {
          recorder.queue(i).connection({});
          recorder.queue(i).request({}, "");
        }
      });
    }
    for (auto& worker : workers) worker.join();
  }
  EXPECT_EQ(sink.connections, kWorkers * kRows);
  EXPECT_EQ(sink.requests, kWorkers * kRows);
}

TEST(Recorder, WaitsLongerForCompanyWhileManyCome) {
  Sink sink;
  const Recorder::Options options{.max_delay = std::chrono::milliseconds{1},
                                  .busy_delay = std::chrono::milliseconds{2}};
  Recorder recorder{std::make_unique<SinkStore>(sink), 1, {}, options};
  // Under the lock of the sink, none is written before the last has come: in two batches at most.
  const auto write = [&](std::size_t rows) {
    const auto before = sink.connections;
    {
      const std::lock_guard lock{sink.mutex};
      for (std::size_t i = 0; i < rows; ++i) recorder.queue(0).connection({});
    }
    return sink.wait_for([&] { return sink.connections == before + rows; });
  };
  EXPECT_TRUE(write(1));
  EXPECT_EQ(sink.lag, options.max_delay);
  EXPECT_TRUE(write(2 * options.busy_rows));
  EXPECT_EQ(sink.longest_lag, options.busy_delay);
  EXPECT_TRUE(write(1));
  EXPECT_EQ(sink.lag, options.max_delay);
}

TEST(Recorder, WritesAlarms) {
  Sink sink;
  Recorder recorder{std::make_unique<SinkStore>(sink), 1, {}, {}};
  recorder.queue(0).alarm({});
  EXPECT_TRUE(sink.wait_for([&] { return sink.alarms == 1; }));
}

TEST(Recorder, TellsWhenPhonesStopWorkingThatOnlyTheirAddressNames) {
  Sink sink;
  sink.resident = store::Resident{.device = "000e08abcdef", .model = "SPA504G", .firmware = "7.5.7"};
  Recorder recorder{std::make_unique<SinkStore>(sink), 1, {}, {}};
  store::ConnectionRow row;
  row.hello_us = 1;
  row.model = "SPA504G";
  row.firmware = "7.5.7";
  row.outcome = "ok";
  row.assurance = "certificate";
  for (int i = 0; i < 3; ++i) recorder.queue(0).connection(row);
  row.model = row.firmware = "";
  row.outcome = "handshake_failed";
  row.stage = "server_flight";
  row.assurance = "none";
  for (int i = 0; i < 5; ++i) recorder.queue(0).connection(row);
  EXPECT_TRUE(sink.wait_for([&] { return sink.alarms == 1; }));
  EXPECT_EQ(sink.last.likely_device, "000e08abcdef");
  EXPECT_EQ(sink.last.model, "SPA504G");
}

TEST(Recorder, TellsOfAStormAndOfItsEndAtTheLatestWhenItStops) {
  Sink sink;
  {
    Recorder recorder{std::make_unique<SinkStore>(sink), 2, {}, {}};
    store::ConnectionRow row;
    row.accepted = now();
    row.hello_us = 1;
    for (std::size_t i = 0; i < 60; ++i) recorder.queue(i % 2).connection(row);
    EXPECT_TRUE(sink.wait_for([&] { return sink.alarms == 1; }));
  }
  EXPECT_EQ(sink.alarms, 2U);
}

TEST(Recorder, WritesAFewRowsWithoutBeingAskedTo) {
  Sink sink;
  Recorder recorder{std::make_unique<SinkStore>(sink), 1, {}, {}};
  recorder.queue(0).connection({});
  EXPECT_TRUE(sink.wait_for([&] { return sink.connections == 1; }));
}

TEST(Recorder, HoldsRowsWhileTheStoreFails) {
  Sink sink;
  sink.refuse = true;
  Recorder recorder{std::make_unique<SinkStore>(sink), 1, {}, {}};
  recorder.queue(0).connection({});
  ASSERT_TRUE(sink.wait_for([&] { return sink.refusals > 0; }));
  {
    const std::lock_guard lock{sink.mutex};
    sink.refuse = false;
  }
  EXPECT_TRUE(sink.wait_for([&] { return sink.connections == 1; }));
  EXPECT_EQ(recorder.lost(), 0U);
}

TEST(Recorder, HoldsNoMoreThanItsBoundAndCountsTheRest) {
  Sink sink;
  sink.refuse = true;
  Recorder recorder{std::make_unique<SinkStore>(sink),
                    1,
                    {},
                    {.max_delay = std::chrono::milliseconds{1}, .batch = 10, .max_held = 100}};
  for (int i = 0; i < 50; ++i) recorder.queue(0).connection({});
  ASSERT_TRUE(sink.wait_for([&] { return sink.refusals > 0; }));
  for (int i = 0; i < 500; ++i) recorder.queue(0).connection({});
  const auto before = [&] {
    const std::lock_guard lock{sink.mutex};
    return sink.refusals;
  }();
  ASSERT_TRUE(sink.wait_for([&] { return sink.refusals > before + 5; }));
  EXPECT_GT(recorder.lost(), 0U);
}

TEST(Recorder, TakesNoMoreThanItsBoundWhileTheReaderOfTheRequestLogHangs) {
  Sink sink;
  std::promise<void> began, released;
  Recorder recorder{std::make_unique<SinkStore>(sink),
                    1,
                    [&, first = true](const std::string&) mutable {
                      if (!std::exchange(first, false)) return;
                      began.set_value();
                      released.get_future().wait();
                    },
                    {.max_held = 100}};
  recorder.queue(0).request({}, "{}");
  began.get_future().wait();
  for (int i = 0; i < 500; ++i) recorder.queue(0).connection({});
  EXPECT_EQ(recorder.lost(), 400U);
  released.set_value();
}

TEST(Recorder, PassesTheRequestLogOnInWholeLines) {
  Sink sink;
  std::string log;
  {
    Recorder recorder{std::make_unique<SinkStore>(sink), 1, [&](const std::string& lines) { log += lines; }, {}};
    recorder.queue(0).request({}, "{\"a\":1}");
    recorder.queue(0).request({}, "{\"a\":2}");
  }
  EXPECT_EQ(log, "{\"a\":1}\n{\"a\":2}\n");
}

TEST(Recorder, RemovesOldRowsUntilThereIsNoBacklog) {
  Sink sink;
  Recorder recorder{std::make_unique<SinkStore>(sink), 1, {}, {.max_delay = std::chrono::milliseconds{1}}};
  EXPECT_TRUE(sink.wait_for([&] { return sink.trims == 3; }));
}

TEST(ConnectionId, IsAboveThoseInTheStoreThoughTheClockWasSetBack) {
  Sink sink;
  sink.last_id = to_micros(now()) + 3'600'000'000;
  const Recorder recorder{std::make_unique<SinkStore>(sink), 1, {}, {}};
  EXPECT_GT(next_connection_id(), sink.last_id);
}

TEST(ConnectionId, IsUniqueOverThreadsAndRises) {
  std::set<std::int64_t> seen;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      std::int64_t last = 0;
      for (int n = 0; n < 2000; ++n) {
        const auto id = next_connection_id();
        EXPECT_GT(id, last);
        last = id;
        const std::lock_guard lock{mutex};
        EXPECT_TRUE(seen.insert(id).second);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace firstring::ledger
