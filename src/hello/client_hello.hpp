#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace firstring::hello {

enum class Format : unsigned char { tls, sslv2 };

/// The extensions that are read out of a hello. IANA TLS ExtensionType Values.
namespace extension {
inline constexpr std::uint16_t kServerName = 0;
inline constexpr std::uint16_t kSupportedGroups = 10;
inline constexpr std::uint16_t kEcPointFormats = 11;
inline constexpr std::uint16_t kSignatureAlgorithms = 13;
inline constexpr std::uint16_t kAlpn = 16;
inline constexpr std::uint16_t kSessionTicket = 35;
inline constexpr std::uint16_t kPreSharedKey = 41;
inline constexpr std::uint16_t kEarlyData = 42;
inline constexpr std::uint16_t kSupportedVersions = 43;
}  // namespace extension

/// One extension as it stood in the hello. RFC 8446 section 4.2, RFC 6066.
struct Extension {
  std::uint16_t type = 0;
  Bytes body;

  bool operator==(const Extension&) const = default;
};

/// What a client said in its ClientHello. Numbers are those of the IANA TLS registries; lists keep the client's order
/// and its GREASE values (RFC 8701), which fingerprints leave out. The text in it is the client's: any octet.
struct ClientHello {
  Format format = Format::tls;
  std::uint16_t record_version = 0;  ///< of the first record; for an SSLv2-format hello the version it asks for
  std::uint16_t version = 0;         ///< legacy_version: the ceiling, but for supported_versions
  Bytes session_id;
  std::vector<std::uint16_t> suites;       ///< an SSLv2-format hello's SSLv3/TLS suites (first octet 0) only
  std::vector<std::uint32_t> sslv2_kinds;  ///< its SSL 2.0 cipher kinds (first octet not 0)
  Bytes compressions;
  bool has_extensions = false;  ///< the extensions block was there, if only empty
  std::vector<Extension> extensions;

  // Read out of the extensions; empty where the extension was not sent, and where its body is broken: OpenSSL judges
  // it.
  std::string server_name;  ///< the first host_name, at most 255 octets and without NUL
  std::vector<std::uint16_t> groups;
  Bytes point_formats;
  std::vector<std::uint16_t> signature_algorithms;
  std::vector<std::uint16_t> supported_versions;
  std::vector<std::string> alpn;
  bool offers_ticket = false;  ///< a session_ticket that is not empty
  bool offers_psk = false;     ///< pre_shared_key

  bool has_extension(std::uint16_t type) const;
  /// The highest version that the client would speak, GREASE left out: 0x0300 SSL 3.0 ... 0x0304 TLS 1.3; 0x0002
  /// SSL 2.0.
  std::uint16_t highest_version() const;

  bool operator==(const ClientHello&) const = default;
};

/// A value that clients send so that servers learn to ignore what they do not know. RFC 8701 section 2.
constexpr bool is_grease(std::uint16_t value) { return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff); }

/// Whether a signature algorithm has a newer hash than SHA-1. RFC 5246 section 7.4.1.4.1: the first octet is the hash,
/// 1 MD5, 2 SHA-1; RFC 8446 section 4.2.3 goes on from 8.
constexpr bool is_above_sha1(std::uint16_t algorithm) { return algorithm >> 8 > 2 && !is_grease(algorithm); }

/// Why bytes are no ClientHello. Each is told apart in the ledger.
enum class NotHello : unsigned char {
  http,       ///< plain HTTP spoken to the TLS port
  tls_alert,  ///< an alert record came before the hello was whole
  not_tls,    ///< neither a handshake record nor an SSLv2-format hello
  malformed,  ///< a handshake record or an SSLv2-format hello, but it is broken
  too_large,  ///< the message says that it is larger than Reader::kMaxBytes, or so many octets came and it is not whole
};
/// "http", "tls_alert", ...: as the ledger has it.
std::string_view to_string(NotHello reason);

/// "SSL 2.0", "SSL 3.0", "TLS 1.0" ... "TLS 1.3", else "0x0a0a".
std::string version_name(std::uint16_t version);

/// Collects a ClientHello from a stream, however it was cut into records and reads. Sans-I/O. The work is linear in
/// the bytes received. RFC 5246 section 6.2.1 (a handshake message may span records), RFC 5246 appendix E.2 and RFC
/// 6101 appendix E (SSLv2 format, with the two-byte header).
///
/// The verdict comes at the first octet that settles it and depends on the stream alone, not on how it was fed. What
/// the formats do not allow is malformed, but for the bodies of single extensions. A complete hello is a statement
/// about its own octets only: more that follows in its last record is no valid first flight, and is left for OpenSSL
/// to refuse, in received().
class Reader {
 public:
  static constexpr std::size_t kMaxBytes = 65536;

  enum class State : unsigned char { need_more, complete, failed };

  /// Takes bytes in the order they came. Once the state is not need_more, further bytes are not taken, so that memory
  /// is bounded by kMaxBytes and one feed more.
  State feed(ByteView bytes);

  State state() const { return state_; }
  const ClientHello& hello() const { return hello_; }  ///< once complete
  NotHello reason() const { return reason_; }          ///< once failed
  std::string_view detail() const {
    return detail_;
  }  ///< once failed and malformed: "the cipher suites have an odd length"
  /// Once failed: the fatal alert that tells a TLS client why (RFC 8446 section 6.2); nullopt where none is due, as to
  /// what speaks no TLS, or has sent an alert itself.
  std::optional<std::uint8_t> alert() const { return alert_; }
  /// Everything fed, from the first byte to the end of the feed that completed the hello: what OpenSSL must see.
  ByteView received() const { return received_; }

 private:
  void fail(NotHello reason, std::string_view detail = {}, std::optional<std::uint8_t> alert = std::nullopt);
  void finish();
  void advance(ByteView stream);
  void advance_records(ByteView stream);
  void advance_message();
  void advance_sslv2(ByteView stream);

  State state_ = State::need_more;
  NotHello reason_ = NotHello::malformed;
  std::string_view detail_;
  std::optional<std::uint8_t> alert_;
  Bytes received_;
  std::size_t at_ = 0;           // how much of received_ the records have been read from
  std::size_t record_left_ = 0;  // octets of the current record that are still to come
  Bytes message_;                // the handshake message put together from the records so far
  ClientHello hello_;
};

/// JA3: the text that is hashed, and its MD5 in hexadecimal. https://github.com/salesforce/ja3
/// An SSLv2-format hello has the version it asks for and its SSL 3.0 and TLS suites: tools define none for it.
struct Ja3 {
  std::string text;
  std::string hash;
};
Ja3 ja3(const ClientHello& hello);

/// The hello as the same client sends it when it has no session to take up: without pre_shared_key and early_data (RFC
/// 8446 sections 4.2.11 and 4.2.10). Whoever knows clients by their fingerprint takes that of this one, for the
/// published ones change as soon as a client of TLS 1.3 comes back.
ClientHello without_session(ClientHello hello);

/// JA4 for TLS over TCP, "t12d1516h2_8daaf6152771_e5627efa2ab1". https://github.com/FoxIO-LLC/ja4
std::string ja4(const ClientHello& hello);

}  // namespace firstring::hello
