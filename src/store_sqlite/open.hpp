#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "store/fleet.hpp"
#include "store/ledger_store.hpp"

namespace firstring::store::sqlite {

enum class OpenMode : unsigned char {
  existing,
  create,
  as_it_is,  ///< existing, and not brought to the newest migration: for what only looks
};

/// Opens dir/firstring.db (WAL, foreign keys on) and brings it to the newest migration. Errors say what a person can
/// do: a locked database, a full disk, a read-only folder, a file made by a newer Firstring, a file that is no
/// database.
Result<std::unique_ptr<FleetStore>> open_fleet(const std::filesystem::path& dir, OpenMode mode);

/// A value as crypto::SecretBox has sealed it, with the context that it is bound to.
struct SealedValue {
  std::string context;
  Bytes sealed;
};

/// The first and the last sealed value of the layers in dir/firstring.db, and of the lines: whether a key belongs to
/// the database shows in them. Empty if nothing is sealed. Changes nothing in the database, which may be of an older
/// Firstring. Errors as open_fleet.
Result<std::vector<SealedValue>> sealed_samples(const std::filesystem::path& dir);

/// Opens dir/ledger.db, a file of its own: an import of 100,000 devices must not hold the ledger's writer up, and
/// backups of the fleet need not carry it. `bounds` are for whoever writes.
Result<std::unique_ptr<LedgerStore>> open_ledger(const std::filesystem::path& dir, OpenMode mode,
                                                 const LedgerBounds& bounds = {});

/// The ledger for a server that must not stand still for it: always a store, which opens dir/ledger.db when it can.
/// While it cannot (permissions, a full disk, a lock), everything asked of it fails, and it tries again each second. A
/// file that is damaged, no ledger of ours, or made by a newer Firstring is set aside as ledger.db.damaged-<date> with
/// its -wal and -shm, of which the newest kMostSetAside are kept, and a new one begun; likewise if that shows later,
/// and if the file is removed or replaced while it is open. LedgerStore::take_news says each. The rows with outcome
/// open of a server before are ended.
std::unique_ptr<LedgerStore> keep_ledger(const std::filesystem::path& dir, const LedgerBounds& bounds);
inline constexpr std::size_t kMostSetAside = 3;

}  // namespace firstring::store::sqlite
