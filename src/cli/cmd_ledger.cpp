#include <fmt/format.h>
#include <poll.h>

#include <set>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/csv.hpp"
#include "cli/interrupt.hpp"
#include "cli/ledger_reports.hpp"
#include "cli/state_folder.hpp"
#include "ledger/json.hpp"

namespace firstring::cli {
namespace {

constexpr auto kFollowMilliseconds = 250;
constexpr std::size_t kMaxBatch = 100'000;

/// What became of it, in one column: the status of the last request, else how the connection ended.
Cell result_of(const store::LedgerEntry& entry) {
  if (entry.requests.empty())
    return {std::string{to_string(entry.connection.outcome)},
            entry.connection.outcome == Outcome::ok ? Colour::none : Colour::red};
  const auto& request = entry.requests.back();
  return {std::to_string(request.status), request.status < 400 ? Colour::green : Colour::red};
}

std::string reason_of(const store::LedgerEntry& entry) {
  const auto& connection = entry.connection;
  if (!entry.requests.empty())
    return fmt::format("{} {}", to_string(entry.requests.back().reason), entry.requests.back().target);
  if (!connection.alert.empty()) return fmt::format("alert {} by the {}", connection.alert, connection.alert_from);
  return connection.detail;
}

std::vector<Cell> row_of(const store::LedgerEntry& entry) {
  const auto& connection = entry.connection;
  // Seconds are enough for people.
  const auto time = to_iso8601(connection.accepted).substr(0, 19) + "Z";
  const auto crypto = connection.version.empty() ? "" : fmt::format("{} {}", connection.version, connection.cipher);
  return {{time},   {connection.address}, {connection.device},
          {crypto}, result_of(entry),     {printable(reason_of(entry), 100)}};
}

std::string csv_row(const store::LedgerEntry& entry) {
  std::vector<std::string> texts;
  for (auto& [name, text] : ledger::to_fields(entry)) texts.push_back(guarded(visible(text)));
  return csv_line(texts);
}

std::string csv_head() {
  std::vector<std::string> names;
  for (auto& [name, text] : ledger::to_fields({})) names.push_back(std::move(name));
  return csv_line(names);
}

void print(const Context& context, const std::vector<store::LedgerEntry>& entries) {
  if (context.given("--csv")) {
    context.terminal().print(csv_head());
    for (const auto& entry : entries) context.terminal().print(csv_row(entry));
    return;
  }
  Table table{{"TIME", "ADDRESS", "DEVICE", "TLS", "RESULT", "REASON"}};
  for (const auto& entry : entries) {
    if (context.json()) {
      context.terminal().print(ledger::to_json(entry) + "\n");
    } else {
      table.add(row_of(entry));
    }
  }
  if (!context.json()) table.print(context.terminal());
}

Result<int> follow(const Context& context, store::LedgerStore& store, store::LedgerQuery query, std::int64_t from,
                   std::set<std::int64_t> shown) {
  const InterruptGuard guard;
  query.limit = kMaxBatch;
  auto& terminal = context.terminal();
  while (!guard.interrupted() && !terminal.reader_gone()) {
    FIRSTRING_CHECK(terminal.flush());
    ::poll(nullptr, 0, kFollowMilliseconds);
    // Read first: rows written while `find` runs come again in the next round, where `shown` holds them back.
    FIRSTRING_TRY(const auto last, store.last_written());
    if (last == from) continue;
    query.after_id = from;
    FIRSTRING_TRY(auto entries, store.find(query));
    from = last;
    std::erase_if(entries, [&](const auto& entry) { return shown.contains(entry.connection.id); });
    shown.clear();
    for (const auto& entry : entries) {
      shown.insert(entry.connection.id);
      if (context.json()) {
        terminal.print(ledger::to_json(entry) + "\n");
      } else if (context.given("--csv")) {
        terminal.print(csv_row(entry));
      } else {
        // No table: its columns would jump with every batch.
        std::string line;
        for (const auto& cell : row_of(entry)) line += visible(cell.text) + "  ";
        terminal.print(std::string{trim(line)} + "\n");
      }
    }
  }
  return 0;
}

Result<int> ledger(Context& context) {
  const auto forms = context.given("--json") + context.given("--csv");
  const auto reports =
      context.given("--causes") + context.given("--times") + context.given("--alarms") + context.given("--gaps");
  if (forms > 1) return context.refuse("--json and --csv exclude each other");
  if (reports > 1) return context.refuse("--causes, --times, --alarms and --gaps exclude each other");
  if (reports > 0 && context.given("--csv")) return context.refuse("--csv is for connections; use --json");
  const bool lists_alarms = context.given("--alarms");
  if (lists_alarms && (context.given("--address") || context.given("--failed") || context.given("--follow")))
    return context.refuse("--alarms goes with --mac, --since, --limit and --json alone");
  const bool lists_gaps = context.given("--gaps");
  if (lists_gaps &&
      (context.given("--mac") || context.given("--address") || context.given("--failed") || context.given("--follow")))
    return context.refuse("--gaps goes with --since, --limit and --json alone");
  if ((reports == 0 || lists_alarms || lists_gaps) && context.given("--model"))
    return context.refuse("--model goes with --causes or --times");
  if (reports > 0) {
    FIRSTRING_TRY(const auto store, open_ledger(context));
    if (lists_alarms) return report_alarms(context, *store);
    if (lists_gaps) return report_gaps(context, *store);
    if (context.given("--model")) FIRSTRING_CHECK(find_model(context.text("--model")));
    return context.given("--causes") ? report_causes(context, *store) : report_times(context, *store);
  }
  store::LedgerQuery query;
  if (context.given("--mac")) query.mac = context.mac("--mac");
  if (context.given("--address")) {
    const auto address = IpAddress::parse(context.text("--address"));
    if (!address) return context.refuse("--address: " + address.error().what);
    query.address = address->to_string();
  }
  query.failed = context.given("--failed");
  if (context.given("--since")) query.since = now() - context.duration("--since");
  query.limit = context.number("--limit", 1000);
  FIRSTRING_TRY(const auto store, open_ledger(context));
  FIRSTRING_TRY(const auto last, store->last_written());
  FIRSTRING_TRY(const auto entries, store->find(query));
  print(context, entries);
  if (forms == 0) FIRSTRING_CHECK(mention_gaps(context, *store, query.since));
  if (!context.given("--follow")) return 0;
  std::set<std::int64_t> shown;
  for (const auto& entry : entries) shown.insert(entry.connection.id);
  return follow(context, *store, std::move(query), last, std::move(shown));
}

}  // namespace

std::vector<Command> ledger_commands() {
  return {
      {.name = "ledger",
       .summary = "Lists connections and what came of them, oldest first.",
       .description =
           "Every accepted connection is there, also one that died at its third byte and one that is still open after "
           "10 "
           "minutes. With --json, one object a "
           "connection: `outcome` and `stage` say how far it got, `version`, `cipher`, `alert`, `device` and "
           "`assurance` how and who; `status`, `decision` and `reason` are those of its last request, and `requests` "
           "holds all. --csv has the same fields but `requests` and `hello`.\n"
           "--causes counts instead, by model and firmware, what the connections came to: who fails, since when, why, "
           "and "
           "what to do. --times tells how long phones compute in a handshake with each key exchange and key of ours. "
           "--alarms lists what an operator should hear of: a phone in two networks, a firmware that stopped working. "
           "--gaps "
           "tells how much of which network is not in the ledger, since it was too much or could not be written.",
       .examples = {"firstring ledger --since 1h --failed", "firstring ledger --alarms --since 7d",
                    "firstring ledger --causes --since 30d"},
       .arguments =
           {{.name = "--mac", .value = "MAC", .help = "only this device: it came, or was asked for", .check = is_mac},
            {.name = "--address", .value = "ADDRESS", .help = "only from this IP address"},
            {.name = "--failed", .value = {}, .help = "only what failed or was denied"},
            {.name = "--since",
             .value = "TIME",
             .help = "only the last 90s, 1h or 7d (if not given: --causes 7d, else all)",
             .check = is_duration},
            {.name = "--limit",
             .value = "N",
             .help = "the newest N; 1000 if not given. With --causes the N that fail most, 50",
             .check = is_number},
            {.name = "--follow", .value = {}, .help = "go on with what comes; ends with Ctrl-C"},
            {.name = "--causes", .value = {}, .help = "count what connections came to, by model and firmware"},
            {.name = "--times", .value = {}, .help = "how long phones compute, by model, firmware and sizes"},
            {.name = "--alarms", .value = {}, .help = "the alarms; with --mac, --since, --limit and --json alone"},
            {.name = "--gaps", .value = {}, .help = "what is not recorded; with --since, --limit and --json alone"},
            {.name = "--model", .value = "MODEL", .help = "with --causes and --times: only this model"},
            {.name = "--csv", .value = {}, .help = "comma-separated, with a line of names"},
            json_flag()},
       .run = ledger}};
}

}  // namespace firstring::cli
