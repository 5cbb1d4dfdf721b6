#pragma once

#include <filesystem>
#include <memory>

#include "cli/command.hpp"
#include "manage/desk.hpp"
#include "store/ledger_store.hpp"

namespace firstring::cli {

/// The state folder: DIR behind the command (`serve DIR`), --dir, FIRSTRING_DIR, or /var/lib/firstring. Fails, and says
/// how to make one, if it holds no firstring.toml.
Result<std::filesystem::path> state_folder(const Context& context);

/// The fleet of the state folder, with the system's user as the author of changes.
Result<manage::Desk> open_desk(const Context& context);
/// Whether to wait for the rows of what has just happened: the server writes them up to LedgerStore::lag() late.
enum class LedgerRows { settled, now };
Result<std::unique_ptr<store::LedgerStore>> open_ledger(const Context& context, LedgerRows rows = LedgerRows::settled);

/// What `--password-file F` or `--value-file F` names: a file that only its owner can read, or for "-" standard input,
/// asked for with `prompt` on a terminal. Without the line feed at its end. Fails if it is empty.
Result<Secret> read_secret(const Context& context, std::string_view argument, std::string_view prompt);

}  // namespace firstring::cli
