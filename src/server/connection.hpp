#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "crypto/secret_box.hpp"
#include "hello/client_hello.hpp"
#include "http/request_reader.hpp"
#include "ledger/recorder.hpp"
#include "policy/access.hpp"
#include "policy/ladder.hpp"
#include "policy/personality_choice.hpp"
#include "provision/answer.hpp"
#include "provision/fleet_keeper.hpp"
#include "server/admission.hpp"
#include "server/buffers.hpp"
#include "server/captures.hpp"
#include "server/state.hpp"
#include "tls/quarantine_link.hpp"
#include "tls/stream.hpp"
#include "tls/verdict_cache.hpp"

namespace firstring::server {

IpAddress address_of(const boost::asio::ip::tcp::endpoint& endpoint);

/// What connections of one worker share. Outlives them.
struct ConnectionServices {
  provision::FleetKeeper* fleet = nullptr;
  const crypto::SecretBox* box = nullptr;
  ledger::Recorder* recorder = nullptr;
  ledger::Recorder::Queue* ledger = nullptr;
  Captures* captures = nullptr;
  policy::Ladder* ladder = nullptr;
  tls::QuarantineLink* quarantine = nullptr;
  tls::VerdictCache* verdicts = nullptr;  ///< the worker's own
  Clock clock = now;
  // The worker's own.
  Admission* admission = nullptr;
  Buffers* inputs = nullptr;           ///< what large hellos and requests hold
  Buffers* answers = nullptr;          ///< what answers hold
  std::function<void()> begin_soon{};  ///< somebody waits who may begin
};

/// One accepted TCP connection, from its first byte to its ledger row:
///
///   reading the ClientHello -> waiting -> handshake -> request -> answer -> request ... -> lingering -> gone
///
/// (a bootstrap connection begins with the request). Everything runs on the worker's thread; each step has a deadline
/// but for the waiting, which is for us and not for the client. Exactly one ledger row is left, whatever happens.
class Connection : public std::enable_shared_from_this<Connection>, public Admission::Visitor {
 public:
  // Asio's own types with the executor spelt out: the type-erased one costs half a KiB a connection.
  using Executor = boost::asio::io_context::executor_type;
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;
  using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                  boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;

  /// `socket`: accepted from `peer`, non-blocking.
  Connection(Socket socket, const boost::asio::ip::tcp::endpoint& peer, std::shared_ptr<const State> state,
             std::shared_ptr<const ListenerState> listener, const ConnectionServices& services,
             std::function<void(Connection&)> on_end);
  ~Connection();

  void start();
  /// Its turn has come (Admission): the part of a handshake that costs us work begins.
  void begin();
  /// Closes at once, for the sake of others: whom Admission names.
  void make_room();
  /// Lets a request that is being read or answered finish, and closes otherwise.
  void drain();
  /// Ends at once, with the outcome "shutdown".
  void abort();
  /// To be called now and then: a connection that lives long gets a row while it does.
  void report_if_long_lived();

 private:
  using Step = void (Connection::*)();

  void start_unguarded();
  void drain_unguarded();
  void begin_unguarded();

  void read_hello();
  void send_alert(std::uint8_t code);
  void hello_complete();
  void wait_for_turn();
  policy::PersonalityChoice choose_personality(std::optional<store::DeviceRecord> record) const;
  void tell_ladder();
  /// Gives the client to firstring-quarantine, and from then on has the other end of its pair for a socket.
  void hand_over();
  void hand_over_later();
  void handshake();
  void handshake_complete();
  void await_request();
  void read_request();
  void follow_reader(http::RequestReader::State state);
  void body_announced();
  void request_complete();
  void answer_request();
  /// Takes note of the phone that asks, then decides and renders.
  provision::Answer decide();
  void sight_phone(const http::Request& request, const provision::FleetView& fleet);
  void watch_phone(const MacAddress& mac, const http::Request& request, const device::UserAgent* agent,
                   const provision::FleetView& fleet);
  void meet_stranger(const provision::Answer& answer);
  void respond(provision::Answer answer);
  void send(const http::Response& response, bool keep_alive, http::Body body);
  void write_response();
  tls::Channel::Status send_off();
  void begin_tape();
  std::string_view next_output();
  void judge_taped_request(bool may_leave);
  void record_request();
  void response_written();
  void request_failed();

  /// How many bytes may be read on top of `held` ones that nobody had to give; none if there is no room for `whole`,
  /// what it may come to: then `again` follows when there is.
  std::size_t may_read(std::unique_ptr<Buffers::Lease>& lease, std::size_t held, std::size_t whole, Step again);
  /// Until there is room in the buffers, nothing is waited for on the socket.
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
  void wait(boost::asio::socket_base::wait_type type, Step next);
  void set_deadline(std::chrono::milliseconds time);
  void set_timer();
  void timer_rang();
  void deadline_passed();

  /// Plain or through TLS, as the listener is.
  tls::Channel::Io read_some(std::span<std::uint8_t> buffer);
  tls::Channel::Io write_some(std::string_view bytes);

  /// Writes the ledger row and begins to close: says what has to be said, then lingers until the peer has closed too,
  /// so that the kernel does not throw away an answer that is still on its way.
  void finish(std::string_view outcome, std::string_view stage, std::string detail = {});
  void finish_tls_failure(tls::Channel::Status status);
  void linger();
  void close();
  store::ConnectionRow& row();
  /// Whose the row is; after fill_from_records it is as much as there will be known.
  store::Standing standing();
  IpAddress peer_address() const;
  static std::string model_of_product(std::string_view product);
  void fill_tls_facts();
  void fill_what_was_shown();
  /// What the past tells of a phone that did not say it itself.
  void fill_from_records();
  std::int64_t since_accept(std::chrono::steady_clock::time_point at) const;

  Socket socket_;
  Timer timer_;
  std::shared_ptr<const State> state_;
  std::shared_ptr<const ListenerState> listener_;
  const ConnectionServices& services_;
  std::function<void(Connection&)> on_end_;

  enum class Phase : unsigned char { hello, waiting, handshake, idle, request, answering, lingering, gone };
  Phase phase_ = Phase::hello;
  bool draining_ = false;
  static constexpr std::chrono::minutes kReportAgain{60};
  static constexpr auto kNever = std::chrono::steady_clock::time_point::max();
  std::chrono::steady_clock::time_point deadline_ = kNever;     ///< of the step that is on
  std::chrono::steady_clock::time_point timer_rings_ = kNever;  ///< never behind deadline_
  std::uint64_t timer_number_ = 0;
  std::uint64_t wait_number_ = 0;

  // What a connection in mid-handshake holds, thousands of which wait for slow phones: only what the row cannot be made
  // from later.
  std::int64_t id_;
  Timestamp accepted_;
  std::chrono::steady_clock::time_point accepted_at_;
  boost::asio::ip::tcp::endpoint peer_, local_;
  std::string_view stage_ = "tcp";
  std::unique_ptr<hello::Reader> hello_reader_;
  Bytes hello_;
  std::int64_t hello_us_ = -1;
  std::int64_t queued_us_ = -1;
  std::shared_ptr<Connection>
      waiting_self_;       ///< while it waits for its turn, or for room, and for nothing on its socket
  Step paused_ = nullptr;  ///< what comes when there is room
  // For what is larger than kFreeBytes; two, for who waits for more while it holds a part could wait for ever.
  std::unique_ptr<Buffers::Lease> hello_lease_, request_lease_;
  std::uint16_t offered_version_ = 0;  ///< the highest in the hello that there is
  std::string ja3_, ja4_, server_name_;
  std::string client_ja3_;  ///< of the hello without_session: what the client is known by
  bool hello_is_sslv2_ = false;
  policy::PersonalityChoice choice_;
  TapePtr tape_;  ///< of a connection that may be captured; the stream writes to it
  std::unique_ptr<tls::Channel> stream_;
  std::uint64_t plain_in_ = 0, plain_out_ = 0;

  std::unique_ptr<store::ConnectionRow> row_;          ///< once the handshake is over; see row()
  std::chrono::steady_clock::time_point report_at_{};  ///< set in the constructor: when it has lived long
  policy::Requester requester_;
  std::string client_key_;  ///< key_fingerprint of the certificate, once a request has needed it

  /// The request that is being read and answered.
  struct Exchange {
    Exchange(http::Limits limits, Buffers& answers, std::function<void()> on_room)
        : reader(limits), answer(answers, std::move(on_room)) {}

    http::RequestReader reader;
    Buffers::Lease answer;
    std::chrono::steady_clock::time_point began{};
    Timestamp at{};
    store::RequestRow row{};
    std::optional<std::string_view> denial{};  ///< the reason of the last request denied, "" if none was; for the cause
    std::string output{};
    std::size_t sent = 0;
    bool keep_alive = false;
    std::size_t taped_from = 0;  // where the request begins on the tape
  };
  std::unique_ptr<Exchange> exchange_;
  std::size_t discarded_ = 0;
};

}  // namespace firstring::server
