#include <fmt/format.h>
#include <poll.h>

#include <set>

#include "base/ip_address.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/interrupt.hpp"
#include "cli/output.hpp"
#include "cli/state_folder.hpp"
#include "ledger/json.hpp"
#include "manage/csv.hpp"
#include "manage/ledger_reports.hpp"

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
  const auto crypto = connection.version.empty() ? "" : fmt::format("{} {}", connection.version, connection.cipher);
  return {
      {in_whole_seconds(connection.accepted)}, {connection.address}, {connection.device}, {crypto}, result_of(entry),
      {printable(reason_of(entry), 100)}};
}

std::string csv_row(const store::LedgerEntry& entry) {
  std::vector<std::string> texts;
  for (auto& [name, text] : ledger::to_fields(entry)) texts.push_back(manage::guarded(visible(text)));
  return manage::csv_line(texts);
}

std::string csv_head() {
  std::vector<std::string> names;
  for (auto& [name, text] : ledger::to_fields({})) names.push_back(std::move(name));
  return manage::csv_line(names);
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

std::string milliseconds(std::int64_t micros) { return fmt::format("{:.1f}", static_cast<double>(micros) / 1000.0); }

std::optional<Timestamp> since_of(const Context& context) {
  return context.given("--since") ? std::optional{now() - context.duration("--since")} : std::nullopt;
}

void print(Terminal& terminal, const manage::ClientCauses& client) {
  terminal.print(client.headline() + "\n");
  if (!client.main_cause.remedy.empty()) terminal.print(fmt::format("  What to do: {}\n", client.main_cause.remedy));
  const auto& causes = client.report.causes;
  if (causes.size() < 2) return;
  std::string all;
  for (const auto& cause : causes)
    all += fmt::format("{}{} {}", all.empty() ? "" : ", ", cause.count, to_string(cause.cause));
  terminal.print(fmt::format("  Causes: {}\n", all));
}

/// --causes: who fails since when and why.
Result<int> report_causes(const Context& context, store::LedgerStore& store) {
  constexpr std::chrono::days kLookBack{7};
  FIRSTRING_TRY(const auto clients,
                manage::report_causes(store, {.since = since_of(context).value_or(now() - kLookBack),
                                              .model = context.text("--model"),
                                              .clients = context.number("--limit", 50)}));
  if (clients.empty() && !context.json()) context.terminal().print("no connections in that time\n");
  for (const auto& client : clients) {
    if (context.json()) {
      context.terminal().print(manage::to_json(client).line());
    } else {
      print(context.terminal(), client);
    }
  }
  return 0;
}

/// --times: how long phones compute in their handshakes.
Result<int> report_times(const Context& context, store::LedgerStore& store) {
  FIRSTRING_TRY(const auto costs, manage::report_times(store, context.text("--model")));
  print_list(context, costs, kToJson,
             {"MODEL", "FIRMWARE", "KEY EXCHANGE", "OUR KEY", "HANDSHAKES", "MEAN MS", "LEAST", "MOST", "LAST"},
             [](const store::HandshakeCost& cost) -> std::vector<Cell> {
               return {{cost.model},
                       {visible(cost.firmware)},
                       {fmt::format("{} {}", cost.key_exchange, cost.key_exchange_bits)},
                       {fmt::format("{} bits, {}", cost.server_key_bits, cost.server_hash)},
                       {std::to_string(cost.count)},
                       {milliseconds(cost.sum_us / cost.count)},
                       {milliseconds(cost.min_us)},
                       {milliseconds(cost.max_us)},
                       {to_iso8601(cost.last).substr(0, 10)}};
             });
  return 0;
}

/// --gaps: what is not recorded, by network and minute, oldest first.
Result<int> report_gaps(const Context& context, store::LedgerStore& store) {
  FIRSTRING_TRY(const auto gaps, store.gaps(since_of(context), context.number("--limit", 1000)));
  print_list(
      context, gaps, kToJson, {"FROM", "TO", "NOT IN THE LEDGER"},
      [](const store::GapRow& gap) -> std::vector<Cell> {
        return {{in_whole_seconds(gap.first)}, {in_whole_seconds(gap.last)}, {manage::in_words(gap)}};
      },
      "everything was recorded\n");
  return 0;
}

/// A line for people about gaps below a list of connections, if there are any.
Result<void> mention_gaps(const Context& context, store::LedgerStore& store, std::optional<Timestamp> since) {
  constexpr std::size_t kMentioned = 5;
  FIRSTRING_TRY(const auto recent, manage::recent_gaps(store, since, kMentioned));
  if (recent.more > 0)
    context.terminal().print(
        fmt::format("{} more rows of what is not recorded: firstring ledger --gaps\n", recent.more));
  for (const auto& gap : recent.gaps)
    context.terminal().print(fmt::format("{}  {}\n", in_whole_seconds(gap.first), manage::in_words(gap)));
  return {};
}

/// --alarms: what an operator should hear of, oldest first.
Result<int> report_alarms(const Context& context, store::LedgerStore& store) {
  store::AlarmQuery query{.since = since_of(context), .limit = context.number("--limit", 1000)};
  if (context.given("--mac")) query.mac = context.mac("--mac");
  FIRSTRING_TRY(const auto alarms, store.alarms(query));
  print_list(
      context, alarms, kToJson, {"TIME", "DEVICE", "ADDRESS", "ALARM", "TEXT"},
      [](const store::AlarmRow& alarm) -> std::vector<Cell> {
        return {{in_whole_seconds(alarm.at)}, {alarm.device}, {alarm.address}, {alarm.kind, Colour::red}, {alarm.text}};
      },
      "no alarm was raised\n");
  return 0;
}

Result<int> ledger(Context& context) {
  const auto forms = context.given("--json") + context.given("--csv");
  const auto rows = context.given("--now") ? LedgerRows::now : LedgerRows::settled;
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
    FIRSTRING_TRY(const auto store, open_ledger(context, rows));
    if (lists_alarms) return report_alarms(context, *store);
    if (lists_gaps) return report_gaps(context, *store);
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
  query.since = since_of(context);
  query.limit = context.number("--limit", 1000);
  FIRSTRING_TRY(const auto store, open_ledger(context, rows));
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
  return {{.name = "ledger",
           .summary = "Lists connections and their results, oldest first.",
           .description =
               "Lists every accepted connection, also one that ended at its third byte and one that is still open "
               "after 10 minutes. With --json, one object a "
               "connection: `outcome` and `stage` say how it ended and how far it got, `device` and `assurance` who it "
               "was; `status`, `decision` and `reason` are those of its last request, and `requests` "
               "holds all. --csv has the same fields but `requests` and `hello`.\n"
               "--causes counts the causes by model and firmware: which phones fail, since when, why, and what to do. "
               "--times shows how long phones compute in a handshake, by key exchange and server key. --alarms lists "
               "what needs an operator's attention: a phone in two networks, a firmware that stopped working. --gaps "
               "shows how much of which network was not recorded.",
           .examples = {"firstring ledger --since 1h --failed", "firstring ledger --alarms --since 7d",
                        "firstring ledger --causes --since 30d"},
           .arguments =
               {{.name = "--mac",
                 .value = "MAC",
                 .help = "only this device: it connected, or its file was requested",
                 .check = is_mac},
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
                {.name = "--follow", .value = {}, .help = "print new connections as they come; end with Ctrl-C"},
                {.name = "--now", .value = {}, .help = "do not wait for the rows of what has just happened"},
                {.name = "--causes", .value = {}, .help = "count the causes, by model and firmware"},
                {.name = "--times", .value = {}, .help = "how long phones compute, by model, firmware and sizes"},
                {.name = "--alarms", .value = {}, .help = "the alarms; with --mac, --since, --limit and --json alone"},
                {.name = "--gaps", .value = {}, .help = "what is not recorded; with --since, --limit and --json alone"},
                {.name = "--model", .value = "MODEL", .help = "with --causes and --times: only this model"},
                {.name = "--csv", .value = {}, .help = "comma-separated, with a line of names"},
                json_flag()},
           .run = ledger}};
}

}  // namespace firstring::cli
