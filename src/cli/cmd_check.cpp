#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/json_object.hpp"
#include "cli/state_folder.hpp"
#include "server/secrets_check.hpp"

namespace firstring::cli {
namespace {

using config::Diagnostic;
using config::Severity;

JsonObject to_json(const Diagnostic& diagnostic) {
  JsonObject object;
  object.add("severity", diagnostic.severity == Severity::error ? "error" : "warning")
      .add("file", diagnostic.file.string());
  object.add("line", diagnostic.position.line).add("column", diagnostic.position.column);
  return object.add("what", diagnostic.what).add("remedy", diagnostic.remedy);
}

/// What lies beside firstring.toml and must be there to serve.
void check_databases(const std::filesystem::path& dir, std::vector<Diagnostic>& diagnostics) {
  for (const auto* name : {"firstring.db", "ledger.db"}) {
    std::error_code error;
    if (std::filesystem::exists(dir / name, error)) continue;
    diagnostics.push_back({Severity::error, dir / name, {}, "the database is not there", "put it back from a copy"});
  }
}

std::string count(std::size_t number, std::string_view what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

Result<int> check(Context& context) {
  FIRSTRING_TRY(const auto dir, state_folder(context));
  auto built = server::check_folder(dir);
  check_databases(dir, built.diagnostics);
  const bool failed = std::any_of(built.diagnostics.begin(), built.diagnostics.end(),
                                  [](const auto& diagnostic) { return diagnostic.severity == Severity::error; });
  for (const auto& diagnostic : built.diagnostics) {
    context.terminal().print(context.json() ? to_json(diagnostic).line() : visible(diagnostic.to_string()) + "\n");
  }
  if (failed) return 1;
  const auto& config = built.state->config;
  if (!context.json()) {
    context.terminal().print(fmt::format("ok: {}, {}, {}\n", count(config.listeners.size(), "listener"),
                                         count(config.server_chains.size(), "server chain"),
                                         count(config.device_cas.size(), "device CA")));
  }
  return 0;
}

}  // namespace

std::vector<Command> check_commands() {
  return {{.name = "check",
           .summary = "Checks firstring.toml and all that it names.",
           .description =
               "As `serve` does before it begins. Prints file:line:column, what is wrong and what to do, "
               "for every fault, also of certificates and keys, and if secrets.key is not the key of the database. "
               "Exit status 1 if there is an error: then `serve` would not start. What has expired is a "
               "warning; monitor dates with `firstring expiry --fail-within 30d`.",
           .examples = {"firstring check /var/lib/firstring"},
           .arguments = {{.name = "DIR", .value = {}, .help = "the state folder; or --dir"}, json_flag()},
           .run = check}};
}

}  // namespace firstring::cli
