#include "simulator/connection.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/text.hpp"

namespace firstring::simulator {
namespace {

TlsFacts& facts_of(const SSL* ssl) { return *static_cast<TlsFacts*>(SSL_get_app_data(ssl)); }

void on_info(const SSL* ssl, int where, int value) noexcept {
  if ((where & SSL_CB_ALERT) == 0) return;
  const auto code = static_cast<unsigned>(value) & 0xffU;
  if (code == SSL_AD_CLOSE_NOTIFY) return;
  auto& facts = facts_of(ssl);
  const Alert alert{(value >> 8) == SSL3_AL_FATAL, code, SSL_alert_desc_string_long(value)};
  if ((where & SSL_CB_READ) != 0) {
    facts.received = alert;
  } else {
    facts.sent = alert;
    if (code == SSL_AD_NO_RENEGOTIATION) facts.renegotiation_asked = true;
  }
}

/// OpenSSL asks a client for its certificate only when the server asked for one.
int on_certificate_asked(SSL* ssl, void*) noexcept {
  auto& facts = facts_of(ssl);
  facts.certificate_asked = true;
  facts.certificate_sent = SSL_get_certificate(ssl) != nullptr;
  return 1;
}

Result<crypto::SslContextPtr> make_context(const ClientTraits& traits, const Phone& phone, const Attempt& attempt) {
  FIRSTRING_TRY(auto context, make_client_context(traits));
  SSL_CTX* const raw = context.get();
  if (!attempt.trust.empty()) {
    for (const auto& ca : attempt.trust) {
      if (X509_STORE_add_cert(SSL_CTX_get_cert_store(raw), ca.native()) != 1) {
        return crypto::openssl_failure("take the phone's CAs");
      }
    }
    // Old firmware has intermediate CAs compiled in as roots.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(raw), X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  }
  if (phone.credentials) {
    const auto& [chain, key] = *phone.credentials;
    if (chain.empty() || !key.matches(chain.front())) {
      return fail(
          Errc::invalid_input,
          "use the phone's certificate: the key is not that of the certificate; give the two that belong together");
    }
    if (SSL_CTX_use_certificate(raw, chain.front().native()) != 1 || SSL_CTX_use_PrivateKey(raw, key.native()) != 1) {
      return crypto::openssl_failure("use the phone's certificate");
    }
    for (std::size_t i = 1; i < chain.size(); ++i) {
      if (SSL_CTX_add1_chain_cert(raw, chain[i].native()) != 1)
        return crypto::openssl_failure("use the phone's certificate");
    }
  }
  return context;
}

/// "DH 1024", "EC prime256v1", "X25519"; "RSA" where the server's key itself carried the secret.
std::string key_exchange_of(SSL* ssl) {
  EVP_PKEY* raw = nullptr;
  if (SSL_get_peer_tmp_key(ssl, &raw) != 1) return "RSA";
  const crypto::PkeyPtr key{raw};
  const std::string type = EVP_PKEY_get0_type_name(key.get());
  if (type == "EC") {
    std::array<char, 64> group{};
    std::size_t length = 0;
    if (EVP_PKEY_get_group_name(key.get(), group.data(), group.size(), &length) == 1) return type + " " + group.data();
  }
  return type == "DH" ? fmt::format("DH {}", EVP_PKEY_get_bits(key.get())) : type;
}

}  // namespace

Result<Socket> Socket::connect(const Endpoint& to, Deadline deadline) {
  const auto failed = [&](int error) {
    return fail(Errc::unavailable, fmt::format("connect to {}: {}", to.to_string(), errno_text(error)));
  };
  FileDescriptor fd{::socket(to.address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!fd) return failed(errno);
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto address = to_socket_address(to);
  Socket socket{std::move(fd), deadline};
  if (::connect(socket.fd_.get(), address.get(), address.length) != 0) {
    if (errno != EINPROGRESS) return failed(errno);
    if (auto ready = socket.wait(POLLOUT); !ready) {
      return fail(std::move(ready).error().while_(fmt::format("connect to {}", to.to_string())));
    }
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(socket.fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return failed(error);
  }
  return socket;
}

Result<void> Socket::wait(short events) const {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
    if (left.count() <= 0) return fail(Errc::timed_out, "the server did not answer in time");
    pollfd waiting{fd_.get(), events, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail(Errc::io, "wait for the server: " + errno_text(errno));
  }
}

Result<void> Socket::send(ByteView bytes) {
  while (!bytes.empty()) {
    const auto count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      FIRSTRING_CHECK(wait(POLLOUT));
    } else if (errno != EINTR) {
      return fail(Errc::io, "send to the server: " + errno_text(errno));
    }
  }
  return {};
}

Result<std::size_t> Socket::receive(std::span<std::uint8_t> into) {
  for (;;) {
    const auto count = ::recv(fd_.get(), into.data(), into.size(), 0);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EAGAIN) {
      FIRSTRING_CHECK(wait(POLLIN));
    } else if (errno != EINTR) {
      return fail(Errc::io, "receive from the server: " + errno_text(errno));
    }
  }
}

TlsClient::TlsClient(crypto::SslContextPtr context, crypto::SslPtr ssl, Socket& socket, TlsFacts& facts)
    : context_(std::move(context)), ssl_(std::move(ssl)), socket_(&socket), facts_(&facts) {}

Result<TlsClient> TlsClient::create(const ClientTraits& traits, const Phone& phone, const Attempt& attempt,
                                    const std::string& server_name, Socket& socket, TlsFacts& facts) {
  FIRSTRING_TRY(auto context, make_context(traits, phone, attempt));
  crypto::SslPtr ssl{SSL_new(context.get())};
  crypto::BioPtr in{BIO_new(BIO_s_mem())};
  crypto::BioPtr out{BIO_new(BIO_s_mem())};
  if (!ssl || !in || !out) return crypto::openssl_failure("set up the phone's TLS");
  SSL_set_bio(ssl.get(), in.release(), out.release());
  SSL_set_app_data(ssl.get(), &facts);
  SSL_set_info_callback(ssl.get(), on_info);
  SSL_set_cert_cb(ssl.get(), on_certificate_asked, nullptr);
  if (traits.sends_server_name && !IpAddress::parse(server_name) &&
      SSL_set_tlsext_host_name(ssl.get(), server_name.c_str()) != 1) {
    return crypto::openssl_failure("set up the phone's TLS");
  }
  SSL_set_connect_state(ssl.get());
  return TlsClient{std::move(context), std::move(ssl), socket, facts};
}

Result<void> TlsClient::flush() {
  char* data = nullptr;
  BIO* const out = SSL_get_wbio(ssl_.get());
  const auto size = BIO_get_mem_data(out, &data);
  if (size <= 0) return {};
  const Bytes pending(data, data + size);
  BIO_reset(out);
  return socket_->send(pending);
}

/// Repeats `call`, an SSL function, between what it wants sent and received. 0: the server closed the stream.
template <class Call>
Result<std::size_t> TlsClient::drive(std::string_view doing, Call call) {
  for (;;) {
    ERR_clear_error();
    const int result = call();
    const int error = SSL_get_error(ssl_.get(), result);
    // A server that refuses closes early: what it said before is still to be read, so a failed send is judged by what
    // comes next.
    auto sent = flush();
    if (result > 0) return static_cast<std::size_t>(result);
    if (error == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
    if (error != SSL_ERROR_WANT_READ) {
      if (facts_->received && facts_->received->fatal) {
        ERR_clear_error();
        return fail(Errc::crypto, fmt::format("{}: the server sent {}", doing, to_string(*facts_->received)));
      }
      auto failure = crypto::drain_errors();
      if (facts_->sent && facts_->sent->fatal) failure += fmt::format("; the phone sent {}", to_string(*facts_->sent));
      return fail(Errc::crypto, fmt::format("{}: {}", doing, failure));
    }
    std::array<std::uint8_t, 16384> buffer;
    auto received = socket_->receive(buffer);
    if (!received) return fail(std::move(received).error().while_(doing));
    if (*received == 0) {
      if (!sent) return fail(std::move(sent).error().while_(doing));
      return std::size_t{0};
    }
    BIO_write(SSL_get_rbio(ssl_.get()), buffer.data(), static_cast<int>(*received));
  }
}

Result<void> TlsClient::handshake() {
  const auto done = drive("handshake", [this] { return SSL_do_handshake(ssl_.get()); });
  note_handshake();
  if (!done) return fail(done.error());
  if (*done == 0) return fail(Errc::io, "handshake: the server closed the connection without a word");
  return {};
}

void TlsClient::note_handshake() {
  SSL* const ssl = ssl_.get();
  if (const STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl)) {
    for (int i = 0; i < sk_X509_num(chain); ++i) {
      if (auto certificate = crypto::Certificate::from_x509(sk_X509_value(chain, i))) {
        facts_->server_chain.push_back(*std::move(certificate));
      }
    }
  }
  const SSL_CIPHER* const cipher = SSL_get_current_cipher(ssl);
  if (cipher == nullptr) {
    if (const SSL_CIPHER* pending = SSL_get_pending_cipher(ssl)) {
      facts_->version = SSL_get_version(ssl);
      facts_->cipher = SSL_CIPHER_get_name(pending);
    }
    return;
  }
  facts_->version = SSL_get_version(ssl);
  facts_->cipher = SSL_CIPHER_get_name(cipher);
  facts_->key_exchange = key_exchange_of(ssl);
}

Result<void> TlsClient::send(ByteView bytes) {
  FIRSTRING_TRY(const auto count, drive("send the request", [&] {
                  return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
                }));
  if (count == 0) return fail(Errc::io, "send the request: the server closed the connection");
  return {};
}

Result<std::size_t> TlsClient::receive(std::span<std::uint8_t> into) {
  return drive("read the answer", [&] { return SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size())); });
}

void TlsClient::close() {
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  if (const auto sent = flush(); !sent) return;
}

}  // namespace firstring::simulator
