#pragma once

// Private to this module.

#include <vector>

#include "store_sqlite/database.hpp"

namespace firstring::store::sqlite {

/// LedgerStore::causes, within a read of the database.
std::vector<CauseCount> count_causes(Database& database, const CauseQuery& wanted);

}  // namespace firstring::store::sqlite
