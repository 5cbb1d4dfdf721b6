#include "server/worker.hpp"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <new>

#include "base/file.hpp"
#include "server/listen_socket.hpp"

namespace firstring::server {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

/// Pause after accept failed because descriptors or memory ran out.
constexpr std::chrono::milliseconds kAcceptPause{100};
/// How often to look for long-lived connections.
constexpr std::chrono::minutes kReportEvery{1};
/// Accept works again when it has not failed for so long: with one spare descriptor it works every second time.
constexpr std::chrono::seconds kAcceptWorks{5};
/// Connections accepted at once before other events are handled.
constexpr std::size_t kAcceptBatch = 64;
/// While all places are taken: how often to look for a connection to evict.
constexpr std::chrono::milliseconds kRoomPause{100};
/// How long a batch of handshakes may take to begin before those that have begun go on: about a dozen of the old
/// phones'.
constexpr std::chrono::milliseconds kBeginTime{5};

}  // namespace

struct Worker::Acceptor {
  Acceptor(asio::io_context& io, std::shared_ptr<const ListenerState> state, int fd)
      : listener(std::move(state)), socket(io) {
    const auto is_v4 = listener->config.address.address.is_v4();
    socket.assign(is_v4 ? tcp::v4() : tcp::v6(), fd);
    socket.non_blocking(true);
  }

  std::shared_ptr<const ListenerState> listener;
  asio::basic_socket_acceptor<tcp, Executor> socket;
  Admission::Kind kind() const {
    return listener->config.kind == config::ListenerKind::phone ? Admission::Kind::phone : Admission::Kind::bootstrap;
  }

  bool waiting = false;
};

namespace {

std::string key_of(const ListenerState& listener) {
  return (listener.config.kind == config::ListenerKind::phone ? "phone " : "bootstrap ") +
         listener.config.address.to_string();
}

}  // namespace

Worker::Worker(ConnectionServices services, const crypto::SecretBox* box)
    : services_(std::move(services)),
      phones_(*services_.fleet, *box, services_.clock,
              [this](store::AlarmRow row) { services_.ledger->alarm(std::move(row)); }),
      guard_(asio::make_work_guard(io_)) {
  services_.verdicts = &verdicts_;
  services_.handler = &phones_;
  services_.admission = &admission_;
  services_.inputs = &inputs_;
  services_.answers = &answers_;
  services_.begin_soon = [this] { begin_soon(); };
  thread_ = std::thread{[this] { run(); }};
}

void Worker::run() {
  for (;;) {
    try {
      io_.run();
      return;
    } catch (const std::bad_alloc&) {
      // Connections see to it themselves; what is left here are the steps between them. Whoever was in one is let go
      // of.
      spdlog::error("no memory is left: {} connections are open; see \"Which limits matter\" in docs/storms.md",
                    open_.load());
    }
  }
}

Worker::~Worker() { stop(); }

void Worker::apply(std::shared_ptr<const State> state, std::vector<WorkerListener> listeners, WorkerShare share) {
  // A shared pointer, since asio's handlers may be copied and descriptors cannot.
  auto given = std::make_shared<std::vector<WorkerListener>>(std::move(listeners));
  asio::post(io_, [this, state = std::move(state), given, share] {
    state_ = state;
    phones_.set_watch(state->watch);
    admission_.set_limits(share.places);
    inputs_.set_limit(share.buffers / 2);
    answers_.set_limit(share.buffers / 2);
    std::unordered_map<std::string, std::shared_ptr<Acceptor>> next;
    for (auto& [listener, socket] : *given) {
      const auto key = key_of(*listener);
      if (socket) {
        next[key] = std::make_shared<Acceptor>(io_, listener, socket.release());
      } else if (const auto kept = acceptors_.find(key); kept != acceptors_.end()) {
        kept->second->listener = listener;
        next[key] = kept->second;
      }
    }
    for (auto& [key, acceptor] : acceptors_) {
      boost::system::error_code ignored;
      if (!next.contains(key)) acceptor->socket.close(ignored);
    }
    acceptors_ = std::move(next);
    resume_accepting();
    report_long_lived();
    if (admission_.may_begin()) begin_soon();
  });
}

void Worker::report_long_lived() {
  report_timer_.expires_after(std::min<std::chrono::milliseconds>(kReportEvery, state_->config.limits.ledger_open));
  report_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || draining_) return;
    for (const auto& connection : live_connections()) connection->report_if_long_lived();
    report_long_lived();
  });
}

void Worker::resume_accepting() {
  for (const auto& [key, acceptor] : acceptors_) {
    if (!acceptor->waiting) accept(acceptor);
  }
}

void Worker::accept(const std::shared_ptr<Acceptor>& acceptor) {
  if (draining_ || accept_pauses_ || !acceptor->socket.is_open()) return;
  if (!admission_.has_place(acceptor->kind())) return await_room();
  acceptor->waiting = true;
  acceptor->socket.async_wait(tcp::acceptor::wait_read, [this, acceptor](const boost::system::error_code& error) {
    acceptor->waiting = false;
    if (error || draining_) return;
    if (const auto failure = take_waiting(*acceptor, kAcceptBatch); failure) return accept_failed(*acceptor, failure);
    accept(acceptor);
  });
}

boost::system::error_code Worker::take_waiting(Acceptor& acceptor, std::size_t most) {
  for (std::size_t i = 0; i < most && admission_.has_place(acceptor.kind()); ++i) {
    tcp::endpoint peer;
    auto size = static_cast<socklen_t>(peer.capacity());
    FileDescriptor fd{::accept4(acceptor.socket.native_handle(), peer.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!fd) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
      if (errno == ECONNABORTED || errno == EINTR) continue;
      return {errno, boost::system::system_category()};
    }
    peer.resize(size);
    accept_worked();
    try {
      if (const auto failure = take(acceptor, std::move(fd), peer); failure) return failure;
    } catch (const std::bad_alloc&) {
      return boost::system::errc::make_error_code(boost::system::errc::not_enough_memory);
    }
  }
  return {};
}

boost::system::error_code Worker::take(const Acceptor& acceptor, FileDescriptor fd, const tcp::endpoint& peer) {
  const auto& networks = acceptor.listener->networks;
  const auto from = address_of(peer);
  if (!networks.empty() &&
      std::none_of(networks.begin(), networks.end(), [&](const Prefix& network) { return network.contains(from); })) {
    turn_away(std::move(fd), from);
    return {};
  }
  Socket socket{io_};
  boost::system::error_code failure;
  socket.assign(peer.protocol(), fd.get(), failure);
  if (failure) return failure;
  (void)fd.release();
  make_room(acceptor.kind());
  auto connection = std::make_shared<Connection>(std::move(socket), peer, state_, acceptor.listener, services_,
                                                 [this](Connection& one) { ended(one); });
  connections_.emplace(connection.get(), connection);
  ++open_;
  connection->start();
  return {};
}

void Worker::accept_failed(const Acceptor& acceptor, const boost::system::error_code& failure) {
  accept_failed_last_ = std::chrono::steady_clock::now();
  if (accept_failures_++ == 0) {
    accept_failed_at_ = accept_failed_last_;
    spdlog::error(
        "accept on {}: {}; trying again each {} ms, and saying so when it works. {} connections are open: raise the "
        "limit of open files or lower max_connections",
        acceptor.listener->config.address.to_string(), failure.message(), kAcceptPause.count(), open_.load());
  }
  accept_pauses_ = true;
  accept_timer_.expires_after(kAcceptPause);
  accept_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    accept_pauses_ = false;
    if (!cancelled) resume_accepting();
  });
}

void Worker::accept_worked() {
  if (accept_failures_ == 0 || std::chrono::steady_clock::now() - accept_failed_last_ < kAcceptWorks) return;
  const auto lasted = accept_failed_last_ - accept_failed_at_;
  spdlog::warn("accept works again: it failed {} times within {} s", accept_failures_,
               std::chrono::duration_cast<std::chrono::seconds>(lasted).count());
  accept_failures_ = 0;
}

void Worker::turn_away(FileDescriptor fd, const IpAddress& from) {
  // A reset at once: nothing of this connection stays here, not even in the kernel.
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  services_.ledger->turned_away(from);
}

void Worker::ended(Connection& connection) {
  if (connections_.erase(&connection) == 0) return;
  admission_.leave(connection.place());
  --open_;
  if (awaiting_room_ && !draining_) asio::post(io_, [this] { resume_accepting(); });
}

void Worker::ask_holders(std::size_t most, std::function<void(std::vector<Admission::Holder>)> tell) {
  asio::post(io_, [this, most, tell = std::move(tell)] { tell(admission_.holders(most)); });
}

bool Worker::evict(Admission::Place* place) {
  if (place == nullptr) return false;
  place->connection->make_room();
  return true;
}

bool Worker::make_room(Admission::Kind kind) {
  if (admission_.is_short()) is_short_ = true;
  return evict(admission_.expendable(kind, std::chrono::steady_clock::now()));
}

bool Worker::make_room_for_begun() { return evict(admission_.expendable_begun(std::chrono::steady_clock::now())); }

void Worker::await_room() {
  is_short_ = true;
  if (awaiting_room_) return;
  awaiting_room_ = true;
  room_timer_.expires_after(kRoomPause);
  room_timer_.async_wait([this](const boost::system::error_code&) {
    awaiting_room_ = false;
    if (draining_) return;
    for (const auto kind : {Admission::Kind::phone, Admission::Kind::bootstrap}) {
      for (std::size_t i = 0; i < kAcceptBatch && !admission_.has_place(kind) && make_room(kind); ++i) {
      }
    }
    resume_accepting();
    if (admission_.waiting() > 0) begin_soon();
  });
}

void Worker::begin_soon() {
  if (beginning_) return;
  beginning_ = true;
  // After everything that is ready now: handshakes that have begun go before those that have not.
  asio::post(io_, [this] { begin_waiting(); });
}

void Worker::begin_waiting() {
  beginning_ = false;
  auto time = std::chrono::steady_clock::now();
  for (const auto until = time + kBeginTime; time < until; time = std::chrono::steady_clock::now()) {
    make_room_for_begun();
    auto* next = admission_.next(time);
    if (next == nullptr) {
      if (admission_.waiting() > 0) await_room();
      return;
    }
    next->connection->begin();
  }
  if (admission_.may_begin()) begin_soon();
}

std::vector<std::shared_ptr<Connection>> Worker::live_connections() const {
  std::vector<std::shared_ptr<Connection>> all;
  for (const auto& [pointer, connection] : connections_) {
    if (auto alive = connection.lock()) all.push_back(std::move(alive));
  }
  return all;
}

void Worker::drain() {
  asio::post(io_, [this] {
    draining_ = true;
    boost::system::error_code ignored;
    for (const auto& [key, acceptor] : acceptors_) {
      // Who has connected already would get a reset by the close.
      (void)take_waiting(*acceptor, kBacklog);
      acceptor->socket.close(ignored);
    }
    acceptors_.clear();
    for (const auto& connection : live_connections()) connection->drain();
  });
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] {
    draining_ = true;
    boost::system::error_code ignored;
    for (const auto& [key, acceptor] : acceptors_) acceptor->socket.close(ignored);
    room_timer_.cancel();
    report_timer_.cancel();
    accept_timer_.cancel();
    for (const auto& connection : live_connections()) connection->abort();
    guard_.reset();
  });
  thread_.join();
}

}  // namespace firstring::server
