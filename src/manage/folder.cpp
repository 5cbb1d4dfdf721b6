#include "manage/folder.hpp"

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/file.hpp"
#include "crypto/demo_pki.hpp"
#include "crypto/secret_box.hpp"
#include "manage/desk.hpp"
#include "server/secrets_check.hpp"
#include "store_sqlite/open.hpp"

namespace firstring::manage {
namespace {

namespace fs = std::filesystem;

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
Result<bool> make_empty_folder(const fs::path& dir) {
  const auto failed = [&](std::string_view why) {
    return fail(Errc::io, fmt::format("make {}: {}", dir.string(), why));
  };
  std::error_code error;
  if (fs::exists(dir / config::kFileName, error)) {
    return fail(Errc::conflict,
                fmt::format("{} is already a state folder; see: firstring check {}", dir.string(), dir.string()));
  }
  if (const auto parent = fs::absolute(dir).lexically_normal().parent_path(); !parent.empty())
    fs::create_directories(parent, error);
  if (error) return failed(errno_text(error.value()));
  if (::mkdir(dir.c_str(), 0700) == 0) return true;
  if (errno != EEXIST) return failed(errno_text(errno));
  const bool empty = fs::is_empty(dir, error);
  if (error) return failed(errno_text(error.value()));
  if (!empty)
    return fail(Errc::conflict, fmt::format("{} is not empty; name an empty folder or a new one", dir.string()));
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

/// What lies beside firstring.toml and must be there to serve.
void check_databases(const std::filesystem::path& dir, std::vector<config::Diagnostic>& diagnostics) {
  for (const auto* name : {"firstring.db", "ledger.db"}) {
    std::error_code error;
    if (std::filesystem::exists(dir / name, error)) continue;
    diagnostics.push_back(
        {config::Severity::error, dir / name, {}, "the database is not there", "put it back from a copy"});
  }
}

bool is_error(const config::Diagnostic& diagnostic) { return diagnostic.severity == config::Severity::error; }

}  // namespace

Result<void> check_state_folder(const fs::path& dir) {
  std::error_code error;
  if (fs::exists(dir / config::kFileName, error)) return {};
  if (error)
    return fail(Errc::io, fmt::format("open the state folder {}: {}", dir.string(), errno_text(error.value())));
  return fail(Errc::not_found,
              fmt::format("open the state folder {}: there is no firstring.toml in it; name another with --dir DIR or "
                          "FIRSTRING_DIR, or make one with: firstring init {}",
                          dir.string(), dir.string()));
}

bool FolderCheck::ok() const { return std::none_of(diagnostics.begin(), diagnostics.end(), is_error); }

FolderCheck check_folder(const fs::path& dir) {
  auto built = server::check_folder(dir);
  FolderCheck check{.diagnostics = std::move(built.diagnostics)};
  check_databases(dir, check.diagnostics);
  if (built.state) {
    const auto& config = built.state->config;
    check.listeners = config.listeners.size();
    check.server_chains = config.server_chains.size();
    check.device_cas = config.device_cas.size();
  }
  return check;
}

Result<void> make_folder(const NewFolder& wanted) {
  const auto demo = demo_config(wanted.host, wanted.phone_port, wanted.bootstrap_port);
  // What the loader would refuse is refused before anything is made.
  const auto file = wanted.dir / config::kFileName;
  for (const auto& diagnostic : config::load_text(config::example(demo), wanted.dir, file).diagnostics) {
    if (is_error(diagnostic))
      return fail(Errc::invalid_input, fmt::format("{}; {}", diagnostic.what, diagnostic.remedy));
  }
  config::Config config;
  config.server.host = wanted.host;

  FIRSTRING_TRY(const bool made, make_empty_folder(wanted.dir));
  Cleanup cleanup{wanted.dir, made};
  FIRSTRING_CHECK(fill_folder(wanted.dir, wanted.demo ? demo : config, wanted.demo));
  cleanup.keep();
  return {};
}

}  // namespace firstring::manage
