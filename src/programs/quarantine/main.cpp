// firstring-quarantine: speaks SSL 3.0, RC4 and 3DES for `firstring serve`, which starts it and gives it its clients.
// It is linked with an OpenSSL of its own (scripts/openssl-sslv3.sh), and nothing that it says is trusted.

#include <fmt/format.h>
#include <getopt.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <string_view>

#include "quarantine/lockdown.hpp"
#include "quarantine/loop.hpp"
#include "tls/handshake_library.hpp"

namespace {

using namespace firstring;

struct Settings {
  std::string certificate, key, user = "nobody";
  std::vector<std::string> device_roots;
  std::size_t connections = 100;
};

Result<Settings> read_settings(int argc, char** argv) {
  static const std::array options{
      option{"certificate", required_argument, nullptr, 'c'},  option{"key", required_argument, nullptr, 'k'},
      option{"user", required_argument, nullptr, 'u'},         option{"connections", required_argument, nullptr, 'n'},
      option{"device-roots", required_argument, nullptr, 'r'}, option{nullptr, 0, nullptr, 0}};
  Settings settings;
  for (int found = 0; (found = ::getopt_long(argc, argv, "", options.data(), nullptr)) != -1;) {
    const std::string_view value{optarg != nullptr ? optarg : ""};
    switch (found) {
      case 'c':
        settings.certificate = value;
        break;
      case 'k':
        settings.key = value;
        break;
      case 'u':
        settings.user = value;
        break;
      case 'r':
        settings.device_roots.emplace_back(value);
        break;
      case 'n':
        if (std::from_chars(value.begin(), value.end(), settings.connections).ec != std::errc{})
          return fail(Errc::invalid_input, "--connections is no number");
        break;
      default:
        return fail(Errc::invalid_input, "unknown arguments");
    }
  }
  return settings;
}

Result<std::shared_ptr<const tls::Context>> make_context(const Settings& settings) {
  FIRSTRING_CHECK(tls::load_old_algorithms());
  const auto& personality = tls::quarantine_personality();
  FIRSTRING_TRY(auto certificates, crypto::Certificate::chain_from_file(settings.certificate));
  FIRSTRING_TRY(auto key, crypto::PrivateKey::from_file(settings.key));
  std::vector<crypto::Certificate> roots;
  for (const auto& file : settings.device_roots) {
    FIRSTRING_TRY(auto found, crypto::Certificate::chain_from_file(file));
    roots.insert(roots.end(), found.begin(), found.end());
  }
  return tls::Context::build(personality, {personality.chain, std::move(certificates), std::move(key)}, roots);
}

Result<void> serve(int argc, char** argv) {
  FIRSTRING_TRY(const auto settings, read_settings(argc, argv));
  FIRSTRING_TRY(const auto context, make_context(settings));
  FIRSTRING_CHECK(quarantine::drop_privileges(settings.user));
  FIRSTRING_CHECK(quarantine::close_descriptors(tls::kQuarantineControl));
  FIRSTRING_CHECK(quarantine::limit_resources(settings.connections));
  FIRSTRING_CHECK(quarantine::forbid_system_calls());
  ::send(tls::kQuarantineControl, tls::kQuarantineReady.data(), tls::kQuarantineReady.size(), MSG_NOSIGNAL);
  quarantine::run(tls::kQuarantineControl, context, {.connections = settings.connections});
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  struct stat status{};
  if (::fstat(tls::kQuarantineControl, &status) != 0 || !S_ISSOCK(status.st_mode)) {
    fmt::print(stderr, "firstring-quarantine is started by `firstring serve`, where [quarantine] enabled = true\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  // A terminal and a service manager send these to all of a group, but it is the server that ends us.
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_IGN);
  crypto::library();
  const auto served = serve(argc, argv);
  // Without the end of an ordinary program: what runs there may need what has been given up.
  if (served) ::_exit(0);
  const auto& what = served.error().what;
  ::send(tls::kQuarantineControl, what.data(), what.size(), MSG_NOSIGNAL);
  ::_exit(1);
}
