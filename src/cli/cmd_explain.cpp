#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/state_folder.hpp"
#include "manage/story.hpp"

namespace firstring::cli {
namespace {

Result<int> explain(Context& context) {
  const auto whom = manage::parse_whom(context.text("MAC|ADDRESS"));
  if (!whom) return context.refuse(whom.error());
  manage::StoryQuery query{.whom = *whom, .connections = context.number("--limit", 20)};
  if (context.given("--since")) query.since = now() - context.duration("--since");
  FIRSTRING_TRY(const auto ledger, open_ledger(context));
  const auto desk = open_desk(context);
  FIRSTRING_TRY(const auto told, manage::tell_story(desk ? &*desk : nullptr, *ledger, query));
  context.warn(told.warning);
  if (context.json()) {
    for (const auto& connection : manage::to_json(told.story, now())) context.terminal().print(connection.line());
  } else {
    context.terminal().print(ledger::timeline(told.story));
  }
  return 0;
}

}  // namespace

std::vector<Command> explain_commands() {
  return {
      {.name = "explain",
       .summary = "Explains what a device or address did, and what to do.",
       .description =
           "Each connection with its steps and their times, what the phone itself computed, the cause of a failure and "
           "its remedy; then the alarms, and when the phone should come next by the timers that its layers set. The "
           "history of the device and its model, and DNS, make the cause more precise.\n"
           "With --json, one object a connection; the newest has `alarms` and `next_contact` too.",
       .examples = {"firstring explain 000e08abcdef", "firstring explain 192.0.2.7 --since 1d"},
       .arguments =
           {{.name = "MAC|ADDRESS",
             .value = {},
             .help = "a MAC address or an IP address",
             .presence = Presence::required},
            {.name = "--since", .value = "TIME", .help = "only the last 90s, 1h or 7d", .check = is_duration},
            {.name = "--limit", .value = "N", .help = "the newest N connections; 20 if not given", .check = is_number},
            json_flag()},
       .run = explain}};
}

}  // namespace firstring::cli
