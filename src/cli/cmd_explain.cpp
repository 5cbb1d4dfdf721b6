#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/fleet_view.hpp"
#include "cli/json_object.hpp"
#include "cli/ledger_reports.hpp"
#include "cli/state_folder.hpp"
#include "ledger/explain.hpp"
#include "ledger/historian.hpp"
#include "ledger/timeline.hpp"
#include "render/profile.hpp"

namespace firstring::cli {
namespace {

/// What the layers of a device set its timers to; its own defaults if it is not entered, or cannot be rendered.
ledger::ResyncTimers timers_of(const Context& context, const MacAddress& mac) {
  ledger::ResyncTimers timers;
  const auto fleet = open_fleet(context);
  if (!fleet) return timers;
  const auto device = (*fleet)->device(mac);
  if (!device) return timers;
  const auto view = load_view(context, **fleet);
  if (!view) return timers;
  const auto sources = (*view)->sources(*device);
  if (!sources) return timers;
  for (const auto& origin : render::explain(*sources)) {
    if (origin.overridden) continue;
    if (origin.parameter == "Resync_Periodic") timers.periodic = origin.value;
    if (origin.parameter == "Resync_Error_Retry_Delay") timers.error_retry_delay = origin.value;
    if (origin.parameter == "Resync_At") timers.at = origin.value;
  }
  return timers;
}

/// Others may have asked for its file.
bool is_of(const store::ConnectionRow& row, const MacAddress& mac) {
  return row.device == mac.bare() || row.likely_device == mac.bare();
}

std::optional<ledger::NextContact> next_contact_of(const Context& context, const MacAddress& mac,
                                                   const std::vector<store::LedgerEntry>& entries) {
  const store::LedgerEntry* newest = nullptr;
  unsigned failed = 0;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (!is_of(entry->connection, mac)) continue;
    if (newest == nullptr) newest = &*entry;
    if (entry->connection.cause == Cause::served) break;
    ++failed;
  }
  if (newest == nullptr) return std::nullopt;
  return ledger::next_contact(*newest, failed, timers_of(context, mac));
}

JsonObject to_json(const ledger::Story::Chapter& chapter) {
  const auto& row = chapter.entry.connection;
  const auto explanation = ledger::explain(chapter.entry, chapter.history);
  JsonObject object;
  const auto add_step = [&](std::string_view name, std::int64_t micros) {
    if (micros < 0) {
      object.add_null(name);
    } else {
      object.add(name, micros);
    }
  };
  object.add("time", to_iso8601(row.accepted)).add("connection", row.id).add("address", row.address);
  object.add("device", row.device).add("likely_device", row.likely_device);
  object.add("model", row.model).add("firmware", row.firmware);
  object.add("outcome", to_string(row.outcome)).add("stage", to_string(row.stage));
  add_step("hello_us", row.hello_us);
  add_step("queued_us", row.queued_us);
  add_step("server_flight_us", row.server_flight_us);
  add_step("client_flight_us", row.client_flight_us);
  add_step("handshake_us", row.handshake_us);
  object.add("closed_us", row.closed_us);
  add_step("rtt_us", row.rtt_us);
  add_step("phone_cpu_us", row.phone_cpu_us);
  object.add("cause", to_string(explanation.cause))
      .add("explanation", explanation.explanation)
      .add("remedy", explanation.remedy);
  return object;
}

/// What concerns the device and no single connection; stands in the newest connection's object.
void add_outlook(JsonObject& object, const ledger::Story& story) {
  std::vector<JsonObject> alarms;
  for (const auto& alarm : story.alarms) {
    alarms.push_back(JsonObject{}.add("time", to_iso8601(alarm.at)).add("kind", alarm.kind).add("text", alarm.text));
  }
  object.add("alarms", alarms);
  if (!story.next) return;
  const auto& next = *story.next;
  JsonObject contact;
  const auto add_time = [&](std::string_view name, const std::optional<Timestamp>& time) {
    if (time) {
      contact.add(name, to_iso8601(*time));
    } else {
      contact.add_null(name);
    }
  };
  add_time("earliest", next.earliest);
  add_time("latest", next.latest);
  contact.add("parameter", next.parameter).add("text", ledger::to_text(next, now()));
  const auto overdue = next.latest ? std::max(now() - *next.latest, Timestamp::duration{0}) : Timestamp::duration{0};
  contact.add("overdue_s", std::chrono::duration_cast<std::chrono::seconds>(overdue).count());
  object.add("next_contact", contact);
}

Result<int> explain(Context& context) {
  const auto who = context.text("MAC|ADDRESS");
  store::LedgerQuery query;
  query.limit = context.number("--limit", 20);
  ledger::Story story;
  if (const auto mac = MacAddress::parse(who)) {
    query.mac = *mac;
    story.who = mac->bare();
  } else if (const auto address = IpAddress::parse(who)) {
    query.address = story.who = address->to_string();
  } else {
    return context.refuse(fmt::format("'{}' is neither a MAC address nor an IP address", visible(who, 60)));
  }
  if (context.given("--since")) query.since = now() - context.duration("--since");
  FIRSTRING_TRY(const auto store, open_ledger(context));
  FIRSTRING_TRY(auto entries, store->find(query));
  if (query.mac) {
    store::AlarmQuery alarms{.mac = query.mac, .since = query.since, .limit = query.limit};
    // What befalls its model on several phones befalls this one too.
    const auto newest = std::find_if(entries.rbegin(), entries.rend(), [&](const auto& entry) {
      return is_of(entry.connection, *query.mac) && !entry.connection.model.empty();
    });
    if (newest != entries.rend()) {
      alarms.model = newest->connection.model;
      alarms.firmware = newest->connection.firmware;
    }
    FIRSTRING_TRY(story.alarms, store->alarms(alarms));
    story.next = next_contact_of(context, *query.mac, entries);
  }
  ledger::Historian historian{*store, look_up};
  for (auto& entry : entries) {
    FIRSTRING_TRY(auto history, historian.of(entry.connection));
    story.chapters.push_back({std::move(entry), std::move(history)});
  }
  if (!context.json()) {
    context.terminal().print(ledger::timeline(story));
    return 0;
  }
  for (const auto& chapter : story.chapters) {
    auto object = to_json(chapter);
    if (&chapter == &story.chapters.back()) add_outlook(object, story);
    context.terminal().print(object.line());
  }
  return 0;
}

}  // namespace

std::vector<Command> explain_commands() {
  return {
      {.name = "explain",
       .summary = "Tells in words what a device or address did, and what to do.",
       .description =
           "Each connection with its steps and their times, what the phone itself computed, the cause of a failure and "
           "its remedy; then the alarms, and when the phone should come next by the timers that its layers set. What "
           "the "
           "device and its model did before, and where our certificate's name leads in DNS, make the cause sharper.\n"
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
