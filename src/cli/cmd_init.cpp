#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "base/file.hpp"
#include "cli/commands.hpp"
#include "cli/state_folder.hpp"
#include "config/config.hpp"
#include "crypto/demo_pki.hpp"

namespace firstring::cli {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kDemoPhonePort = 8443;
constexpr unsigned kDemoBootstrapPort = 8080;

/// Empties a folder that was empty before, and removes it if it was not there, unless told that all went well.
class Cleanup {
 public:
  Cleanup(fs::path dir, bool made) : dir_(std::move(dir)), made_(made) {}
  Cleanup(const Cleanup&) = delete;
  Cleanup& operator=(const Cleanup&) = delete;
  ~Cleanup() {
    if (kept_) return;
    std::error_code ignored;
    if (made_) {
      fs::remove_all(dir_, ignored);
      return;
    }
    for (const auto& entry : fs::directory_iterator{dir_, ignored}) fs::remove_all(entry.path(), ignored);
  }
  void keep() { kept_ = true; }

 private:
  fs::path dir_;
  bool made_;
  bool kept_ = false;
};

config::Listener listener(config::ListenerKind kind, unsigned port) {
  config::Listener listener;
  listener.kind = kind;
  listener.address = {IpAddress::from_v4({127, 0, 0, 1}), static_cast<std::uint16_t>(port)};
  return listener;
}

config::ServerChain server_chain(const std::string& name) {
  config::ServerChain chain;
  chain.name = name;
  chain.certificate = fmt::format("pki/server-{}.crt", name);
  chain.key = fmt::format("pki/server-{}.key", name);
  return chain;
}

config::Config demo_config(const std::string& host, unsigned phone_port, unsigned bootstrap_port) {
  config::Config config;
  config.server.host = host;
  config.listeners = {listener(config::ListenerKind::phone, phone_port),
                      listener(config::ListenerKind::bootstrap, bootstrap_port)};
  config.server_chains = {server_chain("legacy"), server_chain("modern")};
  config::DeviceCa ca;
  ca.name = "demo";
  ca.roots = "pki/device-ca-demo.crt";
  ca.min_rsa_bits = 1024;
  ca.weak_hashes = {"sha1"};
  config.device_cas = {ca};
  config.log.requests = "stdout";
  return config;
}

/// Whether the folder was made here; fails if there is something in it.
Result<bool> make_folder(const fs::path& dir) {
  const auto failed = [&](std::string_view why) {
    return fail(Errc::io, fmt::format("make {}: {}", dir.string(), why));
  };
  std::error_code error;
  if (fs::exists(dir / config::kFileName, error)) {
    return fail(Errc::conflict,
                fmt::format("{} is a state folder already; see: firstring check {}", dir.string(), dir.string()));
  }
  if (const auto parent = fs::absolute(dir).lexically_normal().parent_path(); !parent.empty())
    fs::create_directories(parent, error);
  if (error) return failed(errno_text(error.value()));
  if (::mkdir(dir.c_str(), 0700) == 0) return true;
  if (errno != EEXIST) return failed(errno_text(errno));
  const bool empty = fs::is_empty(dir, error);
  if (error) return failed(errno_text(error.value()));
  if (!empty)
    return fail(Errc::conflict,
                fmt::format("{} is not empty; name a folder that is empty or not there yet", dir.string()));
  return false;
}

Result<Secret> random_password() {
  std::array<std::uint8_t, 12> octets{};
  if (::getrandom(octets.data(), octets.size(), 0) != static_cast<ssize_t>(octets.size())) {
    return fail(Errc::io, fmt::format("make a password: {}", errno_text(errno)));
  }
  return Secret{to_hex(octets)};
}

Result<void> add_demo_phones(store::FleetStore& fleet, const crypto::SecretBox& box) {
  unsigned user = 1001;
  for (const auto& phone : crypto::demo_phones()) {
    FIRSTRING_CHECK(fleet.add_device({.mac = phone.mac,
                                      .model = std::string{phone.model},
                                      .serial = std::string{phone.serial},
                                      .group = {},
                                      .created = now()}));
    store::Line line;
    line.user = std::to_string(user++);
    line.proxy = "sip.example.com";
    FIRSTRING_TRY(const auto password, random_password());
    line.sealed_password = box.seal(password, store::seal_context_line(phone.mac, line.number));
    FIRSTRING_CHECK(fleet.set_line(phone.mac, line));
  }
  return {};
}

Result<void> fill_folder(const fs::path& dir, const config::Config& config, bool demo) {
  if (demo) FIRSTRING_CHECK(crypto::write_demo_pki(dir, config.server.host));
  FIRSTRING_TRY(const auto box, crypto::SecretBox::create(dir / kSecretsFile));
  FIRSTRING_TRY(const auto fleet, store::sqlite::open_fleet(dir, store::sqlite::OpenMode::create));
  FIRSTRING_CHECK(store::sqlite::open_ledger(dir, store::sqlite::OpenMode::create));
  if (demo) FIRSTRING_CHECK(add_demo_phones(*fleet, box));
  // Last, since it is what makes the folder a state folder.
  return write_file(dir / config::kFileName, config::example(config), 0600);
}

std::string demo_steps(const fs::path& dir, unsigned phone_port) {
  const auto phones = crypto::demo_phones();
  auto text = fmt::format(
      "{} is made for a demonstration: its certificates are throwaway, and four phones are entered.\n\n"
      "Serve it:\n  firstring serve {}\n\nThen, in another terminal:\n",
      dir.string(), dir.string());
  text += fmt::format("  firstring simulate --dir {} --server localhost:{} --mac {}\n", dir.string(), phone_port,
                      phones[0].mac.bare());
  text += fmt::format("  firstring simulate --dir {} --server localhost:{} --mac {} --as-mac {}\n", dir.string(),
                      phone_port, phones[0].mac.bare(), phones[1].mac.bare());
  return text + fmt::format("  firstring explain --dir {} {}\n", dir.string(), phones[0].mac.bare());
}

std::string steps(const fs::path& dir) {
  const auto toml = (dir / config::kFileName).string();
  return fmt::format(
      "{0} is made. What it needs next:\n\n"
      "  1. the certificate and key that phones are shown, and a [[server_chain]] for each in {1}\n"
      "     (\"legacy\" for old phones, \"modern\" for the others; keys of mode 0600)\n"
      "  2. the CA of the phones' maker, and a [[device_ca]] in {1}\n"
      "  3. one [[listener]] of kind \"phone\" at least, and of kind \"bootstrap\" for first contact in plain HTTP\n"
      "  4. firstring check {0}\n"
      "  5. firstring device add MAC --model MODEL --dir {0}\n"
      "  6. firstring serve {0}\n\n"
      "Keep a copy of {0}/{2} apart from the database's: without it, the passwords in it cannot be read.\n",
      dir.string(), toml, kSecretsFile);
}

Result<int> init(Context& context) {
  const fs::path dir{context.given("DIR") ? context.text("DIR") : context.text("--dir")};
  const bool demo = context.given("--demo");
  if (!demo && (context.given("--port") || context.given("--bootstrap-port"))) {
    return context.refuse(
        "--port and --bootstrap-port go with --demo; without it, listeners are written into firstring.toml");
  }
  if (dir.empty()) return context.refuse("DIR is missing");
  const auto phone_port = context.number("--port", kDemoPhonePort);
  const auto host = context.given("--host") ? context.text("--host") : config::Server{}.host;
  const auto full = demo_config(host, phone_port, context.number("--bootstrap-port", kDemoBootstrapPort));
  // What the loader would refuse is refused before anything is made.
  for (const auto& diagnostic : config::load_text(config::example(full), dir, dir / config::kFileName).diagnostics) {
    if (diagnostic.severity == config::Severity::error)
      return context.refuse(fmt::format("{}; {}", diagnostic.what, diagnostic.remedy));
  }
  config::Config config;
  config.server.host = host;

  FIRSTRING_TRY(const bool made, make_folder(dir));
  Cleanup cleanup{dir, made};
  FIRSTRING_CHECK(fill_folder(dir, demo ? full : config, demo));
  cleanup.keep();
  context.terminal().print(demo ? demo_steps(dir, phone_port) : steps(dir));
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
