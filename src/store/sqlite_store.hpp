#pragma once

#include <filesystem>
#include <memory>

#include "store/fleet.hpp"
#include "store/ledger_store.hpp"

namespace firstring::store {

enum class OpenMode : unsigned char { existing, create };

/// Opens dir/firstring.db (WAL, foreign keys on) and brings it to the newest migration. Errors say what a person can
/// do: a locked database, a full disk, a read-only folder, a file made by a newer Firstring, a file that is no
/// database.
Result<std::unique_ptr<FleetStore>> open_fleet(const std::filesystem::path& dir, OpenMode mode);

/// Opens dir/ledger.db, a file of its own: an import of 100,000 devices must not hold the ledger's writer up, and
/// backups of the fleet need not carry it.
Result<std::unique_ptr<LedgerStore>> open_ledger(const std::filesystem::path& dir, OpenMode mode);

}  // namespace firstring::store
