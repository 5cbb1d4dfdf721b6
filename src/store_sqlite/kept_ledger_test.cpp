#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/temporary_folder.hpp"
#include "store_sqlite/database.hpp"

namespace firstring::store::sqlite {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

ConnectionRow connection(std::int64_t id) {
  ConnectionRow row;
  row.id = id;
  row.accepted = from_micros(id * 1'000'000);
  row.outcome = Outcome::ok;
  row.hello = Bytes(500, 1);
  return row;
}

LedgerQuery everything() {
  LedgerQuery query;
  query.limit = SIZE_MAX;
  return query;
}

class KeptLedger : public testing::Test {
 protected:
  std::filesystem::path path() const { return folder_.path() / "ledger.db"; }
  std::unique_ptr<LedgerStore> keep() { return keep_ledger(folder_.path(), LedgerBounds::of(LedgerBounds::kLeast)); }

  void make(int rows) {
    const auto store = *open_ledger(folder_.path(), OpenMode::create);
    std::vector<ConnectionRow> all;
    for (int id = 1; id <= rows; ++id) all.push_back(connection(id));
    ASSERT_TRUE(store->append({all, {}, {}}));
  }
  void write(std::string_view content) { std::ofstream{path(), std::ios::binary} << content; }

  std::vector<std::string> set_aside() const {
    std::vector<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator{folder_.path()}) {
      const auto name = file.path().filename().string();
      if (name.starts_with("ledger.db.damaged-")) names.push_back(name);
    }
    return names;
  }
  /// A new ledger is there, which takes rows, and somebody is told.
  void expect_new(LedgerStore& store, const char* why) {
    ASSERT_TRUE(store.append({{connection(1001)}, {}, {}}));
    EXPECT_EQ(store.find({})->size(), 1U);
    const auto news = store.take_news();
    ASSERT_EQ(news.size(), 1U) << news.back().text;
    EXPECT_EQ(news[0].kind, "ledger_replaced");
    EXPECT_THAT(news[0].text, HasSubstr(why));
    EXPECT_THAT(store.take_news(), IsEmpty());
  }
  /// The time in which its place is looked at.
  template <class Condition>
  bool eventually(Condition condition) {
    for (const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{30};
         std::chrono::steady_clock::now() < until;) {
      if (condition()) return true;
      ::usleep(20'000);
    }
    return false;
  }

  TemporaryFolder folder_;
};

TEST_F(KeptLedger, OpensWhatIsThere) {
  make(5);
  const auto store = keep();
  EXPECT_EQ(store->find({})->size(), 5U);
  EXPECT_THAT(store->take_news(), IsEmpty());
  EXPECT_THAT(set_aside(), IsEmpty());
}

TEST_F(KeptLedger, BeginsANewOneWhereNoneIs) {
  const auto store = keep();
  expect_new(*store, "there was no ");
  EXPECT_THAT(set_aside(), IsEmpty());
}

TEST_F(KeptLedger, BeginsANewOneInPlaceOfWhatIsNoLedger) {
  make(3);
  std::string newer;
  {
    SQLite::Database database{path(), SQLite::OPEN_READWRITE};
    database.exec("INSERT INTO migration VALUES (99, 'ledger_0099_future.sql', '', 0)");
    database.execAndGet("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  {
    std::ifstream file{path(), std::ios::binary};
    newer.assign(std::istreambuf_iterator<char>{file}, {});
  }
  std::string foreign;
  {
    const auto other = folder_.path() / "other.db";
    {
      SQLite::Database database{other, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
      database.exec("CREATE TABLE t (a)");
    }
    std::ifstream file{other, std::ios::binary};
    foreign.assign(std::istreambuf_iterator<char>{file}, {});
  }
  for (const auto& content : {std::string(5000, 'x'), newer.substr(0, 8192), foreign, newer, std::string(100, '\0')}) {
    for (const auto* part : {"ledger.db", "ledger.db-wal", "ledger.db-shm"})
      std::filesystem::remove(folder_.path() / part);
    write(content);
    std::ofstream{path().string() + "-wal"} << "no log at all";
    const auto before = set_aside().size();
    const auto store = keep();
    expect_new(*store, "set aside as");
    EXPECT_GE(set_aside().size(), std::min<std::size_t>(before, kMostSetAside));
  }
  std::size_t databases = 0;
  for (const auto& name : set_aside()) databases += !name.ends_with("-wal") && !name.ends_with("-shm") ? 1 : 0;
  EXPECT_EQ(databases, kMostSetAside) << "the newest are kept";
}

TEST_F(KeptLedger, AnEmptyFileIsBegunAnew) {
  write("");
  const auto store = keep();
  expect_new(*store, "an empty one");
}

TEST_F(KeptLedger, TellsOfDamageThatShowsWhileItIsOpenAndGoesOn) {
  make(3000);
  const auto store = keep();
  ASSERT_TRUE(store->last_id());
  const auto size = std::filesystem::file_size(path());
  {
    std::fstream file{path(), std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(4096);
    file << std::string(size - 4096, '\xa5');
  }
  // What is in SQLite's cache is whole still.
  EXPECT_TRUE(eventually([&] {
    (void)store->find(everything());
    return !set_aside().empty();
  }));
  expect_new(*store, "damaged");
}

/// SQLite has all of a small one in its cache, and would write on without a word.
TEST_F(KeptLedger, NoticesThatItsFileWasOverwritten) {
  for (const auto* part : {"", "-wal"}) {
    make(5);
    const auto store = keep();
    ASSERT_TRUE(store->append({{connection(6)}, {}, {}}));
    (void)store->take_news();
    const auto before = set_aside().size();
    const auto file = path().string() + part;
    {
      std::fstream stream{file, std::ios::in | std::ios::out | std::ios::binary};
      stream << std::string(std::filesystem::file_size(file), '\xa5');
    }
    EXPECT_TRUE(eventually([&] {
      (void)store->last_id();
      return set_aside().size() > before;
    })) << file;
    expect_new(*store, "overwritten");
    for (const auto* each : {"", "-wal", "-shm"}) std::filesystem::remove(path().string() + each);
  }
}

TEST_F(KeptLedger, NoticesThatItsFileWasRemoved) {
  make(5);
  const auto store = keep();
  ASSERT_TRUE(store->append({{connection(6)}, {}, {}}));
  std::filesystem::remove(path());
  EXPECT_TRUE(eventually([&] { return store->find({}) && store->find({})->empty(); }));
  EXPECT_TRUE(std::filesystem::exists(path()));
  expect_new(*store, "was removed");
  EXPECT_EQ((*open_ledger(folder_.path(), OpenMode::existing))->find({})->size(), 1U) << "others see it";
}

TEST_F(KeptLedger, NoticesThatItsFileWasReplaced) {
  make(5);
  const auto backup = folder_.path() / "backup";
  std::filesystem::copy_file(path(), backup);
  const auto store = keep();
  ASSERT_TRUE(store->append({{connection(6)}, {}, {}}));
  std::filesystem::rename(backup, path());
  EXPECT_TRUE(eventually([&] { return store->find({})->size() == 5; }));
  ASSERT_TRUE(store->append({{connection(7)}, {}, {}}));
  EXPECT_EQ((*open_ledger(folder_.path(), OpenMode::existing))->find({})->size(), 6U);
  EXPECT_THAT(store->take_news().at(0).text, HasSubstr("was replaced"));
  SQLite::Database database{path(), SQLite::OPEN_READONLY};
  EXPECT_EQ(database.execAndGet("PRAGMA integrity_check").getString(), "ok");
}

TEST_F(KeptLedger, LosesNothingWhenItsLogIsRemoved) {
  make(5);
  const auto store = keep();
  ASSERT_TRUE(store->append({{connection(6)}, {}, {}}));
  std::filesystem::remove(path().string() + "-wal");
  EXPECT_TRUE(eventually([&] {
    (void)store->last_id();
    return !store->take_news().empty();
  }));
  ASSERT_TRUE(store->append({{connection(7)}, {}, {}}));
  EXPECT_EQ((*open_ledger(folder_.path(), OpenMode::existing))->find({})->size(), 7U);
}

TEST_F(KeptLedger, TriesAgainWhatCannotBeOpenedForOtherReasons) {
  const auto away = folder_.path() / "folder";
  const auto store = keep_ledger(away, {});
  EXPECT_FALSE(store->append({{connection(1)}, {}, {}}));
  EXPECT_THAT(store->take_news(), IsEmpty());
  std::filesystem::create_directory(away);
  EXPECT_TRUE(eventually([&] { return static_cast<bool>(store->append({{connection(1)}, {}, {}})); }));
}

TEST_F(KeptLedger, EndsWhatACrashLeftOpen) {
  make(1);
  {
    const auto crashed = *open_ledger(folder_.path(), OpenMode::existing);
    auto open = connection(2);
    open.outcome = Outcome::open;
    ASSERT_TRUE(crashed->append({{open}, {}, {}}));
  }
  EXPECT_EQ(keep()->find({})->back().connection.outcome, Outcome::server_gone);
}

}  // namespace
}  // namespace firstring::store::sqlite
