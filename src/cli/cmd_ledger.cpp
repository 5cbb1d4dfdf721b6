#include <fmt/format.h>
#include <poll.h>

#include <set>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/interrupt.hpp"
#include "cli/state_folder.hpp"
#include "ledger/json.hpp"

namespace firstring::cli {
namespace {

constexpr auto kPollMilliseconds = 250;
constexpr std::size_t kMaxBatch = 100'000;

/// What became of it, in one column: the status of the last request, else how the connection ended.
Cell result_of(const store::LedgerEntry& entry) {
  if (entry.requests.empty())
    return {entry.connection.outcome, entry.connection.outcome == "ok" ? Colour::none : Colour::red};
  const auto& request = entry.requests.back();
  return {std::to_string(request.status), request.status < 400 ? Colour::green : Colour::red};
}

std::string reason_of(const store::LedgerEntry& entry) {
  const auto& connection = entry.connection;
  if (!entry.requests.empty()) return fmt::format("{} {}", entry.requests.back().reason, entry.requests.back().target);
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

void print(const Context& context, const std::vector<store::LedgerEntry>& entries) {
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
    ::poll(nullptr, 0, kPollMilliseconds);
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
           "Every accepted connection is there, also one that died at its third byte. With --json, one object a "
           "connection: `outcome` and `stage` say how far it got, `version`, `cipher`, `alert`, `device` and "
           "`assurance` how "
           "and who; `status`, `decision` and `reason` are those of its last request, and `requests` holds all.",
       .examples = {"firstring ledger --since 1h --failed", "firstring ledger --mac 000e08abcdef --json",
                    "firstring ledger --follow"},
       .arguments =
           {{.name = "--mac", .value = "MAC", .help = "only this device: it came, or was asked for", .check = is_mac},
            {.name = "--address", .value = "ADDRESS", .help = "only from this IP address"},
            {.name = "--failed", .value = {}, .help = "only what failed or was denied"},
            {.name = "--since", .value = "TIME", .help = "only the last 90s, 1h or 7d", .check = is_duration},
            {.name = "--limit", .value = "N", .help = "the newest N; 1000 if not given", .check = is_number},
            {.name = "--follow", .value = {}, .help = "go on with what comes; ends with Ctrl-C"},
            json_flag()},
       .run = ledger}};
}

}  // namespace firstring::cli
