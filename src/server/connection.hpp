#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "ledger/recorder.hpp"
#include "policy/ladder.hpp"
#include "policy/requester.hpp"
#include "provision/fleet_keeper.hpp"
#include "provision/handler.hpp"
#include "server/admission.hpp"
#include "server/buffers.hpp"
#include "server/captures.hpp"
#include "server/exchange.hpp"
#include "server/handshake.hpp"
#include "server/next.hpp"
#include "server/record.hpp"
#include "server/socket.hpp"
#include "server/state.hpp"
#include "tls/quarantine_link.hpp"
#include "tls/verdict_cache.hpp"

namespace firstring::server {

/// What connections of one worker share. Outlives them.
struct ConnectionServices {
  provision::FleetKeeper* fleet = nullptr;
  ledger::Recorder* recorder = nullptr;
  ledger::Recorder::Queue* ledger = nullptr;
  Captures* captures = nullptr;
  policy::Ladder* ladder = nullptr;
  tls::QuarantineLink* quarantine = nullptr;
  Clock clock = now;
  // The worker's own.
  provision::Handler* handler = nullptr;  ///< answers the requests of phone and bootstrap listeners
  tls::VerdictCache* verdicts = nullptr;
  Admission* admission = nullptr;
  Buffers* inputs = nullptr;           ///< what large hellos and requests hold
  Buffers* answers = nullptr;          ///< what answers hold
  std::function<void()> begin_soon{};  ///< a connection in the queue may begin
};

/// One accepted TCP connection, from its first byte to its ledger row:
///
///   reading the ClientHello -> waiting -> handshake -> request -> answer -> request ... -> lingering -> gone
///
/// (a bootstrap connection begins with the request). Waits, keeps time and brings it to its end; what is done between
/// two waits is Handshake's and Exchange's, what remains of it Record's, and what a request gets a Handler's.
/// Everything runs on the worker's thread; each step has a deadline but for the waiting, which is for us and not for
/// the client. Exactly one ledger row is left, whatever happens.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// `socket`: accepted from `peer`, non-blocking.
  Connection(Socket socket, const boost::asio::ip::tcp::endpoint& peer, std::shared_ptr<const State> state,
             std::shared_ptr<const ListenerState> listener, const ConnectionServices& services,
             std::function<void(Connection&)> on_end);
  ~Connection();

  Admission::Place& place() { return place_; }
  void start();
  /// Admission has taken it from the queue: begins the handshake, the part that costs us work.
  void begin();
  /// Evicts it: closes at once, to make room for others. For connections that Admission names.
  void make_room();
  /// Lets a request that is being read or answered finish, and closes otherwise.
  void drain();
  /// Ends at once, with the outcome "shutdown".
  void abort();
  /// To be called at intervals: writes a row of a long-lived connection while it is open.
  void report_if_long_lived();

 private:
  using Step = void (Connection::*)();

  // Steps, in the order of a connection's life.
  void read_hello();
  void hello_complete();
  void wait_for_turn();
  void begin_handshake();
  void advance_handshake();
  void handshake_complete();
  void await_request();
  void read_request();
  void request_read();
  void answer_request();
  void ask_handler();
  void respond(provision::Answer answer);
  void refuse();
  void send(http::Response response, bool keep_alive, http::Body body);
  void write_response();
  void response_written();
  void linger();

  /// Waits for what is needed and then goes `again` through the step; `then` if nothing is.
  void follow(Next next, Step again, Step then);
  void wait(boost::asio::socket_base::wait_type type, Step next);
  void wait_a_while(Step next);
  /// Waits for go_on, and for nothing on the socket.
  void pause(Step again);
  void go_on();

  /// Runs a step; should memory run out in it, this connection ends and no other.
  template <class Body>
  void guarded(Body&& body) {
    try {
      body();
    } catch (const std::bad_alloc&) {
      out_of_memory();
    }
  }
  void out_of_memory() noexcept;
  void set_deadline(std::chrono::milliseconds time);
  void set_timer();
  void timer_rang();
  void deadline_passed();

  void peer_closed(std::string detail);
  /// Writes the ledger row and begins to close: says what has to be said, then lingers until the peer has closed too,
  /// so that the kernel does not throw away an answer that is still on its way.
  void finish(Outcome outcome, Stage stage, std::string detail = {});
  void close();

  bool is_kept_alive() const { return record_.stage() == Stage::done; }
  store::ConnectionRow& row() { return record_.row(handshake_.get()); }
  /// What the handshake has shown goes into the record, and becomes the requester.
  void take_handshake();
  void record_request();
  void put_end(store::ConnectionRow& row);
  std::int64_t lifetime() const { return record_.since_accept(std::chrono::steady_clock::now()); }

  Socket socket_;
  Timer timer_;
  std::shared_ptr<const State> state_;
  std::shared_ptr<const ListenerState> listener_;
  const ConnectionServices& services_;
  std::function<void(Connection&)> on_end_;
  Admission::Place place_{this};
  policy::PeerFacts peer_;
  IpAddress address_;  ///< the peer's

  enum class Phase : unsigned char { hello, waiting, handshake, idle, request, answering, lingering, gone };
  Phase phase_ = Phase::hello;
  bool draining_ = false;
  static constexpr auto kNever = std::chrono::steady_clock::time_point::max();
  std::chrono::steady_clock::time_point deadline_ = kNever;     ///< of the step that is on
  std::chrono::steady_clock::time_point timer_rings_ = kNever;  ///< never behind deadline_
  std::chrono::steady_clock::time_point report_at_;             ///< when it has lived long
  std::uint64_t timer_number_ = 0;
  std::uint64_t wait_number_ = 0;
  std::uint64_t inquiry_number_ = 0;  ///< of the request that is with the handler
  /// Keeps it alive while it waits in the queue or for room, and for nothing on its socket.
  std::shared_ptr<Connection> waiting_self_;
  Step paused_ = nullptr;  ///< what go_on goes on with

  TapePtr tape_;  ///< of a connection that may be captured; the channel writes to it
  Record record_;
  std::unique_ptr<Handshake> handshake_;   ///< with TLS
  std::unique_ptr<tls::Channel> channel_;  ///< once the handshake is over
  policy::Requester requester_ = policy::requester_of(peer_);
  std::unique_ptr<Exchange> exchange_;
  std::uint64_t body_sent_ = 0;  ///< of the answer, when its deadline was set last
  std::size_t discarded_ = 0;
};

}  // namespace firstring::server
