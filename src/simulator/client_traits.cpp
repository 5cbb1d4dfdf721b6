#include "simulator/client_traits.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <vector>

namespace firstring::simulator {
namespace {

// A ClientHello of OpenSSL 0.9.8 has none of these extensions, and its users connected to servers without RFC 5746.
constexpr std::uint64_t kOld =
    SSL_OP_NO_TICKET | SSL_OP_NO_EXTENDED_MASTER_SECRET | SSL_OP_NO_ENCRYPT_THEN_MAC | SSL_OP_LEGACY_SERVER_CONNECT;

constexpr std::array kTraits{
    // SPA30x/50x/51x from 7.5.7: OpenSSL 0.9.8zc (spa-phones.md 7). The order is that of firmware 2.0.6 and later,
    // without the RC4 and export suites that OpenSSL 3 lacks.
    ClientTraits{"tls1.0-dhe", TLS1_VERSION, TLS1_VERSION,
                 "DHE-RSA-AES256-SHA:AES256-SHA:DHE-RSA-AES128-SHA:AES128-SHA", nullptr, kOld, false,
                 NameCheck::cn_resolves_to_server},
    // SPA525G2: ciscossl on 1.0.1j, capped at TLS 1.0.
    ClientTraits{
        "tls1.0-ecdhe", TLS1_VERSION, TLS1_VERSION,
        "ECDHE-RSA-AES256-SHA:DHE-RSA-AES256-SHA:AES256-SHA:ECDHE-RSA-AES128-SHA:DHE-RSA-AES128-SHA:AES128-SHA",
        "P-256:P-384:P-521", kOld, false, NameCheck::cn_resolves_to_server},
    // MPP: like OpenSSL 1.1.1 with its DEFAULT suites.
    ClientTraits{"modern", TLS1_2_VERSION, TLS1_3_VERSION, "DEFAULT", nullptr, 0, true, NameCheck::host_name},
    // No model's: one key exchange each, for comparing servers (`firstring storm --tls`).
    ClientTraits{"tls1.0-rsa", TLS1_VERSION, TLS1_VERSION, "AES256-SHA:AES128-SHA", nullptr, kOld, false,
                 NameCheck::cn_resolves_to_server},
    ClientTraits{"tls1.2-ecdhe", TLS1_2_VERSION, TLS1_2_VERSION,
                 "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256", nullptr, 0, true, NameCheck::host_name},
    ClientTraits{"tls1.3", TLS1_3_VERSION, TLS1_3_VERSION, "DEFAULT", nullptr, 0, true, NameCheck::host_name},
};

}  // namespace

std::span<const ClientTraits> client_traits() { return kTraits; }

Result<const ClientTraits*> find_client_traits(std::string_view name) {
  const auto* const found =
      std::find_if(kTraits.begin(), kTraits.end(), [&](const ClientTraits& traits) { return traits.name == name; });
  if (found != kTraits.end()) return found;
  std::vector<std::string_view> names;
  for (const auto& traits : kTraits) names.push_back(traits.name);
  return fail(Errc::invalid_input, fmt::format("choose the TLS client '{}': there is none of that name; use one of {}",
                                               name, fmt::join(names, ", ")));
}

Result<crypto::SslContextPtr> make_client_context(const ClientTraits& traits) {
  crypto::SslContextPtr context{SSL_CTX_new_ex(crypto::library(), nullptr, TLS_client_method())};
  if (!context) return crypto::openssl_failure("set up the phone's TLS");
  SSL_CTX* const raw = context.get();
  // Phones and the certificates in them are as weak as they are.
  SSL_CTX_set_security_level(raw, 0);
  SSL_CTX_set_options(raw, traits.options | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(raw, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_AUTO_RETRY);
  if (SSL_CTX_set_min_proto_version(raw, traits.min_version) != 1 ||
      SSL_CTX_set_max_proto_version(raw, traits.max_version) != 1 ||
      SSL_CTX_set_cipher_list(raw, traits.ciphers) != 1 ||
      (traits.groups != nullptr && SSL_CTX_set1_groups_list(raw, traits.groups) != 1)) {
    return crypto::openssl_failure("set up the phone's TLS");
  }
  return context;
}

}  // namespace firstring::simulator
