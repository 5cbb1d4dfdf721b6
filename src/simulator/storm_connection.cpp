#include "simulator/storm_connection.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "http/message.hpp"
#include "simulator/answer.hpp"
#include "simulator/simulator.hpp"

namespace firstring::simulator {
namespace {

bool is_reset(int error) { return error == ECONNRESET || error == EPIPE; }

/// The alert that the server sent, if that is what `error` tells.
std::optional<Alert> alert_of(unsigned long error) {
  const int reason = ERR_GET_REASON(error);
  if (ERR_GET_LIB(error) != ERR_LIB_SSL || reason < SSL_AD_REASON_OFFSET || reason > SSL_AD_REASON_OFFSET + 255)
    return std::nullopt;
  const int code = reason - SSL_AD_REASON_OFFSET;
  return Alert{true, static_cast<unsigned>(code), SSL_alert_desc_string_long(code)};
}

}  // namespace

std::string_view to_string(Ending ending) {
  switch (ending) {
    case Ending::served:
      return "served";
    case Ending::refused:
      return "refused";
    case Ending::reset:
      return "reset";
    case Ending::closed:
      return "closed";
    case Ending::tls_failed:
      return "tls_failed";
    case Ending::other_status:
      return "other_status";
    case Ending::bad_answer:
      return "bad_answer";
    case Ending::timed_out:
      return "timed_out";
    case Ending::abandoned:
      break;
  }
  return "abandoned";
}

Result<StormConnection> StormConnection::open(Role role, const SocketAddress& server,
                                              const std::optional<IpAddress>& source, crypto::SslPtr ssl,
                                              std::string request) {
  FileDescriptor fd{::socket(server.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!fd) return fail(Errc::io, fmt::format("open a socket: {}", errno_text(errno)));
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (source) {
    // The port is chosen when it connects, so that each server can have all of them.
    ::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    const auto from = to_socket_address({*source, 0});
    if (::bind(fd.get(), from.get(), from.length) != 0) {
      return fail(Errc::io, fmt::format("come from {}: {}", source->to_string(), errno_text(errno)));
    }
  }
  if (ssl) {
    crypto::BioPtr in{BIO_new_socket(fd.get(), BIO_NOCLOSE)};
    // What is to be sent lies in memory until it may go: a phone sends its flight when it has done its arithmetic.
    crypto::BioPtr out{BIO_new(BIO_s_mem())};
    if (!in || !out) return crypto::openssl_failure("set up the phone's TLS");
    SSL_set_bio(ssl.get(), in.release(), out.release());
    SSL_set_connect_state(ssl.get());
  }
  return StormConnection{role, server, std::move(fd), std::move(ssl), std::move(request)};
}

std::string_view StormConnection::stage_text() const {
  switch (stage_) {
    case Stage::handshake:
      return "in the handshake";
    case Stage::answer:
      return "before the whole answer";
    case Stage::idle:
    case Stage::over:
      return "after the answer";
    case Stage::fresh:
    case Stage::connecting:
      break;
  }
  return "while connecting";
}

StormConnection::Wait StormConnection::advance() {
  if (ssl_) flush();
  switch (stage_) {
    case Stage::fresh:
      return connect();
    case Stage::connecting:
      return connected();
    case Stage::handshake:
      return handshake();
    case Stage::answer:
      return read_answer();
    case Stage::idle:
      return idle();
    case Stage::over:
      break;
  }
  return Wait::nothing;
}

StormConnection::Wait StormConnection::connect() {
  stage_ = Stage::connecting;
  if (::connect(fd_.get(), server_->get(), server_->length) == 0) return connected();
  if (errno == EINPROGRESS) return Wait::socket;
  const int error = errno;
  return fail_with(error == ETIMEDOUT ? Ending::timed_out : Ending::refused, errno_text(error));
}

StormConnection::Wait StormConnection::connected() {
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return fail_with(error == ETIMEDOUT ? Ending::timed_out : Ending::refused, errno_text(error));
  established_ = true;
  if (role_ == Role::flood) return say_nothing_more();
  stage_ = Stage::handshake;
  return handshake();
}

StormConnection::Wait StormConnection::handshake() {
  ERR_clear_error();
  errno = 0;
  const int result = SSL_do_handshake(ssl_.get());
  if (result <= 0 && SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) return fail_on_tls(result);
  // Both the first hello and the one behind a HelloRetryRequest go at once; the flight behind them needs arithmetic.
  const bool has_hello = SSL_get_state(ssl_.get()) == TLS_ST_CW_CLNT_HELLO;
  if (role_ == Role::half_hello && has_hello) {
    send_half_of_output();
    return say_nothing_more();
  }
  const bool has_flight = !has_hello && BIO_pending(SSL_get_wbio(ssl_.get())) > 0;
  if (role_ == Role::silent && has_flight) return say_nothing_more();
  if (role_ == Role::phone && has_flight && !thought_ && SSL_session_reused(ssl_.get()) == 0) {
    thought_ = true;
    return Wait::think;
  }
  flush();
  if (result <= 0) return Wait::socket;
  return role_ == Role::renegotiation ? try_renegotiation() : ask();
}

StormConnection::Wait StormConnection::try_renegotiation() {
  ERR_clear_error();
  SSL_clear_options(ssl_.get(), SSL_OP_NO_RENEGOTIATION);
  if (SSL_renegotiate(ssl_.get()) != 1) return fail_on_tls(0);
  SSL_do_handshake(ssl_.get());
  flush();
  return say_nothing_more();
}

StormConnection::Wait StormConnection::ask() {
  stage_ = Stage::answer;
  resumed_ = SSL_session_reused(ssl_.get()) != 0;
  ERR_clear_error();
  const int result = SSL_write(ssl_.get(), request_.data(), static_cast<int>(request_.size()));
  if (result <= 0) return fail_on_tls(result);
  flush();
  request_ = {};
  return read_answer();
}

StormConnection::Wait StormConnection::read_answer() {
  for (;;) {
    std::array<char, 16384> buffer;
    ERR_clear_error();
    errno = 0;
    const int count = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (count <= 0) {
      if (SSL_get_error(ssl_.get(), count) != SSL_ERROR_WANT_READ) return fail_on_tls(count);
      flush();
      return Wait::socket;
    }
    const auto whole = take({buffer.data(), static_cast<std::size_t>(count)});
    if (!whole) return fail_with(Ending::bad_answer, whole.error().what);
    if (*whole) return finish();
  }
}

Result<bool> StormConnection::take(std::string_view received) {
  if (status_ == 0) {
    head_.append(received);
    const auto end = head_.find("\r\n\r\n");
    if (end == std::string::npos) {
      if (head_.size() > kMaxAnswerHead) return fail(Errc::limit_exceeded, "read the answer: its head is too long");
      return false;
    }
    FIRSTRING_TRY(const auto answer, parse_head(std::string_view{head_}.substr(0, end)));
    FIRSTRING_TRY(body_left_, content_length(answer));
    status_ = answer.status;
    received.remove_prefix(received.size() - (head_.size() - end - 4));
    head_ = {};
  }
  const auto taken = std::min(received.size(), body_left_);
  body_left_ -= taken;
  body_bytes_ += taken;
  return body_left_ == 0;
}

StormConnection::Wait StormConnection::finish() {
  ending_ = status_ == 200 ? Ending::served : Ending::other_status;
  if (ending_ == Ending::other_status) detail_ = fmt::format("{} {}", status_, http::reason_phrase(status_));
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  flush();
  session_.reset(SSL_get1_session(ssl_.get()));
  // Closing with bytes of the server's unread would send a reset after our goodbye.
  ::shutdown(fd_.get(), SHUT_WR);
  return say_nothing_more();
}

StormConnection::Wait StormConnection::say_nothing_more() {
  ssl_.reset();
  ERR_clear_error();
  stage_ = Stage::idle;
  return idle();
}

StormConnection::Wait StormConnection::idle() {
  std::array<char, 16384> buffer;
  for (;;) {
    const auto count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (count > 0) continue;
    if (count < 0 && errno == EAGAIN) return role_ == Role::phone ? Wait::farewell : Wait::socket;
    stage_ = Stage::over;
    return Wait::nothing;
  }
}

StormConnection::Wait StormConnection::fail_with(Ending ending, std::string detail) {
  ending_ = ending;
  detail_ = std::move(detail);
  ssl_.reset();
  ERR_clear_error();
  stage_ = Stage::over;
  return Wait::nothing;
}

StormConnection::Wait StormConnection::fail_on_tls(int result) {
  const int error = SSL_get_error(ssl_.get(), result);
  const int system_error = errno;
  const auto code = ERR_peek_error();
  auto text = crypto::drain_errors();
  flush();  // an alert of ours
  if (const auto alert = alert_of(code)) return fail_with(Ending::tls_failed, to_string(*alert));
  if (is_reset(send_error_) || (error == SSL_ERROR_SYSCALL && is_reset(system_error)))
    return fail_with(Ending::reset, std::string{stage_text()});
  const bool eof = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  if (eof || error == SSL_ERROR_ZERO_RETURN || text.empty())
    return fail_with(Ending::closed, std::string{stage_text()});
  return fail_with(Ending::tls_failed, std::move(text));
}

void StormConnection::send_half_of_output() {
  BIO* const out = SSL_get_wbio(ssl_.get());
  char* data = nullptr;
  const auto half = static_cast<std::size_t>(std::max(0L, BIO_get_mem_data(out, &data))) / 2;
  if (::send(fd_.get(), data, half, MSG_NOSIGNAL) < 0) send_error_ = errno;
  BIO_reset(out);
}

void StormConnection::flush() {
  BIO* const out = SSL_get_wbio(ssl_.get());
  char* data = nullptr;
  const auto size = BIO_get_mem_data(out, &data);
  if (size <= 0) return;
  const auto sent = ::send(fd_.get(), data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && errno == EAGAIN) return;
  // A server that refuses closes early: what it said before is still to be read, and judges the failed send.
  if (sent < 0) send_error_ = errno;
  if (sent < 0 || sent == size) {
    BIO_reset(out);
    return;
  }
  std::array<char, 4096> gone;
  for (auto left = sent; left > 0;) {
    const int count = BIO_read(out, gone.data(), static_cast<int>(std::min<ssize_t>(left, gone.size())));
    if (count <= 0) return;
    left -= count;
  }
}

}  // namespace firstring::simulator
