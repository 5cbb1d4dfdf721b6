#include "tls/stream.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/file.hpp"
#include "tls/certificate_weight.hpp"
#include "tls/chain_verdict.hpp"

namespace firstring::tls {
namespace {

/// What the BIO works on. Everything OpenSSL reads comes first from `prefix`, then from the socket.
struct SocketState {
  int fd = -1;
  Bytes prefix;
  std::size_t prefix_used = 0;
  std::uint64_t in = 0, out = 0;
  int error = 0;         // errno of the last failed call
  Tape* tape = nullptr;  // of a connection that is captured
  bool eof = false;
  bool mute = false;     // nothing more is written
  bool gather = false;   // what is written waits for flush()
  bool closing = false;  // the end of TCP comes right behind what is sent
  // Records that have not been sent, but for the first `unsent_used` octets.
  Bytes unsent;
  std::size_t unsent_used = 0;
};

/// Records that wait go out before more come, once they are so many octets.
constexpr std::size_t kMostUnsent = 16'384;
constexpr std::size_t kRecordRoom = 1024;  ///< for what makes records of text

/// SSL_get_error wants this before each call. ERR_clear_error goes through all places of the queue, which costs more
/// than many a call does; nearly always there is nothing in it.
void forget_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

SocketState& state_of(BIO* bio) { return *static_cast<SocketState*>(BIO_get_data(bio)); }

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

int socket_read(BIO* bio, char* buffer, std::size_t size, std::size_t* count) {
  auto& state = state_of(bio);
  BIO_clear_retry_flags(bio);
  *count = 0;
  if (state.prefix_used < state.prefix.size()) {
    *count = std::min(size, state.prefix.size() - state.prefix_used);
    std::memcpy(buffer, state.prefix.data() + state.prefix_used, *count);
    state.prefix_used += *count;
    if (state.prefix_used == state.prefix.size()) {
      state.prefix = Bytes{};  // {} alone would keep the room
      state.prefix_used = 0;
    }
    return 1;
  }
  const auto received = ::recv(state.fd, buffer, size, 0);
  if (state.tape != nullptr) state.tape->received(buffer, received, errno);
  if (received > 0) {
    *count = static_cast<std::size_t>(received);
    state.in += *count;
    return 1;
  }
  if (received == 0) {
    state.eof = true;
  } else if (would_block(errno)) {
    BIO_set_retry_read(bio);
  } else {
    state.error = errno;
  }
  return 0;
}

/// 0 if nothing can be sent: for now, unless state.error says why.
std::size_t send_some(SocketState& state, const void* bytes, std::size_t size) {
  const auto sent = ::send(state.fd, bytes, size, MSG_NOSIGNAL | (state.closing ? MSG_MORE : 0));
  if (sent < 0) {
    if (!would_block(errno)) state.error = errno;
    return 0;
  }
  const auto count = static_cast<std::size_t>(sent);
  state.out += count;
  if (state.tape != nullptr) state.tape->sent(static_cast<const char*>(bytes), count);
  return count;
}

int socket_write(BIO* bio, const char* buffer, std::size_t size, std::size_t* count) {
  auto& state = state_of(bio);
  BIO_clear_retry_flags(bio);
  *count = 0;
  if (state.mute) {
    *count = size;
    return 1;
  }
  if (state.gather || !state.unsent.empty()) {
    const auto* const octets = reinterpret_cast<const std::uint8_t*>(buffer);  // same type: copied at once
    state.unsent.insert(state.unsent.end(), octets, octets + size);
    *count = size;
    return 1;
  }
  *count = send_some(state, buffer, size);
  if (*count != 0) return 1;
  if (state.error == 0) BIO_set_retry_write(bio);
  return 0;
}

long socket_control(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return state_of(bio).eof ? 1 : 0;
    default:
      return 0;
  }
}

BIO_METHOD* socket_method() {
  static BIO_METHOD* const method = [] {
    auto* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "firstring socket");
    BIO_meth_set_read_ex(made, socket_read);
    BIO_meth_set_write_ex(made, socket_write);
    BIO_meth_set_ctrl(made, socket_control);
    return made;
  }();
  return method;
}

struct AlertName {
  int code;
  std::string_view name;
};
// IANA "TLS Alerts".
constexpr std::array kAlerts{AlertName{0, "close_notify"},
                             AlertName{10, "unexpected_message"},
                             AlertName{20, "bad_record_mac"},
                             AlertName{21, "decryption_failed"},
                             AlertName{22, "record_overflow"},
                             AlertName{30, "decompression_failure"},
                             AlertName{40, "handshake_failure"},
                             AlertName{41, "no_certificate"},
                             AlertName{42, "bad_certificate"},
                             AlertName{43, "unsupported_certificate"},
                             AlertName{44, "certificate_revoked"},
                             AlertName{45, "certificate_expired"},
                             AlertName{46, "certificate_unknown"},
                             AlertName{47, "illegal_parameter"},
                             AlertName{48, "unknown_ca"},
                             AlertName{49, "access_denied"},
                             AlertName{50, "decode_error"},
                             AlertName{51, "decrypt_error"},
                             AlertName{60, "export_restriction"},
                             AlertName{70, "protocol_version"},
                             AlertName{71, "insufficient_security"},
                             AlertName{80, "internal_error"},
                             AlertName{86, "inappropriate_fallback"},
                             AlertName{90, "user_canceled"},
                             AlertName{100, "no_renegotiation"},
                             AlertName{109, "missing_extension"},
                             AlertName{110, "unsupported_extension"},
                             AlertName{112, "unrecognized_name"},
                             AlertName{113, "bad_certificate_status_response"},
                             AlertName{115, "unknown_psk_identity"},
                             AlertName{116, "certificate_required"},
                             AlertName{120, "no_application_protocol"}};

constexpr int kAlertFatal = 2;

}  // namespace

std::string alert_name(int code) {
  const auto* found =
      std::find_if(kAlerts.begin(), kAlerts.end(), [&](const auto& alert) { return alert.code == code; });
  return found != kAlerts.end() ? std::string{found->name} : fmt::format("alert_{}", code);
}

struct Stream::Impl {
  using Status = Channel::Status;

  std::shared_ptr<const Context> context;
  SocketState socket;
  crypto::SslPtr ssl;
  TlsFacts facts;
  Connected connected;
  bool alert_is_fatal = false;

  static void on_message(int written, int, int content_type, const void* buffer, std::size_t size, SSL*, void* self) {
    static_cast<Impl*>(self)->message(written != 0, content_type, {static_cast<const std::uint8_t*>(buffer), size});
  }

  /// Whether OpenSSL is about to write an alert that this client shall not see: it says so with the record's header,
  /// before the record itself. TLS 1.3 hides the type inside.
  bool is_alert_on_its_way(int content_type, ByteView bytes) const {
    return context->personality().alerts == AlertStyle::none && facts.stage != Stage::finished && !bytes.empty() &&
           (content_type == SSL3_RT_HEADER || content_type == SSL3_RT_INNER_CONTENT_TYPE) && bytes[0] == SSL3_RT_ALERT;
  }

  void message(bool written, int content_type, ByteView bytes) {
    if (written && is_alert_on_its_way(content_type, bytes)) socket.mute = true;
    if (content_type == SSL3_RT_ALERT && bytes.size() >= 2) return alert(written, bytes[0], bytes[1]);
    if (content_type != SSL3_RT_HANDSHAKE || bytes.empty()) return;
    const auto type = bytes[0];
    if (written) {
      if (type == SSL3_MT_SERVER_HELLO) take_choice();
      // The last message of our first flight: ServerHelloDone up to TLS 1.2, Finished in TLS 1.3 and when resuming.
      if (facts.stage == Stage::hello && (type == SSL3_MT_SERVER_DONE || type == SSL3_MT_FINISHED)) {
        facts.stage = Stage::server_flight;
        facts.server_flight_at = std::chrono::steady_clock::now();
      }
      // Up to TLS 1.2 the temporary key is gone once it has been used: now is the time to look at it.
      if (type == SSL3_MT_SERVER_KEY_EXCHANGE) take_temporary_key();
      return;
    }
    if (facts.stage == Stage::server_flight && type != SSL3_MT_CLIENT_HELLO) {
      facts.stage = Stage::client_flight;
      facts.client_flight_at = std::chrono::steady_clock::now();
    }
    // Here is the last moment before OpenSSL parses them; accept_any_chain then refuses them.
    if (type == SSL3_MT_CERTIFICATE) {
      const bool is_tls13 = SSL_version(ssl.get()) == TLS1_3_VERSION;
      connected.excess =
          excess_of(weigh_certificates(bytes, is_tls13 ? CertificateFormat::tls13 : CertificateFormat::tls12));
    }
  }

  void alert(bool written, int level, int code) {
    if (code == SSL_AD_CLOSE_NOTIFY) return;
    // This is how OpenSSL answers a client that wants to renegotiate where SSL_OP_NO_RENEGOTIATION stands.
    if (written && code == SSL_AD_NO_RENEGOTIATION) facts.asked_renegotiation = true;
    const bool is_fatal = level == kAlertFatal;
    if (facts.alert.from != Alert::From::nobody && (alert_is_fatal || !is_fatal)) return;
    alert_is_fatal = is_fatal;
    facts.alert = {written ? Alert::From::server : Alert::From::client, code, alert_name(code)};
  }

  /// The certificate is remembered as it comes, so that a handshake that fails later still tells whose it was.
  void take_client_chain(X509* leaf, const STACK_OF(X509) * others) {
    facts.client_chain.clear();
    const auto add = [&](X509* x509) {
      if (x509 == nullptr || facts.client_chain.size() >= DeviceTrust::kMaxDepth) return;
      if (auto certificate = crypto::Certificate::from_x509(x509))
        facts.client_chain.push_back(*std::move(certificate));
    };
    add(leaf);
    for (int i = 0; others != nullptr && i < sk_X509_num(others); ++i) {
      if (sk_X509_value(others, i) != leaf) add(sk_X509_value(others, i));
    }
  }

  /// A handshake that fails later never gets a session, and just then it matters what was chosen.
  void take_choice() {
    facts.version = SSL_get_version(ssl.get());
    if (const auto* cipher = SSL_get_pending_cipher(ssl.get())) facts.cipher = SSL_CIPHER_get_name(cipher);
    const auto* certificate = SSL_get_certificate(ssl.get());
    if (certificate != nullptr && EVP_PKEY_is_a(X509_get0_pubkey(certificate), "EC") == 1)
      facts.shown_key = crypto::KeyType::ec;
  }

  void take_parameters() {
    const auto* session = SSL_get_session(ssl.get());
    if (session == nullptr) return;
    if (const auto* cipher = SSL_get_current_cipher(ssl.get())) {
      facts.version = SSL_get_version(ssl.get());
      facts.cipher = SSL_CIPHER_get_name(cipher);
      if (SSL_CIPHER_get_kx_nid(cipher) == NID_kx_rsa) {
        facts.key_exchange = "RSA";
        facts.key_exchange_bits = EVP_PKEY_get_bits(X509_get0_pubkey(SSL_get_certificate(ssl.get())));
      }
    }
    facts.resumed = SSL_session_reused(ssl.get()) == 1;
    if (facts.key_exchange.empty()) {
      if (const int group = static_cast<int>(SSL_get_negotiated_group(ssl.get())); group != NID_undef)
        take_group(OBJ_nid2sn(group));
    }
  }

  void take_group(std::string_view name) {
    struct Group {
      std::string_view openssl, common;
      int bits;
    };
    static constexpr std::array kGroups{Group{"prime256v1", "P-256", 256}, Group{"secp384r1", "P-384", 384},
                                        Group{"secp521r1", "P-521", 521}, Group{"X25519", "X25519", 253}};
    const auto* found =
        std::find_if(kGroups.begin(), kGroups.end(), [&](const auto& group) { return group.openssl == name; });
    facts.key_exchange = found != kGroups.end() ? found->common : "other";
    if (found != kGroups.end()) facts.key_exchange_bits = found->bits;
  }

  void take_temporary_key() {
    EVP_PKEY* key = nullptr;
    if (SSL_get_tmp_key(ssl.get(), &key) != 1) return;
    const crypto::PkeyPtr owned{key};
    std::array<char, 64> group{};
    std::size_t length = 0;
    if (EVP_PKEY_is_a(key, "DH") == 1) {
      facts.key_exchange = "DH";
      facts.key_exchange_bits = EVP_PKEY_get_bits(key);
    } else if (EVP_PKEY_get_group_name(key, group.data(), group.size(), &length) == 1) {
      take_group({group.data(), length});
    } else {
      take_group(EVP_PKEY_get0_type_name(key));
    }
  }

  Status outcome(int result) {
    switch (SSL_get_error(ssl.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return Status::want_read;
      case SSL_ERROR_WANT_WRITE:
        return Status::want_write;
      case SSL_ERROR_ZERO_RETURN:
        return Status::closed;
      default:
        break;
    }
    auto reason = crypto::drain_errors();
    if (!connected.excess.empty()) reason = connected.excess;
    if (reason.empty() && socket.error == 0) {
      facts.failure = "the peer closed the TCP connection";
      return Status::closed;
    }
    facts.failure = reason.empty() ? errno_text(socket.error) : std::move(reason);
    return Status::failed;
  }
};

Stream::Stream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Stream::~Stream() {
  // RFC 5246 section 7.2.1 has dropped TLS 1.0's rule that a connection closed without close_notify makes its session
  // unusable; OpenSSL would still forget it, and phones that just close TCP would never resume.
  if (impl_->facts.stage == Stage::finished && !impl_->alert_is_fatal) {
    SSL_set_shutdown(impl_->ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }
}

Result<std::unique_ptr<Stream>> Stream::accept(std::shared_ptr<const Context> context, int fd, ByteView received,
                                               const Options& options) {
  auto impl = std::make_unique<Impl>();
  impl->context = std::move(context);
  if (options.tape != nullptr) {
    FIRSTRING_TRY(impl->context, impl->context->for_capture());
  }
  impl->socket.fd = fd;
  impl->socket.tape = impl->connected.tape = options.tape;
  impl->socket.prefix.assign(received.begin(), received.end());
  impl->socket.in = received.size();
  impl->ssl.reset(SSL_new(impl->context->native()));
  // On a tape, one record after the other: what of the next request has come must not be there when this one ends, for
  // it may have to be withheld.
  if (options.tape != nullptr && impl->ssl) SSL_set_read_ahead(impl->ssl.get(), 0);
  crypto::BioPtr bio{BIO_new_ex(crypto::library(), socket_method())};
  if (!impl->ssl || !bio) return crypto::openssl_failure("make a TLS connection");
  BIO_set_data(bio.get(), &impl->socket);
  BIO_set_init(bio.get(), 1);
  SSL_set_bio(impl->ssl.get(), bio.get(), bio.get());
  bio.release();
  SSL_set_app_data(impl->ssl.get(), &impl->connected);
  if (options.highest_version > impl->context->personality().max_version) {
    SSL_set_max_proto_version(impl->ssl.get(), options.highest_version);
    // Which OpenSSL wants for TLS 1.3, though nobody that this is for offers it.
    if (impl->context->personality().suites13.empty()) SSL_set_ciphersuites(impl->ssl.get(), "TLS_AES_128_GCM_SHA256");
  }
  SSL_set_accept_state(impl->ssl.get());
  SSL_set_msg_callback(impl->ssl.get(), Impl::on_message);
  SSL_set_msg_callback_arg(impl->ssl.get(), impl.get());
  return std::unique_ptr<Stream>{new Stream{std::move(impl)}};
}

Stream::Status Stream::handshake() {
  forget_errors();
  const int result = SSL_do_handshake(impl_->ssl.get());
  auto& facts = impl_->facts;
  const auto status = result == 1 ? Status::ok : impl_->outcome(result);
  if (status == Status::want_read || status == Status::want_write) return status;
  impl_->take_parameters();
  if (auto* leaf = SSL_get0_peer_certificate(impl_->ssl.get()))
    impl_->take_client_chain(leaf, SSL_get_peer_cert_chain(impl_->ssl.get()));
  if (status == Status::ok) {
    facts.stage = Stage::finished;
    facts.finished_at = std::chrono::steady_clock::now();
  } else if (facts.failure.empty()) {
    facts.failure = "the peer closed TLS in the middle of the handshake";
  }
  return status;
}

Stream::Io Stream::read(std::span<std::uint8_t> buffer) {
  forget_errors();
  std::size_t count = 0;
  const int result = SSL_read_ex(impl_->ssl.get(), buffer.data(), buffer.size(), &count);
  if (result == 1) return {Status::ok, count};
  return {impl_->outcome(result), 0};
}

Stream::Io Stream::write(std::string_view bytes) {
  forget_errors();
  auto& socket = impl_->socket;
  if (socket.unsent.size() >= kMostUnsent) {
    if (const auto status = flush(); status != Status::ok) return {status, 0};
  }
  // Several records go out in one send, and close_notify with them: a send costs more than a record's cryptography. Not
  // on a tape, which has to be told before a send whether it may keep that.
  socket.gather = socket.tape == nullptr;
  if (socket.gather && socket.unsent.empty()) socket.unsent.reserve(std::min(bytes.size(), kMostUnsent) + kRecordRoom);
  Io taken{Status::ok, 0};
  do {
    std::size_t count = 0;
    const auto rest = bytes.substr(taken.bytes);
    const int result = SSL_write_ex(impl_->ssl.get(), rest.data(), rest.size(), &count);
    if (result != 1) taken.status = impl_->outcome(result);
    taken.bytes += count;
  } while (socket.gather && taken.status == Status::ok && taken.bytes < bytes.size() &&
           socket.unsent.size() < kMostUnsent);
  socket.gather = false;
  return taken;
}

Stream::Status Stream::flush() {
  auto& socket = impl_->socket;
  while (socket.unsent_used < socket.unsent.size()) {
    const auto count =
        send_some(socket, socket.unsent.data() + socket.unsent_used, socket.unsent.size() - socket.unsent_used);
    socket.unsent_used += count;
    if (count != 0) continue;
    if (socket.error == 0) return Status::want_write;
    impl_->facts.failure = errno_text(socket.error);
    return Status::failed;
  }
  socket.unsent = Bytes{};
  socket.unsent_used = 0;
  return Status::ok;
}

Stream::Status Stream::shutdown() {
  forget_errors();
  auto& socket = impl_->socket;
  socket.closing = true;
  // Behind records that wait, it waits. By itself it is a courtesy, to a peer that may have gone with all that it
  // wanted.
  if ((SSL_get_shutdown(impl_->ssl.get()) & SSL_SENT_SHUTDOWN) == 0) SSL_shutdown(impl_->ssl.get());
  return socket.unsent.empty() ? Status::ok : flush();
}

void Stream::keep_session(std::string_view owner) {
  auto* const sessions = impl_->context->sessions();
  if (sessions != nullptr) sessions->keep(std::move(impl_->connected.new_session), impl_->facts.client_chain, owner);
}

const TlsFacts& Stream::facts() const { return impl_->facts; }
std::uint64_t Stream::bytes_in() const { return impl_->socket.in; }
std::uint64_t Stream::bytes_out() const { return impl_->socket.out; }
const Context& Stream::context() const { return *impl_->context; }

}  // namespace firstring::tls
