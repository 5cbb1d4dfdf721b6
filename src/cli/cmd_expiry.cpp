#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/state_folder.hpp"
#include "manage/expiry.hpp"

namespace firstring::cli {
namespace {

std::vector<Cell> row_of(const manage::Expiry& expiry, std::int64_t days) {
  const auto colour = days < 0 ? Colour::red : days < 30 ? Colour::yellow : Colour::none;
  return {{to_iso8601(expiry.at).substr(0, 10), colour},
          {days < 0 ? (expiry.kind == "crl" ? "due since" : "stopped since")
                    : fmt::format("{} day{}", days, days == 1 ? "" : "s"),
           colour},
          {std::to_string(expiry.phones)},
          {expiry.what},
          {expiry.stops}};
}

Result<int> expiry(Context& context) {
  FIRSTRING_TRY(const auto ledger, open_ledger(context));
  FIRSTRING_TRY(const auto desk, open_desk(context));
  FIRSTRING_TRY(auto all, manage::list_expiries(desk, *ledger));
  for (const auto& warning : all.warnings) context.warn(warning);

  const auto is_within = [&](const manage::Expiry& one, std::string_view argument) {
    return one.at - all.today <= context.duration(argument);
  };
  const bool soon =
      context.given("--fail-within") &&
      std::any_of(all.dates.begin(), all.dates.end(), [&](const auto& one) { return is_within(one, "--fail-within"); });
  if (context.given("--within")) std::erase_if(all.dates, [&](const auto& one) { return !is_within(one, "--within"); });
  print_list(
      context, all.dates, [&](const manage::Expiry& one) { return manage::to_json(one, all); },
      {"DATE", "IN", "PHONES", "WHAT", "WHAT STOPS"},
      [&](const manage::Expiry& one) { return row_of(one, all.days_left(one)); }, "nothing expires in that time\n");
  if (!context.json() && !all.dates.empty()) context.terminal().print(fmt::format("counted: {}\n", all.counted()));
  return soon ? 1 : 0;
}

}  // namespace

std::vector<Command> expiry_commands() {
  return {
      {.name = "expiry",
       .summary = "Lists what expires when, and how many phones that stops.",
       .description =
           "Certificates of this server and of the phones' CAs, CRLs, days in accept_expired_until, and the phones' "
           "own certificates by month, oldest date first. The phones are those that came within the last 30 days with "
           "a certificate of their maker; all of the fleet, if none came.",
       .examples = {"firstring expiry", "firstring expiry --within 365d --json", "firstring expiry --fail-within 30d"},
       .arguments =
           {{.name = "--within", .value = "TIME", .help = "only dates up to 90d from now", .check = is_duration},
            {.name = "--fail-within",
             .value = "TIME",
             .help = "exit status 1 if something expires within that time, or has expired; for monitoring",
             .check = is_duration},
            json_flag()},
       .run = expiry}};
}

}  // namespace firstring::cli
