#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "crypto/openssl.hpp"

namespace firstring::simulator {

/// How a client compares the server's certificate with the server (spa-phones.md 1.3).
enum class NameCheck : unsigned char {
  cn_resolves_to_server,  ///< SPA: the CN, up to a '/', must have the server's address in DNS; subjectAltName is not
                          ///< looked at
  host_name,              ///< MPP: subjectAltName or CN must match the host name of the URL
};

/// One kind of TLS client that phones carry, named by Model::tls_client. What differs between them belongs here as
/// data.
struct ClientTraits {
  std::string_view name;
  int min_version;
  int max_version;
  const char* ciphers;     ///< OpenSSL's names, up to TLS 1.2
  const char* groups;      ///< nullptr: OpenSSL's choice
  std::uint64_t options;   ///< SSL_OP_ bits
  bool sends_server_name;  ///< SNI
  NameCheck name_check;
};

std::span<const ClientTraits> client_traits();

/// By name; the error lists the names that there are.
Result<const ClientTraits*> find_client_traits(std::string_view name);

/// A context that says what such a client says; checks no server and has no certificate yet.
Result<crypto::SslContextPtr> make_client_context(const ClientTraits& traits);

}  // namespace firstring::simulator
