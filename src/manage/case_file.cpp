#include "manage/case_file.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

#include "base/file.hpp"
#include "ledger/pcapng.hpp"

namespace firstring::manage {
namespace {

constexpr std::size_t kMostEntries = 10'000;
constexpr std::size_t kMostCaptureBytes = 64U << 20;

/// The phone's own connections, also those that failed before it could say who it is, oldest first.
Result<std::vector<store::LedgerEntry>> entries_of(store::LedgerStore& ledger, const MacAddress& mac, Timestamp since,
                                                   std::set<std::string> addresses) {
  std::map<std::int64_t, store::LedgerEntry> found;  // by connection, and so by time
  const auto take = [&](store::LedgerQuery query) -> Result<void> {
    query.since = since;
    query.limit = kMostEntries;
    FIRSTRING_TRY(auto entries, ledger.find(query));
    for (auto& entry : entries) {
      if (!ledger::concerns(mac, entry.connection)) continue;
      addresses.insert(entry.connection.address);
      const auto id = entry.connection.id;
      found.emplace(id, ledger::without_others(mac, std::move(entry)));
    }
    return {};
  };
  store::LedgerQuery query;
  query.mac = mac;
  FIRSTRING_CHECK(take(query));
  query.mac.reset();
  for (const auto& address : std::set<std::string>{addresses}) {
    query.address = address;
    FIRSTRING_CHECK(take(query));
  }
  std::vector<store::LedgerEntry> all;
  for (auto& [id, entry] : found) all.push_back(std::move(entry));
  return all;
}

/// The newest first, as many as there is room for.
void add_captures(ledger::Evidence& evidence, const std::filesystem::path& folder) {
  std::size_t size = 0;
  for (auto entry = evidence.entries.rbegin(); entry != evidence.entries.rend(); ++entry) {
    const auto& name = entry->connection.capture;
    if (name.empty()) continue;
    auto content = read_file(folder / name, kMostCaptureBytes - size);
    if (content && !evidence.documents_included) {
      const auto cut = ledger::without_withheld(as_bytes(*content));
      content = cut ? Result<std::string>{std::string{as_text(*cut)}} : Result<std::string>{fail(cut.error())};
    }
    if (!content) {
      ++evidence.captures_left_out;
      continue;
    }
    size += content->size();
    evidence.captures.push_back({name, *std::move(content)});
  }
}

}  // namespace

Result<ledger::Evidence> collect_evidence(const Desk& desk, store::LedgerStore& ledger, const CaseQuery& query) {
  ledger::Evidence evidence;
  evidence.mac = query.mac;
  evidence.made = desk.time();
  evidence.since = evidence.made - query.look_back;
  evidence.documents_included = query.documents_included;
  if (const auto device = desk.fleet->device(evidence.mac)) {
    evidence.model = device->model;
    evidence.serial = device->serial;
  }
  std::set<std::string> addresses;
  FIRSTRING_TRY(const auto record, desk.fleet->device_record(evidence.mac));
  if (record) addresses.insert(record->address);
  FIRSTRING_TRY(evidence.entries, entries_of(ledger, evidence.mac, evidence.since, std::move(addresses)));
  FIRSTRING_TRY(evidence.alarms, ledger.alarms({.mac = evidence.mac, .since = evidence.since}));
  if (evidence.entries.empty()) {
    return fail(Errc::not_found,
                fmt::format("{} has no connection in the ledger since {}; take a longer time with --since",
                            evidence.mac.bare(), to_iso8601(evidence.since).substr(0, 19) + "Z"));
  }
  add_captures(evidence, desk.dir / "evidence");
  return evidence;
}

}  // namespace firstring::manage
