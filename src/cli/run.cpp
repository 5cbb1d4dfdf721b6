#include "cli/run.hpp"

#include <fmt/format.h>

#include <csignal>
#include <utility>

#include "base/secret.hpp"
#include "cli/commands.hpp"
#include "crypto/openssl.hpp"

namespace firstring::cli {

const Program& program() {
  static const Program all = [] {
    Program program;
    program.sections = {{"Run a server", {"init", "check", "expiry", "serve", "personality"}},
                        {"Phones", {"device", "group", "enrol"}},
                        {"What they get", {"set", "unset", "layers", "line", "render"}},
                        {"What happened", {"ledger", "explain", "capture", "evidence"}},
                        {"Try it", {"simulate", "storm"}}};
    program.families = {{"personality", "The server's chain and settings in a TLS handshake, and for which clients."},
                        {"device", "The phones and ATAs that this server knows."},
                        {"group", "Groups of devices; a group may have a parent."},
                        {"enrol", "Adding unknown phones with a good certificate automatically."},
                        {"line", "The SIP accounts on a device's lines."}};
    for (auto* commands :
         {init_commands, check_commands, expiry_commands, serve_commands, device_commands, group_commands,
          enrol_commands, set_commands, line_commands, render_commands, ledger_commands, explain_commands,
          capture_commands, evidence_commands, personality_commands, simulate_commands, storm_commands}) {
      for (auto& command : commands()) program.commands.push_back(std::move(command));
    }
    return program;
  }();
  return all;
}

int run(std::span<const std::string> arguments, Terminal& terminal) {
  auto line = parse(program(), arguments);
  if (line.command == nullptr) {
    if (line.status == 0) {
      terminal.print(line.text);
    } else {
      if (line.text.ends_with('\n')) line.text.pop_back();
      terminal.complain(line.text);
    }
    return line.status;
  }
  Context context{*line.command, std::move(line.values), terminal};
  const auto status = line.command->run(context);
  terminal.progress({});
  if (!status) {
    terminal.complain(fmt::format("firstring {}: {}", line.command->name, status.error().what));
    return 1;
  }
  return *status;
}

int run(int argc, char** argv) {
  forbid_core_dumps();
  // A reader of our output that goes away is no reason to die: Terminal sees EPIPE.
  std::signal(SIGPIPE, SIG_IGN);
  // Before anything else of OpenSSL runs; see there.
  crypto::library();
  Terminal terminal;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const int status = run(arguments, terminal);
  if (const auto flushed = terminal.flush(); !flushed) {
    terminal.complain(fmt::format("firstring: {}", flushed.error().what));
    return 1;
  }
  return status;
}

}  // namespace firstring::cli
