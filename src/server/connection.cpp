#include "server/connection.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/file.hpp"
#include "device/identity.hpp"
#include "ledger/json.hpp"
#include "server/capacity.hpp"
#include "server/plain_channel.hpp"

namespace firstring::server {

namespace asio = boost::asio;

namespace {

/// Time and bytes that a peer gets to take our last words before the socket goes.
constexpr std::chrono::milliseconds kLingerTime{2'000};
constexpr std::size_t kLingerBytes = 1U << 20;
constexpr std::size_t kBufferBytes = 16'384;
constexpr std::string_view kNoMemory = "no memory was left for this connection";
/// How often it is looked whether a quarantine that had its hands full has one free, and by how much its own timeout
/// comes before ours.
constexpr std::chrono::milliseconds kQuarantinePause{50};
constexpr std::chrono::seconds kQuarantineDelay{3};
/// How long a client may say nothing, or half a hello, though others need its place: a first packet that is lost comes
/// again after 1 to 3 s.
constexpr std::chrono::milliseconds kTimeToSpeak{3'000};
/// One that is drained though it has said nothing yet may still come to it for so long.
constexpr std::chrono::seconds kTimeToBegin{1};
/// How long after its first row a connection that goes on living gets the next.
constexpr std::chrono::minutes kReportAgain{60};

/// False if there was not enough memory for it.
template <class Step>
bool has_memory(Step&& step) noexcept {
  try {
    step();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

asio::ip::tcp::endpoint local_endpoint_of(const Socket& socket) {
  boost::system::error_code ignored;
  return socket.local_endpoint(ignored);
}

/// Whether a bundle of evidence may contain a captured request: only if it certainly holds no password and no other
/// phone's name. Of any other, only its time.
bool may_leave(const http::Request& request, const std::optional<MacAddress>& asked_for, const std::string& device) {
  return request.body.empty() && request.query.empty() && request.header("Authorization").empty() &&
         request.header("Proxy-Authorization").empty() && request.header("Cookie").empty() &&
         (!asked_for || asked_for->bare() == device);
}

}  // namespace

Connection::Connection(Socket socket, const asio::ip::tcp::endpoint& peer, std::shared_ptr<const State> state,
                       std::shared_ptr<const ListenerState> listener, const ConnectionServices& services,
                       std::function<void(Connection&)> on_end)
    : socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      state_(std::move(state)),
      listener_(std::move(listener)),
      services_(services),
      on_end_(std::move(on_end)),
      peer_{.tls = listener_->config.kind == config::ListenerKind::phone},
      address_(address_of(peer)),
      report_at_(std::chrono::steady_clock::now() + state_->config.limits.ledger_open),
      record_(fmt::format("{} {}", peer_.tls ? "phone" : "bootstrap", listener_->config.address.to_string()), peer,
              local_endpoint_of(socket_), services_.clock(), std::chrono::steady_clock::now()) {}

Connection::~Connection() = default;

// ---- memory ----

void Connection::out_of_memory() noexcept {
  // Without its row, if there is no memory for that either.
  if (!has_memory([this] { finish(Outcome::limit, record_.stage(), std::string{kNoMemory}); }))
    phase_ = Phase::lingering;
  // Its place is free in any case; what could not be posted comes with the next one that ends.
  if (!has_memory([this] { close(); })) phase_ = Phase::gone;
}

// ---- what others ask of it ----

void Connection::start() {
  guarded([this] {
    if (services_.captures->any()) {
      tape_ = services_.captures->begin(services_.fleet->current()->captures(), services_.fleet->records(), address_,
                                        services_.clock());
    }
    const auto& config = listener_->config;
    const auto patience = peer_.tls ? config.hello_timeout : config.idle_timeout;
    services_.admission->arrive(place_, peer_.tls ? Admission::Kind::phone : Admission::Kind::bootstrap, address_,
                                std::chrono::steady_clock::now() + std::min(patience / 2, kTimeToSpeak));
    if (!peer_.tls) {
      channel_ = std::make_unique<PlainChannel>(socket_.native_handle(), tape_.get());
      return await_request();
    }
    handshake_ =
        std::make_unique<Handshake>(Handshake::Surroundings{*state_, *listener_, *services_.fleet, *services_.ladder,
                                                            *services_.quarantine, address_},
                                    Intake{*services_.inputs, [this] { go_on(); }});
    set_deadline(config.hello_timeout);
    // Behind what is ready already: the end of the same client's last try, which decides what it gets in this one.
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
      if (self->phase_ == Phase::hello) self->guarded([&self] { self->read_hello(); });
    });
  });
}

void Connection::drain() {
  guarded([this] {
    draining_ = true;
    // A phone that has just connected is still served: refused, it would stay away for an hour. A silent one is not.
    const bool has_spoken = record_.stage() != Stage::tcp || std::chrono::microseconds{lifetime()} < kTimeToBegin;
    const bool waits_for_more = phase_ == Phase::idle && is_kept_alive();
    if (!has_spoken || waits_for_more) abort();
  });
}

void Connection::abort() {
  guarded([this] {
    if (phase_ == Phase::gone) return;
    if (phase_ != Phase::lingering)
      finish(is_kept_alive() ? Outcome::ok : Outcome::shutdown, record_.stage(), "the server was stopped");
    close();
  });
}

void Connection::make_room() {
  guarded([this] {
    if (phase_ == Phase::gone) return;
    auto detail = fmt::format("closed after {} ms to make room: {} connections were open", lifetime() / 1000,
                              services_.admission->open());
    // One that is kept alive has had its answers: an ordinary end.
    const bool is_idle = phase_ == Phase::idle && is_kept_alive();
    finish(is_idle ? Outcome::ok : Outcome::limit, record_.stage(), std::move(detail));
    close();
  });
}

// ---- the handshake ----

void Connection::read_hello() {
  const auto before = handshake_->bytes_in();
  auto next = handshake_->read_hello(socket_.native_handle(), tape_.get(), services_.clock());
  if (handshake_->bytes_in() > before) record_.reach(Stage::hello);
  follow(std::move(next), &Connection::read_hello, &Connection::hello_complete);
}

void Connection::hello_complete() {
  const auto time = std::chrono::steady_clock::now();
  record_.hello_complete(time);
  phase_ = Phase::waiting;
  deadline_ = kNever;  // what comes now is for us to do
  using Familiarity = Admission::Familiarity;
  services_.admission->queue(place_, handshake_->is_familiar() ? Familiarity::known : Familiarity::unknown, time);
  services_.begin_soon();
  wait(Socket::wait_read, &Connection::wait_for_turn);
}

/// Something happened on the socket of a client that has nothing to say until we answer.
void Connection::wait_for_turn() {
  if (phase_ != Phase::waiting) return;
  std::uint8_t next = 0;
  const auto count = ::recv(socket_.native_handle(), &next, 1, MSG_PEEK);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return wait(Socket::wait_read, &Connection::wait_for_turn);
  if (count > 0) {
    // The socket stays readable, so waiting on it would spin. What it sent stays there until the handshake begins.
    waiting_self_ = shared_from_this();
    return;
  }
  finish(Outcome::closed, Stage::hello, count < 0 ? errno_text(errno) : "the client closed the TCP connection");
}

void Connection::begin() {
  const auto self = std::move(waiting_self_);
  guarded([this] {
    record_.waited_until(std::chrono::steady_clock::now());
    phase_ = Phase::handshake;
    const auto extra =
        handshake_->is_quarantined() ? Handshake::kQuarantinePatience + kQuarantineDelay : std::chrono::seconds{0};
    set_deadline(listener_->config.handshake_timeout + extra);
    begin_handshake();
  });
}

void Connection::begin_handshake() {
  const std::chrono::microseconds waited{lifetime() - record_.hello_us() - record_.queued_us()};
  auto next = handshake_->begin(socket_, tape_.get(), waited);
  const bool has_begun = handshake_->channel() != nullptr;
  follow(std::move(next), has_begun ? &Connection::advance_handshake : &Connection::begin_handshake,
         &Connection::handshake_complete);
}

void Connection::advance_handshake() {
  follow(handshake_->advance(), &Connection::advance_handshake, &Connection::handshake_complete);
}

void Connection::handshake_complete() {
  take_handshake();
  channel_ = handshake_->take_channel();
  handshake_->release_hello();
  if (requester_.verdict.accepted) services_.admission->know(place_);
  await_request();
}

void Connection::take_handshake() {
  const auto& facts = handshake_->channel()->facts();
  auto& row = this->row();
  record_.take_handshake(facts, *state_, *handshake_->personality(), socket_.native_handle());
  peer_.quarantined = handshake_->is_quarantined();
  peer_.secrets_over_quarantine = state_->config.quarantine.secrets;
  peer_.handshake_finished = row.handshake_us >= 0;
  peer_.ja3 = handshake_->client_ja3();
  peer_.offered_version = handshake_->offered_version();
  if (facts.client_chain.empty()) {
    requester_ = policy::requester_of(peer_);
    return;
  }
  const auto& leaf = facts.client_chain.front();
  const auto subject = leaf.subject();
  peer_.verdict = services_.verdicts->judge(state_->trust, facts.client_chain, services_.clock());
  peer_.identity = device::identify(subject, leaf.issuer());
  if (peer_.verdict.accepted && peer_.identity.mac) peer_.key = to_hex(leaf.key_fingerprint());
  requester_ = policy::requester_of(peer_);
  record_.take_peer(peer_, requester_, leaf, subject);
}

// ---- requests ----

void Connection::await_request() {
  if (!exchange_) {
    exchange_ = std::make_unique<Exchange>(
        state_->config.limits.max_request_head, *services_.inputs, *services_.answers, tape_.get(), [this] { go_on(); },
        [weak = weak_from_this()] {
          if (const auto self = weak.lock()) self->go_on();
        });
  }
  phase_ = Phase::idle;
  if (is_kept_alive()) {
    if (draining_) return finish(Outcome::ok, Stage::done);
    services_.admission->idle(place_, std::chrono::steady_clock::now());
  }
  if (!exchange_->has_begun()) set_deadline(listener_->config.idle_timeout);
  read_request();
}

void Connection::read_request() {
  auto next = exchange_->read(*channel_, peer_.tls, *services_.handler, services_.clock);
  if (phase_ == Phase::idle && exchange_->has_begun()) {
    phase_ = Phase::request;
    if (is_kept_alive()) services_.admission->ask(place_, exchange_->began());
    record_.reach(Stage::request);
    set_deadline(listener_->config.request_timeout);
  }
  follow(std::move(next), &Connection::read_request, &Connection::request_read);
}

void Connection::request_read() {
  phase_ = Phase::answering;
  services_.admission->ask(place_, std::chrono::steady_clock::now());
  if (exchange_->is_refused()) return refuse();
  answer_request();
}

void Connection::answer_request() {
  auto next = exchange_->reserve();
  // Anew: it is the others' answers that it waits for.
  if (next.need == Next::Need::room) set_deadline(listener_->config.request_timeout);
  follow(std::move(next), &Connection::answer_request, &Connection::ask_handler);
}

void Connection::ask_handler() {
  const auto number = ++inquiry_number_;
  const auto is_asked = [number](const Connection& self) {
    return self.phase_ == Phase::answering && self.inquiry_number_ == number;
  };
  const provision::Inquiry inquiry{.request = exchange_->reader().request(),
                                   .peer = peer_,
                                   .row = row(),
                                   .resume = [self = shared_from_this(), is_asked](std::function<void()> step) {
                                     asio::post(self->socket_.get_executor(), [self, is_asked, step = std::move(step)] {
                                       if (is_asked(*self)) self->guarded(step);
                                     });
                                   }};
  services_.handler->handle(inquiry, [self = shared_from_this(), is_asked](provision::Answer answer) {
    asio::dispatch(self->socket_.get_executor(), [self, is_asked, answer = std::move(answer)]() mutable {
      if (!is_asked(*self)) return;
      ++self->inquiry_number_;
      self->guarded([&] { self->respond(std::move(answer)); });
    });
  });
}

void Connection::respond(provision::Answer answer) {
  const auto& request = exchange_->reader().request();
  if (!answer.problem.empty()) spdlog::error("{} for {}: {}", request.target, row().address, answer.problem);
  record_.decided(exchange_->reader(), answer);
  const bool has_unread_body = exchange_->has_unread_body();
  if (has_unread_body || !may_leave(request, answer.requested, row().device)) exchange_->withhold_request();
  exchange_->withhold_answer(answer.response.status == 200);
  const auto kind = answer.allow ? Admission::Answer::served : Admission::Answer::refused;
  const bool keep_alive = request.keep_alive && !draining_ && !has_unread_body &&
                          services_.admission->may_stay(place_, kind, std::chrono::steady_clock::now());
  send(std::move(answer.response), keep_alive, request.method == "HEAD" ? http::Body::without : http::Body::with);
}

void Connection::refuse() {
  exchange_->withhold_request();
  exchange_->withhold_answer(false);
  row();
  record_.refused(exchange_->reader());
  send(exchange_->reader().refusal(), false, http::Body::with);
}

void Connection::send(http::Response response, bool keep_alive, http::Body body) {
  exchange_->answer(std::move(response), keep_alive, body);
  record_.reach(Stage::response);
  set_deadline(listener_->config.request_timeout);
  write_response();
}

void Connection::write_response() {
  auto next = exchange_->write(*channel_);
  // The time-out holds for each piece of a long body, and not while its source has no data.
  if (next.need == Next::Need::more) deadline_ = kNever;
  if (std::exchange(body_sent_, exchange_->body_bytes()) != exchange_->body_bytes() && next.need != Next::Need::more)
    set_deadline(listener_->config.request_timeout);
  follow(std::move(next), &Connection::write_response, &Connection::response_written);
}

void Connection::response_written() {
  record_request();
  if (requester_.verdict.accepted)
    channel_->keep_session(requester_.identity.mac ? requester_.identity.mac->bare() : std::string{});
  record_.reach(Stage::done);
  const bool keeps_alive = exchange_->keeps_alive();
  exchange_->finish_answer(services_.clock);
  if (!keeps_alive) return finish(Outcome::ok, Stage::done);
  // Not from here: a peer that sends a thousand requests at once must not hold the worker.
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->phase_ == Phase::answering) self->guarded([&] { self->await_request(); });
  });
}

void Connection::record_request() {
  const auto standing = record_.standing(*services_.fleet->current());
  auto request = record_.take_request(*exchange_, standing);
  auto line = services_.recorder->keeps_request_log() ? ledger::request_to_json(row(), request) : std::string{};
  services_.ledger->request(std::move(request), address_, std::move(line));
}

// ---- waiting ----

void Connection::follow(Next next, Step again, Step then) {
  using Need = Next::Need;
  switch (next.need) {
    case Need::nothing:
      return (this->*then)();
    case Need::read:
      return wait(Socket::wait_read, again);
    case Need::write:
      return wait(Socket::wait_write, again);
    case Need::room:
    case Need::more:
      return pause(again);
    case Need::pause:
      return wait_a_while(again);
    case Need::closed:
      return peer_closed(std::move(next.detail));
    case Need::end:
      return finish(next.outcome, next.stage, std::move(next.detail));
  }
}

void Connection::wait(asio::socket_base::wait_type type, Step next) {
  // Only the last wait counts: a deadline that ends one step and begins the next leaves the step's own wait behind.
  socket_.async_wait(
      type, [self = shared_from_this(), next, number = ++wait_number_](const boost::system::error_code& error) {
        if (error || self->phase_ == Phase::gone || self->wait_number_ != number) return;
        self->guarded([&] { (self.get()->*next)(); });
      });
}

void Connection::wait_a_while(Step next) {
  const auto timer = std::make_shared<Timer>(socket_.get_executor(), kQuarantinePause);
  timer->async_wait([self = shared_from_this(), timer, next, phase = phase_](const boost::system::error_code&) {
    if (self->phase_ == phase) self->guarded([&] { (self.get()->*next)(); });
  });
}

void Connection::pause(Step again) {
  paused_ = again;
  waiting_self_ = shared_from_this();
}

/// Not from here: it may be another connection's step that has made room, or another thread.
void Connection::go_on() {
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->waiting_self_.reset();
    const auto step = std::exchange(self->paused_, nullptr);
    if (step == nullptr || self->phase_ == Phase::lingering || self->phase_ == Phase::gone) return;
    self->guarded([&] { (self.get()->*step)(); });
  });
}

/// Resets the timer only for a deadline earlier than it is set to: most steps end long before theirs.
void Connection::set_deadline(std::chrono::milliseconds time) {
  deadline_ = std::chrono::steady_clock::now() + time;
  if (deadline_ < timer_rings_) set_timer();
}

void Connection::set_timer() {
  timer_rings_ = deadline_;
  timer_.expires_at(deadline_);
  timer_.async_wait([self = weak_from_this(), number = ++timer_number_](const boost::system::error_code& error) {
    const auto connection = self.lock();
    if (!error && connection && connection->timer_number_ == number)
      connection->guarded([&] { connection->timer_rang(); });
  });
}

void Connection::timer_rang() {
  timer_rings_ = kNever;
  if (deadline_ == kNever) return;
  if (std::chrono::steady_clock::now() < deadline_) return set_timer();
  deadline_ = kNever;
  deadline_passed();
}

void Connection::deadline_passed() {
  switch (phase_) {
    case Phase::gone:
    case Phase::waiting:
      return;
    case Phase::lingering:
      return close();
    case Phase::idle:
      // Kept alive for a next request that did not come: an ordinary end.
      return finish(is_kept_alive() ? Outcome::ok : Outcome::timeout, record_.stage());
    case Phase::hello:
    case Phase::handshake:
    case Phase::request:
    case Phase::answering:
      return finish(Outcome::timeout, record_.stage());
  }
}

// ---- the end ----

void Connection::peer_closed(std::string detail) {
  if (phase_ == Phase::answering)
    return finish(Outcome::closed, Stage::response, "the client closed before it had the whole response");
  if (!exchange_->is_empty()) {
    if (detail.empty()) detail = "the client closed in the middle of a request";
    return finish(Outcome::closed, Stage::request, std::move(detail));
  }
  // A close between requests is the ordinary end; one with no request at all is worth a look.
  if (is_kept_alive()) return finish(Outcome::ok, Stage::done, std::move(detail));
  finish(Outcome::closed, detail.empty() ? record_.stage() : Stage::request, std::move(detail));
}

/// What is the same in the row of a connection that has ended and of one that has not.
void Connection::put_end(store::ConnectionRow& row) {
  row.stage = record_.stage();
  row.closed_us = lifetime();
  const auto* channel = channel_ ? channel_.get() : handshake_->channel();
  row.bytes_in = static_cast<std::int64_t>(channel != nullptr ? channel->bytes_in() : handshake_->bytes_in());
  row.bytes_out = static_cast<std::int64_t>(channel != nullptr ? channel->bytes_out() : handshake_->bytes_out());
}

void Connection::finish(Outcome outcome, Stage stage, std::string detail) {
  if (phase_ == Phase::lingering || phase_ == Phase::gone) return;
  if (phase_ == Phase::request) exchange_->withhold_request();
  if (phase_ == Phase::waiting) record_.waited_until(std::chrono::steady_clock::now());
  record_.reach(stage);
  if (phase_ == Phase::handshake && handshake_->channel() != nullptr) {
    take_handshake();
    channel_ = handshake_->take_channel();
  }
  const auto self = std::move(waiting_self_);
  phase_ = Phase::lingering;
  auto& row = this->row();
  if (record_.has_request()) record_request();  // decided, but the answer did not get through
  row.outcome = outcome;
  row.detail = std::move(detail);
  if (channel_) {
    const auto& facts = channel_->facts();
    if (facts.alert.from != tls::Alert::From::nobody) {
      row.alert = facts.alert.name;
      row.alert_from = facts.alert.from == tls::Alert::From::client ? "client" : "server";
      row.alert_code = facts.alert.code;
    }
    row.asked_renegotiation = facts.asked_renegotiation;
    if (outcome == Outcome::ok || outcome == Outcome::timeout) channel_->shutdown();
  }
  put_end(row);
  const auto fleet = services_.fleet->current();
  if (handshake_) handshake_->tell_ladder(row, services_.clock());
  // What the hello told, however far the handshake got.
  record_.fill_from(services_.fleet->records(), requester_, handshake_ ? handshake_->client_ja3() : peer_.ja3,
                    address_);
  record_.judge(*fleet);
  channel_.reset();
  services_.admission->settle(place_, conduct_of(row), std::chrono::steady_clock::now());
  if (services_.admission->may_begin()) services_.begin_soon();
  if (!tape_ || !services_.captures->take(tape_, row, fleet->captures(), services_.clock()))
    services_.ledger->connection(record_.take());
  // Who only waits for the other end to close holds nothing.
  tape_.reset();
  exchange_.reset();
  handshake_.reset();
  record_.forget();
  boost::system::error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  if (error) return close();
  set_deadline(kLingerTime);
  linger();
}

void Connection::linger() {
  std::array<std::uint8_t, kBufferBytes> buffer;
  for (;;) {
    const auto count = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return wait(Socket::wait_read, &Connection::linger);
    if (count <= 0) return close();
    discarded_ += static_cast<std::size_t>(count);
    if (discarded_ > kLingerBytes) return close();
  }
}

void Connection::close() {
  if (phase_ == Phase::gone) return;
  phase_ = Phase::gone;
  ++timer_number_;
  timer_.cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
  on_end_(*this);
}

void Connection::report_if_long_lived() {
  const auto time = std::chrono::steady_clock::now();
  if (phase_ == Phase::lingering || phase_ == Phase::gone || time < report_at_) return;
  report_at_ = time + kReportAgain;
  // As it is now; what is made before the handshake is over would stay as it was.
  const bool is_early = !record_.has_row();
  auto& row = this->row();
  row.outcome = Outcome::open;
  put_end(row);
  record_.judge(*services_.fleet->current());
  services_.ledger->connection(row);
  if (is_early) record_.forget();
}

}  // namespace firstring::server
