#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "device/model.hpp"
#include "store/ledger_store.hpp"

namespace firstring::ledger {

/// The parameters by which a phone decides when to come again, and what its layers render them to: "" for what is not
/// set. Without names nothing is known of the phone, and nothing is foretold.
struct ResyncTimers {
  device::ResyncParameters names;
  std::string periodic{}, error_retry{}, at{}, enabled{};
};

/// When a phone should come again.
struct NextContact {
  Timestamp last{};
  bool last_failed = false;
  std::string parameter;              ///< the one that decides; "" if none is known
  std::optional<Timestamp> earliest;  ///< nullopt: never, or not to be told
  std::optional<Timestamp> latest;    ///< with the random part
  std::string remark;                 ///< why there is no time
};

/// From the newest connection and how many failed in a row with it.
NextContact next_contact(const store::LedgerEntry& newest, unsigned failed_in_a_row, const ResyncTimers& timers);

/// "next contact expected between ... and ... (Resync_Periodic); overdue by 12 min"
std::string to_text(const NextContact& next, Timestamp at);

}  // namespace firstring::ledger
