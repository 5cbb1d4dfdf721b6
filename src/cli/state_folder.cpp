#include "cli/state_folder.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/file.hpp"
#include "manage/folder.hpp"
#include "store_sqlite/open.hpp"

namespace firstring::cli {
namespace {

/// The name of the user that this process runs as, or its number.
std::string system_user() {
  const auto user = ::geteuid();
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) return found->pw_name;
  return std::to_string(user);
}

}  // namespace

Result<std::filesystem::path> state_folder(const Context& context) {
  std::string dir;
  for (const auto& argument : context.command().arguments) {
    if (argument.name == "DIR") dir = context.text("DIR");
  }
  if (dir.empty()) dir = context.text("--dir");
  if (const char* environment = std::getenv("FIRSTRING_DIR"); dir.empty() && environment != nullptr) dir = environment;
  if (dir.empty()) dir = "/var/lib/firstring";
  FIRSTRING_CHECK(manage::check_state_folder(dir));
  return std::filesystem::path{dir};
}

Result<manage::Desk> open_desk(const Context& context) {
  FIRSTRING_TRY(const auto dir, state_folder(context));
  return manage::open_desk(dir, {.name = system_user(), .via = "command line"});
}

Result<std::unique_ptr<store::LedgerStore>> open_ledger(const Context& context, LedgerRows rows) {
  FIRSTRING_TRY(const auto dir, state_folder(context));
  FIRSTRING_TRY(auto ledger, store::sqlite::open_ledger(dir, store::sqlite::OpenMode::existing));
  if (rows == LedgerRows::now) return ledger;
  // Whoever asks right after a request shall find it: the server's rows come late, and take a moment to be written.
  constexpr std::chrono::milliseconds kLeast{60};
  FIRSTRING_TRY(const auto lag, ledger->lag());
  ::poll(nullptr, 0, static_cast<int>(std::max(kLeast, 2 * lag).count()));
  return ledger;
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
