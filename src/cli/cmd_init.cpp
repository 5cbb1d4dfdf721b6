#include <fmt/format.h>

#include "cli/commands.hpp"
#include "config/config.hpp"
#include "crypto/demo_pki.hpp"
#include "manage/desk.hpp"
#include "manage/folder.hpp"

namespace firstring::cli {
namespace {

std::string demo_steps(const std::filesystem::path& dir, unsigned phone_port) {
  const auto phones = crypto::demo_phones();
  auto text = fmt::format(
      "made {} for a demonstration, with throwaway certificates and four phones\n\n"
      "Serve it:\n  firstring serve {}\n\nThen, in another terminal:\n",
      dir.string(), dir.string());
  text += fmt::format("  firstring simulate --dir {} --server localhost:{} --mac {}\n", dir.string(), phone_port,
                      phones[0].mac.bare());
  text += fmt::format("  firstring simulate --dir {} --server localhost:{} --mac {} --as-mac {}\n", dir.string(),
                      phone_port, phones[0].mac.bare(), phones[1].mac.bare());
  return text + fmt::format("  firstring explain --dir {} {}\n", dir.string(), phones[0].mac.bare());
}

std::string steps(const std::filesystem::path& dir) {
  const auto toml = (dir / config::kFileName).string();
  return fmt::format(
      "made {0}; next steps:\n\n"
      "  1. the server's certificate and key, and a [[server_chain]] for each in {1}\n"
      "     (\"legacy\" for old phones, \"modern\" for the others; keys of mode 0600)\n"
      "  2. the CA of the phones' maker, and a [[device_ca]] in {1}\n"
      "  3. one [[listener]] of kind \"phone\" at least, and of kind \"bootstrap\" for first contact in plain HTTP\n"
      "  4. firstring check {0}\n"
      "  5. firstring device add MAC --model MODEL --dir {0}\n"
      "  6. firstring serve {0}\n\n"
      "Keep a copy of {0}/{2} apart from the database's: without it, the passwords in it cannot be read.\n",
      dir.string(), toml, manage::kSecretsFile);
}

Result<int> init(Context& context) {
  manage::NewFolder wanted{.dir = context.given("DIR") ? context.text("DIR") : context.text("--dir"),
                           .demo = context.given("--demo")};
  if (!wanted.demo && (context.given("--port") || context.given("--bootstrap-port"))) {
    return context.refuse(
        "--port and --bootstrap-port go with --demo; without it, listeners are written into firstring.toml");
  }
  if (wanted.dir.empty()) return context.refuse("DIR is missing");
  if (context.given("--host")) wanted.host = context.text("--host");
  wanted.phone_port = context.number("--port", wanted.phone_port);
  wanted.bootstrap_port = context.number("--bootstrap-port", wanted.bootstrap_port);
  if (const auto made = manage::make_folder(wanted); !made) return context.refuse(made.error());
  context.terminal().print(wanted.demo ? demo_steps(wanted.dir, wanted.phone_port) : steps(wanted.dir));
  return 0;
}

}  // namespace

std::vector<Command> init_commands() {
  return {
      {.name = "init",
       .summary = "Makes a state folder, with a commented firstring.toml.",
       .description =
           "With --demo it also gets a throwaway phone maker, certificates for the server, and four phones with "
           "a line each, so that it can be served at once, on this machine alone. Never give its certificates to "
           "real phones.",
       .examples = {"firstring init /var/lib/firstring --host provisioning.example.com", "firstring init demo --demo"},
       .arguments =
           {{.name = "DIR", .value = {}, .help = "the folder, empty or not there yet; or --dir"},
            {.name = "--demo", .value = {}, .help = "ready to serve, for trying it"},
            {.name = "--host",
             .value = "NAME",
             .help = "the host name in the URLs that phones get; localhost if not given"},
            {.name = "--port", .value = "PORT", .help = "with --demo: where phones come to (8443)", .check = is_port},
            {.name = "--bootstrap-port",
             .value = "PORT",
             .help = "with --demo: where plain HTTP is served (8080)",
             .check = is_port}},
       .run = init}};
}

}  // namespace firstring::cli
