#include "manage/story.hpp"

#include <algorithm>

#include "ledger/historian.hpp"
#include "manage/ledger_reports.hpp"
#include "manage/served_fleet.hpp"
#include "render/profile.hpp"

namespace firstring::manage {
namespace {

/// What the layers of a device set its timers to; those of its model if it is not in the fleet, or cannot be rendered.
ledger::ResyncTimers timers_of(const Desk* desk, const MacAddress& mac, std::string_view likely_model,
                               std::string& warning) {
  ledger::ResyncTimers timers;
  if (const auto* model = device::Catalogue::shipped().find(likely_model)) timers.names = model->resync;
  if (desk == nullptr) return timers;
  const auto device = desk->fleet->device(mac);
  if (!device) return timers;
  const auto served = load_served_fleet(*desk);
  if (!served) return timers;
  warning = served->warning;
  const auto sources = served->view->sources(*device);
  if (!sources) return timers;
  timers.names = sources->model->resync;
  for (const auto& origin : render::origins(*sources)) {
    if (origin.overridden) continue;
    if (origin.parameter == timers.names.periodic) timers.periodic = origin.value;
    if (origin.parameter == timers.names.error_retry) timers.error_retry = origin.value;
    if (origin.parameter == timers.names.at) timers.at = origin.value;
    if (origin.parameter == timers.names.enabled) timers.enabled = origin.value;
  }
  return timers;
}

/// Others may have asked for its file.
bool is_of(const store::ConnectionRow& row, const MacAddress& mac) {
  return row.device == mac.bare() || row.likely_device == mac.bare();
}

/// The newest connection that is the device's own, and how many failed in a row with it; nullptr for none.
std::pair<const store::LedgerEntry*, unsigned> newest_of(const std::vector<store::LedgerEntry>& entries,
                                                         const MacAddress& mac) {
  const store::LedgerEntry* newest = nullptr;
  unsigned failed = 0;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (!is_of(entry->connection, mac)) continue;
    if (newest == nullptr) newest = &*entry;
    if (entry->connection.cause == Cause::served) break;
    ++failed;
  }
  return {newest, failed};
}

}  // namespace

Result<ToldStory> tell_story(const Desk* desk, store::LedgerStore& ledger, const StoryQuery& query) {
  ToldStory told;
  auto& story = told.story;
  story.who = query.whom.text();
  const auto& mac = query.whom.mac;
  FIRSTRING_TRY(auto entries, ledger.find({.mac = mac,
                                           .address = query.whom.address,
                                           .failed = false,
                                           .since = query.since,
                                           .after_id = 0,
                                           .limit = query.connections}));
  if (mac) {
    store::AlarmQuery alarms{.mac = mac, .since = query.since, .limit = query.connections};
    // What befalls its model on several phones befalls this one too.
    const auto newest_with_model = std::find_if(entries.rbegin(), entries.rend(), [&](const auto& entry) {
      return is_of(entry.connection, *mac) && !entry.connection.model.empty();
    });
    if (newest_with_model != entries.rend()) {
      alarms.model = newest_with_model->connection.model;
      alarms.firmware = newest_with_model->connection.firmware;
    }
    FIRSTRING_TRY(story.alarms, ledger.alarms(alarms));
    if (const auto [newest, failed] = newest_of(entries, *mac); newest != nullptr) {
      const auto timers = timers_of(desk, *mac, newest->connection.model, told.warning);
      story.next = ledger::next_contact(*newest, failed, timers);
    }
  }
  ledger::Historian historian{ledger, look_up};
  for (auto& entry : entries) {
    FIRSTRING_TRY(auto history, historian.of(entry.connection));
    story.chapters.push_back({std::move(entry), std::move(history)});
  }
  return told;
}

}  // namespace firstring::manage
