#include "store_sqlite/database.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>

#include "base/file.hpp"
#include "base/temporary_folder.hpp"

namespace firstring::store::sqlite {
namespace {

using base::EmbeddedFile;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

Device device(std::uint64_t number) {
  Device result;
  result.mac = MacAddress::from_number(number);
  result.model = "SPA504G";
  return result;
}

/// Far more than any of the limits below.
std::vector<Device> many_devices() {
  std::vector<Device> many;
  for (std::uint64_t i = 1; i <= 50'000; ++i) many.push_back(device(i));
  return many;
}

std::unique_ptr<Database> open_or_die(const std::filesystem::path& dir, const OpenSettings& settings) {
  auto database = Database::open(dir, kFleetDatabase, settings);
  if (!database) {
    ADD_FAILURE() << database.error().what;
    std::abort();
  }
  return *std::move(database);
}

std::unique_ptr<Database> create(const TemporaryFolder& folder) {
  return open_or_die(folder.path(), {.mode = OpenMode::create});
}

Error error_of_opening(const TemporaryFolder& folder, const OpenSettings& settings = {}) {
  const auto database = Database::open(folder.path(), kFleetDatabase, settings);
  EXPECT_FALSE(database);
  return database ? Error{} : database.error();
}

void write_bytes(const std::filesystem::path& path, std::string_view content, std::streamoff where = 0) {
  std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
  if (!file) file.open(path, std::ios::out | std::ios::binary);
  file.seekp(where);
  file << content;
  ASSERT_TRUE(file.flush());
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

// ---------------------------------------------------------------------------------------------- opening

TEST(SqliteOpen, SaysHowToMakeAMissingDatabase) {
  const TemporaryFolder folder;
  const auto error = error_of_opening(folder);
  EXPECT_EQ(error.code, Errc::not_found);
  EXPECT_EQ(
      error.what,
      "open " + (folder.path() / "firstring.db").string() +
          ": the file is not there; name the state folder with --dir, or make a new one with: firstring init DIR");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(SqliteOpen, SaysThatTheFolderIsMissing) {
  const TemporaryFolder folder;
  const auto store = open_fleet(folder.path() / "none", OpenMode::create);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Errc::not_found);
  EXPECT_THAT(store.error().what, HasSubstr("the folder is not there"));
}

TEST(SqliteOpen, MakesAFileThatOthersCannotRead) {
  const TemporaryFolder folder;
  const auto database = create(folder);
  for (const auto* name : {"firstring.db", "firstring.db-wal", "firstring.db-shm"}) {
    struct stat status{};
    ASSERT_EQ(::stat((folder.path() / name).c_str(), &status), 0) << name;
    EXPECT_EQ(status.st_mode & 07, 0U) << name;
  }
}

TEST(SqliteOpen, CreateOpensWhatIsThere) {
  const TemporaryFolder folder;
  ASSERT_TRUE((*open_fleet(folder.path(), OpenMode::create))->add_device(device(1)));
  EXPECT_EQ((*open_fleet(folder.path(), OpenMode::create))->devices()->size(), 1U);
}

TEST(SqliteOpen, CompletesACreationThatWasCutShort) {
  const TemporaryFolder folder;
  write_bytes(folder.path() / "firstring.db", "");
  EXPECT_THAT(error_of_opening(folder).what, HasSubstr("the database is empty"));
  EXPECT_TRUE(open_fleet(folder.path(), OpenMode::create));
  EXPECT_TRUE(open_fleet(folder.path(), OpenMode::existing));
}

TEST(SqliteOpen, ManyProcessesMayCreateAtOnce) {
  const TemporaryFolder folder;
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i) {
    const auto child = ::fork();
    if (child == 0) {
      const auto opened = open_fleet(folder.path(), OpenMode::create);
      if (!opened) std::fprintf(stderr, "%s\n", opened.error().what.c_str());
      ::_exit(opened ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const auto child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
}

TEST(SqliteOpen, RefusesAFileThatIsNoDatabase) {
  const TemporaryFolder folder;
  const std::string text(5000, 'x');
  write_bytes(folder.path() / "firstring.db", text);
  for (const auto mode : {OpenMode::existing, OpenMode::create}) {
    EXPECT_THAT(error_of_opening(folder, {.mode = mode}).what,
                HasSubstr("firstring.db: it is no database; move it away"));
  }
  EXPECT_EQ(content_of(folder.path() / "firstring.db"), text);
}

TEST(SqliteOpen, RefusesTheDatabaseOfAnotherProgramAndDoesNotTouchIt) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "firstring.db";
  SQLite::Database{path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE}.exec("CREATE TABLE bookmarks (url)");
  const auto before = content_of(path);
  for (const auto mode : {OpenMode::existing, OpenMode::create}) {
    const auto error = error_of_opening(folder, {.mode = mode});
    EXPECT_EQ(error.code, Errc::invalid_input);
    EXPECT_THAT(error.what, HasSubstr("it is no firstring.db of firstring"));
  }
  EXPECT_EQ(content_of(path), before);
}

TEST(SqliteOpen, TellsTheLedgerFromTheFleet) {
  const TemporaryFolder folder;
  ASSERT_TRUE(open_ledger(folder.path(), OpenMode::create));
  std::filesystem::rename(folder.path() / "ledger.db", folder.path() / "firstring.db");
  EXPECT_THAT(error_of_opening(folder).what, HasSubstr("it is no firstring.db of firstring"));
}

TEST(SqliteOpen, UsesAWriteAheadLogAndForeignKeys) {
  const TemporaryFolder folder;
  const auto database = create(folder);
  EXPECT_EQ(database->connection().execAndGet("PRAGMA journal_mode").getString(), "wal");
  EXPECT_EQ(database->connection().execAndGet("PRAGMA foreign_keys").getInt(), 1);
  EXPECT_EQ(database->connection().execAndGet("PRAGMA synchronous").getInt(), 1);
}

// ---------------------------------------------------------------------------------------------- migrations

constexpr EmbeddedFile kFirst{"fleet_0001_first.sql",
                              "CREATE TABLE first (a INTEGER) STRICT; INSERT INTO first VALUES (1)"};
constexpr EmbeddedFile kSecond{"fleet_0002_second.sql",
                               "ALTER TABLE first ADD COLUMN b INTEGER; UPDATE first SET b = 2"};
constexpr EmbeddedFile kThirdBad{"fleet_0003_third.sql", "CREATE TABLE third (a INTEGER) STRICT; DROP TABLE nowhere"};
constexpr EmbeddedFile kForeign{"ledger_0001_first.sql", "CREATE TABLE ledger (a INTEGER) STRICT"};

TEST(Migrations, AreNumberedFromOneWithoutGaps) {
  for (const auto& kind : {kFleetDatabase, kLedgerDatabase}) {
    int number = 0;
    for (const auto& file : embedded_migrations()) {
      if (!file.name.starts_with(kind.migrations)) continue;
      char expected[16];
      std::snprintf(expected, sizeof expected, "%04d_", ++number);
      EXPECT_TRUE(file.name.substr(kind.migrations.size()).starts_with(expected)) << file.name;
      EXPECT_TRUE(file.name.ends_with(".sql")) << file.name;
    }
    EXPECT_GT(number, 0) << kind.migrations;
  }
}

TEST(Migrations, MakeOnlyStrictTables) {
  const TemporaryFolder folder;
  for (const auto& kind : {kFleetDatabase, kLedgerDatabase}) {
    auto database = Database::open(folder.path(), kind, {.mode = OpenMode::create});
    ASSERT_TRUE(database) << database.error().what;
    EXPECT_EQ(
        (*database)
            ->connection()
            .execAndGet(
                "SELECT ifnull(group_concat(name), '') FROM pragma_table_list WHERE NOT strict AND schema = 'main' "
                "AND name NOT LIKE 'sqlite_%'")
            .getString(),
        "");
  }
}

TEST(Migrations, BringAnOlderDatabaseUp) {
  const TemporaryFolder folder;
  const std::vector one{kFirst, kForeign};
  const std::vector two{kFirst, kSecond, kForeign};
  open_or_die(folder.path(), {.mode = OpenMode::create, .migrations = one});
  for (int i = 0; i < 2; ++i) {
    const auto database = open_or_die(folder.path(), {.migrations = two});
    EXPECT_EQ(database->connection().execAndGet("SELECT b FROM first").getInt(), 2);
    EXPECT_EQ(database->connection().execAndGet("SELECT count(*) FROM migration").getInt(), 2);
    EXPECT_FALSE(database->connection().tableExists("ledger"));
  }
}

std::size_t schema_version(Database& database) {
  return database.connection().execAndGet("PRAGMA user_version").getUInt();
}

TEST(Migrations, AreCountedInTheSchemaVersion) {
  const TemporaryFolder folder;
  const std::vector one{kFirst, kForeign};
  const std::vector two{kFirst, kSecond, kForeign};
  EXPECT_EQ(schema_version(*open_or_die(folder.path(), {.mode = OpenMode::create, .migrations = one})), 1);
  EXPECT_EQ(schema_version(*open_or_die(folder.path(), {.migrations = two})), 2);
}

TEST(Migrations, PutAWrongSchemaVersionRight) {
  const TemporaryFolder folder;
  const std::vector two{kFirst, kSecond};
  // As a database of before has it, to which there is nothing else to do.
  open_or_die(folder.path(), {.mode = OpenMode::create, .migrations = two})->connection().exec("PRAGMA user_version=0");
  const auto untouched = open_or_die(folder.path(), {.mode = OpenMode::as_it_is, .migrations = two});
  EXPECT_EQ(schema_version(*untouched), 0);
  EXPECT_EQ(schema_version(*open_or_die(folder.path(), {.migrations = two})), 2);
}

TEST(Migrations, TakeTheLagOfAnOlderLedgerOutOfTheSchemaVersion) {
  const TemporaryFolder folder;
  std::vector<EmbeddedFile> before, all;
  for (const auto& file : embedded_migrations()) {
    if (!file.name.starts_with(kLedgerDatabase.migrations)) continue;
    all.push_back(file);
    if (file.name < "ledger_0008") before.push_back(file);
  }
  const auto open = [&](const OpenSettings& settings) {
    return Database::open(folder.path(), kLedgerDatabase, settings).value();
  };
  open({.mode = OpenMode::create, .migrations = before})->connection().exec("PRAGMA user_version = 250");
  const auto ledger = ledger_over(open({})).value();
  EXPECT_EQ(*ledger->lag(), std::chrono::milliseconds{250});
  EXPECT_EQ(schema_version(*open({})), all.size());
}

TEST(Migrations, ABrokenOneLeavesTheDatabaseAsItWas) {
  const TemporaryFolder folder;
  const std::vector good{kFirst, kSecond};
  const std::vector bad{kFirst, kSecond, kThirdBad};
  open_or_die(folder.path(), {.mode = OpenMode::create, .migrations = good});
  EXPECT_THAT(error_of_opening(folder, {.migrations = bad}).what, HasSubstr("no such table: nowhere"));
  const auto database = open_or_die(folder.path(), {.migrations = good});
  EXPECT_FALSE(database->connection().tableExists("third"));
}

TEST(Migrations, ABrokenFirstOneLeavesAnEmptyDatabase) {
  const TemporaryFolder folder;
  const std::vector bad{
      EmbeddedFile{"fleet_0001_first.sql", "CREATE TABLE first (a INTEGER) STRICT; DROP TABLE nowhere"}};
  error_of_opening(folder, {.mode = OpenMode::create, .migrations = bad});
  EXPECT_THAT(error_of_opening(folder).what, HasSubstr("the database is empty"));
  EXPECT_TRUE(open_fleet(folder.path(), OpenMode::create));
}

TEST(Migrations, RefuseADatabaseOfANewerVersion) {
  const TemporaryFolder folder;
  const std::vector one{kFirst};
  const std::vector two{kFirst, kSecond};
  open_or_die(folder.path(), {.mode = OpenMode::create, .migrations = two});
  const auto error = error_of_opening(folder, {.migrations = one});
  EXPECT_EQ(error.code, Errc::invalid_input);
  EXPECT_THAT(error.what, HasSubstr("a newer firstring made it (it has fleet_0002_second.sql); run that version"));
}

TEST(Migrations, RefuseADatabaseWhoseMigrationWasAnother) {
  const TemporaryFolder folder;
  const std::vector before{kFirst};
  const std::vector edited{EmbeddedFile{kFirst.name, "CREATE TABLE first (a TEXT) STRICT"}};
  const std::vector renamed{EmbeddedFile{"fleet_0001_other.sql", kFirst.content}};
  open_or_die(folder.path(), {.mode = OpenMode::create, .migrations = before});
  for (const auto& changed : {edited, renamed}) {
    const auto error = error_of_opening(folder, {.migrations = changed});
    EXPECT_EQ(error.code, Errc::invalid_input);
    EXPECT_THAT(error.what, HasSubstr("another build made it"));
  }
}

// ---------------------------------------------------------------------------------------------- another process writes

TEST(SqliteLocked, WritingSaysThatAnotherCommandHoldsIt) {
  const TemporaryFolder folder;
  const auto other = create(folder);
  const auto store = fleet_over(open_or_die(folder.path(), {.busy_timeout = std::chrono::milliseconds{5}}));
  other->connection().exec("BEGIN EXCLUSIVE");
  const auto result = store->add_device(device(1));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::unavailable);
  EXPECT_EQ(result.error().what,
            "write " + (folder.path() / "firstring.db").string() +
                ": another firstring command is writing to it and holds it locked; wait until that one "
                "has ended and try again");
  // Reading, opening and watching go on.
  EXPECT_EQ(*store->revision(), 0);
  EXPECT_THAT(*store->devices(), IsEmpty());
  EXPECT_TRUE(open_fleet(folder.path(), OpenMode::existing));
  other->connection().exec("COMMIT");
  EXPECT_TRUE(store->add_device(device(1)));
  EXPECT_EQ(*store->revision(), 1);
}

TEST(SqliteLocked, OpeningSaysThatAnotherProgramHoldsIt) {
  const TemporaryFolder folder;
  create(folder);
  SQLite::Database shell{(folder.path() / "firstring.db").string(), SQLite::OPEN_READWRITE};
  shell.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  const auto error = error_of_opening(folder, {.busy_timeout = std::chrono::milliseconds{5}});
  EXPECT_EQ(error.code, Errc::unavailable);
  EXPECT_THAT(error.what, HasSubstr("holds it locked"));
}

// ---------------------------------------------------------------------------------------------- disk full

/// The store must be as it was, and go on when there is room again.
void expect_untouched(FleetStore& store) {
  EXPECT_EQ(*store.revision(), 1);
  EXPECT_EQ(store.devices()->size(), 1U);
}

TEST(SqliteFull, AnImportThatDoesNotFitLeavesNoTrace) {
  const TemporaryFolder folder;
  auto database = create(folder);
  auto& connection = database->connection();
  const auto store = fleet_over(std::move(database));
  ASSERT_TRUE(store->add_device(device(1'000'000)));
  connection.execAndGet("PRAGMA max_page_count = 60");
  const auto result = store->add_devices(many_devices(), nullptr);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::limit_exceeded);
  EXPECT_EQ(result.error().what, "write " + (folder.path() / "firstring.db").string() +
                                     ": the disk is full, nothing was changed; make room in " + folder.path().string() +
                                     " and try again");
  expect_untouched(*store);
  connection.execAndGet("PRAGMA max_page_count = 1000000");
  EXPECT_TRUE(store->add_devices(many_devices(), nullptr));
  EXPECT_EQ(connection.execAndGet("PRAGMA integrity_check").getString(), "ok");
}

TEST(SqliteFull, ALedgerBatchThatDoesNotFitLeavesNoTrace) {
  const TemporaryFolder folder;
  auto database = Database::open(folder.path(), kLedgerDatabase, {.mode = OpenMode::create});
  ASSERT_TRUE(database) << database.error().what;
  auto& connection = (*database)->connection();
  const auto store = *ledger_over(*std::move(database));
  connection.execAndGet("PRAGMA max_page_count = 30");
  std::vector<ConnectionRow> rows(100);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].id = static_cast<std::int64_t>(i + 1);
    rows[i].hello = Bytes(65'536, 1);
  }
  const auto result = store->append({rows, {}, {}});
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().what, AllOf(HasSubstr("ledger.db"), HasSubstr("the disk is full")));
  EXPECT_THAT(*store->find({}), IsEmpty());
  connection.execAndGet("PRAGMA max_page_count = 1000000");
  EXPECT_TRUE(store->append({rows, {}, {}}));
}

/// No file of this process grows beyond `bytes` while this lives: write(2) fails with EFBIG.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    auto limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

TEST(SqliteFull, AWriteErrorOfTheSystemLeavesNoTrace) {
  const TemporaryFolder folder;
  const auto store = *open_fleet(folder.path(), OpenMode::create);
  ASSERT_TRUE(store->add_device(device(1'000'000)));
  {
    const FileSizeLimit limit{400'000};
    const auto result = store->add_devices(many_devices(), nullptr);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::io);
    EXPECT_THAT(result.error().what,
                AllOf(HasSubstr("firstring.db: "), HasSubstr(", nothing was changed; look for errors of the disk")));
    expect_untouched(*store);
  }
  EXPECT_TRUE(store->add_devices(many_devices(), nullptr));
  EXPECT_EQ(store->devices()->size(), 50'001U);
}

TEST(SqliteFull, ACreationThatDoesNotFitCanBeRepeated) {
  const TemporaryFolder folder;
  {
    const FileSizeLimit limit{8192};
    EXPECT_EQ(error_of_opening(folder, {.mode = OpenMode::create}).code, Errc::io);
  }
  EXPECT_TRUE(open_fleet(folder.path(), OpenMode::create));
}

// ---------------------------------------------------------------------------------------------- a disk of our own

/// In a child with its own mounts: a file system of 512 KiB at `dir`. False if this user may not.
bool mount_small_disk(const std::filesystem::path& dir) {
  return ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", dir.c_str(), "tmpfs", 0, "size=512k") == 0;
}

/// Runs `body` in a child with a small disk at a folder. `body` returns what went wrong, or nothing.
template <class Body>
void with_small_disk(Body body) {
  const TemporaryFolder folder;
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  FileDescriptor reading{ends[0]};
  FileDescriptor writing{ends[1]};
  const auto child = ::fork();
  if (child == 0) {
    const std::string text = mount_small_disk(folder.path()) ? body(folder.path()) : "may not mount";
    const auto written = ::write(writing.get(), text.data(), text.size());
    ::_exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  writing.reset();
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = ::read(reading.get(), buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(count));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  if (text == "may not mount") GTEST_SKIP() << "this user may not mount a file system";
  EXPECT_EQ(status, 0);
  EXPECT_EQ(text, "");
}

TEST(SqliteDisk, AFullDiskLeavesNoTrace) {
  with_small_disk([](const std::filesystem::path& dir) -> std::string {
    auto store = open_fleet(dir, OpenMode::create);
    if (!store) return store.error().what;
    if (const auto first = (*store)->add_device(device(1'000'000)); !first) return first.error().what;
    const auto result = (*store)->add_devices(many_devices(), nullptr);
    if (result) return "50,000 devices fit on 512 KiB";
    if (result.error().what.find("the disk is full, nothing was changed; make room in") == std::string::npos)
      return result.error().what;
    const auto devices = (*store)->devices();
    if (!devices) return devices.error().what;
    if (devices->size() != 1 || *(*store)->revision() != 1) return "something was changed";
    return "";
  });
}

TEST(SqliteDisk, ACreationOnAFullDiskSaysSo) {
  with_small_disk([](const std::filesystem::path& dir) -> std::string {
    {
      std::ofstream filler{dir / "filler", std::ios::binary};
      filler << std::string(600'000, 'x');
    }
    const auto store = open_fleet(dir, OpenMode::create);
    if (store) return "a database fitted on a full disk";
    if (store.error().what.find("the disk is full") == std::string::npos) return store.error().what;
    std::filesystem::remove(dir / "filler");
    const auto again = open_fleet(dir, OpenMode::create);
    return again ? "" : again.error().what;
  });
}

TEST(SqliteDisk, AReadOnlyDiskSaysSo) {
  with_small_disk([](const std::filesystem::path& dir) -> std::string {
    if (const auto store = open_fleet(dir, OpenMode::create); !store) return store.error().what;
    if (::mount(nullptr, dir.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) return errno_text(errno);
    for (const auto mode : {OpenMode::existing, OpenMode::create}) {
      const auto store = open_fleet(dir, mode);
      if (store) return "opened a database that cannot be written";
      if (store.error().code != Errc::denied) return store.error().what;
      if (store.error().what.find("mounted read-only") == std::string::npos) return store.error().what;
    }
    return "";
  });
}

// ---------------------------------------------------------------------------------------------- no permission

/// Permission bits mean nothing to root: while this lives, a root process acts as the user "nobody".
class WithoutRoot {
 public:
  WithoutRoot() {
    if (was_root_ && ::seteuid(65534) != 0) std::abort();
  }
  WithoutRoot(const WithoutRoot&) = delete;
  WithoutRoot& operator=(const WithoutRoot&) = delete;
  ~WithoutRoot() {
    if (was_root_ && ::seteuid(0) != 0) std::abort();
  }

 private:
  bool was_root_ = ::geteuid() == 0;
};

class SqliteDenied : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(open_fleet(folder_.path(), OpenMode::create));
    allow(0755, 0644);
  }
  // So that the folder can be removed.
  void TearDown() override { ::chmod(folder_.path().c_str(), 0755); }

  void allow(mode_t folder, mode_t file) {
    ASSERT_EQ(::chmod(folder_.path().c_str(), folder), 0);
    ASSERT_EQ(::chmod((folder_.path() / "firstring.db").c_str(), file), 0);
  }

  Error error_without_root(OpenMode mode) {
    const WithoutRoot user;
    return error_of_opening(folder_, {.mode = mode});
  }

  TemporaryFolder folder_;
};

TEST_F(SqliteDenied, AFileThatCannotBeWrittenSaysSo) {
  allow(0777, 0444);
  const auto error = error_without_root(OpenMode::existing);
  EXPECT_EQ(error.code, Errc::denied);
  EXPECT_THAT(error.what,
              AllOf(HasSubstr("firstring.db: user "), HasSubstr("cannot write the file or its folder; run the command "
                                                                "as the user who owns " +
                                                                folder_.path().string())));
}

TEST_F(SqliteDenied, AFileThatCannotBeReadSaysSo) {
  allow(0777, 0000);
  EXPECT_EQ(error_without_root(OpenMode::existing).code, Errc::denied);
}

TEST_F(SqliteDenied, AFolderThatCannotBeWrittenSaysSo) {
  allow(0555, 0666);
  const auto error = error_without_root(OpenMode::existing);
  EXPECT_EQ(error.code, Errc::denied);
  EXPECT_THAT(error.what, HasSubstr("cannot write the file or its folder"));
}

TEST_F(SqliteDenied, CreatingInAFolderThatCannotBeWrittenSaysSoAndLeavesNothing) {
  std::filesystem::remove(folder_.path() / "firstring.db");
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0555), 0);
  EXPECT_EQ(error_without_root(OpenMode::create).code, Errc::denied);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

// ---------------------------------------------------------------------------------------------- damage

TEST(SqliteDamaged, SaysSoAndKeepsTheFile) {
  const TemporaryFolder folder;
  {
    const auto store = *open_fleet(folder.path(), OpenMode::create);
    ASSERT_TRUE(store->add_devices(many_devices(), nullptr));
  }
  const auto path = folder.path() / "firstring.db";
  // All but the first page, where the schema begins.
  const auto size = static_cast<std::size_t>(std::filesystem::file_size(path));
  write_bytes(path, std::string(size - 4096, '\xa5'), 4096);
  // Opening may be the first to notice, or the first read.
  auto store = open_fleet(folder.path(), OpenMode::existing);
  const auto error = store ? (*store)->load().error() : store.error();
  EXPECT_EQ(error.code, Errc::damaged);
  EXPECT_THAT(error.what, AllOf(HasSubstr("firstring.db: it is damaged ("), HasSubstr("put a backup in its place")));
  EXPECT_EQ(std::filesystem::file_size(path), size);
}

TEST(SqliteDamaged, ATruncatedFileIsNoticed) {
  const TemporaryFolder folder;
  {
    const auto store = *open_fleet(folder.path(), OpenMode::create);
    ASSERT_TRUE(store->add_devices(many_devices(), nullptr));
  }
  std::filesystem::resize_file(folder.path() / "firstring.db", 8192);
  auto store = open_fleet(folder.path(), OpenMode::existing);
  EXPECT_FALSE(store && (*store)->load());
}

}  // namespace
}  // namespace firstring::store::sqlite
