#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/file.hpp"
#include "base/ip_address.hpp"
#include "base/result.hpp"
#include "crypto/openssl.hpp"
#include "simulator/address.hpp"
#include "simulator/storm_plan.hpp"

namespace firstring::simulator {

using SslSessionPtr = std::unique_ptr<SSL_SESSION, crypto::Deleter<SSL_SESSION_free>>;

/// How a phone's try ended.
enum class Ending : unsigned char {
  served,        ///< status 200 and the whole answer
  refused,       ///< no TCP connection
  reset,         ///< the server reset the connection
  closed,        ///< the server closed it early, without a TLS alert
  tls_failed,    ///< an alert, or what a TLS client cannot go on with
  other_status,  ///< a whole answer with another status than 200
  bad_answer,    ///< no HTTP answer that a phone can read
  timed_out,     ///< not served in the time that there was
  abandoned,     ///< the storm was stopped
};
inline constexpr unsigned kEndings = 9;
std::string_view to_string(Ending ending);  ///< "tls_failed"

/// One connection of a storm: a socket that never blocks, and what its peer has come to. It says when it wants to go
/// on; who owns it has the clock and waits for the socket.
class StormConnection {
 public:
  /// What it waits for before `advance` is called again.
  enum class Wait : unsigned char {
    socket,    ///< something to happen on the socket
    think,     ///< the phone's own computing time, then `advance`
    farewell,  ///< the phone has all it wants, or nothing more to hope for: see ending(). Waits for the server to close
    nothing,   ///< it is over
  };

  /// A socket for it, not connected yet. `ssl` has no BIOs yet, and Role::flood needs none. Error: there is no socket
  /// to be had, or it cannot come from `source`.
  static Result<StormConnection> open(Role role, const SocketAddress& server, const std::optional<IpAddress>& source,
                                      crypto::SslPtr ssl, std::string request);

  int fd() const { return fd_.get(); }
  /// Goes on as far as it can without waiting; the first call connects. To be waited for with edges: it goes on until
  /// the socket has no more.
  Wait advance();

  bool established() const { return established_; }
  /// Of a phone, once `advance` has given `farewell` or `nothing`; of others not set.
  std::optional<Ending> ending() const { return ending_; }
  /// What the ending was in detail: "fatal alert 40, handshake failure", "403 Forbidden", "connection refused".
  const std::string& detail() const { return detail_; }
  /// How far it is, for one that has run out of time: "in the handshake".
  std::string_view stage_text() const;
  std::size_t body_bytes() const { return body_bytes_; }
  bool resumed() const { return resumed_; }
  bool has_thought() const { return thought_; }
  /// The session to come back with, of a phone that was served; may be null.
  SslSessionPtr take_session() { return std::move(session_); }

 private:
  enum class Stage : unsigned char { fresh, connecting, handshake, answer, idle, over };

  StormConnection(Role role, const SocketAddress& server, FileDescriptor fd, crypto::SslPtr ssl, std::string request)
      : role_(role), server_(&server), fd_(std::move(fd)), ssl_(std::move(ssl)), request_(std::move(request)) {}

  Wait connect();
  Wait connected();
  Wait handshake();
  Wait ask();
  Wait try_renegotiation();
  Wait read_answer();
  Wait finish();
  Wait say_nothing_more();
  Wait idle();
  Wait fail_with(Ending ending, std::string detail);
  Wait fail_on_tls(int result);
  /// Whether the answer is whole. Error: a phone could not read it.
  Result<bool> take(std::string_view received);
  void send_half_of_output();
  void flush();

  Role role_;
  Stage stage_ = Stage::fresh;
  bool established_ = false, thought_ = false, resumed_ = false;
  int send_error_ = 0;
  const SocketAddress* server_;
  FileDescriptor fd_;
  crypto::SslPtr ssl_;
  SslSessionPtr session_;
  std::string request_;
  std::string head_;  ///< of the answer, until it is whole
  unsigned status_ = 0;
  std::size_t body_left_ = 0, body_bytes_ = 0;
  std::optional<Ending> ending_;
  std::string detail_;
};

}  // namespace firstring::simulator
