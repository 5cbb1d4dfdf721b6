#include "cli/state_folder.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "base/file.hpp"
#include "base/text.hpp"

namespace firstring::cli {

Result<std::filesystem::path> state_folder(const Context& context) {
  std::string dir;
  for (const auto& argument : context.command().arguments) {
    if (argument.name == "DIR") dir = context.text("DIR");
  }
  if (dir.empty()) dir = context.text("--dir");
  if (const char* environment = std::getenv("FIRSTRING_DIR"); dir.empty() && environment != nullptr) dir = environment;
  if (dir.empty()) dir = "/var/lib/firstring";
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::path{dir} / "firstring.toml", error)) {
    if (error) return fail(Errc::io, fmt::format("open the state folder {}: {}", dir, errno_text(error.value())));
    return fail(
        Errc::not_found,
        fmt::format("open the state folder {}: there is no firstring.toml in it; name another with --dir DIR or "
                    "FIRSTRING_DIR, or make one with: firstring init {}",
                    dir, dir));
  }
  return std::filesystem::path{dir};
}

Result<std::unique_ptr<store::FleetStore>> open_fleet(const Context& context) {
  FIRSTRING_TRY(const auto dir, state_folder(context));
  return store::sqlite::open_fleet(dir, store::sqlite::OpenMode::existing);
}

Result<std::unique_ptr<store::LedgerStore>> open_ledger(const Context& context) {
  FIRSTRING_TRY(const auto dir, state_folder(context));
  FIRSTRING_TRY(auto ledger, store::sqlite::open_ledger(dir, store::sqlite::OpenMode::existing));
  // Whoever asks right after a request shall find it: the server's rows come late, and take a moment to be written.
  constexpr std::chrono::milliseconds kLeast{60};
  FIRSTRING_TRY(const auto lag, ledger->lag());
  ::poll(nullptr, 0, static_cast<int>(std::max(kLeast, 2 * lag).count()));
  return ledger;
}

Result<crypto::SecretBox> open_secrets(const Context& context) {
  FIRSTRING_TRY(const auto dir, state_folder(context));
  return crypto::SecretBox::open(dir / kSecretsFile);
}

Result<const device::Model*> find_model(std::string_view name) {
  const auto& catalogue = device::Catalogue::shipped();
  if (const auto* model = catalogue.find(name)) return model;
  const auto names = catalogue.names();
  return fail(Errc::not_found, fmt::format("there is no model '{}'{}; known are {}", visible(name, 60),
                                           did_you_mean(name, names), fmt::join(names, ", ")));
}

Result<store::Device> find_device(store::FleetStore& fleet, const MacAddress& mac) {
  auto device = fleet.device(mac);
  if (device || device.error().code != Errc::not_found) return device;
  return fail(Errc::not_found,
              fmt::format("there is no device {}; enter it with: firstring device add {} --model MODEL", mac.bare(),
                          mac.bare()));
}

Result<void> check_group(store::FleetStore& fleet, const std::string& name) {
  FIRSTRING_TRY(const auto groups, fleet.groups());
  std::vector<std::string> names;
  for (const auto& group : groups) names.push_back(group.name);
  if (std::find(names.begin(), names.end(), name) != names.end()) return {};
  return fail(Errc::not_found, fmt::format("there is no group '{}'{}; make it with: firstring group add {}",
                                           visible(name, 60), did_you_mean(name, names), visible(name, 60)));
}

Result<Secret> read_secret(const Context& context, std::string_view argument, std::string_view prompt) {
  const auto file = context.text(argument);
  auto secret = file == "-" ? context.terminal().ask_secret(prompt) : read_secret_file(file);
  if (!secret) return fail(std::move(secret).error());
  auto text = secret->reveal();
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (text.empty()) return fail(Errc::invalid_input, fmt::format("{} {}: it is empty", argument, file));
  return Secret{std::string{text}};
}

}  // namespace firstring::cli
