#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace firstring::hello {

enum class Format : unsigned char { tls, sslv2 };

/// One extension as it stood in the hello. RFC 8446 section 4.2, RFC 6066.
struct Extension {
  std::uint16_t type = 0;
  Bytes body;
};

/// What a client said in its ClientHello. Numbers are those of the IANA TLS registries; lists keep the client's order
/// and its GREASE values (RFC 8701), which fingerprints leave out.
struct ClientHello {
  Format format = Format::tls;
  std::uint16_t record_version = 0;  ///< of the first record; for an SSLv2-format hello the version it asks for
  std::uint16_t version = 0;         ///< legacy_version: the ceiling, but for supported_versions
  Bytes session_id;
  std::vector<std::uint16_t> suites;      ///< an SSLv2-format hello's SSLv3/TLS suites (first octet 0) only
  std::vector<std::uint32_t> sslv2_kinds;  ///< its SSL 2.0 cipher kinds (first octet not 0)
  Bytes compressions;
  bool has_extensions = false;  ///< the extensions block was there, if only empty
  std::vector<Extension> extensions;

  // Read out of the extensions; empty where the extension was not sent.
  std::string server_name;
  std::vector<std::uint16_t> groups;
  Bytes point_formats;
  std::vector<std::uint16_t> signature_algorithms;
  std::vector<std::uint16_t> supported_versions;
  std::vector<std::string> alpn;
  bool offers_ticket = false;   ///< a session_ticket that is not empty
  bool offers_psk = false;      ///< pre_shared_key

  bool has_extension(std::uint16_t type) const;
  /// The highest version that the client would speak, GREASE left out: 0x0300 SSL 3.0 ... 0x0304 TLS 1.3.
  std::uint16_t highest_version() const;
};

/// Why bytes are no ClientHello. Each is told apart in the ledger.
enum class NotHello : unsigned char {
  http,       ///< plain HTTP spoken to the TLS port
  tls_alert,  ///< an alert record came first
  not_tls,    ///< neither a handshake record nor an SSLv2-format hello
  malformed,  ///< a handshake record, but the hello in it is broken
  too_large,
};
std::string_view to_string(NotHello reason);

/// "SSL 3.0", "TLS 1.0" ... "TLS 1.3", else "0x0a0a".
std::string version_name(std::uint16_t version);

/// Collects a ClientHello from a stream, however it was cut into records and reads. Sans-I/O. The work is linear in
/// the bytes received. RFC 5246 section 6.2.1 (a handshake message may span records), RFC 5246 appendix E.2 (SSLv2 format).
class Reader {
 public:
  static constexpr std::size_t kMaxBytes = 65536;

  enum class State : unsigned char { need_more, complete, failed };

  /// Takes bytes in the order they came. Bytes behind the hello's last record are refused nothing: they stay in
  /// received(), which is what OpenSSL must see.
  State feed(ByteView bytes);

  State state() const { return state_; }
  const ClientHello& hello() const { return hello_; }  ///< once complete
  NotHello reason() const { return reason_; }          ///< once failed
  std::string_view detail() const { return detail_; }  ///< once failed and malformed: "cipher suites have an odd length"
  ByteView received() const { return received_; }      ///< everything fed, from the first byte

 private:
  State fail(NotHello reason, std::string_view detail = {});
  State advance();

  State state_ = State::need_more;
  NotHello reason_ = NotHello::malformed;
  std::string_view detail_;
  Bytes received_;
  std::size_t record_at_ = 0;  // start of the record that is not complete yet
  Bytes message_;              // the handshake message put together from the records so far
  ClientHello hello_;
};

/// JA3: the text that is hashed, and its MD5 in hexadecimal. https://github.com/salesforce/ja3
struct Ja3 {
  std::string text;
  std::string hash;
};
Ja3 ja3(const ClientHello& hello);

/// JA4 for TLS over TCP, "t12d1516h2_8daaf6152771_e5627efa2ab1". https://github.com/FoxIO-LLC/ja4
std::string ja4(const ClientHello& hello);

}  // namespace firstring::hello
