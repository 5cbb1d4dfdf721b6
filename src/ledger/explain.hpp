#pragma once

#include <span>
#include <string>
#include <string_view>

#include "store/ledger_store.hpp"

namespace firstring::ledger {

/// What a connection came to, in words.
struct Explanation {
  std::string_view cause;   ///< stable code: "served", "client_distrusts_our_chain", ...
  std::string explanation;  ///< one sentence: what happened, and the probable cause
  std::string remedy;       ///< one sentence: what to do; empty if nothing is wrong
};

Explanation explain(const store::LedgerEntry& entry);

/// The story of a device or address, oldest first, for a person: each connection with its steps, times and requests,
/// and at the end what to do about the last failure. `who` heads it.
std::string timeline(std::string_view who, std::span<const store::LedgerEntry> entries);

}  // namespace firstring::ledger
