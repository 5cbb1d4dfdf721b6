#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/codes.hpp"
#include "base/mac_address.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace firstring::store {

/// Whose a row is, from who may be forgotten first to who is kept longest. A number in the file.
enum class Standing : unsigned char {
  stranger = 0,  ///< nothing ties it to a phone of ours
  likely = 1,    ///< it came as a device of the fleet came last, or says that it is one: a hint, which can be forged
  known = 2,     ///< an accepted certificate names it
};

/// One accepted TCP connection, written when it has ended, and before that if it lives long. Texts are the stable codes
/// that `firstring ledger --json` prints; docs/reference/ledger.md lists them.
struct ConnectionRow {
  std::int64_t id = 0;  ///< unique, rising with time
  Timestamp accepted{};
  // Microseconds after `accepted`; -1: did not get that far.
  std::int64_t hello_us = -1;          ///< the ClientHello was complete
  std::int64_t server_flight_us = -1;  ///< our first flight was written
  std::int64_t client_flight_us = -1;  ///< the client's certificate or key exchange came
  std::int64_t handshake_us = -1;      ///< the handshake was complete
  std::int64_t closed_us = 0;
  std::int64_t queued_us = -1;  ///< not after `accepted`: how long the complete ClientHello waited for its turn here
  std::string listener;         ///< "phone 0.0.0.0:8443"
  std::string address;          ///< the peer's
  std::uint16_t port = 0;
  std::string local_address;  ///< the address that it came to
  std::uint16_t local_port = 0;
  Bytes hello;               ///< the ClientHello as received, at most 64 KiB; its beginning if hello_length is not 0
  std::string hello_format;  ///< "tls", "sslv2" or ""
  std::uint32_t hello_length = 0;  ///< of the hello before it was cut; 0: it is whole
  std::string hello_sha256;        ///< of the hello before it was cut, in hexadecimal; "": it is whole
  std::string server_name;         ///< SNI
  std::string ja3, ja4;
  std::string personality, personality_reason;
  Outcome outcome = Outcome::unknown;
  Stage stage = Stage::unknown;
  std::string detail;      ///< for people: OpenSSL's reason, or why the bytes were no hello
  std::string alert;       ///< "unknown_ca"; "" for none but close_notify
  std::string alert_from;  ///< "client" or "server"
  int alert_code = -1;
  std::string version;       ///< "TLSv1", "TLSv1.2", as OpenSSL and Apache write it
  std::string cipher;        ///< "DHE-RSA-AES256-SHA", likewise
  std::string key_exchange;  ///< "DH", "X25519", "P-256", "RSA"
  int key_exchange_bits = 0;
  bool resumed = false;
  std::string chain;        ///< our [[server_chain]]
  std::string certificate;  ///< SHA-256 of the client's leaf, in hexadecimal; "" if it sent none
  std::string certificate_subject, certificate_issuer;
  Bytes certificate_der;  ///< the leaf
  Reason verdict =
      Reason::unknown;    ///< accepted, none, or the main reason against the chain: tls::ChainVerdict::reason
  std::string device_ca;  ///< the [[device_ca]] that it leads to
  std::vector<std::string> verdict_errors;  ///< every error found, forgiven ones too, with depth and subject
  std::string device;     ///< bare MAC that the certificate names, else the one that the last request named; or ""
  std::string assurance;  ///< device::Assurance
  std::int64_t bytes_in = 0, bytes_out = 0;

  Cause cause = Cause::unknown;   ///< what ledger::explain calls it
  std::string model;              ///< device::Model::name, if the certificate, the request or the device's past tell
  std::string firmware;           ///< as the User-Agent claims it; of a handshake that failed, what was seen last
  std::string likely_device;      ///< bare MAC that came from this address with this hello last; not proven
  std::string server_name_shown;  ///< CN of the certificate that we showed, or were about to
  int server_key_bits = 0;        ///< of that certificate
  std::string server_hash;        ///< the newest hash in the signatures of that chain: "sha1", "sha256"
  int server_name_matches = -1;   ///< whether that certificate is for the SNI's name: 0 or 1; -1: nothing to compare
  std::int64_t rtt_us = -1;       ///< the kernel's round-trip time (TCP_INFO); -1: unknown
  /// Estimate of what the client's own arithmetic took: from our flight to its answer, less the round trip; -1: unknown
  std::int64_t phone_cpu_us = -1;
  bool asked_renegotiation = false;  ///< the client tried to; it was refused
  bool quarantined = false;          ///< the handshake was done by firstring-quarantine
  std::string capture;               ///< name of the file in evidence/ that holds its packets
  std::string known_bad;  ///< device::KnownBad::name of the certificate shown, or of the device that was refused
  Standing standing = Standing::stranger;
};

/// What a forgiven one of ConnectionRow::verdict_errors begins with.
inline constexpr std::string_view kForgiven = "allowed by device CA";

/// One HTTP request.
struct RequestRow {
  std::int64_t connection = 0;  ///< ConnectionRow::id
  Timestamp at{};
  std::int64_t duration_us = 0;  ///< from its first byte to the last byte of the answer
  std::string method, target;
  std::uint32_t target_length = 0;  ///< of the target before it was cut; 0: it is whole
  std::string target_sha256;        ///< of the target before it was cut, in hexadecimal; "": it is whole
  int status = 0;
  std::int64_t bytes = 0;  ///< of the answer's body
  std::string user_agent;
  std::string device;  ///< bare MAC that was asked for, or ""
  Decision decision = Decision::unknown;
  Reason reason = Reason::unknown;
  Standing standing = Standing::stranger;
};

/// Something that an operator should hear of; docs/reference/ledger.md lists the kinds.
struct AlarmRow {
  Timestamp at{};
  std::string kind;             ///< stable code: "two_networks", "downgrade", ...
  std::string device{};         ///< bare MAC, or ""
  std::string address{};        ///< the peer's, or ""
  std::int64_t connection = 0;  ///< ConnectionRow::id, or 0
  std::string text{};           ///< one sentence for people, with what to do
};

/// What of one network and minute is not in the ledger, because it was too much or could not be written.
struct GapRow {
  std::string network;  ///< "192.0.2.0/24", "2001:db8::/48"; "" for networks beyond those that are counted apart
  Timestamp first{}, last{};
  std::int64_t connections = 0, requests = 0;
  std::int64_t turned_away = 0;  ///< connections that no [[listener]] networks allow, closed before a byte was read
};

/// What is written in one go.
struct LedgerBatch {
  std::vector<ConnectionRow> connections;
  std::vector<RequestRow> requests;  ///< may come before the row of their connection
  std::vector<AlarmRow> alarms{};
  std::chrono::milliseconds lag{0};  ///< LedgerStore::lag from now on
  std::vector<GapRow> gaps{};        ///< added to those of the same network and minute

  std::size_t size() const { return connections.size() + requests.size() + alarms.size() + gaps.size(); }
};

/// What a row takes in memory, in bytes: its texts by their capacity.
std::size_t bytes_of(const ConnectionRow& row);
std::size_t bytes_of(const RequestRow& row);
std::size_t bytes_of(const AlarmRow& row);

struct LedgerEntry {
  ConnectionRow connection;
  std::vector<RequestRow> requests;
};

/// What to look for; empty members do not restrict.
struct LedgerQuery {
  std::optional<std::int64_t> id{};  ///< ConnectionRow::id
  std::optional<MacAddress> mac;     ///< as certificate identity, as what was asked for, or as who it likely was
  std::string address;
  bool failed = false;  ///< connections with an outcome other than "ok", or with a request that was denied
  std::optional<Timestamp> since;
  std::int64_t after_id = 0;  ///< rows written after this one, for --follow: by the order of writing, see last_written
  std::size_t limit = 1000;   ///< the newest so many, given oldest first
};

/// Which alarms to look for; empty members do not restrict.
struct AlarmQuery {
  std::optional<MacAddress> mac{};
  /// Besides those of `mac`: those that name no device and were raised by a connection of this model and firmware.
  std::string model{}, firmware{};
  std::string kind{};
  std::optional<Timestamp> since{};
  std::size_t limit = 1000;  ///< the newest so many, given oldest first
};

/// What full handshakes of one size cost the phones of one model and firmware.
struct HandshakeCost {
  std::string model, firmware, key_exchange;
  int key_exchange_bits = 0;
  int server_key_bits = 0;
  std::string server_hash;
  std::int64_t count = 0;
  std::int64_t sum_us = 0, min_us = 0, max_us = 0;  ///< of ConnectionRow::phone_cpu_us
  Timestamp last{};                                 ///< when the newest came
};

/// How often connections of one kind of client ended in one way.
struct CauseCount {
  std::string model, firmware;
  std::string ja4;  ///< set where the model is unknown
  bool failed = false;
  Cause cause = Cause::unknown;
  std::int64_t count = 0;
  Timestamp first{}, last{};
  std::int64_t newest = 0;  ///< ConnectionRow::id of the one written last
  // Of those that failed: how many came after the client's last connection that did not fail, and when the first.
  std::int64_t count_lately = 0;
  Timestamp first_lately{};
};

/// Which connections to count; empty members do not restrict.
struct CauseQuery {
  std::optional<Timestamp> since{};
  std::string model{};
};

/// Who came from one address with a certificate.
struct Resident {
  std::string device, model, firmware;
};

/// How much the ledger keeps, besides its size.
struct Retention {
  Timestamp since{};                   ///< connections accepted before go
  std::size_t connections = SIZE_MAX;  ///< beyond so many, those of least Standing go, of these the oldest
};

/// How large a ledger's files may become, and what may be appended in one go so that they keep to it.
struct LedgerBounds {
  /// `bytes`: of the database and its write-ahead log together; 0: no bound for the database.
  static LedgerBounds of(std::uint64_t bytes);
  /// Less is no ledger: half a day of a few phones, and a batch takes up a good part of the write-ahead log.
  static constexpr std::uint64_t kLeast = 16U << 20;

  std::uint64_t database = 0;          ///< bytes; 0: no bound
  std::uint64_t log = 64U << 20;       ///< bytes of the write-ahead log
  std::size_t batch_rows = 500;        ///< appended or removed in one transaction
  std::size_t batch_bytes = 4U << 20;  ///< by bytes_of; a single row may be longer
  std::size_t floor = 30'000;          ///< connections, and requests, of each Standing that size alone does not remove
  std::size_t alarms = 100'000;        ///< of these and of gaps, the newest so many are kept
};

/// A device with the certificate that it showed last.
struct CertificateInUse {
  std::string device;  ///< bare MAC that the certificate names
  Timestamp last{};    ///< when that connection was accepted
  std::string chain;   ///< our [[server_chain]] that it was shown
  /// Of the certificate of that chain that it was shown last; 0: not known. Resumed connections are shown none.
  int server_key_bits = 0;
  std::string device_ca;  ///< the [[device_ca]] that its certificate leads to
  Bytes certificate_der;
};

/// The append-only record. One writer; readers may be other processes.
class LedgerStore {
 public:
  virtual ~LedgerStore() = default;

  /// One transaction, after others that make room for it if the ledger has bounds. What handshakes cost is also added
  /// to handshake_costs. The row of a connection that was open or server_gone is replaced. Fails with conflict if it
  /// can never be written, with limit_exceeded or unavailable if there is no room now: a reader may hold an old state.
  virtual Result<void> append(const LedgerBatch& batch) = 0;
  /// How late rows may be appended after what they tell of, by the word of whoever appends them; 0 if nobody has.
  virtual Result<std::chrono::milliseconds> lag() = 0;
  virtual Result<std::vector<LedgerEntry>> find(const LedgerQuery& query) = 0;
  virtual Result<std::vector<AlarmRow>> alarms(const AlarmQuery& query) = 0;
  /// Those whose last is not before `since`, the newest `limit`, oldest first.
  virtual Result<std::vector<GapRow>> gaps(std::optional<Timestamp> since, std::size_t limit) = 0;
  /// Gives every connection that is open the outcome server_gone: for a server that starts.
  virtual Result<void> end_open() = 0;
  /// How many of them outlast a trim: those that came last.
  static constexpr std::size_t kMaxCosts = 5000;
  /// Of one model, or of all for "". In the order of model, firmware, key exchange and sizes.
  virtual Result<std::vector<HandshakeCost>> handshake_costs(const std::string& model) = 0;
  /// Counts by model, firmware (or JA4), whether they failed, and cause.
  virtual Result<std::vector<CauseCount>> causes(const CauseQuery& query) = 0;
  /// The one device that the newest connections with a certificate from this address are all of; nullopt if they are of
  /// several, or there are none. Looks at the newest 100 connections.
  virtual Result<std::optional<Resident>> only_resident(const std::string& address, Timestamp since) = 0;
  /// Calls `each` for every device that showed a certificate of its maker since then: with its newest connection whose
  /// verdict was "accepted" or "expired". Looks at the newest rows of each device, not at all rows.
  virtual Result<void> certificates_in_use(Timestamp since,
                                           const std::function<void(const CertificateInUse&)>& each) = 0;
  /// The number of the row written last; pass as after_id to see only what comes later.
  virtual Result<std::int64_t> last_written() = 0;
  /// The highest ConnectionRow::id that is there, 0 for none: a new process numbers on from it, even if the clock was
  /// set back.
  virtual Result<std::int64_t> last_id() = 0;
  /// Removes at most `batch` rows that `keep` does not hold, in one transaction: requests before their connection; and
  /// as many alarms, gaps, and requests without a connection that are too old. Gives how many connections and requests
  /// went; call again while that is not 0. The room is used again for new rows, the file does not become smaller.
  virtual Result<std::size_t> trim(const Retention& keep, std::size_t batch) = 0;
  /// What an operator should hear of the store itself since the last call.
  virtual std::vector<AlarmRow> take_news() { return {}; }
};

}  // namespace firstring::store
