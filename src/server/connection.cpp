#include "server/connection.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <array>
#include <utility>

#include "base/file.hpp"
#include "ledger/explain.hpp"
#include "server/capacity.hpp"

namespace firstring::server {

namespace asio = boost::asio;
using Status = tls::Channel::Status;

namespace {

/// Time and bytes that a peer gets to take our last words before the socket goes.
constexpr std::chrono::milliseconds kLingerTime{2'000};
constexpr std::size_t kLingerBytes = 1U << 20;
constexpr std::size_t kBufferBytes = 16'384;
constexpr std::string_view kNoMemory = "no memory was left for this connection";
constexpr std::uint16_t kNewestTls = 0x0304;
/// How long a client waits for a quarantine that has just ended or has its hands full, how often that is looked at, and
/// by how much its own timeout comes before ours.
constexpr std::chrono::seconds kQuarantinePatience{5};
constexpr std::chrono::milliseconds kQuarantinePause{50};
constexpr std::chrono::seconds kQuarantineDelay{3};
/// How long a client may say nothing, or half a hello, though others need its place: a first packet that is lost comes
/// again after 1 to 3 s.
constexpr std::chrono::milliseconds kTimeToSpeak{3'000};

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
      id_(ledger::next_connection_id()),
      accepted_(services_.clock()),
      accepted_at_(std::chrono::steady_clock::now()),
      peer_(peer) {
  boost::system::error_code ignored;
  local_ = socket_.local_endpoint(ignored);
  report_at_ = accepted_at_ + state_->config.limits.ledger_open;
  requester_.tls = listener_->config.kind == config::ListenerKind::phone;
}

Connection::~Connection() = default;

// ---- memory ----

void Connection::out_of_memory() noexcept {
  // Without its row, if there is no memory for that either.
  if (!has_memory([this] { finish("limit", stage_, std::string{kNoMemory}); })) phase_ = Phase::lingering;
  // Its place is free in any case; what could not be posted comes with the next one that ends.
  if (!has_memory([this] { close(); })) phase_ = Phase::gone;
}

std::size_t Connection::may_read(std::unique_ptr<Buffers::Lease>& lease, std::size_t held, std::size_t whole,
                                 Step again) {
  if (held < kFreeBytes) return kFreeBytes - held;
  if (!lease) lease = std::make_unique<Buffers::Lease>(*services_.inputs, [this] { go_on(); });
  if (lease->grow(whole)) return kReadBytes;
  pause(again);
  return 0;
}

void Connection::pause(Step again) {
  paused_ = again;
  waiting_self_ = shared_from_this();
}

void Connection::go_on() {
  // Not from here: it is another connection's step that has made room.
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->waiting_self_.reset();
    const auto step = std::exchange(self->paused_, nullptr);
    if (step == nullptr || self->phase_ == Phase::lingering || self->phase_ == Phase::gone) return;
    self->guarded([&] { (self.get()->*step)(); });
  });
}

void Connection::start() {
  guarded([this] { start_unguarded(); });
}

void Connection::start_unguarded() {
  if (services_.captures->any()) begin_tape();
  const auto patience = requester_.tls ? listener_->config.hello_timeout : listener_->config.idle_timeout;
  services_.admission->arrive(*this, requester_.tls ? Admission::Kind::phone : Admission::Kind::bootstrap,
                              peer_address(), accepted_at_ + std::min(patience / 2, kTimeToSpeak));
  if (listener_->config.kind == config::ListenerKind::phone) {
    hello_reader_ = std::make_unique<hello::Reader>();
    set_deadline(listener_->config.hello_timeout);
    // Behind what is ready already: the end of the same client's last try, which decides what it gets in this one.
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
      if (self->phase_ == Phase::hello) self->guarded([&self] { self->read_hello(); });
    });
  } else {
    await_request();
  }
}

void Connection::drain() {
  guarded([this] { drain_unguarded(); });
}

void Connection::drain_unguarded() {
  draining_ = true;
  // A phone on its way in is let in: refused, it would stay away for an hour. What only holds a line open is not.
  constexpr std::chrono::seconds kTimeToBegin{1};
  const bool has_spoken = stage_ != "tcp" || std::chrono::steady_clock::now() - accepted_at_ < kTimeToBegin;
  const bool waits_for_more = phase_ == Phase::idle && stage_ == "done";
  if (!has_spoken || waits_for_more) abort();
}

void Connection::abort() {
  guarded([this] {
    if (phase_ == Phase::gone) return;
    if (phase_ != Phase::lingering) finish(stage_ == "done" ? "ok" : "shutdown", stage_, "the server was stopped");
    close();
  });
}

void Connection::make_room() {
  guarded([this] {
    if (phase_ == Phase::gone) return;
    auto detail = fmt::format("closed after {} ms to make room: {} connections were open",
                              since_accept(std::chrono::steady_clock::now()) / 1000, services_.admission->open());
    // One that is kept alive has had its answers: an ordinary end.
    const bool is_idle = phase_ == Phase::idle && stage_ == "done";
    if (phase_ == Phase::handshake && stream_) fill_tls_facts();
    finish(is_idle ? "ok" : "limit", stage_, std::move(detail));
    close();
  });
}

// ---- the hello ----

void Connection::read_hello() {
  std::array<std::uint8_t, kReadBytes> buffer;
  for (;;) {
    const auto most =
        may_read(hello_lease_, hello_reader_->received().size(), kLargeHelloBytes, &Connection::read_hello);
    if (most == 0) return;
    const auto count = ::recv(socket_.native_handle(), buffer.data(), most, 0);
    if (tape_) tape_->received(buffer.data(), count, errno);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return wait(Socket::wait_read, &Connection::read_hello);
    const std::string_view stage = hello_reader_->received().empty() ? "tcp" : "hello";
    if (count < 0) return finish("closed", stage, errno_text(errno));
    if (count == 0) return finish("closed", stage, "the client closed the TCP connection");
    plain_in_ += static_cast<std::size_t>(count);
    stage_ = "hello";
    switch (hello_reader_->feed({buffer.data(), static_cast<std::size_t>(count)})) {
      case hello::Reader::State::need_more:
        continue;
      case hello::Reader::State::complete:
        return hello_complete();
      case hello::Reader::State::failed:
        break;
    }
    const auto reason = hello_reader_->reason();
    auto detail = std::string{to_string(reason)};
    if (!hello_reader_->detail().empty()) detail = fmt::format("{}: {}", detail, hello_reader_->detail());
    if (const auto alert = hello_reader_->alert()) send_alert(*alert);
    if (reason != hello::NotHello::http) return finish("not_tls", "hello", std::move(detail));
    if (tape_) tape_->withhold_received(0);  // a request in the clear may hold a password
    (void)write_some(
        http::serialize(http::plain(400, "This port speaks TLS: write https:// in place of http://."), 10, false));
    return finish("not_tls", "hello", "plain HTTP");
  }
}

/// To a client whose hello OpenSSL never sees, in the clear and once: it goes into an empty socket buffer, or nowhere.
void Connection::send_alert(std::uint8_t code) {
  constexpr char kAlertRecord = 21, kFatal = 2;
  const std::array<char, 7> record{kAlertRecord, 3, 1, 0, 2, kFatal, static_cast<char>(code)};  // RFC 5246 6.2.1, 7.2
  (void)write_some({record.data(), record.size()});
  row().alert = tls::alert_name(code);
  row().alert_from = "server";
  row().alert_code = code;
}

policy::PersonalityChoice Connection::choose_personality(std::optional<store::DeviceRecord> record) const {
  const auto& hello = hello_reader_->hello();
  const auto address = peer_address();
  policy::Situation situation{.hello = hello, .address = address, .listener = listener_->address};
  if (listener_->personalities.size() == 1) return usual_choice(*state_, *listener_, situation);
  if (record) {
    situation.past = {.model = std::move(record->model),
                      .firmware = std::move(record->firmware),
                      .personality = std::move(record->personality)};
  }
  const auto usual = usual_choice(*state_, *listener_, situation);
  if (!listener_->config.ladder || usual.reason == "needs_quarantine") return usual;
  return services_.ladder->choose({address, client_ja3_}, usual, hello, listener_->personalities, services_.clock(),
                                  listener_->config.ladder_window);
}

/// A client that has asked for something has accepted what it was shown.
void Connection::tell_ladder() {
  if (choice_.personality == nullptr || !listener_->config.ladder || listener_->personalities.size() == 1) return;
  const policy::Ladder::Client client{peer_address(), client_ja3_};
  if (policy::blames_personality(row())) {
    services_.ladder->failed(client, row().personality, services_.clock());
  } else if (row().stage == "response" || row().stage == "done") {
    services_.ladder->worked(client, row().personality, services_.clock());
  }
}

void Connection::hello_complete() {
  hello_us_ = since_accept(std::chrono::steady_clock::now());
  hello_.assign(hello_reader_->received().begin(), hello_reader_->received().end());
  const auto& hello = hello_reader_->hello();
  offered_version_ = std::min(hello.highest_version(), kNewestTls);
  ja3_ = hello::ja3(hello).hash;
  client_ja3_ = hello.offers_psk ? hello::ja3(hello::without_session(hello)).hash : ja3_;
  ja4_ = hello::ja4(hello);
  server_name_ = hello.server_name;
  hello_is_sslv2_ = hello.format == hello::Format::sslv2;
  auto record = services_.fleet->records().last_at(peer_address(), client_ja3_);
  const auto familiarity = record ? Admission::Familiarity::known : Admission::Familiarity::unknown;
  choice_ = choose_personality(std::move(record));
  hello_reader_.reset();
  phase_ = Phase::waiting;
  deadline_ = kNever;  // what comes now is for us to do
  services_.admission->queue(*this, familiarity, std::chrono::steady_clock::now());
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
    // Waiting on would not wait. What it sent stays in the socket until its turn.
    waiting_self_ = shared_from_this();
    return;
  }
  finish("closed", "hello", count < 0 ? errno_text(errno) : "the client closed the TCP connection");
}

void Connection::begin() {
  const auto self = std::move(waiting_self_);
  guarded([this] { begin_unguarded(); });
}

void Connection::begin_unguarded() {
  queued_us_ = since_accept(std::chrono::steady_clock::now()) - hello_us_;
  phase_ = Phase::handshake;
  if (choice_.personality->quarantine) {
    requester_.wire =
        state_->config.quarantine.secrets ? policy::Wire::quarantined_but_allowed : policy::Wire::quarantined;
    set_deadline(listener_->config.handshake_timeout + kQuarantinePatience + kQuarantineDelay);
    return hand_over();
  }
  set_deadline(listener_->config.handshake_timeout);
  const auto& context = state_->contexts.find(choice_.personality->name)->second;
  // Only where it offers none above its personality's, which it might then get.
  const bool tells_downgrade = offered_version_ <= choice_.personality->max_version;
  auto stream =
      tls::Stream::accept(context, socket_.native_handle(), hello_,
                          {.tape = tape_.get(), .highest_version = tells_downgrade ? listener_->highest_version : 0});
  if (!stream) {
    spdlog::error("connection from {}: {}", row().address, stream.error().what);
    return finish("handshake_failed", "hello", stream.error().what);
  }
  stream_ = *std::move(stream);
  handshake();
}

void Connection::hand_over() {
  auto pair = services_.quarantine->hand_over(socket_.native_handle(), hello_, listener_->config.handshake_timeout);
  if (!pair) {
    const auto waited =
        std::chrono::microseconds{since_accept(std::chrono::steady_clock::now()) - hello_us_ - queued_us_};
    if (waited < kQuarantinePatience) return hand_over_later();
    return finish("handshake_failed", "hello", pair.error().what);
  }
  // To Asio, a descriptor to wait for. The client's own socket lives on in the other process.
  boost::system::error_code error;
  socket_.close(error);
  socket_.assign(asio::ip::tcp::v4(), pair->release(), error);
  if (error) return finish("handshake_failed", "hello", error.message());
  stream_ = std::make_unique<tls::QuarantineChannel>(socket_.native_handle());
  handshake();
}

void Connection::hand_over_later() {
  const auto pause = std::make_shared<Timer>(socket_.get_executor(), kQuarantinePause);
  pause->async_wait([self = shared_from_this(), pause](const boost::system::error_code&) {
    if (self->phase_ == Phase::handshake) self->guarded([&] { self->hand_over(); });
  });
}

// ---- the handshake ----

void Connection::handshake() {
  const auto status = stream_->handshake();
  switch (status) {
    case Status::ok:
      return handshake_complete();
    case Status::want_read:
      return wait(Socket::wait_read, &Connection::handshake);
    case Status::want_write:
      return wait(Socket::wait_write, &Connection::handshake);
    case Status::closed:
    case Status::failed:
      break;
  }
  fill_tls_facts();
  finish(stream_->facts().timed_out ? "timeout" : "handshake_failed", stage_, stream_->facts().failure);
}

void Connection::handshake_complete() {
  fill_tls_facts();
  if (requester_.verdict.accepted) services_.admission->know(*this);
  if (hello_lease_) hello_lease_->shrink(row().hello.capacity());  // OpenSSL has done with it
  await_request();
}

void Connection::begin_tape() {
  tape_ = services_.captures->begin(services_.fleet->current()->captures(), services_.fleet->records(), peer_address(),
                                    accepted_);
}

// ---- waiting ----

void Connection::wait(asio::socket_base::wait_type type, Step next) {
  // Only the last wait counts: a deadline that ends one step and begins the next leaves the step's own wait behind.
  socket_.async_wait(
      type, [self = shared_from_this(), next, number = ++wait_number_](const boost::system::error_code& error) {
        if (error || self->phase_ == Phase::gone || self->wait_number_ != number) return;
        self->guarded([&] { (self.get()->*next)(); });
      });
}

/// A timer is set anew only for a deadline that comes before it rings: most steps end long before theirs.
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
      return finish(stage_ == "done" ? "ok" : "timeout", stage_);
    case Phase::handshake:
      if (stream_) fill_tls_facts();
      [[fallthrough]];
    case Phase::hello:
    case Phase::request:
    case Phase::answering:
      return finish("timeout", stage_);
  }
}

// ---- the end ----

std::int64_t Connection::since_accept(std::chrono::steady_clock::time_point at) const {
  return std::chrono::duration_cast<std::chrono::microseconds>(at - accepted_at_).count();
}

void Connection::finish(std::string_view outcome, std::string_view stage, std::string detail) {
  if (phase_ == Phase::lingering || phase_ == Phase::gone) return;
  judge_taped_request(phase_ != Phase::request);
  if (phase_ == Phase::waiting) queued_us_ = since_accept(std::chrono::steady_clock::now()) - hello_us_;
  const auto self = std::move(waiting_self_);
  phase_ = Phase::lingering;
  if (exchange_ && exchange_->row.status != 0) record_request();  // decided, but the answer did not get through
  stage_ = stage;
  row().outcome = outcome;
  row().stage = stage;
  row().detail = std::move(detail);
  row().closed_us = since_accept(std::chrono::steady_clock::now());
  if (stream_) {
    const auto& alert = stream_->facts().alert;
    if (alert.from != tls::Alert::From::nobody) {
      row().alert = alert.name;
      row().alert_from = alert.from == tls::Alert::From::client ? "client" : "server";
      row().alert_code = alert.code;
    }
    row().asked_renegotiation = stream_->facts().asked_renegotiation;
    if (outcome == "ok" || outcome == "timeout") stream_->shutdown();
    row().bytes_in = static_cast<std::int64_t>(stream_->bytes_in());
    row().bytes_out = static_cast<std::int64_t>(stream_->bytes_out());
  } else {
    row().bytes_in = static_cast<std::int64_t>(plain_in_);
    row().bytes_out = static_cast<std::int64_t>(plain_out_);
  }
  tell_ladder();
  fill_from_records();
  row().standing = standing();
  row().cause = ledger::cause_of(row(), exchange_ ? exchange_->denial : std::nullopt);
  stream_.reset();
  services_.admission->settle(*this, conduct_of(row()), std::chrono::steady_clock::now());
  if (services_.admission->may_begin()) services_.begin_soon();
  if (!tape_ || !services_.captures->take(tape_, *row_, services_.fleet->current()->captures(), services_.clock()))
    services_.ledger->connection(std::move(*row_));
  tape_.reset();
  hello_reader_.reset();
  // Who only waits for the other end to close holds nothing.
  exchange_.reset();
  hello_lease_.reset();
  request_lease_.reset();
  row_.reset();
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

}  // namespace firstring::server
