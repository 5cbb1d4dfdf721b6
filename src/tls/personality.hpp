#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace firstring::tls {

/// What the server is in one handshake. Plain data from data/personalities/*.toml; a name once released never changes
/// its meaning, and tests/golden/tls/ holds what each offers on the wire.
struct Personality {
  /// The hellos that it is for: one of the conditions is enough.
  struct Match {
    bool any = false;                           ///< every hello
    bool without_signature_algorithms = false;  ///< clients that know nothing after SHA-1 (RFC 5246 7.4.1.4.1)
    std::uint16_t highest_version_at_most = 0;  ///< 0x0302: clients that stop at TLS 1.1; 0: no condition
  };

  std::string name;         ///< "legacy-2026-11": what it is, and the month that it was released in
  std::string description;  ///< one sentence for people
  unsigned order = 0;       ///< rules are tried from the lowest; the first that matches wins
  Match match;
  std::uint16_t min_version = 0x0303, max_version = 0x0304;
  int security_level = 2;  ///< OpenSSL's, SSL_CTX_set_security_level(3)
  std::string ciphers;     ///< up to TLS 1.2, OpenSSL names in our order of preference
  std::string suites13;    ///< of TLS 1.3; empty if max_version is lower
  std::string groups;      ///< for ECDHE, OpenSSL names
  unsigned dh_bits = 0;    ///< DHE group: 1024 is RFC 2409 group 2, 2048 is RFC 7919 ffdhe2048; 0 for no DHE
  std::string chain;       ///< the [[server_chain]] of firstring.toml that it shows
};

/// The shipped personalities in the order of their rules. A fault in that data is a bug and ends the program.
std::span<const Personality> shipped_personalities();
/// By name; nullptr if there is none.
const Personality* find_personality(std::string_view name);
std::vector<std::string> personality_names();

/// Reads such files, (name, content); for tests.
Result<std::vector<Personality>> personalities_from_toml(std::span<const std::pair<std::string, std::string>> files);

}  // namespace firstring::tls
