#include "quarantine/loop.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "tls/round_trip.hpp"

namespace firstring::quarantine {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Status = tls::Channel::Status;

constexpr std::size_t kPipeBytes = 16'384;
/// Whatever a connection does after its handshake, it does not do it for longer: the server has limits of its own, and
/// this one holds if it forgets.
constexpr auto kLongestConnection = 15min;
/// As the server does it: time and bytes that a client gets to take our last words.
constexpr auto kLingerTime = 2s;
constexpr std::size_t kLingerBytes = 1U << 20;
/// How long open connections may go on after the server has closed the link.
constexpr auto kDrainTime = 30s;
/// Rounds of one session before the others get their turn.
constexpr int kRounds = 4;

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

std::int64_t micros(Session::TimePoint from, Session::TimePoint to) {
  if (to == Session::TimePoint{}) return -1;
  return std::chrono::duration_cast<std::chrono::microseconds>(to - from).count();
}

}  // namespace

Session::Session(tls::HandOver hand_over, TimePoint at)
    : hand_over_(std::move(hand_over)),
      began_(at),
      deadline_(at + hand_over_.handshake_timeout),
      last_moment_(deadline_ + kLongestConnection) {}

Result<std::unique_ptr<Session>> Session::begin(tls::HandOver hand_over,
                                                const std::shared_ptr<const tls::Context>& context, TimePoint at) {
  std::unique_ptr<Session> session{new Session{std::move(hand_over), at}};
  FIRSTRING_TRY(session->stream_, tls::Stream::accept(context, session->socket(), session->hand_over_.received, {}));
  session->hand_over_.received = {};
  return session;
}

short Session::socket_events() const {
  if (phase_ == Phase::handshake) return wants_write_ ? POLLOUT : POLLIN;
  if (phase_ == Phase::closing) return to_server_.empty() || lost_ ? POLLIN : 0;
  const bool reads = !client_done_ && to_server_.empty();
  return static_cast<short>((reads ? POLLIN : 0) | (wants_write_ ? POLLOUT : 0));
}

short Session::pair_events() const {
  const bool reads = phase_ == Phase::relay && !server_done_ && client_has_all();
  return static_cast<short>((reads ? POLLIN : 0) | (to_server_.empty() ? 0 : POLLOUT));
}

bool Session::advance(TimePoint at) {
  if (phase_ == Phase::handshake && !shake_hands(at)) return true;
  if (phase_ == Phase::relay) {
    for (int round = 0; round < kRounds && relay(); ++round) {
    }
    if (lost_ || at >= last_moment_) return false;
    if (server_done_ && client_has_all()) end(at);
  }
  if (phase_ != Phase::closing) return true;
  flush_to_server();
  const bool told = to_server_.empty() || lost_;
  return at < deadline_ && !(told && discard());
}

bool Session::shake_hands(TimePoint at) {
  const auto status = stream_->handshake();
  wants_write_ = status == Status::want_write;
  const bool waits = status == Status::want_read || wants_write_;
  if (waits && at < deadline_) return false;
  using Outcome = tls::QuarantineRecord::Result;
  report(status == Status::ok       ? Outcome::ok
         : status == Status::closed ? Outcome::closed
         : waits                    ? Outcome::timed_out
                                    : Outcome::failed);
  if (status == Status::ok) {
    phase_ = Phase::relay;
    deadline_ = last_moment_;
  } else {
    end(at);
  }
  return true;
}

void Session::report(tls::QuarantineRecord::Result result) {
  const auto& facts = stream_->facts();
  tls::QuarantineRecord record;
  record.result = result;
  record.stage = facts.stage;
  record.resumed = facts.resumed;
  record.alert = facts.alert;
  record.server_flight_us = micros(began_, facts.server_flight_at);
  record.client_flight_us = micros(began_, facts.client_flight_at);
  record.finished_us = micros(began_, facts.finished_at);
  record.rtt_us = tls::round_trip_us(socket());
  record.bytes_in = stream_->bytes_in();
  record.bytes_out = stream_->bytes_out();
  record.version = facts.version;
  record.cipher = facts.cipher;
  record.key_exchange = facts.key_exchange;
  record.key_exchange_bits = facts.key_exchange_bits;
  record.failure = facts.failure;
  for (const auto& certificate : facts.client_chain) record.client_chain.push_back(certificate.to_der());
  to_server_.bytes = serialize(record);
}

bool Session::relay() {
  wants_write_ = false;
  // All four, each time: none may keep another from its turn.
  const std::array moved{read_client(), flush_to_server(), read_server(), flush_to_client()};
  return std::find(moved.begin(), moved.end(), true) != moved.end();
}

bool Session::read_client() {
  if (client_done_ || !to_server_.empty()) return false;
  to_server_.bytes.resize(kPipeBytes);
  const auto io = stream_->read(to_server_.bytes);
  to_server_.bytes.resize(io.bytes);
  to_server_.used = 0;
  wants_write_ |= io.status == Status::want_write;
  client_done_ = io.status == Status::closed || io.status == Status::failed;
  return io.status == Status::ok || client_done_;
}

bool Session::flush_to_server() {
  bool moved = false;
  if (!to_server_.empty()) {
    const auto rest = to_server_.rest();
    const auto sent = ::send(pair(), rest.data(), rest.size(), MSG_NOSIGNAL);
    lost_ = sent < 0 && !would_block();
    if (sent <= 0) return false;
    to_server_.used += static_cast<std::size_t>(sent);
    moved = true;
  }
  // What the client has closed is closed for the server too, behind all that it had sent.
  if (client_done_ && to_server_.empty()) ::shutdown(pair(), SHUT_WR);
  return moved;
}

bool Session::read_server() {
  if (server_done_ || !client_has_all()) return false;
  to_client_.bytes.resize(kPipeBytes);
  const auto count = ::recv(pair(), to_client_.bytes.data(), to_client_.bytes.size(), 0);
  to_client_.bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  to_client_.used = 0;
  server_done_ = count == 0 || (count < 0 && !would_block());
  return count > 0 || server_done_;
}

bool Session::flush_to_client() {
  if (client_has_all()) return false;
  auto io = to_client_.empty() ? tls::Channel::Io{Status::ok} : stream_->write(as_text(to_client_.rest()));
  to_client_.used += io.bytes;
  if (io.status == Status::ok) io.status = stream_->flush();
  unsent_ = io.status == Status::want_write;
  wants_write_ |= unsent_;
  if (io.status == Status::closed || io.status == Status::failed) {
    to_client_.used = to_client_.bytes.size();
    client_done_ = true;
  }
  return io.bytes > 0;
}

void Session::end(TimePoint at) {
  if (stream_->facts().stage == Stage::finished) stream_->shutdown();
  ::shutdown(socket(), SHUT_WR);
  phase_ = Phase::closing;
  client_done_ = true;
  deadline_ = at + kLingerTime;
}

bool Session::discard() {
  std::array<std::uint8_t, 4096> buffer;
  for (;;) {
    const auto count = ::recv(socket(), buffer.data(), buffer.size(), 0);
    if (count < 0 && would_block()) return false;
    if (count <= 0) return true;
    discarded_ += static_cast<std::size_t>(count);
    if (discarded_ > kLingerBytes) return true;
  }
}

namespace {

class Loop {
 public:
  Loop(int control, std::shared_ptr<const tls::Context> context, const Limits& limits)
      : control_(control), context_(std::move(context)), limits_(limits) {}

  void run() {
    while (linked_ || (!sessions_.empty() && Clock::now() < last_moment_)) {
      wait();
      const auto at = Clock::now();
      advance_all(at);
      if (linked_ && (polled_.back().revents != 0)) take(at);
    }
  }

 private:
  /// Two entries for each session in their order, and the link last.
  void wait() {
    polled_.clear();
    auto next = Clock::now() + 1h;
    for (const auto& session : sessions_) {
      // Where nothing is waited for, poll would still tell of a hang-up, again and again.
      polled_.push_back({session->socket_events() != 0 ? session->socket() : -1, session->socket_events(), 0});
      polled_.push_back({session->pair_events() != 0 || session->is_shaking_hands() ? session->pair() : -1,
                         session->pair_events(), 0});
      next = std::min(next, session->deadline());
    }
    const bool has_room = sessions_.size() < limits_.connections;
    polled_.push_back({has_room && linked_ ? control_ : -1, POLLIN, 0});
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
    ::poll(polled_.data(), polled_.size(), static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1000)));
  }

  void advance_all(Session::TimePoint at) {
    std::vector<std::unique_ptr<Session>> kept;
    kept.reserve(sessions_.size());
    for (std::size_t i = 0; i < sessions_.size(); ++i) {
      auto& session = sessions_[i];
      const bool is_due = polled_[2 * i].revents != 0 || polled_[2 * i + 1].revents != 0 || at >= session->deadline();
      // The server has given it up before the handshake was over: nobody waits for the rest.
      const bool is_alone = session->is_shaking_hands() && polled_[2 * i + 1].revents != 0;
      if (!is_alone && (!is_due || session->advance(at))) kept.push_back(std::move(session));
    }
    sessions_ = std::move(kept);
  }

  void take(Session::TimePoint at) {
    while (sessions_.size() < limits_.connections) {
      auto taken = tls::take_over(control_);
      if (!taken && taken.error().code == Errc::unavailable) {
        linked_ = false;
        last_moment_ = at + kDrainTime;
        return;
      }
      if (!taken) continue;
      if (!*taken) return;
      auto session = Session::begin(**std::move(taken), context_, at);
      if (session && (*session)->advance(at)) sessions_.push_back(*std::move(session));
    }
  }

  int control_;
  std::shared_ptr<const tls::Context> context_;
  Limits limits_;
  bool linked_ = true;
  Session::TimePoint last_moment_{};
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<pollfd> polled_;
};

}  // namespace

void run(int control, const std::shared_ptr<const tls::Context>& context, const Limits& limits) {
  Loop{control, context, limits}.run();
}

}  // namespace firstring::quarantine
