#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "base/temporary_folder.hpp"
#include "store/ledger_contract.hpp"
#include "store/sqlite_database.hpp"

namespace firstring::store {
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
  row.outcome = id % 1000 == 7 ? "timeout" : "ok";
  row.hello = Bytes(200, 1);
  return row;
}

RequestRow request(std::int64_t connection) {
  RequestRow row;
  row.connection = connection;
  row.device = MacAddress::from_number(static_cast<std::uint64_t>(connection % 2000)).bare();
  row.decision = "allow";
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
  auto database = SqliteDatabase::open(folder.path(), kLedgerDatabase, {.mode = OpenMode::create});
  ASSERT_TRUE(database) << database.error().what;
  auto* handle = (*database)->connection().getHandle();
  const auto store = ledger_over(*std::move(database));
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
  auto database = SqliteDatabase::open(folder.path(), kLedgerDatabase, {.mode = OpenMode::create});
  ASSERT_TRUE(database) << database.error().what;
  auto& sqlite = (*database)->connection();
  const auto store = ledger_over(*std::move(database));
  for (std::int64_t id = 1; id <= 10; ++id) {
    auto row = connection(id);
    row.certificate = "c0ffee";
    row.certificate_der = Bytes(1000, 48);
    ASSERT_TRUE(store->append({{row}, {}, {}}));
  }
  EXPECT_EQ(sqlite.execAndGet("SELECT count(*) FROM certificate").getInt(), 1);
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
}  // namespace firstring::store
