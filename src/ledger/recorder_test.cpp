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
  std::vector<store::GapRow> gaps;
  std::int64_t poison = -1;  ///< a connection with this id can never be written

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
    for (const auto& row : batch.connections) {
      if (row.id == sink_.poison) return fail(Errc::conflict, "it is there already");
    }
    sink_.connections += batch.connections.size();
    if (!batch.connections.empty()) sink_.last = batch.connections.back();
    sink_.requests += batch.requests.size();
    sink_.alarms += batch.alarms.size();
    sink_.gaps.insert(sink_.gaps.end(), batch.gaps.begin(), batch.gaps.end());
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
  Result<std::vector<store::GapRow>> gaps(std::optional<Timestamp>, std::size_t) override { return sink_.gaps; }
  Result<void> end_open() override { return {}; }
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

store::ConnectionRow known() {
  store::ConnectionRow row;
  row.standing = store::Standing::known;
  return row;
}

store::RequestRow known_request() {
  store::RequestRow row;
  row.standing = store::Standing::known;
  return row;
}

store::ConnectionRow stranger(const std::string& address, std::size_t hello = 100) {
  store::ConnectionRow row;
  row.address = address;
  row.hello.resize(hello);
  return row;
}

TEST(Recorder, WritesEveryRowOfEveryWorker) {
  Sink sink;
  constexpr std::size_t kWorkers = 4, kRows = 5000;
  {
    Recorder recorder{std::make_unique<SinkStore>(sink), kWorkers, {}, {}};
    std::vector<std::thread> workers;
    for (std::size_t i = 0; i < kWorkers; ++i) {
      workers.emplace_back([&recorder, i] {
        for (std::size_t n = 0; n < kRows; ++n) {
          recorder.queue(i).connection(known());
          recorder.queue(i).request(known_request(), {}, "");
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
  row.outcome = Outcome::ok;
  row.assurance = "certificate";
  for (int i = 0; i < 3; ++i) recorder.queue(0).connection(row);
  row.model = row.firmware = "";
  row.outcome = Outcome::handshake_failed;
  row.stage = Stage::server_flight;
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

/// The sum of what is counted as not recorded.
std::pair<std::int64_t, std::int64_t> counted(const Sink& sink) {
  std::pair<std::int64_t, std::int64_t> sum;
  for (const auto& gap : sink.gaps) {
    sum.first += gap.connections;
    sum.second += gap.requests;
  }
  return sum;
}

TEST(Recorder, HoldsNoMoreThanItsBudgetOfBytesAndCountsTheRest) {
  Sink sink;
  sink.refuse = true;
  constexpr std::size_t kBudget = 400'000, kRows = 500, kHello = 2000;
  std::size_t known_rows = 0;
  {
    Recorder recorder{
        std::make_unique<SinkStore>(sink), 1, {}, {.max_delay = std::chrono::milliseconds{1}, .queue_bytes = kBudget}};
    const auto room = kBudget / (sizeof(store::ConnectionRow) + kHello);
    for (std::size_t i = 0; i < kRows; ++i) recorder.queue(0).connection(stranger("192.0.2.1", kHello));
    EXPECT_LE(kRows - recorder.lost(), room / 2) << "strangers leave half to others";
    EXPECT_GE(kRows - recorder.lost(), room / 3);
    const auto before = recorder.lost();
    for (std::size_t i = 0; i < kRows; ++i) {
      auto row = stranger("198.51.100.7", kHello);
      row.standing = store::Standing::known;
      recorder.queue(0).connection(std::move(row));
    }
    known_rows = kRows - (recorder.lost() - before);
    EXPECT_GE(known_rows, room / 3);
    EXPECT_LE(known_rows, room);
    ASSERT_TRUE(sink.wait_for([&] { return sink.refusals > 5; }));
    const std::lock_guard lock{sink.mutex};
    EXPECT_TRUE(sink.gaps.empty());
    sink.refuse = false;
  }
  EXPECT_EQ(sink.connections + static_cast<std::size_t>(counted(sink).first), 2 * kRows) << "each is there or counted";
  ASSERT_GE(sink.gaps.size(), 2U);
  for (const auto& gap : sink.gaps) {
    EXPECT_TRUE(gap.network == "192.0.2.0/24" || gap.network == "198.51.100.0/24") << gap.network;
    EXPECT_LE(gap.first, gap.last);
  }
}

TEST(Recorder, HasRoomForAlarmsWhenThereIsNoneForRows) {
  Sink sink;
  sink.refuse = true;
  Recorder recorder{
      std::make_unique<SinkStore>(sink), 1, {}, {.max_delay = std::chrono::milliseconds{1}, .queue_bytes = 10'000}};
  for (int i = 0; i < 100; ++i) recorder.queue(0).connection(known());
  EXPECT_GT(recorder.lost(), 0U);
  recorder.queue(0).alarm({.at = now(), .kind = "storm", .text = "x"});
  {
    const std::lock_guard lock{sink.mutex};
    sink.refuse = false;
  }
  EXPECT_TRUE(sink.wait_for([&] { return sink.alarms == 1; }));
}

TEST(Recorder, RecordsSoMuchOfStrangersOfOneNetworkInAMinuteAndAllOfPhones) {
  Sink sink;
  constexpr std::size_t kRows = 2000;
  {
    Recorder recorder{std::make_unique<SinkStore>(sink), 1, {}, {.network_bytes = 1U << 20}};
    const auto address = *IpAddress::parse("2001:db8:1::1");
    for (std::size_t i = 0; i < kRows; ++i) {
      store::RequestRow row;
      row.target.resize(900);
      recorder.queue(0).request(std::move(row), address, "");
      recorder.queue(0).request(known_request(), address, "");
    }
    for (std::size_t i = 0; i < 10; ++i) recorder.queue(0).connection(stranger("2001:db8:1:ffff::2"));
  }
  EXPECT_EQ(sink.connections, 10U) << "requests leave room for connections";
  EXPECT_GE(sink.requests, kRows + 300);
  // The minute may turn once in the middle.
  EXPECT_LE(sink.requests, kRows + 1000);
  EXPECT_EQ(sink.requests + static_cast<std::size_t>(counted(sink).second), 2 * kRows);
  for (const auto& gap : sink.gaps) EXPECT_EQ(gap.network, "2001:db8:1::/48");
}

/// An office after a power cut, at its bootstrap listener: as many rows as Options::network_bytes promises.
TEST(Recorder, RecordsTwoHundredNewPhonesBehindOneAddressWhole) {
  Sink sink;
  Recorder recorder{std::make_unique<SinkStore>(sink), 1, {}, {}};
  constexpr std::size_t kPhones = 200, kConnections = 10, kRequests = 20;
  const auto address = *IpAddress::parse("203.0.113.5");
  for (std::size_t i = 0; i < kPhones * kConnections; ++i) {
    auto row = stranger("203.0.113.5", 250);
    for (auto* text : {&row.ja3, &row.ja4, &row.cipher, &row.listener, &row.detail, &row.personality}) text->resize(32);
    recorder.queue(0).connection(std::move(row));
  }
  for (std::size_t i = 0; i < kPhones * kRequests; ++i) {
    store::RequestRow row;
    row.target = "/spa504g/000e08abcdef.xml";
    row.user_agent = "Cisco/SPA504G-7.5.7 (000E08ABCDEF)(CBT12345678)";
    row.device = "000e08abcdef";
    recorder.queue(0).request(std::move(row), address, "");
  }
  EXPECT_EQ(recorder.lost(), 0U);
}

TEST(Recorder, CutsWhatStrangersSend) {
  Sink sink;
  {
    Recorder recorder{std::make_unique<SinkStore>(sink), 1, {}, {}};
    recorder.queue(0).connection(stranger("192.0.2.1", 65'000));
  }
  EXPECT_EQ(sink.last.hello.size(), 2048U);
  EXPECT_EQ(sink.last.hello_length, 65'000U);
  EXPECT_EQ(sink.last.hello_sha256.size(), 64U);
}

TEST(Recorder, IsNotHeldUpByARowThatCanNeverBeWritten) {
  Sink sink;
  sink.poison = 50;
  {
    Recorder recorder{std::make_unique<SinkStore>(sink), 1, {}, {}};
    const std::lock_guard lock{sink.mutex};
    for (std::int64_t id = 1; id <= 100; ++id) {
      auto row = stranger("192.0.2.1");
      row.id = id;
      recorder.queue(0).connection(std::move(row));
    }
  }
  EXPECT_EQ(sink.connections, 99U);
  EXPECT_EQ(counted(sink).first, 1);
}

TEST(Recorder, TakesNoMoreThanItsBudgetWhileTheReaderOfTheRequestLogHangs) {
  Sink sink;
  std::promise<void> began, released;
  Recorder recorder{std::make_unique<SinkStore>(sink),
                    1,
                    [&, first = true](const std::string&) mutable {
                      if (!std::exchange(first, false)) return;
                      began.set_value();
                      released.get_future().wait();
                    },
                    {.queue_bytes = 100 * sizeof(store::ConnectionRow)}};
  recorder.queue(0).request({}, {}, "{}");
  began.get_future().wait();
  for (int i = 0; i < 500; ++i) recorder.queue(0).connection(known());
  EXPECT_GE(recorder.lost(), 400U);
  EXPECT_LE(recorder.lost(), 402U);
  released.set_value();
}

TEST(Recorder, PassesTheRequestLogOnInWholeLines) {
  Sink sink;
  std::string log;
  {
    Recorder recorder{std::make_unique<SinkStore>(sink), 1, [&](const std::string& lines) { log += lines; }, {}};
    recorder.queue(0).request({}, {}, "{\"a\":1}");
    recorder.queue(0).request({}, {}, "{\"a\":2}");
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
