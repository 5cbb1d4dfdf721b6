#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ledger/cause_report.hpp"
#include "ledger/explain.hpp"
#include "ledger/history.hpp"
#include "store/ledger_store.hpp"

namespace firstring::manage {

struct CausesQuery {
  Timestamp since{};
  std::string model{};       ///< "" for all
  std::size_t clients = 50;  ///< those that fail most
};

/// The phones of one model and firmware, or the clients of one unknown hello: how they fare, and why.
struct ClientCauses {
  ledger::ClientReport report;
  ledger::Explanation main_cause;  ///< of the newest connection that had it; empty where nothing failed

  std::string headline() const { return ledger::headline(report, main_cause.explanation); }
};
/// not_found for a model that there is not.
Result<std::vector<ClientCauses>> report_causes(store::LedgerStore& ledger, const CausesQuery& query);

/// What handshakes cost phones; `model` "" for all, not_found for one that there is not.
Result<std::vector<store::HandshakeCost>> report_times(store::LedgerStore& ledger, const std::string& model);

/// What is not recorded, in words: "3 connections of 192.0.2.0/24 not recorded".
std::string in_words(const store::GapRow& gap);

/// The newest gaps, oldest first, and how many more there are.
struct RecentGaps {
  std::vector<store::GapRow> gaps;
  std::size_t more = 0;
};
Result<RecentGaps> recent_gaps(store::LedgerStore& ledger, std::optional<Timestamp> since, std::size_t most);

/// What DNS says of a name, as a phone would ask it.
ledger::NameLookup look_up(const std::string& name);

}  // namespace firstring::manage
