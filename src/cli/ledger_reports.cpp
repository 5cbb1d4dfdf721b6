#include "cli/ledger_reports.hpp"

#include <fmt/format.h>

#include "cli/json_object.hpp"
#include "ledger/cause_report.hpp"
#include "ledger/explain.hpp"
#include "ledger/historian.hpp"
#include "simulator/connection.hpp"

namespace firstring::cli {
namespace {

constexpr std::chrono::days kLookBack{7};
constexpr unsigned kMostClients = 50;
constexpr std::size_t kMostGaps = 100'000;

/// The main cause in words, from the newest connection that had it.
Result<ledger::Explanation> explain_main_cause(const ledger::ClientReport& report, store::LedgerStore& store,
                                               ledger::Historian& historian) {
  if (report.causes.empty()) return ledger::Explanation{};
  store::LedgerQuery query;
  query.id = report.causes.front().newest;
  FIRSTRING_TRY(const auto entries, store.find(query));
  if (entries.empty()) return ledger::Explanation{};  // the server has just removed it
  FIRSTRING_TRY(const auto history, historian.of(entries.front().connection));
  return ledger::explain(entries.front(), history);
}

JsonObject to_json(const ledger::ClientReport& report, const ledger::Explanation& explanation) {
  JsonObject causes;
  for (const auto& cause : report.causes) causes.add(to_string(cause.cause), cause.count);
  JsonObject object;
  object.add("model", report.model).add("firmware", report.firmware).add("ja4", report.ja4);
  object.add("connections", report.connections).add("failed", report.failed).add("failing", report.failing);
  if (report.failing > 0) {
    object.add("failing_since", to_iso8601(report.failing_since));
  } else {
    object.add_null("failing_since");
  }
  object.add("causes", causes).add("headline", ledger::headline(report, explanation.explanation));
  object.add("cause", to_string(explanation.cause))
      .add("explanation", explanation.explanation)
      .add("remedy", explanation.remedy);
  return object;
}

void print(Terminal& terminal, const ledger::ClientReport& report, const ledger::Explanation& explanation) {
  terminal.print(ledger::headline(report, explanation.explanation) + "\n");
  if (!explanation.remedy.empty()) terminal.print(fmt::format("  What to do: {}\n", explanation.remedy));
  if (report.causes.size() < 2) return;
  std::string all;
  for (const auto& cause : report.causes)
    all += fmt::format("{}{} {}", all.empty() ? "" : ", ", cause.count, to_string(cause.cause));
  terminal.print(fmt::format("  Causes: {}\n", all));
}

std::string milliseconds(std::int64_t micros) { return fmt::format("{:.1f}", static_cast<double>(micros) / 1000.0); }

}  // namespace

ledger::NameLookup look_up(const std::string& name) {
  auto found = simulator::resolve(name);
  if (found) return {.addresses = *std::move(found), .problem = {}};
  return {.addresses = {}, .problem = visible(found.error().what, 200)};
}

Result<int> report_causes(Context& context, store::LedgerStore& store) {
  const auto since = now() - (context.given("--since") ? context.duration("--since") : kLookBack);
  FIRSTRING_TRY(const auto counts, store.causes({.since = since, .model = context.text("--model")}));
  const auto reports = ledger::report_causes(counts);
  if (reports.empty() && !context.json()) context.terminal().print("no connections in that time\n");
  ledger::Historian historian{store, look_up};
  auto left = context.number("--limit", kMostClients);
  for (const auto& report : reports) {
    if (left == 0) break;
    --left;
    FIRSTRING_TRY(const auto explanation, explain_main_cause(report, store, historian));
    if (context.json()) {
      context.terminal().print(to_json(report, explanation).line());
    } else {
      print(context.terminal(), report, explanation);
    }
  }
  return 0;
}

Result<int> report_times(Context& context, store::LedgerStore& store) {
  FIRSTRING_TRY(const auto costs, store.handshake_costs(context.text("--model")));
  Table table{{"MODEL", "FIRMWARE", "KEY EXCHANGE", "OUR KEY", "HANDSHAKES", "MEAN MS", "LEAST", "MOST", "LAST"}};
  for (const auto& cost : costs) {
    const auto mean = cost.sum_us / cost.count;
    if (context.json()) {
      JsonObject object;
      object.add("model", cost.model).add("firmware", cost.firmware).add("key_exchange", cost.key_exchange);
      object.add("key_exchange_bits", cost.key_exchange_bits).add("server_key_bits", cost.server_key_bits);
      object.add("server_hash", cost.server_hash).add("count", cost.count).add("mean_us", mean);
      object.add("min_us", cost.min_us).add("max_us", cost.max_us).add("last", to_iso8601(cost.last));
      context.terminal().print(object.line());
    } else {
      table.add({{cost.model},
                 {visible(cost.firmware)},
                 {fmt::format("{} {}", cost.key_exchange, cost.key_exchange_bits)},
                 {fmt::format("{} bits, {}", cost.server_key_bits, cost.server_hash)},
                 {std::to_string(cost.count)},
                 {milliseconds(mean)},
                 {milliseconds(cost.min_us)},
                 {milliseconds(cost.max_us)},
                 {to_iso8601(cost.last).substr(0, 10)}});
    }
  }
  if (!context.json()) table.print(context.terminal());
  return 0;
}

std::string in_words(const store::GapRow& gap) {
  const auto many = [](std::int64_t number, std::string_view what) {
    return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
  };
  std::string what;
  if (gap.requests > 0) what = many(gap.requests, "request");
  if (gap.connections > 0) what += (what.empty() ? "" : " and ") + many(gap.connections, "connection");
  const auto network = gap.network.empty() ? std::string{"other networks"} : gap.network;
  auto text = what.empty() ? std::string{} : fmt::format("{} of {} not recorded", what, network);
  if (gap.turned_away > 0) {
    text += fmt::format("{}{} of {} turned away: no [[listener]] networks allow it", text.empty() ? "" : "; ",
                        many(gap.turned_away, "connection"), network);
  }
  return text;
}

Result<int> report_gaps(Context& context, store::LedgerStore& store) {
  std::optional<Timestamp> since;
  if (context.given("--since")) since = now() - context.duration("--since");
  FIRSTRING_TRY(const auto gaps, store.gaps(since, context.number("--limit", 1000)));
  Table table{{"FROM", "TO", "NOT IN THE LEDGER"}};
  for (const auto& gap : gaps) {
    if (context.json()) {
      JsonObject object;
      object.add("network", gap.network).add("first", to_iso8601(gap.first)).add("last", to_iso8601(gap.last));
      object.add("connections", gap.connections)
          .add("requests", gap.requests)
          .add("turned_away", gap.turned_away)
          .add("text", in_words(gap));
      context.terminal().print(object.line());
    } else {
      table.add(
          {{to_iso8601(gap.first).substr(0, 19) + "Z"}, {to_iso8601(gap.last).substr(0, 19) + "Z"}, {in_words(gap)}});
    }
  }
  if (context.json()) return 0;
  if (table.empty()) {
    context.terminal().print("everything was recorded\n");
  } else {
    table.print(context.terminal());
  }
  return 0;
}

Result<void> mention_gaps(Context& context, store::LedgerStore& store, std::optional<Timestamp> since) {
  constexpr std::size_t kMentioned = 5;
  FIRSTRING_TRY(const auto gaps, store.gaps(since, kMostGaps));
  const auto left_out = gaps.size() - std::min(gaps.size(), kMentioned);
  if (left_out > 0)
    context.terminal().print(fmt::format("{} more rows of what is not recorded: firstring ledger --gaps\n", left_out));
  for (std::size_t i = left_out; i < gaps.size(); ++i)
    context.terminal().print(fmt::format("{}Z  {}\n", to_iso8601(gaps[i].first).substr(0, 19), in_words(gaps[i])));
  return {};
}

Result<int> report_alarms(Context& context, store::LedgerStore& store) {
  store::AlarmQuery query;
  if (context.given("--mac")) query.mac = context.mac("--mac");
  if (context.given("--since")) query.since = now() - context.duration("--since");
  query.limit = context.number("--limit", 1000);
  FIRSTRING_TRY(const auto alarms, store.alarms(query));
  Table table{{"TIME", "DEVICE", "ADDRESS", "ALARM", "TEXT"}};
  for (const auto& alarm : alarms) {
    if (context.json()) {
      JsonObject object;
      object.add("time", to_iso8601(alarm.at)).add("kind", alarm.kind).add("device", alarm.device);
      object.add("address", alarm.address).add("connection", alarm.connection).add("text", alarm.text);
      context.terminal().print(object.line());
    } else {
      table.add({{to_iso8601(alarm.at).substr(0, 19) + "Z"},
                 {alarm.device},
                 {alarm.address},
                 {alarm.kind, Colour::red},
                 {alarm.text}});
    }
  }
  if (context.json()) return 0;
  if (table.empty()) {
    context.terminal().print("no alarm was raised\n");
  } else {
    table.print(context.terminal());
  }
  return 0;
}

}  // namespace firstring::cli
