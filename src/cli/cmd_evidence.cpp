#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/file.hpp"
#include "cli/commands.hpp"
#include "cli/state_folder.hpp"
#include "ledger/evidence.hpp"
#include "ledger/pcapng.hpp"

namespace firstring::cli {
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

Result<int> evidence(Context& context) {
  ledger::Evidence evidence;
  evidence.mac = context.mac("MAC");
  evidence.made = now();
  evidence.since = evidence.made - (context.given("--since") ? context.duration("--since") : std::chrono::days{7});
  evidence.documents_included = context.given("--with-body");
  FIRSTRING_TRY(const auto dir, state_folder(context));
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  FIRSTRING_TRY(const auto ledger, open_ledger(context));
  if (const auto device = fleet->device(evidence.mac)) {
    evidence.model = device->model;
    evidence.serial = device->serial;
  }
  std::set<std::string> addresses;
  FIRSTRING_TRY(const auto records, fleet->device_records());
  for (const auto& record : records) {
    if (record.mac == evidence.mac) addresses.insert(record.address);
  }
  FIRSTRING_TRY(evidence.entries, entries_of(*ledger, evidence.mac, evidence.since, std::move(addresses)));
  FIRSTRING_TRY(evidence.alarms, ledger->alarms({.mac = evidence.mac, .since = evidence.since}));
  if (evidence.entries.empty()) {
    return fail(Errc::not_found,
                fmt::format("{} has no connection in the ledger since {}; take a longer time with --since",
                            evidence.mac.bare(), to_iso8601(evidence.since).substr(0, 19) + "Z"));
  }
  add_captures(evidence, dir / "evidence");

  const auto file = context.text("--output");
  FIRSTRING_TRY(const auto content, ledger::tar_gz(ledger::bundle(evidence), evidence.made));
  FIRSTRING_CHECK(write_file(file, content, 0600));
  auto& terminal = context.terminal();
  if (evidence.documents_included && !evidence.captures.empty())
    terminal.complain(
        "this bundle holds the phone's documents with their passwords: change them when the case is closed");
  terminal.print(
      fmt::format("{}: {} connections, {} captures\n", file, evidence.entries.size(), evidence.captures.size()));
  if (evidence.captures.empty())
    terminal.complain(fmt::format(
        "without a capture it is half as good; record the next connection with: firstring capture {} --wait",
        evidence.mac.bare()));
  return 0;
}

}  // namespace

std::vector<Command> evidence_commands() {
  return {
      {.name = "evidence",
       .summary = "Bundles what is known of a phone's trouble, for its vendor.",
       .description =
           "Writes a .tar.gz with a page in words (who, what fails, since when, how to reproduce it), the phone's rows "
           "of the "
           "ledger, its ClientHello, how the server was set, and the captures made with `firstring capture`. Private "
           "keys, "
           "other phones, and the documents with their passwords are left out; read the summary before you send it.",
       .examples = {"firstring evidence 000e08abcdef -o case.tar.gz",
                    "firstring evidence 000e08abcdef --since 30d -o case.tar.gz"},
       .arguments =
           {mac_argument("the phone"),
            {.name = "--output",
             .value = "FILE",
             .help = "the bundle to write",
             .presence = Presence::required,
             .letter = 'o'},
            {.name = "--since", .value = "TIME", .help = "the last 12h or 30d; 7d if not given", .check = is_duration},
            {.name = "--with-body",
             .value = {},
             .help = "leave the phone's documents in the captures, passwords and all"}},
       .run = evidence}};
}

}  // namespace firstring::cli
