#include "cli/commands.hpp"
#include "cli/state_folder.hpp"
#include "server/server.hpp"

namespace firstring::cli {
namespace {

Result<int> serve(Context& context) {
  FIRSTRING_TRY(const auto dir, state_folder(context));
  FIRSTRING_CHECK(server::serve(dir));
  return 0;
}

}  // namespace

std::vector<Command> serve_commands() {
  return {
      {.name = "serve",
       .summary = "Serves phones until SIGTERM or Ctrl-C.",
       .description =
           "Stays in the foreground and logs to standard error. SIGTERM lets running requests finish. SIGHUP reloads "
           "firstring.toml; if it has an error, the old configuration stays in force. Changes to devices and "
           "parameters need neither.",
       .examples = {"firstring serve /var/lib/firstring"},
       .arguments = {{.name = "DIR", .value = {}, .help = "the state folder; or --dir"}},
       .run = serve}};
}

}  // namespace firstring::cli
