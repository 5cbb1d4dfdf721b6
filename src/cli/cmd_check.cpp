#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/state_folder.hpp"
#include "manage/folder.hpp"

namespace firstring::cli {
namespace {

std::string count(std::size_t number, std::string_view what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

Result<int> check(Context& context) {
  FIRSTRING_TRY(const auto dir, state_folder(context));
  const auto checked = manage::check_folder(dir);
  for (const auto& diagnostic : checked.diagnostics) {
    context.terminal().print(context.json() ? manage::to_json(diagnostic).line()
                                            : visible(diagnostic.to_string()) + "\n");
  }
  if (!checked.ok()) return 1;
  if (!context.json()) {
    context.terminal().print(fmt::format("ok: {}, {}, {}\n", count(checked.listeners, "listener"),
                                         count(checked.server_chains, "server chain"),
                                         count(checked.device_cas, "device CA")));
  }
  return 0;
}

}  // namespace

std::vector<Command> check_commands() {
  return {{.name = "check",
           .summary = "Checks firstring.toml and all files that it names.",
           .description =
               "As `serve` does when it starts. Prints file:line:column, what is wrong and what to do, for every "
               "fault, those of certificates and keys included, and whether secrets.key fits the database. "
               "Exit status 1 if there is an error: then `serve` would not start. What has expired is a "
               "warning; monitor dates with `firstring expiry --fail-within 30d`.",
           .examples = {"firstring check /var/lib/firstring"},
           .arguments = {{.name = "DIR", .value = {}, .help = "the state folder; or --dir"}, json_flag()},
           .run = check}};
}

}  // namespace firstring::cli
