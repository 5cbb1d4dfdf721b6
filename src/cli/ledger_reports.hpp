#pragma once

#include <optional>

#include "cli/command.hpp"
#include "ledger/history.hpp"
#include "store/ledger_store.hpp"

namespace firstring::cli {

/// `firstring ledger --causes`: who fails since when and why.
Result<int> report_causes(Context& context, store::LedgerStore& store);

/// `firstring ledger --times`: how long phones compute in their handshakes.
Result<int> report_times(Context& context, store::LedgerStore& store);

/// `firstring ledger --alarms`: what an operator should hear of, oldest first.
Result<int> report_alarms(Context& context, store::LedgerStore& store);

/// `firstring ledger --gaps`: what is not recorded, by network and minute, oldest first.
Result<int> report_gaps(Context& context, store::LedgerStore& store);
/// A line for people about them below a list of connections, if there are any.
Result<void> mention_gaps(Context& context, store::LedgerStore& store, std::optional<Timestamp> since);

/// What DNS says of a name, as a phone would ask it.
ledger::NameLookup look_up(const std::string& name);

}  // namespace firstring::cli
