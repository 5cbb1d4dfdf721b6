#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/json_object.hpp"
#include "cli/state_folder.hpp"
#include "ledger/explain.hpp"
#include "ledger/timeline.hpp"

namespace firstring::cli {
namespace {

Result<int> explain(Context& context) {
  const auto who = context.text("MAC|ADDRESS");
  store::LedgerQuery query;
  query.limit = context.number("--limit", 20);
  std::string name;
  if (const auto mac = MacAddress::parse(who)) {
    query.mac = *mac;
    name = mac->bare();
  } else if (const auto address = IpAddress::parse(who)) {
    query.address = name = address->to_string();
  } else {
    return context.refuse(fmt::format("'{}' is neither a MAC address nor an IP address", visible(who, 60)));
  }
  if (context.given("--since")) query.since = now() - context.duration("--since");
  FIRSTRING_TRY(const auto store, open_ledger(context));
  FIRSTRING_TRY(const auto entries, store->find(query));
  if (!context.json()) {
    ledger::Story story{.who = name, .chapters = {}, .alarms = {}, .next = {}};
    for (const auto& entry : entries) story.chapters.push_back({entry, {}});
    context.terminal().print(ledger::timeline(story));
    return 0;
  }
  for (const auto& entry : entries) {
    const auto explanation = ledger::explain(entry);
    JsonObject object;
    object.add("time", to_iso8601(entry.connection.accepted)).add("address", entry.connection.address);
    object.add("device", entry.connection.device)
        .add("outcome", entry.connection.outcome)
        .add("stage", entry.connection.stage);
    object.add("cause", explanation.cause)
        .add("explanation", explanation.explanation)
        .add("remedy", explanation.remedy);
    context.terminal().print(object.line());
  }
  return 0;
}

}  // namespace

std::vector<Command> explain_commands() {
  return {
      {.name = "explain",
       .summary = "Tells in words what a device or address did, and what to do.",
       .description = {},
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
