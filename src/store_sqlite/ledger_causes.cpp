#include "store_sqlite/ledger_causes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>

namespace firstring::store::sqlite {
namespace {

void read_causes(Database& database, Query& row, std::vector<CauseCount>& found) {
  auto id_of = database.query("SELECT id FROM connection WHERE written = ?");
  while (row.next()) {
    id_of.bind(row.integer(8)).next();
    found.push_back({.model = row.text(0),
                     .firmware = row.text(1),
                     .ja4 = row.text(2),
                     .failed = row.integer(3) != 0,
                     .cause = parse_code<Cause>(row.text(4)),
                     .count = row.integer(5),
                     .first = row.time(6),
                     .last = row.time(7),
                     .newest = id_of.integer(0),
                     .count_lately = 0,
                     .first_lately = {}});
    id_of.reset();
  }
}

void count_lately(Database& database, Timestamp since, std::vector<CauseCount>& counts) {
  std::map<std::tuple<std::string_view, std::string_view, std::string_view>, Timestamp> last_good;
  for (const auto& count : counts) {
    auto& last = last_good[{count.model, count.firmware, count.ja4}];
    if (!count.failed) last = std::max(last, count.last);
  }
  auto known = database.query(
      "SELECT count(*), ifnull(min(accepted), 0) FROM connection WHERE model = ? AND firmware = ? AND failed = 1 AND "
      "cause = ? AND model <> '' AND accepted > ?");
  auto unknown = database.query(
      "SELECT count(*), ifnull(min(accepted), 0) FROM connection WHERE ja4 = ? AND failed = 1 AND cause = ? AND "
      "model "
      "= '' AND accepted > ?");
  for (auto& count : counts) {
    if (!count.failed) continue;
    const auto after =
        std::max(last_good[{count.model, count.firmware, count.ja4}], since - std::chrono::microseconds{1});
    auto& row = count.model.empty() ? unknown : known;
    if (count.model.empty()) {
      row.bind(count.ja4, count.cause, after);
    } else {
      row.bind(count.model, count.firmware, count.cause, after);
    }
    row.next();
    count.count_lately = row.integer(0);
    count.first_lately = row.time(1);
    row.reset();
  }
}

}  // namespace

std::vector<CauseCount> count_causes(Database& database, const CauseQuery& wanted) {
  std::vector<CauseCount> found;
  const auto since = wanted.since.value_or(Timestamp{});
  if (wanted.model.empty()) {
    auto row = database.query(
        "SELECT '', '', ja4, failed, cause, count(*), min(accepted), max(accepted), max(written) FROM connection "
        "INDEXED BY connection_cause_unknown WHERE model = '' AND cause <> 'open' AND accepted >= ? GROUP BY ja4, "
        "failed, cause");
    row.bind(since);
    read_causes(database, row, found);
  }
  auto row = database.query(fmt::format(
      "SELECT model, firmware, '', failed, cause, count(*), min(accepted), max(accepted), max(written) FROM "
      "connection INDEXED BY connection_cause WHERE model {} ? AND model <> '' AND cause <> 'open' AND accepted >= "
      "? GROUP BY model, "
      "firmware, failed, cause",
      wanted.model.empty() ? "<>" : "="));
  row.bind(wanted.model, since);
  read_causes(database, row, found);
  count_lately(database, since, found);
  return found;
}

}  // namespace firstring::store::sqlite
