#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "tls/quarantine_link.hpp"
#include "tls/stream.hpp"

namespace firstring::quarantine {

/// One client: the TLS handshake, the record of it for the server, then plaintext to and fro, each way through one
/// bounded buffer. Nothing blocks.
class Session {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  static Result<std::unique_ptr<Session>> begin(tls::HandOver hand_over,
                                                const std::shared_ptr<const tls::Context>& context, TimePoint at);

  /// Does what can be done now. False: it is over.
  bool advance(TimePoint at);

  // What must happen before there is more to do, as poll(2) has it.
  int socket() const { return hand_over_.socket.get(); }
  int pair() const { return hand_over_.pair.get(); }
  short socket_events() const;
  short pair_events() const;
  TimePoint deadline() const { return deadline_; }
  bool is_shaking_hands() const { return phase_ == Phase::handshake; }

 private:
  enum class Phase : unsigned char { handshake, relay, closing };

  /// Bytes on their way, in the order that they came.
  struct Pipe {
    Bytes bytes;
    std::size_t used = 0;

    bool empty() const { return used == bytes.size(); }
    ByteView rest() const { return ByteView{bytes}.subspan(used); }
  };

  Session(tls::HandOver hand_over, TimePoint at);
  bool shake_hands(TimePoint at);
  void report(tls::QuarantineRecord::Result result);
  /// One round in each direction; false: nothing moved.
  bool relay();
  bool read_client();
  bool read_server();
  bool flush_to_server();
  bool flush_to_client();
  void end(TimePoint at);
  bool discard();
  bool client_has_all() const { return to_client_.empty() && !unsent_; }

  tls::HandOver hand_over_;
  std::unique_ptr<tls::Stream> stream_;
  Phase phase_ = Phase::handshake;
  TimePoint began_, deadline_, last_moment_;
  bool wants_write_ = false;  ///< TLS waits until the socket takes more
  bool client_done_ = false, server_done_ = false;
  bool unsent_ = false;  ///< TLS has records for the client that the socket did not take
  bool lost_ = false;    ///< the server's end of the pair is gone
  Pipe to_server_, to_client_;
  std::size_t discarded_ = 0;
};

struct Limits {
  std::size_t connections = 100;  ///< at once; more wait in the link
};

/// Serves what comes over `control` until the server closes it, then what is still open, for a few seconds at most.
void run(int control, const std::shared_ptr<const tls::Context>& context, const Limits& limits);

}  // namespace firstring::quarantine
