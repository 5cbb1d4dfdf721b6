#pragma once

#include <chrono>

#include "ledger/evidence.hpp"
#include "manage/desk.hpp"
#include "store/ledger_store.hpp"

namespace firstring::manage {

struct CaseQuery {
  MacAddress mac;
  std::chrono::milliseconds look_back = std::chrono::days{7};
  bool documents_included = false;  ///< captures keep the phone's documents, passwords and all
};

/// Everything that goes to a vendor about one phone; ledger::bundle makes the files of it. not_found if the ledger has
/// no connection of the phone in that time.
Result<ledger::Evidence> collect_evidence(const Desk& desk, store::LedgerStore& ledger, const CaseQuery& query);

}  // namespace firstring::manage
