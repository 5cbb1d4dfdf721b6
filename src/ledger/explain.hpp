#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ledger/history.hpp"
#include "store/ledger_store.hpp"

namespace firstring::ledger {

/// What a connection came to, in words.
struct Explanation {
  Cause cause;
  std::string explanation;  ///< what happened, and the probable cause
  std::string remedy;       ///< what to do; empty if nothing is wrong
};

Explanation explain(const store::LedgerEntry& entry, const History& history = {});

/// The cause alone, as explain() finds it without a history: for ConnectionRow::cause. `request`: the last that was
/// denied, else the last; nullptr if there was none.
Cause cause_of(const store::ConnectionRow& row, const store::RequestRow* request);

}  // namespace firstring::ledger
