#include "config/options.hpp"

#include "tls/knobs.hpp"

#include <array>
#include "tls/knobs.hpp"

namespace firstring::config {

using namespace std::chrono_literals;
using namespace options;
using enum Presence;

const SectionTable<Server>& server_table() {
  static const SectionTable<Server> table{
      "server",
      Times::once,
      "The server as a whole.",
      Server{},
      {
          {"host", Host{}, &Server::host, optional,
           "The name or address under which phones reach this server: it stands in the URLs that they are given.",
           "It must be the name that the server's certificates carry; phones compare the two."},
          {"workers", Whole{0, 256}, &Server::workers, optional,
           "Threads that serve connections; 0 means one for each processor core."},
          {"drain_timeout", Duration{0ms, 1h}, &Server::drain_timeout, optional,
           "How long running requests may still take after SIGTERM.",
           "New connections are no longer accepted during that time. Set the service manager's own limit (systemd: "
           "TimeoutStopSec) higher than this."},
      }};
  return table;
}

const SectionTable<Listener>& listener_table() {
  static const SectionTable<Listener> table = [] {
    Listener sample;
    sample.address = *Endpoint::parse("[::]:443");
    return SectionTable<Listener>{
        "listener",
        Times::many,
        "An address and port where phones connect. At least one is needed.",
        sample,
        {
            {"kind", Word<ListenerKind>{kListenerKinds}, &Listener::kind, optional,
             "phone: TLS, for everything. bootstrap: plain HTTP, only for what any phone may have.",
             "A phone fresh from its box often knows no more than http://; the bootstrap listener tells it where the "
             "phone "
             "listener is, and never gives out an account."},
            {"address", Address{}, &Listener::address, required,
             "IP address and port to listen on; 0.0.0.0 is every IPv4 address, [::] every address of either kind.",
             "Port 0 lets the system choose a free port, which is of use in tests only."},
            {"networks", Networks{}, &Listener::networks, optional,
             "The networks that may connect; an empty list is everybody.",
             "Whoever comes from elsewhere is closed before a byte is read, without a row in the ledger; the log has "
             "how many came from where, once a minute. Best the networks of your phones: see docs/closed-networks.md."},
            {"personalities", Names{}, &Listener::personalities, optional,
             "TLS personalities that this listener may take on; which one is chosen for each connection by its "
             "ClientHello.",
             "Leave legacy ones out where no phone from before about 2012 calls: nothing leads to one that is not "
             "named "
             "here. \"firstring personality list\" shows all. Not for bootstrap listeners."},
            {"ladder", Flag{}, &Listener::ladder, optional,
             "Whether a client whose handshake failed gets another of the personalities at its next try.",
             "Phones that trust different CAs can so share a port. It is known by its address and its ClientHello. Not "
             "for "
             "bootstrap listeners."},
            {"ladder_window", Duration{1min, std::chrono::days{30}}, &Listener::ladder_window, optional,
             "How long a personality that failed is put back behind the others, if none has worked.",
             "Phones try again after an hour by default. Not for bootstrap listeners."},
            {"quarantine", Flag{}, &Listener::quarantine, optional,
             "Whether clients that know nothing but SSL 3.0, RC4 or 3DES are served here, if [quarantine] is enabled.",
             "Not for bootstrap listeners."},
            {"hello_timeout", Duration{100ms, 2min}, &Listener::hello_timeout, optional,
             "Time from the accepted connection to the last byte of the ClientHello.", "Not for bootstrap listeners."},
            {"handshake_timeout", Duration{100ms, 10min}, &Listener::handshake_timeout, optional,
             "Time from the ClientHello to the end of the TLS handshake.",
             "The oldest phones compute for several seconds, and longer when they boot: be generous. Not for bootstrap "
             "listeners."},
            {"request_timeout", Duration{100ms, 10min}, &Listener::request_timeout, optional,
             "Time from the first byte of a request to its last, and again to write the answer."},
            {"idle_timeout", Duration{100ms, 10min}, &Listener::idle_timeout, optional,
             "Time that an open connection may wait for its first or next request."},
        }};
  }();
  return table;
}

const SectionTable<ServerChain>& server_chain_table() {
  static const SectionTable<ServerChain> table = [] {
    ServerChain sample;
    sample.name = "modern";
    sample.certificate = "pki/modern.crt";
    sample.key = "pki/modern.key";
    return SectionTable<ServerChain>{
        "server_chain",
        Times::many,
        "A certificate chain of this server with its private key. Phone listeners need at least one; each personality "
        "names the chain that "
        "it shows.",
        sample,
        {
            {"name", Name{}, &ServerChain::name, required,
             "The name by which personalities ask for it: \"legacy\" or \"modern\".",
             "\"legacy\" must be RSA: old phones know no other keys, and the oldest only up to 1024 bits and SHA-1."},
            {"certificate", File{}, &ServerChain::certificate, required,
             "PEM file with this server's certificate first, then the intermediates in order."},
            {"key", File{}, &ServerChain::key, required,
             "PEM file with the private key, without a pass phrase, readable by its owner alone (mode 0600)."},
            {"ecdsa_certificate", FileOrNone{}, &ServerChain::ecdsa_certificate, optional,
             "PEM file with a second certificate for the same name, with an ECDSA key, and its intermediates.",
             "Clients that can verify it get it, the others the first one. Personalities for old phones never show "
             "it."},
            {"ecdsa_key", FileOrNone{}, &ServerChain::ecdsa_key, optional,
             "PEM file with the private key of that one."},
        }};
  }();
  return table;
}

const SectionTable<OwnPersonality>& personality_table() {
  static const SectionTable<OwnPersonality> table = [] {
    OwnPersonality sample;
    sample.name = "our-modern";
    sample.based_on = "modern-2026-11";
    sample.chain = "our-chain";
    sample.min_version = tls::version_number("TLSv1.2");
    sample.max_version = tls::version_number("TLSv1.3");
    sample.dh_bits = 2048;
    sample.ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
    sample.suites13 = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256";
    sample.groups = "X25519:P-256";
    sample.signature_algorithms = "ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256";
    std::vector<Option<OwnPersonality>> keys{
        {"name", Name{}, &OwnPersonality::name, required, "Its name, which no shipped one has."},
        {"based_on", Name{}, &OwnPersonality::based_on, required, "The shipped personality that it begins as."}};
    tls::add_knobs(keys);
    return SectionTable<OwnPersonality>{
        "personality",
        Times::many,
        "A TLS personality of your own: a shipped one with some things otherwise. A listener has to name it in its "
        "personalities; where it stands there in place of the one that it is based on, it gets the same clients, and "
        "where "
        "both stand there, the first of the two. \"firstring personality show NAME\" shows all of one. Session tickets "
        "are "
        "never given out, whatever the personality: sessions stay in the server.",
        sample,
        std::move(keys),
        "as `based_on` has it"};
  }();
  return table;
}

const SectionTable<PersonalityRule>& rule_table() {
  static const SectionTable<PersonalityRule> table = [] {
    PersonalityRule sample;
    sample.personality = "legacy-2026-11";
    sample.networks = {*Prefix::parse("192.0.2.0/24")};
    sample.listeners = {"0.0.0.0:443"};
    sample.server_names = {"phones.example.com"};
    sample.ja3 = {"e7d705a3286e19ea42f587b344ee6865"};
    sample.ja4 = {"t12d1516h2_8daaf6152771_e5627efa2ab1"};
    sample.models = {"SPA504G", "SPA5*"};
    sample.firmware_below = "7.5.6";
    sample.firmware_from = "7.5.2b";
    sample.highest_version_at_most = tls::version_number("TLSv1.1");
    sample.highest_version_at_least = tls::version_number("TLSv1.2");
    sample.format = hello::Format::sslv2;
    sample.suites_exactly = sample.offers_suites = {0x0039, 0x0035};
    sample.lacks_suites = {0xc014};
    sample.has_extensions = {0x0000};
    sample.lacks_extensions = {0x000d};
    sample.no_hash_above_sha1 = true;
    std::vector<Option<PersonalityRule>> keys{
        {"personality", Name{}, &PersonalityRule::personality, required, "The personality that they get."}};
    tls::add_conditions(keys);
    return SectionTable<PersonalityRule>{
        "rule",
        Times::many,
        "Which personality some clients get, where their listener allows it. All conditions of a rule must hold; the "
        "first rule that matches wins, and comes before what Firstring itself would choose. A client for which that "
        "fails "
        "goes up the ladder all the same. \"firstring personality learn MAC\" writes such a rule.",
        sample,
        std::move(keys),
        "no such condition"};
  }();
  return table;
}

const SectionTable<DeviceCa>& device_ca_table() {
  static constexpr std::array<std::string_view, 2> kWeakHashes{"sha1", "md5"};
  static const SectionTable<DeviceCa> table = [] {
    DeviceCa sample;
    sample.name = "maker";
    sample.roots = "pki/maker-roots.pem";
    return SectionTable<DeviceCa>{
        "device_ca",
        Times::many,
        "A phone maker's CA. A phone whose certificate leads to one of its roots is believed to be the device that the "
        "certificate names. "
        "How weak such a chain may be is said here, for this maker alone.",
        sample,
        {
            {"name", Name{}, &DeviceCa::name, required, "The name of this CA in the ledger and in messages."},
            {"roots", File{}, &DeviceCa::roots, required,
             "PEM file with the maker's root certificates, one or more. Get them from the maker, not from a phone."},
            {"intermediates", FileOrNone{}, &DeviceCa::intermediates, optional,
             "PEM file with the maker's intermediate certificates, for phones that send their own certificate alone."},
            {"min_rsa_bits", Whole{1024, 8192}, &DeviceCa::min_rsa_bits, optional,
             "The shortest RSA key accepted in a phone's chain.", "Phones made before about 2012 need 1024."},
            {"weak_hashes", AnyOf{kWeakHashes}, &DeviceCa::weak_hashes, optional,
             "Outdated signature hashes that are accepted all the same in a phone's chain.",
             "Phones made before about 2012 may need \"sha1\", the very first ones \"md5\" as well."},
            {"accept_expired", Flag{}, &DeviceCa::accept_expired, optional,
             "Whether phones are let in when a certificate in their chain has run out.",
             "A phone cannot renew the certificate that its maker installed. Nothing else is forgiven with this."},
            {"accept_expired_until", DateOrNone{}, &DeviceCa::accept_expired_until, optional,
             "The same to the end of a day (UTC), in place of accept_expired.",
             "`firstring expiry` tells how many phones stop then."},
            {"crl", FileOrNone{}, &DeviceCa::crl, optional,
             "File with the maker's certificate revocation lists, PEM or DER: revoked phones are refused.",
             "Each list must be signed by one of the certificates in roots or intermediates, and be complete (no delta "
             "and no partial list). One that was due for renewal is still used, and said to be. A reload reads it "
             "anew."},
        }};
  }();
  return table;
}

const SectionTable<Policy>& policy_table() {
  static constexpr std::array<std::string_view, 3> kStrictness{"enforce", "alarm", "off"};
  static const SectionTable<Policy> table{
      "policy",
      Times::once,
      "What becomes of a phone whose certificate is good but that is not as it was. `firstring ledger --alarms` lists "
      "what was noticed.",
      Policy{},
      {
          {"pin", OneOf{kStrictness}, &Policy::pin, optional,
           "A phone's certificate has another key than the first one that it came with: refuse it its own file, raise "
           "an alarm only, or neither.",
           "A maker's CA never certifies one phone twice unless it is repaired: `firstring device unpin MAC` allows "
           "for that."},
          {"ratchet", OneOf{kStrictness}, &Policy::ratchet, optional,
           "A phone offers an older TLS version than it did before: refuse it its own file, raise an alarm only, or "
           "neither.",
           "`firstring device amnesty MAC --for 1d` allows for a firmware that was set back."},
          {"resync_period", Duration{1min, std::chrono::days{30}}, &Policy::resync_period, optional,
           "How often phones come for their file.",
           "One certificate from two networks within this time raises an alarm; no alarm is repeated within it."},
      }};
  return table;
}

const SectionTable<Quarantine>& quarantine_table() {
  static const SectionTable<Quarantine> table{
      "quarantine",
      Times::once,
      "SSL 3.0, RC4 and 3DES for phones that know nothing better. Anybody on the way can read and change what is said "
      "with them, so a program of its own speaks them, firstring-quarantine, which is started only if enabled here, "
      "may "
      "touch no file and has its own certificate and key. A phone that comes this way is refused its own file unless "
      "secrets is true.",
      Quarantine{},
      {
          {"enabled", Flag{}, &Quarantine::enabled, optional,
           "Whether clients that only the quarantine can speak with are given to it."},
          {"secrets", Flag{}, &Quarantine::secrets, optional,
           "Whether a phone gets its own file, with its passwords, over such a connection.",
           "Who reads the line then reads the passwords; who breaks into firstring-quarantine can fetch those of every "
           "phone. Give such phones accounts that can do no harm."},
          {"certificate", File{}, &Quarantine::certificate, optional,
           "PEM file with the certificate that such clients are shown, then its intermediates.",
           "RSA, best of 1024 bits and signed with SHA-1: these clients are older than anything else."},
          {"key", File{}, &Quarantine::key, optional,
           "PEM file with its private key, mode 0600. It must not be the key of any [[server_chain]]."},
          {"user", Text{}, &Quarantine::user, optional,
           "The user that firstring-quarantine runs as, best one that nothing else runs as.",
           "Of use only where the server is started as root; otherwise both run as the same user."},
          {"program", FileOrNone{}, &Quarantine::program, optional,
           "The program firstring-quarantine; \"\" is the one that lies beside firstring."},
          {"max_connections", Whole{1, 10'000}, &Quarantine::max_connections, optional,
           "Connections that it has open at once; more wait. Each may take up to 256 KiB of memory."},
      }};
  return table;
}

const SectionTable<Limits>& limits_table() {
  static const SectionTable<Limits> table{
      "limits",
      Times::once,
      "Bounds on what peers may take up.",
      Limits{},
      {
          {"max_connections", Whole{1, 1'000'000}, &Limits::max_connections, optional,
           "Connections open at once over all listeners; further ones wait and are not refused.",
           "Each takes one file descriptor: the service's limit of open files (systemd: LimitNOFILE) must be higher. "
           "And "
           "it may take 20 KiB of memory, or 112 KiB from its handshake on, in half of the memory that the server may "
           "use. An eighth of that half, at most 64 MiB, is for larger hellos, requests and answers; who needs more of "
           "it waits. Phone listeners have half of the places for themselves and bootstrap listeners an eighth. See "
           "docs/storms.md."},
          {"max_request_head", Size{1024, 65536}, &Limits::max_request_head, optional,
           "The longest request line with all its headers; a longer one is answered with status 431."},
          {"session_memory", Size{0, std::size_t{64} << 30}, &Limits::session_memory, optional,
           "The memory for TLS sessions that phones may take up again, which spares them most of their computing; the "
           "one "
           "used longest ago goes first. 0: none is kept.",
           "A session is kept for a phone whose certificate is believed and whose request was answered, for two hours: "
           "10 KiB for a certificate alone, 28 KiB for a chain of three."},
          {"ledger_age", Duration{1min, std::chrono::days{3650}}, &Limits::ledger_age, optional,
           "How long connections stay in the ledger."},
          {"ledger_connections", Whole{1000, 100'000'000}, &Limits::ledger_connections, optional,
           "The most connections that the ledger keeps, whatever their age; the oldest go first.",
           "Each takes about 1 KiB on disk."},
          {"ledger_size", Size{0, std::size_t{1} << 40}, &Limits::ledger_size, optional,
           "The most that ledger.db and its write-ahead log may take up together, whatever age and number allow: at "
           "least "
           "16MiB, or 0 for no bound. What strangers asked goes first, then their connections, then the oldest of "
           "known "
           "phones.",
           "A file that is larger already does not become smaller: room that has become free is used for new rows."},
          {"ledger_queue", Size{1U << 20, std::size_t{16} << 30}, &Limits::ledger_queue, optional,
           "The most memory that rows of the ledger may take up which wait to be written, as with a full disk; what "
           "does "
           "not fit is counted by network and minute.",
           "Strangers' rows get half of it, those of devices that are known but not proven three quarters."},
          {"ledger_open", Duration{1s, std::chrono::days{1}}, &Limits::ledger_open, optional,
           "How long a connection is open before it is in the ledger though it has not ended, and again each hour "
           "then."},
          {"evidence_size", Size{1U << 20, std::size_t{64} << 30}, &Limits::evidence_size, optional,
           "The most that the captures in evidence/ may take up; beyond it none is written until some are removed.",
           "Nothing is captured unless `firstring capture` asks for it."},
      }};
  return table;
}

const SectionTable<Log>& log_table() {
  static constexpr std::array<std::string_view, 4> kLevels{"debug", "info", "warning", "error"};
  static const SectionTable<Log> table{
      "log",
      Times::once,
      "What is written besides the ledger, which is in the database and always kept.",
      Log{},
      {
          {"level", OneOf{kLevels}, &Log::level, optional,
           "The least serious messages of the program itself that go to stderr (the journal under systemd)."},
          {"requests", Text{}, &Log::requests, optional,
           "Where one JSON line for each request goes: \"stdout\", a file, or \"\" for nowhere.",
           "Each line has the address, the device, the TLS version and cipher, the request and its status."},
      }};
  return table;
}

}  // namespace firstring::config
