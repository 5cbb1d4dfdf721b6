#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "manage/desk.hpp"
#include "manage/expiry_report.hpp"
#include "store/ledger_store.hpp"

namespace firstring::manage {

/// How long ago a phone may have come last to count as one in use.
inline constexpr std::chrono::days kInUse{30};

/// Every date on which something stops, and how many phones it stops.
struct Expiries {
  std::vector<Expiry> dates;          ///< soonest first; those of the past stand first
  Timestamp today{};                  ///< what days_left counts from
  std::size_t phones = 0;             ///< that came within kInUse
  std::optional<std::size_t> added;   ///< set if none came: then all devices of the fleet are counted, these many
  std::vector<std::string> warnings;  ///< why the list may be incomplete

  /// Whole days from today; negative for a date of the past.
  std::int64_t days_left(const Expiry& expiry) const;
  /// Whom `phones` of a date counts, in words.
  std::string counted() const;
};
Result<Expiries> list_expiries(const Desk& desk, store::LedgerStore& ledger);

}  // namespace firstring::manage
