#pragma once

// Private to this module and its tests.

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/bytes.hpp"
#include "base/embedded.hpp"
#include "base/mac_address.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "store/fleet.hpp"
#include "store/ledger_store.hpp"
#include "store_sqlite/open.hpp"

namespace firstring::store::sqlite {

/// Which of our databases a file is.
struct DatabaseKind {
  std::string_view file;        ///< its name in the state folder
  std::string_view migrations;  ///< what the file names of its migrations begin with; a number of four digits follows
  std::int32_t application_id;  ///< in the header of the file, so that no other file is taken for it
};
inline constexpr DatabaseKind kFleetDatabase{"firstring.db", "fleet_", 0x4673466c};  // "FsFl"
inline constexpr DatabaseKind kLedgerDatabase{"ledger.db", "ledger_", 0x46734c67};   // "FsLg"

/// The SQL files of src/store_sqlite/migrations, of both kinds.
std::span<const base::EmbeddedFile> embedded_migrations();

struct OpenSettings {
  OpenMode mode = OpenMode::existing;
  /// How long to wait for another process that writes.
  std::chrono::milliseconds busy_timeout{5000};
  std::span<const base::EmbeddedFile> migrations = embedded_migrations();
};

/// Throws what becomes the "damaged" text: the database holds what our own writing and its CHECK constraints exclude.
[[noreturn]] void throw_damaged(const std::string& what);

/// A prepared statement in use. It is reset when this goes: a read left half-way would hold its snapshot of the
/// database and keep the write-ahead log growing. Everything here throws SQLite::Exception, see Database.
class Query {
 public:
  /// `raw` is the same statement, for its columns: SQLiteCpp counts a reference and checks twice for each.
  Query(SQLite::Statement& statement, sqlite3_stmt* raw) : statement_(statement), raw_(raw) {}
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query() {
    statement_.tryReset();
    sqlite3_clear_bindings(raw_);  // what bind_in_place has bound may go now
  }

  /// Binds the next parameters, from the first on. Copies texts and blobs.
  template <class... Values>
  Query& bind(const Values&... values) {
    (bind_one(values), ...);
    return *this;
  }

  /// The same without a copy: the value must stay as it is until it is bound anew or this goes. For rows that come in
  /// large numbers.
  template <class Value>
  Query& bind_in_place(const Value& value) {
    if constexpr (StableCode<Value>) {
      bind_text(to_string(value));
    } else if constexpr (std::is_same_v<Value, std::string>) {
      bind_text(value);
    } else {
      bind_one(value);
    }
    return *this;
  }

  bool next() { return statement_.executeStep(); }

  /// Binds all parameters, runs to the end, and is ready for the next run.
  template <class... Values>
  void run(const Values&... values) {
    bind(values...);
    while (next()) {
    }
    reset();
  }

  void reset() {
    statement_.reset();
    bound_ = 0;
  }

  std::int64_t integer(int column) { return sqlite3_column_int64(raw_, column); }
  std::string text(int column) {
    const auto* begin = static_cast<const char*>(sqlite3_column_blob(raw_, column));
    return begin == nullptr ? std::string{} : std::string{begin, size(column)};
  }
  Timestamp time(int column) { return from_micros(integer(column)); }
  Bytes blob(int column) {
    const auto* begin = static_cast<const std::uint8_t*>(sqlite3_column_blob(raw_, column));
    return begin == nullptr ? Bytes{} : Bytes{begin, begin + size(column)};
  }

 private:
  void bind_text(std::string_view text) {
    // A null pointer would bind NULL.
    const auto* begin = text.empty() ? "" : text.data();
    const auto code = sqlite3_bind_text64(raw_, ++bound_, begin, text.size(), SQLITE_STATIC, SQLITE_UTF8);
    if (code != SQLITE_OK) throw SQLite::Exception{sqlite3_db_handle(raw_), code};
  }

  template <class Value>
  void bind_one(const Value& value) {
    if constexpr (StableCode<Value>) {
      const auto text = to_string(value);
      statement_.bind(++bound_, std::string{text});
    } else if constexpr (std::is_integral_v<Value> || std::is_enum_v<Value>) {
      statement_.bind(++bound_, static_cast<std::int64_t>(value));
    } else if constexpr (std::is_same_v<Value, std::string>) {
      statement_.bind(++bound_, value);
    } else if constexpr (std::is_same_v<Value, Timestamp>) {
      statement_.bind(++bound_, to_micros(value));
    } else if constexpr (std::is_same_v<Value, MacAddress>) {
      statement_.bind(++bound_, value.bare());
    } else if constexpr (std::is_same_v<Value, Bytes>) {
      // A null pointer would bind NULL, and the data of an empty vector may be one.
      statement_.bind(++bound_, value.empty() ? static_cast<const void*>("") : value.data(),
                      static_cast<int>(value.size()));
    } else if constexpr (requires { value.has_value(); }) {
      if (value) {
        bind_one(*value);
      } else {
        statement_.bind(++bound_);
      }
    } else {
      statement_.bind(++bound_, std::string{value});
    }
  }

  /// After the value was asked for: https://www.sqlite.org/c3ref/column_blob.html
  std::size_t size(int column) { return static_cast<std::size_t>(sqlite3_column_bytes(raw_, column)); }

  SQLite::Statement& statement_;
  sqlite3_stmt* raw_;
  int bound_ = 0;
};

/// One connection to one of our database files: opening, migrations, transactions, and SQLite's errors in words.
/// Exceptions of SQLiteCpp end here: statements are run only within the bodies given to `read` and `write`.
class Database {
 public:
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& dir, const DatabaseKind& kind,
                                                const OpenSettings& settings);

  /// Runs `body`, which returns a Result, in a transaction that sees one state of the database and waits for no writer.
  template <class Body>
  auto read(Body&& body) {
    return transaction("read", "BEGIN", std::forward<Body>(body));
  }

  /// Runs `body`, which returns a Result, in a transaction that is committed if it succeeds and leaves no trace if not.
  template <class Body>
  auto write(Body&& body) {
    return transaction("write", "BEGIN IMMEDIATE", std::forward<Body>(body));
  }

  /// Runs `body`, which returns a Result and uses at most one statement, a SELECT, without a transaction around it.
  template <class Body>
  auto read_once(Body&& body) {
    return attempt("read", std::forward<Body>(body));
  }

  /// The statement is prepared once and kept; one Query at a time for each text of SQL.
  Query query(std::string_view sql);

  /// The only value that `sql` gives; 0 for none.
  std::uint64_t number(std::string_view sql) {
    auto row = query(sql);
    return row.next() ? static_cast<std::uint64_t>(row.integer(0)) : 0;
  }

  /// Rows that the last INSERT, UPDATE or DELETE touched.
  int changes() const { return sqlite3_changes(connection_.getHandle()); }

  SQLite::Database& connection() { return connection_; }
  const std::filesystem::path& path() const { return path_; }

  /// Whether the file that is open was moved, removed or replaced.
  bool has_moved();
  /// Whether the files on the disk still begin as a database and its log do: SQLite goes on with what it has in its
  /// cache while nobody else can read them.
  bool begins_well(const DatabaseKind& kind);
  /// Moves all that is in the write-ahead log into the database, as far as no reader needs it, and makes the log empty
  /// if that was all. Does not wait.
  Result<void> empty_log();
  /// Whether what failed last failed since the database may have no more pages, and not since the disk is full.
  bool is_at_its_bound() const;

 private:
  Database(std::filesystem::path path, std::chrono::milliseconds busy_timeout);

  Result<void> prepare(const DatabaseKind& kind, const OpenSettings& settings);
  void begin_write_ahead_log(std::chrono::milliseconds patience);
  Result<void> migrate(const DatabaseKind& kind, std::span<const base::EmbeddedFile> migrations);

  /// Ends a transaction that was not committed.
  struct Rollback {
    Database& database;
    ~Rollback();
  };

  template <class Body>
  auto attempt(std::string_view doing, Body&& body) -> std::invoke_result_t<Body> {
    try {
      return body();
    } catch (const SQLite::Exception& exception) {
      failed_with_ = exception.getErrorCode();
      return fail(describe(doing, exception));
    }
  }

  template <class Body>
  auto transaction(std::string_view doing, std::string_view begin, Body&& body) {
    return attempt(doing, [&] {
      query(begin).run();
      const Rollback rollback{*this};
      auto result = body();
      if (result) query("COMMIT").run();
      return result;
    });
  }

  Error describe(std::string_view doing, const SQLite::Exception& exception) const;

  struct Prepared {
    SQLite::Statement statement;
    sqlite3_stmt* raw;
  };

  std::filesystem::path path_;
  std::chrono::milliseconds busy_timeout_;
  int failed_with_ = 0;  // SQLite's code
  SQLite::Database connection_;
  std::map<std::string, Prepared, std::less<>> statements_;  // after connection_: they must go first
};

/// The stores over an open database, for tests that need a hand on the connection.
std::unique_ptr<FleetStore> fleet_over(std::unique_ptr<Database> database);
Result<std::unique_ptr<LedgerStore>> ledger_over(std::unique_ptr<Database> database, const LedgerBounds& bounds = {});

}  // namespace firstring::store::sqlite
