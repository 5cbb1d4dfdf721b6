#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <random>

#include "base/temporary_folder.hpp"
#include "store/ledger_contract.hpp"
#include "store_sqlite/database.hpp"

namespace firstring::store::sqlite {
namespace {

class SqliteLedgerBackEnd final : public LedgerBackEnd {
 public:
  Result<std::unique_ptr<LedgerStore>> open() override { return open_ledger(folder_.path(), OpenMode::create); }

 private:
  TemporaryFolder folder_;
};

std::unique_ptr<LedgerBackEnd> make_back_end() { return std::make_unique<SqliteLedgerBackEnd>(); }

INSTANTIATE_TEST_SUITE_P(Sqlite, LedgerContract, testing::Values(&make_back_end));

ConnectionRow connection(std::int64_t id) {
  ConnectionRow row;
  row.id = id;
  row.accepted = from_micros(id * 1'000'000);
  row.address = "192.0.2." + std::to_string(id % 200);
  row.device = MacAddress::from_number(static_cast<std::uint64_t>(id % 2000)).bare();
  row.outcome = id % 1000 == 7 ? Outcome::timeout : Outcome::ok;
  row.hello = Bytes(200, 1);
  return row;
}

RequestRow request(std::int64_t connection) {
  RequestRow row;
  row.connection = connection;
  row.device = MacAddress::from_number(static_cast<std::uint64_t>(connection % 2000)).bare();
  row.decision = Decision::allow;
  return row;
}

/// Steps of SQLite's virtual machine since the last call, over all statements of the connection.
int work(sqlite3* database) {
  int steps = 0;
  for (auto* statement = sqlite3_next_stmt(database, nullptr); statement != nullptr;
       statement = sqlite3_next_stmt(database, statement)) {
    steps += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1);
  }
  return steps;
}

TEST(SqliteLedger, AnswersEachQueryByAnIndex) {
  const TemporaryFolder folder;
  auto database = Database::open(folder.path(), kLedgerDatabase, {.mode = OpenMode::create});
  ASSERT_TRUE(database) << database.error().what;
  auto* handle = (*database)->connection().getHandle();
  const auto store = *ledger_over(*std::move(database));
  constexpr std::int64_t kRows = 20'000;
  std::vector<ConnectionRow> connections;
  std::vector<RequestRow> requests;
  for (std::int64_t id = 1; id <= kRows; ++id) {
    connections.push_back(connection(id));
    requests.push_back(request(id));
  }
  ASSERT_TRUE(store->append({connections, requests, {}}));

  const auto mac = MacAddress::from_number(77);
  const Timestamp lately = from_micros((kRows - 4) * 1'000'000);
  const auto by_mac = [&](LedgerQuery& query) { query.mac = mac; };
  const auto by_address = [](LedgerQuery& query) { query.address = "192.0.2.7"; };
  const auto by_unknown_address = [](LedgerQuery& query) { query.address = "192.0.2.250"; };
  const auto failed = [](LedgerQuery& query) { query.failed = true; };
  const auto since = [&](LedgerQuery& query) { query.since = lately; };
  const auto after = [](LedgerQuery& query) { query.after_id = kRows - 5; };
  const std::vector<std::vector<std::function<void(LedgerQuery&)>>> queries{{},
                                                                            {by_mac},
                                                                            {by_mac, failed},
                                                                            {by_mac, since},
                                                                            {by_mac, after},
                                                                            {by_address},
                                                                            {by_address, since},
                                                                            {by_unknown_address},
                                                                            {by_address, after},
                                                                            {failed},
                                                                            {failed, since},
                                                                            {failed, after},
                                                                            {since},
                                                                            {since, after},
                                                                            {after},
                                                                            {by_mac, by_address, failed, since}};
  int number = 0;
  for (const auto& conditions : queries) {
    LedgerQuery query;
    query.limit = 10;
    for (const auto& condition : conditions) condition(query);
    work(handle);
    ASSERT_TRUE(store->find(query));
    EXPECT_LT(work(handle), 4000) << "query " << number;
    ++number;
  }
  work(handle);
  ASSERT_TRUE(store->last_written());
  EXPECT_LT(work(handle), 100);
}

TEST(SqliteLedger, KeepsEachCertificateOnce) {
  const TemporaryFolder folder;
  auto database = Database::open(folder.path(), kLedgerDatabase, {.mode = OpenMode::create});
  ASSERT_TRUE(database) << database.error().what;
  auto& sqlite = (*database)->connection();
  const auto store = *ledger_over(*std::move(database));
  for (std::int64_t id = 1; id <= 10; ++id) {
    auto row = connection(id);
    row.certificate = "c0ffee";
    row.certificate_der = Bytes(1000, 48);
    ASSERT_TRUE(store->append({{row}, {}, {}}));
  }
  EXPECT_EQ(sqlite.execAndGet("SELECT count(*) FROM certificate").getInt(), 1);
}

// ---------------------------------------------------------------------------------------------- size

constexpr std::uint64_t kLimit = LedgerBounds::kLeast;

std::uint64_t bytes_on_disk(const TemporaryFolder& folder) {
  std::uint64_t sum = 0;
  for (const auto* part : {"ledger.db", "ledger.db-wal"}) {
    std::error_code error;
    const auto size = std::filesystem::file_size(folder.path() / part, error);
    if (!error) sum += size;
  }
  return sum;
}

LedgerQuery everything() {
  LedgerQuery query;
  query.limit = SIZE_MAX;
  return query;
}

/// Rows of all kinds, as large as they may be after they are cut, appended in batches as large as they may be.
class Flood {
 public:
  Flood(LedgerStore& store, const LedgerBounds& bounds) : store_(store), bounds_(bounds) {}

  ConnectionRow row(Standing standing) {
    auto one = connection(++id_);
    one.standing = standing;
    one.hello = Bytes(standing == Standing::known ? 16'384 : random_() % 2048, 1);
    one.address = fmt::format("10.{}.{}.{}", random_() % 256, random_() % 256, random_() % 256);
    one.device = MacAddress::from_number(random_()).bare();
    one.likely_device = MacAddress::from_number(random_()).bare();
    for (auto* text : {&one.ja3, &one.ja4}) *text = std::to_string(random_()) + std::to_string(random_());
    one.certificate = std::to_string(random_()) + std::to_string(id_);
    one.certificate_subject.assign(512, 's');
    one.certificate_der = Bytes(4096, 2);
    return one;
  }

  /// At once: `most` rows, or fewer if they are too long for a batch.
  Result<void> append(Standing standing, std::size_t most, bool with_requests) {
    LedgerBatch batch;
    std::size_t bytes = 0;
    while (batch.size() < std::min(most, bounds_.batch_rows) && bytes < bounds_.batch_bytes) {
      if (with_requests && random_() % 4 != 0) {
        auto asked = request(id_ + static_cast<std::int64_t>(random_() % 2));
        asked.standing = standing;
        asked.target.assign(random_() % 1024, 't');
        asked.user_agent.assign(random_() % 512, 'u');
        bytes += bytes_of(asked);
        batch.requests.push_back(asked);
      } else {
        batch.connections.push_back(row(standing));
        bytes += bytes_of(batch.connections.back());
      }
    }
    return store_.append(batch);
  }

 private:
  LedgerStore& store_;
  const LedgerBounds& bounds_;
  std::int64_t id_ = 0;
  std::mt19937_64 random_{4711};
};

TEST(SqliteLedger, IsNeverLargerThanItsBoundsWhateverComes) {
  const TemporaryFolder folder;
  const auto bounds = LedgerBounds::of(kLimit);
  const auto store = *open_ledger(folder.path(), OpenMode::create, bounds);
  Flood flood{*store, bounds};
  std::mt19937 random{815};
  std::uint64_t largest = 0;
  constexpr int kBatches = 1500;
  for (int i = 0; i < kBatches; ++i) {
    // Most are strangers, with phones among them; at times there are phones alone.
    const auto standing = random() % 8 == 0 || i / 100 % 5 == 4 ? Standing::known
                          : random() % 8 == 0                   ? Standing::likely
                                                                : Standing::stranger;
    const auto appended = flood.append(standing, 1 + random() % 100, random() % 2 == 0);
    ASSERT_TRUE(appended) << appended.error().what;
    largest = std::max(largest, bytes_on_disk(folder));
  }
  EXPECT_LE(largest, kLimit);
  EXPECT_GE(largest, kLimit / 2) << "the flood was too small to show anything";
}

TEST(SqliteLedger, KeepsPhonesAndTheNewestStrangersInAFloodOfStrangers) {
  const TemporaryFolder folder;
  const auto bounds = LedgerBounds::of(kLimit);
  const auto store = *open_ledger(folder.path(), OpenMode::create, bounds);
  Flood flood{*store, bounds};
  std::vector<ConnectionRow> phones;
  for (int i = 0; i < 20; ++i) phones.push_back(flood.row(Standing::known));
  ASSERT_TRUE(store->append({phones, {}, {}}));
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(flood.append(Standing::stranger, 1000, i % 2 == 0));
  const auto all = *store->find(everything());
  std::size_t known = 0, strangers = 0;
  for (const auto& entry : all) ++(entry.connection.standing == Standing::known ? known : strangers);
  EXPECT_EQ(known, phones.size());
  EXPECT_GE(strangers, bounds.floor);
  // And the other way round.
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(flood.append(Standing::known, 1000, i % 2 == 0));
  std::size_t left = 0;
  const auto after = *store->find(everything());
  for (const auto& entry : after) left += entry.connection.standing == Standing::stranger ? 1 : 0;
  EXPECT_GE(left, bounds.floor);
}

TEST(SqliteLedger, KeepsItsBoundsAgainstOneConnectionWithAHundredThousandRequests) {
  const TemporaryFolder folder;
  const auto bounds = LedgerBounds::of(kLimit);
  const auto store = *open_ledger(folder.path(), OpenMode::create, bounds);
  for (const auto standing : {Standing::known, Standing::stranger}) {
    for (int i = 0; i < 100'000;) {
      LedgerBatch batch;
      for (std::size_t n = 0; n < bounds.batch_rows; ++n, ++i) {
        auto asked = request(1);
        asked.standing = standing;
        asked.target.assign(300, 't');
        batch.requests.push_back(std::move(asked));
      }
      ASSERT_TRUE(store->append(batch));
    }
    EXPECT_LE(bytes_on_disk(folder), kLimit);
  }
  ASSERT_TRUE(store->append({{connection(1)}, {}, {}}));
  EXPECT_EQ(store->find({})->size(), 1U);
}

TEST(SqliteLedger, WritesNothingMoreThanItsLogHoldsWhileSomebodyReadsAnOldState) {
  const TemporaryFolder folder;
  const auto bounds = LedgerBounds::of(kLimit);
  const auto store = *open_ledger(folder.path(), OpenMode::create, bounds);
  Flood flood{*store, bounds};
  ASSERT_TRUE(flood.append(Standing::stranger, 10, false));
  SQLite::Database reader{folder.path() / "ledger.db", SQLite::OPEN_READONLY};
  reader.exec("BEGIN");
  reader.execAndGet("SELECT count(*) FROM connection");
  Result<void> appended;
  int batches = 0;
  while (appended && batches < 10'000) {
    appended = flood.append(Standing::stranger, 1000, false);
    ++batches;
  }
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, Errc::unavailable);
  EXPECT_THAT(appended.error().what, testing::HasSubstr("end that program"));
  EXPECT_LE(bytes_on_disk(folder), kLimit);
  reader.exec("COMMIT");
  EXPECT_TRUE(flood.append(Standing::stranger, 1000, false)) << "and goes on when it has ended";
}

TEST(SqliteLedger, RemovesByIndexes) {
  const TemporaryFolder folder;
  auto database = Database::open(folder.path(), kLedgerDatabase, {.mode = OpenMode::create});
  ASSERT_TRUE(database) << database.error().what;
  auto* handle = (*database)->connection().getHandle();
  auto bounds = LedgerBounds::of(kLimit);
  bounds.floor = 20;
  const auto store = *ledger_over(*std::move(database), bounds);
  constexpr std::int64_t kRows = 9'000;
  for (std::int64_t id = 1; id <= kRows;) {
    LedgerBatch batch;
    for (int i = 0; i < 30; ++i, ++id) {
      batch.connections.push_back(connection(id));
      batch.connections.back().standing = id % 2 == 0 ? Standing::known : Standing::stranger;
      batch.requests.push_back(request(id));
    }
    ASSERT_TRUE(store->append(batch));
  }
  const Retention keep{.since = {}, .connections = kRows - 10};
  ASSERT_TRUE(store->trim(keep, 10));  // counts once
  work(handle);
  constexpr int kSteps = 10'000;
  EXPECT_EQ(*store->trim({.since = {}, .connections = kRows - 20}, 10), 10U);
  EXPECT_LT(work(handle), kSteps);
}

TEST(SqliteLedger, IsReadByOneProcessWhileAnotherWrites) {
  const TemporaryFolder folder;
  ASSERT_TRUE(open_ledger(folder.path(), OpenMode::create));
  constexpr std::int64_t kBatches = 200;
  const auto child = ::fork();
  if (child == 0) {
    const auto writer = open_ledger(folder.path(), OpenMode::existing);
    if (!writer) ::_exit(1);
    for (std::int64_t batch = 0; batch < kBatches; ++batch) {
      const auto first = batch * 5;
      std::vector<ConnectionRow> rows;
      for (std::int64_t i = 1; i <= 5; ++i) rows.push_back(connection(first + i));
      if (!(*writer)->append({rows, {request(first + 1)}, {}})) ::_exit(2);
    }
    ::_exit(0);
  }
  ASSERT_GT(child, 0);
  auto reader = open_ledger(folder.path(), OpenMode::existing);
  EXPECT_TRUE(reader) << reader.error().what;
  int status = 0;
  bool ended = false;
  std::int64_t seen = 0;
  while (reader && !ended) {
    // Asked before the last look, so that it sees all.
    ended = ::waitpid(child, &status, WNOHANG) == child;
    LedgerQuery query;
    query.after_id = seen;
    query.limit = SIZE_MAX;
    const auto found = (*reader)->find(query);
    EXPECT_TRUE(found) << found.error().what;
    // Whole batches only, and nothing twice.
    EXPECT_EQ(found->size() % 5, 0U);
    for (const auto& entry : *found) EXPECT_EQ(entry.connection.id, ++seen);
  }
  EXPECT_EQ(seen, kBatches * 5);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace firstring::store::sqlite
