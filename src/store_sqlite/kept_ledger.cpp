// The ledger that a server keeps whatever becomes of its file.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/file.hpp"
#include "store_sqlite/database.hpp"

namespace firstring::store::sqlite {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kLookEvery{1};  // at the file's place, and whether it can be opened by now
/// A server that starts, or its writer, waits so long for a lock.
constexpr std::chrono::milliseconds kPatience{1000};
/// In a row: then the database is opened anew, and at last set aside.
constexpr int kFailuresToReopen = 3, kFailuresToSetAside = 10;
constexpr std::array<std::string_view, 3> kParts{"", "-wal", "-shm"};

/// Which file is at a path; {0, 0} for none.
using Place = std::pair<dev_t, ino_t>;
Place place_of(const std::filesystem::path& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? Place{status.st_dev, status.st_ino} : Place{};
}

std::filesystem::path with(const std::filesystem::path& path, std::string_view part) {
  auto text = path.string();
  return text.append(part);
}

/// "20261128T203944Z".
std::string date_of(Timestamp time) {
  auto text = to_iso8601(time).substr(0, 19);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text + "Z";
}

class KeptLedger final : public LedgerStore {
 public:
  KeptLedger(const std::filesystem::path& dir, const LedgerBounds& bounds) : dir_(dir), bounds_(bounds) {}

  Result<void> append(const LedgerBatch& batch) override {
    auto appended = ask([&](LedgerStore& store) { return store.append(batch); });
    if (appended) {
      failures_ = 0;
      log_ = place_of(with(path_, "-wal"));
      return appended;
    }
    if (appended.error().code == Errc::io && store_ != nullptr) count_failure(appended.error());
    return appended;
  }
  Result<std::chrono::milliseconds> lag() override {
    return ask([](LedgerStore& store) { return store.lag(); });
  }
  Result<std::vector<LedgerEntry>> find(const LedgerQuery& query) override {
    return ask([&](LedgerStore& store) { return store.find(query); });
  }
  Result<std::vector<AlarmRow>> alarms(const AlarmQuery& query) override {
    return ask([&](LedgerStore& store) { return store.alarms(query); });
  }
  Result<std::vector<GapRow>> gaps(std::optional<Timestamp> since, std::size_t limit) override {
    return ask([&](LedgerStore& store) { return store.gaps(since, limit); });
  }
  Result<void> end_open() override {
    return ask([](LedgerStore& store) { return store.end_open(); });
  }
  Result<std::vector<HandshakeCost>> handshake_costs(const std::string& model) override {
    return ask([&](LedgerStore& store) { return store.handshake_costs(model); });
  }
  Result<std::vector<CauseCount>> causes(const CauseQuery& query) override {
    return ask([&](LedgerStore& store) { return store.causes(query); });
  }
  Result<std::optional<Resident>> only_resident(const std::string& address, Timestamp since) override {
    return ask([&](LedgerStore& store) { return store.only_resident(address, since); });
  }
  Result<void> certificates_in_use(Timestamp since, const std::function<void(const CertificateInUse&)>& each) override {
    return ask([&](LedgerStore& store) { return store.certificates_in_use(since, each); });
  }
  Result<std::int64_t> last_written() override {
    return ask([](LedgerStore& store) { return store.last_written(); });
  }
  Result<std::int64_t> last_id() override {
    return ask([](LedgerStore& store) { return store.last_id(); });
  }
  Result<std::size_t> trim(const Retention& keep, std::size_t batch) override {
    return ask([&](LedgerStore& store) { return store.trim(keep, batch); });
  }
  std::vector<AlarmRow> take_news() override { return std::exchange(news_, {}); }

 private:
  /// Once more if the database turned out to be damaged and a new one was begun.
  template <class Question>
  auto ask(Question question) -> std::invoke_result_t<Question, LedgerStore&> {
    FIRSTRING_CHECK(be_open());
    auto answer = question(*store_);
    if (answer || answer.error().code != Errc::damaged) return answer;
    FIRSTRING_CHECK(set_aside(answer.error().what));
    FIRSTRING_CHECK(open());
    return question(*store_);
  }

  Result<void> be_open() {
    const auto time = Clock::now();
    if (time < look_at_) {
      if (store_ != nullptr) return {};
      return fail(not_open_);
    }
    look_at_ = time + kLookEvery;
    if (store_ != nullptr) look_at_place();
    if (store_ != nullptr && !database_->begins_well(kLedgerDatabase))
      FIRSTRING_CHECK(set_aside("its beginning was overwritten"));
    return store_ != nullptr ? Result<void>{} : open();
  }

  Result<void> open() {
    auto opened = try_to_open();
    if (!opened && is_unusable(opened.error())) {
      opened = set_aside(opened.error().what);
      if (opened) opened = try_to_open();
    }
    if (!opened) {
      not_open_ = opened.error();
      return opened;
    }
    log_ = place_of(with(path_, "-wal"));
    failures_ = 0;
    return {};
  }

  Result<void> try_to_open() {
    std::error_code error;
    const auto before = std::filesystem::file_size(path_, error);
    const bool is_new = error ? error == std::errc::no_such_file_or_directory : before == 0;
    FIRSTRING_TRY(auto database,
                  Database::open(dir_, kLedgerDatabase, {.mode = OpenMode::create, .busy_timeout = kPatience}));
    auto* raw = database.get();
    FIRSTRING_TRY(auto store, ledger_over(std::move(database), bounds_));
    FIRSTRING_CHECK(store->end_open());
    store_ = std::move(store);
    database_ = raw;
    if (is_new && !expects_new_) {
      tell(
          fmt::format("there was no {}, or an empty one: a new ledger was begun, and nothing of before is in it. If "
                      "nobody removed it, look for errors of the disk in the system's log.",
                      path_.string()));
    }
    expects_new_ = false;
    return {};
  }

  /// Opened with OpenMode::create, so that it is there; what is wrong with it does not go away by itself.
  static bool is_unusable(const Error& error) {
    return error.code == Errc::damaged || error.code == Errc::invalid_input;
  }

  void close() {
    database_ = nullptr;
    store_.reset();
  }

  /// Whether the files that are open are those at their place still. SQLite would write on into files that nobody sees.
  void look_at_place() {
    if (database_->has_moved()) {
      const bool is_replaced = place_of(path_) != Place{};
      close();
      // A log that stayed behind is not the log of what is there now, and would be taken for it.
      for (const auto part : {"-wal", "-shm"}) {
        const bool is_old = !is_replaced || (log_ != Place{} && place_of(with(path_, "-wal")) == log_);
        std::error_code ignored;
        if (is_old || part == std::string_view{"-shm"}) std::filesystem::remove(with(path_, part), ignored);
      }
      expects_new_ = true;
      if (is_replaced) {
        tell(
            fmt::format("{} was replaced while the server was running: the one that is there now is written on. Stop "
                        "the server before you put a backup in its place.",
                        path_.string()));
      } else {
        tell(
            fmt::format("{} was removed while the server was running: a new ledger was begun, and nothing of before is "
                        "in it. Put the old one back while the server is stopped if you still have it.",
                        path_.string()));
      }
    } else if (log_ != Place{} && place_of(with(path_, "-wal")) != log_) {
      // What is in it can still be brought home, and is not seen by others before.
      (void)database_->empty_log();
      close();
      tell(
          fmt::format("{}-wal was removed while the server was running: what was in it is in {} again. Leave the files "
                      "of a running server alone.",
                      path_.string(), path_.string()));
    }
  }

  /// Of the disk: at first it may have been a moment's, or one of what is open.
  void count_failure(const Error& error) {
    ++failures_;
    if (failures_ % kFailuresToSetAside == 0) {
      (void)set_aside(error.what);
    } else if (failures_ % kFailuresToReopen == 0) {
      close();
    }
    not_open_ = error;
  }

  Result<void> set_aside(const std::string& why) {
    close();
    auto target = fmt::format("{}.damaged-{}", path_.string(), date_of(now()));
    for (int i = 2; place_of(target) != Place{}; ++i)
      target = fmt::format("{}.damaged-{}.{}", path_.string(), date_of(now()), i);
    for (const auto part : kParts) {
      if (::rename(with(path_, part).c_str(), with(target, part).c_str()) == 0 || errno == ENOENT) continue;
      const auto error = errno;
      // Without its log, the rest is no less damaged; but a log that stays would be taken for the new database's.
      if (!part.empty() && ::unlink(with(path_, part).c_str()) == 0) continue;
      not_open_ = Error{Errc::io, fmt::format("set {} aside, for it cannot be used ({}): {}; move it away yourself",
                                              path_.string(), why, errno_text(error))};
      return fail(not_open_);
    }
    remove_oldest();
    expects_new_ = true;
    tell(fmt::format(
        "the ledger could not be used ({}): it was set aside as {}, and a new one begun. Phones are served "
        "as before. Look for errors of the disk in the system's log; what can be read of the old one, `sqlite3 "
        "FILE .recover` shows. Remove it when nobody needs it: the newest {} are kept.",
        why, target, kMostSetAside));
    return {};
  }

  /// A disk that goes bad must not fill up with damaged ledgers.
  void remove_oldest() {
    const auto prefix = path_.filename().string() + ".damaged-";
    std::vector<std::string> all;
    std::error_code error;
    for (std::filesystem::directory_iterator file{dir_, error}, end; !error && file != end; file.increment(error)) {
      const auto name = file->path().filename().string();
      if (name.starts_with(prefix) && !name.ends_with("-wal") && !name.ends_with("-shm")) all.push_back(name);
    }
    std::sort(all.begin(), all.end());
    for (std::size_t i = 0; i + kMostSetAside < all.size(); ++i) {
      for (const auto part : kParts) std::filesystem::remove(with(dir_ / all[i], part), error);
    }
  }

  void tell(std::string text) {
    // Nobody may be asking.
    constexpr std::size_t kMostNews = 10;
    if (news_.size() < kMostNews) news_.push_back({.at = now(), .kind = "ledger_replaced", .text = std::move(text)});
  }

  std::filesystem::path dir_;
  std::filesystem::path path_ = dir_ / kLedgerDatabase.file;
  LedgerBounds bounds_;
  std::unique_ptr<LedgerStore> store_;
  Database* database_ = nullptr;  // store_'s
  Place log_{};                   // of the write-ahead log that is open, once one was written
  Error not_open_{Errc::unavailable, "open the ledger: not tried yet"};
  Clock::time_point look_at_{};
  int failures_ = 0;  // to write, in a row
  bool expects_new_ = false;
  std::vector<AlarmRow> news_;
};

}  // namespace

std::unique_ptr<LedgerStore> keep_ledger(const std::filesystem::path& dir, const LedgerBounds& bounds) {
  return std::make_unique<KeptLedger>(dir, bounds);
}

}  // namespace firstring::store::sqlite
