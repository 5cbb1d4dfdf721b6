#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/codes.hpp"
#include "crypto/certificate.hpp"

namespace firstring::tls {

/// A TLS alert other than close_notify. RFC 5246 section 7.2.
struct Alert {
  enum class From : unsigned char { nobody, client, server };
  From from = From::nobody;
  int code = -1;
  std::string name;  ///< "unknown_ca"
};

/// What is known of a connection's TLS, at any time of its life.
struct TlsFacts {
  using TimePoint = std::chrono::steady_clock::time_point;

  Stage stage = Stage::hello;                                       ///< how far the handshake got: hello to finished
  TimePoint server_flight_at{}, client_flight_at{}, finished_at{};  ///< the epoch: did not happen yet
  Alert alert;                                                      ///< the first fatal one, else the first
  std::string failure;                                              ///< OpenSSL's reason or the socket's, once failed
  std::string_view version;       ///< "TLSv1", as OpenSSL and Apache write it; "" before the ServerHello
  std::string_view cipher;        ///< "DHE-RSA-AES256-SHA"
  std::string_view key_exchange;  ///< "DH", "RSA", or the curve: "X25519", "P-256"
  int key_exchange_bits = 0;      ///< of the DH group or curve; of our key for RSA
  crypto::KeyType shown_key = crypto::KeyType::rsa;  ///< of the certificate that we showed
  bool resumed = false;
  bool asked_renegotiation = false;  ///< the client sent a second ClientHello
  bool timed_out = false;            ///< the quarantine gave up waiting; a Stream's owner keeps its time itself
  std::int64_t rtt_us = -1;          ///< round_trip_us of a socket that only the quarantine has
  std::vector<crypto::Certificate> client_chain;  ///< as it came, at most DeviceTrust::kMaxDepth of it
};

/// The server's end of one TLS connection, wherever its cryptography is done: in this process (Stream), or in
/// firstring-quarantine (QuarantineChannel). Nothing blocks; the owner waits on the connection's socket.
class Channel {
 public:
  virtual ~Channel() = default;

  enum class Status : unsigned char {
    ok,
    want_read,
    want_write,
    closed,  ///< the peer has closed, in TLS or in TCP
    failed,  ///< facts().failure says why
  };
  struct Io {
    Status status;
    std::size_t bytes = 0;
  };

  /// Goes on with the handshake; ok once it is complete.
  virtual Status handshake() = 0;
  /// Decrypted bytes; Io::bytes of them if ok.
  virtual Io read(std::span<std::uint8_t> buffer) = 0;
  /// Accepts up to all of `bytes`; sends them with flush() or shutdown() at the latest.
  virtual Io write(std::string_view bytes) = 0;
  /// ok once the kernel has all that was accepted.
  virtual Status flush() = 0;
  /// Sends close_notify after all that was accepted, once, and is then flush(); does not wait for the peer's. Once it
  /// is ok, the owner closes TCP at once: the kernel may hold the last packet back until then, to send it with the FIN.
  virtual Status shutdown() = 0;

  /// After the handshake: lets this client resume its session later. Only for a client whose certificate was accepted
  /// and whose request was answered; no other session outlives its connection. `owner`: SessionCache::keep.
  virtual void keep_session(std::string_view owner) = 0;

  virtual const TlsFacts& facts() const = 0;
  virtual std::uint64_t bytes_in() const = 0;  ///< from the wire, hello included
  virtual std::uint64_t bytes_out() const = 0;
};

/// "unknown_ca" for 48 and so on; "alert_123" for a number that no RFC names.
std::string alert_name(int code);

}  // namespace firstring::tls
