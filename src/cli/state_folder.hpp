#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "cli/command.hpp"
#include "crypto/secret_box.hpp"
#include "device/model.hpp"
#include "store_sqlite/open.hpp"

namespace firstring::cli {

/// Where the key of the database's secrets lies in a state folder.
inline constexpr std::string_view kSecretsFile = "secrets.key";

/// The state folder: DIR behind the command (`serve DIR`), --dir, FIRSTRING_DIR, or /var/lib/firstring. Fails, and says
/// how to make one, if it holds no firstring.toml.
Result<std::filesystem::path> state_folder(const Context& context);

Result<std::unique_ptr<store::FleetStore>> open_fleet(const Context& context);
Result<std::unique_ptr<store::LedgerStore>> open_ledger(const Context& context);
Result<crypto::SecretBox> open_secrets(const Context& context);

/// The model of that name in any case, or an error with the nearest name.
Result<const device::Model*> find_model(std::string_view name);

/// The device, or an error that says how to enter it.
Result<store::Device> find_device(store::FleetStore& fleet, const MacAddress& mac);
/// not_found with the nearest name if there is no such group.
Result<void> check_group(store::FleetStore& fleet, const std::string& name);

/// What `--password-file F` or `--value-file F` names: a file that only its owner can read, or for "-" standard input,
/// asked for with `prompt` on a terminal. Without the line feed at its end. Fails if it is empty.
Result<Secret> read_secret(const Context& context, std::string_view argument, std::string_view prompt);

}  // namespace firstring::cli
