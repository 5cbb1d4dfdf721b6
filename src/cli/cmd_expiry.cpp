#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/expiry_report.hpp"
#include "cli/json_object.hpp"
#include "cli/state_folder.hpp"

namespace firstring::cli {
namespace {

/// How long ago a phone may have come last to count as one in use.
constexpr std::chrono::days kInUse{30};

std::int64_t days_until(Timestamp at, Timestamp from) {
  return std::chrono::floor<std::chrono::days>(at - from).count();
}

std::string date_of(Timestamp time) { return to_iso8601(time).substr(0, 10); }

JsonObject to_json(const Expiry& expiry, std::int64_t days, std::string_view counted) {
  JsonObject object;
  object.add("at", to_iso8601(expiry.at)).add("days", days).add("kind", expiry.kind).add("name", expiry.name);
  object.add("what", expiry.what).add("stops", expiry.stops).add("personalities", expiry.personalities);
  return object.add("phones", expiry.phones).add("counted", counted);
}

std::vector<Cell> row_of(const Expiry& expiry, std::int64_t days) {
  const auto colour = days < 0 ? Colour::red : days < 30 ? Colour::yellow : Colour::none;
  return {{date_of(expiry.at), colour},
          {days < 0 ? (expiry.kind == "crl" ? "due since" : "stopped since")
                    : fmt::format("{} day{}", days, days == 1 ? "" : "s"),
           colour},
          {std::to_string(expiry.phones)},
          {expiry.what},
          {expiry.stops}};
}

Result<int> expiry(Context& context) {
  FIRSTRING_TRY(const auto dir, state_folder(context));
  const auto loaded = config::load(dir);
  auto& terminal = context.terminal();
  if (!loaded.ok()) {
    terminal.complain(
        fmt::format("firstring expiry: firstring.toml has errors, so the list may be incomplete; see: "
                    "firstring check {}",
                    dir.string()));
  }
  ExpiryReport report{loaded.config};
  for (const auto& problem : report.problems()) terminal.complain(fmt::format("firstring expiry: {}", problem));

  const auto today = now();
  FIRSTRING_TRY(const auto ledger, open_ledger(context));
  FIRSTRING_CHECK(ledger->certificates_in_use(today - kInUse, [&](const auto& phone) { report.add(phone); }));
  std::string counted = fmt::format("{} phones that came within the last {} days", report.phones(), kInUse.count());
  if (report.phones() == 0) {
    FIRSTRING_TRY(const auto fleet, open_fleet(context));
    FIRSTRING_TRY(const auto devices, fleet->devices());
    report.add_everywhere(devices.size());
    counted = fmt::format("all {} entered phones, for the ledger knows none that came within the last {} days",
                          devices.size(), kInUse.count());
  }

  Table table{{"DATE", "IN", "PHONES", "WHAT", "WHAT STOPS"}};
  bool soon = false;
  for (const auto& one : report.list()) {
    const auto days = days_until(one.at, today);
    if (context.given("--fail-within") && one.at - today <= context.duration("--fail-within")) soon = true;
    if (context.given("--within") && one.at - today > context.duration("--within")) continue;
    if (context.json()) {
      terminal.print(to_json(one, days, report.phones() == 0 ? "entered" : "ledger").line());
    } else {
      table.add(row_of(one, days));
    }
  }
  if (context.json()) return soon ? 1 : 0;
  if (table.empty()) {
    terminal.print("nothing stops in that time\n");
  } else {
    table.print(terminal);
    terminal.print(fmt::format("counted: {}\n", counted));
  }
  return soon ? 1 : 0;
}

}  // namespace

std::vector<Command> expiry_commands() {
  return {
      {.name = "expiry",
       .summary = "Lists every date on which something stops, and how many phones it stops.",
       .description =
           "Certificates of this server and of the phones' CAs, CRLs, days in accept_expired_until, and the phones' "
           "own certificates by month, soonest first; dates of the past stand first. The phones are those that came "
           "within the last 30 days with a certificate of their maker; all that are entered, if none came.",
       .examples = {"firstring expiry", "firstring expiry --within 365d --json", "firstring expiry --fail-within 30d"},
       .arguments =
           {{.name = "--within", .value = "TIME", .help = "only dates up to 90d from now", .check = is_duration},
            {.name = "--fail-within",
             .value = "TIME",
             .help = "exit status 1 if a date lies less than that ahead, or in the past; for monitoring",
             .check = is_duration},
            json_flag()},
       .run = expiry}};
}

}  // namespace firstring::cli
