#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip_address.hpp"
#include "base/result.hpp"
#include "hello/client_hello.hpp"

namespace firstring::tls {

/// Conditions on one handshake. All that are set must hold; one without any holds for everybody. A list holds if one of
/// its entries fits, unless said otherwise. policy::matches decides.
struct Match {
  std::string reason;  ///< why it was chosen, for the ledger: "version_ceiling"

  // What the hello says.
  std::uint16_t highest_version_at_most = 0, highest_version_at_least = 0;  ///< 0x0302 is TLS 1.1; 0: no condition
  std::optional<hello::Format> format;
  /// These suites and no others, in whatever order; the two signalling values (RFC 5746, RFC 7507) do not count.
  std::vector<std::uint16_t> suites_exactly;
  std::vector<std::uint16_t> offers_suites, lacks_suites;       ///< all of them; none of them
  std::vector<std::uint16_t> has_extensions, lacks_extensions;  ///< all of them; none of them
  bool no_hash_above_sha1 = false;  ///< signature_algorithms (RFC 5246 7.4.1.4.1) names none, or was not sent
  std::vector<std::string> ja3, ja4;
  std::vector<std::string> server_names;  ///< SNI, without case

  // Where it comes from and to.
  std::vector<Prefix> networks;
  std::vector<std::string> listeners;  ///< the configured address, "0.0.0.0:8443"

  // Who came from this address with this hello last.
  std::vector<std::string> models;            ///< "SPA504G", or the beginning of names with a star behind it: "SPA5*"
  std::string firmware_below, firmware_from;  ///< as device::compare_firmware orders them

  bool has_conditions() const { return !conditions().empty(); }
  /// One text for each condition, as in TOML: `highest_version_at_most = "TLSv1.1"`.
  std::vector<std::string> conditions() const;
};

/// What a client is told whose handshake fails: the exact alert, or nothing, since some old stacks hang on one.
enum class AlertStyle : unsigned char { exact, none };

/// What the server is in one handshake. What may be set of it: tls/knobs.hpp. Plain data from
/// data/personalities/*.toml; a name once released never changes its meaning, and tests/golden/tls/ holds what each
/// offers on the wire.
struct Personality {
  std::string name;            ///< "legacy-2026-11": what it is, and the month that it was released in
  std::string description;     ///< one sentence for people
  unsigned order = 0;          ///< rules are tried from the lowest; the first that matches wins
  std::vector<Match> matches;  ///< whom it is for: one that holds is enough
  std::uint16_t min_version = 0x0303, max_version = 0x0304;
  unsigned security_level = 2;       ///< OpenSSL's, SSL_CTX_set_security_level(3)
  std::string ciphers;               ///< up to TLS 1.2, OpenSSL names in our order of preference
  std::string suites13;              ///< of TLS 1.3; empty if max_version is lower
  std::string groups;                ///< for ECDHE, OpenSSL names
  std::string signature_algorithms;  ///< OpenSSL names, in our order; empty: what OpenSSL has
  unsigned dh_bits = 0;              ///< DHE group, see dh_group; 0 for no DHE
  bool dh_bits_below_1024 = false;   ///< whether dh_bits may be 512 or 768, which anybody can break
  std::string chain;                 ///< the [[server_chain]] of firstring.toml that it shows
  /// Whether clients may take up an earlier session. Tickets are never given out: a session stays in this server.
  bool sessions = true;
  bool send_ca_names = true;  ///< the names of the device CAs in the CertificateRequest; some stacks choke on many
  std::size_t max_fragment = 4096;  ///< the largest TLS record that we send, 512 to 16384 bytes
  AlertStyle alerts = AlertStyle::exact;
  bool quarantine = false;  ///< only firstring-quarantine can be it; its ciphers are single names
};

/// What is wrong with it over several of its knobs, for people; "" if nothing is. The range of each is in knobs.hpp.
std::string fault_of(const Personality& personality);

/// "TLSv1.0" ... "TLSv1.3" and back; 0 for another text.
std::uint16_t version_number(std::string_view name);
std::string_view version_text(std::uint16_t version);
/// "TLSv1.0 to TLSv1.2"
std::string versions_of(const Personality& personality);

/// The shipped personalities in the order of their rules. A fault in that data is a bug and ends the program.
std::span<const Personality> shipped_personalities();
/// By name; nullptr if there is none.
const Personality* find_personality(std::string_view name);
std::vector<std::string> personality_names();
/// The file of a shipped personality; empty if there is none.
std::string_view personality_text(std::string_view name);
/// The newest that only firstring-quarantine can be.
const Personality& quarantine_personality();

/// The IANA numbers of the suites that it may choose from.
std::vector<std::uint16_t> offered_suites(const Personality& personality);

/// Reads such files, (name, content); for tests.
Result<std::vector<Personality>> personalities_from_toml(std::span<const std::pair<std::string, std::string>> files);

}  // namespace firstring::tls
