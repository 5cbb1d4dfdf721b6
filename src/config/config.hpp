#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.hpp"
#include "base/time.hpp"
#include "options/diagnostic.hpp"
#include "tls/personality.hpp"

namespace firstring::config {

/// The file's name in the state folder.
constexpr std::string_view kFileName = "firstring.toml";

using options::Diagnostic;
using options::Position;
using options::Section;
using options::Severity;

struct Server : Section {
  std::string host = "localhost";  ///< the name in the URLs given to phones and in demonstration certificates
  unsigned workers = 0;            ///< threads that serve connections; 0: one a core
  std::chrono::milliseconds drain_timeout{20'000};  ///< after SIGTERM, how long running requests may take
};

enum class ListenerKind : unsigned char { phone, bootstrap };

struct Listener : Section {
  ListenerKind kind = ListenerKind::phone;
  Endpoint address;
  std::vector<Prefix> networks;  ///< that may connect; empty: all
  std::vector<std::string> personalities{"legacy-2026-11", "sha1-2026-11",
                                         "modern-2026-11"};  ///< allowed ones; phone listeners only
  bool ladder = true;  ///< whether a client whose handshake failed gets another of them the next time
  std::chrono::milliseconds ladder_window{std::chrono::hours{6}};  ///< how long a failure counts
  bool quarantine = true;  ///< whether its clients may be given to the quarantine, if there is one
  std::chrono::milliseconds hello_timeout{10'000};      ///< from TCP accept to the last byte of the ClientHello
  std::chrono::milliseconds handshake_timeout{60'000};  ///< from the ClientHello to Finished; old phones need seconds
  std::chrono::milliseconds request_timeout{
      30'000};  ///< from the first byte of a request to its last, and to write an answer
  std::chrono::milliseconds idle_timeout{15'000};  ///< for the first or next request to begin
};

/// A certificate chain of ours with its key, by the name that personalities use ("legacy", "modern").
struct ServerChain : Section {
  std::string name;
  std::filesystem::path certificate;  ///< PEM: leaf first, then intermediates; absolute or below the state folder
  std::filesystem::path key;
  std::filesystem::path ecdsa_certificate, ecdsa_key;  ///< a second pair for clients that prefer ECDSA; may be empty
};

/// [[personality]], one of the operator's own: a shipped one with some things otherwise. Only the keys that stand in
/// the file (Section::positions) count; the rest is what `based_on` has.
struct OwnPersonality : Section, tls::Personality {
  std::string based_on;
  /// The whole personality: `base` with what this says otherwise. tls::fault_of may still find fault with it.
  tls::Personality over(const tls::Personality& base) const;
};

/// [[rule]]: which personality some clients get; all conditions that are set must hold.
struct PersonalityRule : Section, tls::Match {
  std::string personality;
};

/// A maker's CA whose device certificates we believe, and how weak such a chain may be.
struct DeviceCa : Section {
  std::string name;
  std::filesystem::path roots;           ///< PEM, one or more trust anchors
  std::filesystem::path intermediates;   ///< PEM, may be empty: for phones that send their leaf alone
  unsigned min_rsa_bits = 2048;          ///< 1024 for phones before about 2012
  std::vector<std::string> weak_hashes;  ///< of "sha1", "md5": signatures that are accepted in spite of their age
  bool accept_expired = false;           ///< phones whose certificate ran out are still let in
  std::optional<std::chrono::sys_days> accept_expired_until;  ///< the same to the end of that day, UTC
  std::filesystem::path crl;                                  ///< PEM or DER, may be empty

  /// When phones with a certificate that ran out are no longer let in: the beginning of time for never, its end for
  /// always.
  Timestamp expired_accepted_before() const;
};

struct Policy : Section {
  std::string pin = "enforce";      ///< policy::Strictness
  std::string ratchet = "enforce";  ///< likewise
  std::chrono::milliseconds resync_period{std::chrono::hours{1}};
};

/// SSL 3.0, RC4 and 3DES, spoken by the separate program firstring-quarantine.
struct Quarantine : Section {
  bool enabled = false;
  bool secrets = false;  ///< `secret` parameters may go to a phone over it
  std::filesystem::path certificate = "pki/quarantine.crt";
  std::filesystem::path key = "pki/quarantine.key";
  std::string user = "nobody";    ///< that it runs as, where the server is started as root
  std::filesystem::path program;  ///< empty: firstring-quarantine beside firstring
  unsigned max_connections = 100;
};

/// The least that ledger_size may be: bytes.
inline constexpr std::size_t kLeastLedger = 16U << 20;

struct Limits : Section {
  unsigned max_connections = 20'000;       ///< open at once over all listeners; more wait in the kernel's queue
  std::size_t max_request_head = 8'192;    ///< bytes
  std::size_t session_memory = 64U << 20;  ///< bytes of TLS sessions that phones may take up again
  std::chrono::milliseconds ledger_age{std::chrono::days{90}};  ///< older connections leave the ledger
  unsigned ledger_connections = 2'000'000;                      ///< and beyond so many, the oldest; about 1 KiB each
  std::size_t ledger_size = std::size_t{4} << 30;  ///< bytes of ledger.db and its log; 0: no bound, else kLeastLedger
  std::size_t ledger_queue = 64U << 20;            ///< bytes of rows that wait to be written
  std::chrono::milliseconds ledger_open{std::chrono::minutes{10}};  ///< open for longer: in the ledger all the same
  std::size_t evidence_size = 256U << 20;  ///< bytes of captures in evidence/; no more is written
};

struct Log : Section {
  std::string level = "info";  ///< of the program's own log on stderr: debug, info, warning, error
  std::string requests;        ///< one JSON line a request: "stdout", a file path, or "" for none
};

/// firstring.toml as read, with every default filled in.
struct Config {
  std::filesystem::path dir;   ///< the state folder
  std::filesystem::path file;  ///< dir/firstring.toml
  Server server;
  std::vector<Listener> listeners;
  std::vector<ServerChain> server_chains;
  std::vector<OwnPersonality> personalities;
  std::vector<PersonalityRule> rules;  ///< the first that matches wins
  std::vector<DeviceCa> device_cas;
  Policy policy;
  Quarantine quarantine;
  Limits limits;
  Log log;

  std::filesystem::path resolve(const std::filesystem::path& path) const {
    return path.is_absolute() ? path : dir / path;
  }
};

struct Loaded {
  Config config;
  std::vector<Diagnostic> diagnostics;
  bool ok() const;  ///< no diagnostic is an error
};

/// Reads dir/firstring.toml, at most 1 MiB. Collects every fault of key, type, range and combination instead of
/// stopping at the first; only a fault of TOML's syntax ends it, since nothing behind one can be trusted. Looks at the
/// text alone; check_files below looks at what it names. A value with a fault keeps its default.
Loaded load(const std::filesystem::path& dir);
/// The same for a text, with `file` as its name in diagnostics.
Loaded load_text(std::string_view text, const std::filesystem::path& dir, const std::filesystem::path& file);

/// Checks what the configuration names: certificates that do not parse or have run out, keys that do not match or that
/// others can read, a CA file that holds no CA. `at`: the time that certificates' dates are held against.
std::vector<Diagnostic> check_files(const Config& config, Timestamp at = now());

/// The commented text that `firstring init` writes, made from the same tables that parse it: values that differ from
/// their defaults as they are, every other key commented out with its default. load_text gives the same values back.
std::string example(const Config& values);
/// docs/reference/configuration.md, from the same tables.
std::string reference();

}  // namespace firstring::config
