#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "ledger/timeline.hpp"
#include "manage/desk.hpp"
#include "manage/lookup.hpp"
#include "store/ledger_store.hpp"

namespace firstring::manage {

struct StoryQuery {
  Whom whom;
  std::optional<Timestamp> since{};
  std::size_t connections = 20;  ///< the newest so many
};

struct ToldStory {
  ledger::Story story;
  std::string warning;  ///< "", or why the timers of the next contact may be wrong
};

/// What a device or address did, the alarms that concern it, and when it should come next by the timers that its layers
/// set. `desk`: nullptr where the fleet cannot be read; then the phone's own timers count.
Result<ToldStory> tell_story(const Desk* desk, store::LedgerStore& ledger, const StoryQuery& query);

}  // namespace firstring::manage
