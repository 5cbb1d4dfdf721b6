#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ledger/history.hpp"
#include "store/ledger_store.hpp"

namespace firstring::ledger {

/// What a connection came to, in words.
struct Explanation {
  std::string_view cause;   ///< stable code, as docs/reference/ledger.md lists them: "client_distrusts_our_chain"
  std::string explanation;  ///< what happened, and the probable cause
  std::string remedy;       ///< what to do; empty if nothing is wrong
};

Explanation explain(const store::LedgerEntry& entry, const History& history = {});

/// The code alone, as explain() finds it without a history: for ConnectionRow::cause. `denial`: the reason of the last
/// request that was denied, "" if none was; nullopt if there was no request.
std::string_view cause_of(const store::ConnectionRow& row, std::optional<std::string_view> denial);

}  // namespace firstring::ledger
