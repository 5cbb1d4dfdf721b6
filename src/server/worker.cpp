#include "server/worker.hpp"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>

#include "base/file.hpp"
#include "server/listen_socket.hpp"

namespace firstring::server {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

/// After accept fails for want of descriptors or memory: how long before the next try.
constexpr std::chrono::milliseconds kAcceptPause{100};
/// How often it is looked which connections have lived long.
constexpr std::chrono::minutes kReportEvery{1};
/// Accepted in one go before other events get their turn.
constexpr std::size_t kAcceptBatch = 64;
/// With all places taken: how often it is looked whether somebody silent may go.
constexpr std::chrono::milliseconds kRoomPause{100};
/// How long handshakes begin in one go before what has begun already gets its turn: about a dozen of the old phones'.
constexpr std::chrono::milliseconds kBeginTime{5};

}  // namespace

struct Worker::Acceptor {
  Acceptor(asio::io_context& io, std::shared_ptr<const ListenerState> state, int fd)
      : listener(std::move(state)), socket(io), pause(io) {
    const auto is_v4 = listener->config.address.address.is_v4();
    socket.assign(is_v4 ? tcp::v4() : tcp::v6(), fd);
    socket.non_blocking(true);
  }

  std::shared_ptr<const ListenerState> listener;
  asio::basic_socket_acceptor<tcp, Connection::Executor> socket;
  Connection::Timer pause;
  bool waiting = false;
};

namespace {

std::string key_of(const ListenerState& listener) {
  return (listener.config.kind == config::ListenerKind::phone ? "phone " : "bootstrap ") +
         listener.config.address.to_string();
}

}  // namespace

Worker::Worker(ConnectionServices services) : services_(std::move(services)), guard_(asio::make_work_guard(io_)) {
  services_.verdicts = &verdicts_;
  services_.admission = &admission_;
  services_.begin_soon = [this] { begin_soon(); };
  report_long_lived();
  thread_ = std::thread{[this] { io_.run(); }};
}

Worker::~Worker() { stop(); }

void Worker::apply(std::shared_ptr<const State> state, std::vector<WorkerListener> listeners,
                   Admission::Limits limits) {
  // A shared pointer, since asio's handlers may be copied and descriptors cannot.
  auto given = std::make_shared<std::vector<WorkerListener>>(std::move(listeners));
  asio::post(io_, [this, state = std::move(state), given, limits] {
    state_ = state;
    limits_ = limits;
    admission_.set_limits(limits);
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
    if (admission_.may_begin()) begin_soon();
  });
}

void Worker::report_long_lived() {
  report_timer_.expires_after(kReportEvery);
  report_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
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
  if (draining_ || !acceptor->socket.is_open()) return;
  if (open_.load() >= limits_.connections) return await_room();
  acceptor->waiting = true;
  acceptor->socket.async_wait(tcp::acceptor::wait_read, [this, acceptor](const boost::system::error_code& error) {
    acceptor->waiting = false;
    if (error || draining_) return;
    if (const auto failure = take_waiting(*acceptor, kAcceptBatch); failure) {
      spdlog::error("accept on {}: {}; trying again in {} ms", acceptor->listener->config.address.to_string(),
                    failure.message(), kAcceptPause.count());
      acceptor->waiting = true;
      acceptor->pause.expires_after(kAcceptPause);
      acceptor->pause.async_wait([this, acceptor](const boost::system::error_code& cancelled) {
        acceptor->waiting = false;
        if (!cancelled) accept(acceptor);
      });
      return;
    }
    accept(acceptor);
  });
}

boost::system::error_code Worker::take_waiting(Acceptor& acceptor, std::size_t most) {
  for (std::size_t i = 0; i < most && open_.load() < limits_.connections; ++i) {
    tcp::endpoint peer;
    auto size = static_cast<socklen_t>(peer.capacity());
    FileDescriptor fd{::accept4(acceptor.socket.native_handle(), peer.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!fd) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
      if (errno == ECONNABORTED || errno == EINTR) continue;
      return {errno, boost::system::system_category()};
    }
    peer.resize(size);
    Connection::Socket socket{io_};
    boost::system::error_code failure;
    socket.assign(peer.protocol(), fd.get(), failure);
    if (failure) return failure;
    (void)fd.release();
    make_room();
    ++open_;
    auto connection = std::make_shared<Connection>(std::move(socket), peer, state_, acceptor.listener, services_,
                                                   [this](Connection& one) { ended(one); });
    connections_.emplace(connection.get(), connection);
    connection->start();
  }
  return {};
}

void Worker::ended(Connection& connection) {
  if (connections_.erase(&connection) == 0) return;
  admission_.leave(connection);
  const bool was_full = open_.fetch_sub(1) >= limits_.connections;
  if (was_full && !draining_) asio::post(io_, [this] { resume_accepting(); });
}

bool Worker::make_room() {
  auto* silent = admission_.expendable(std::chrono::steady_clock::now());
  if (silent == nullptr) return false;
  static_cast<Connection*>(silent)->make_room();
  return true;
}

void Worker::await_room() {
  if (awaiting_room_) return;
  awaiting_room_ = true;
  room_timer_.expires_after(kRoomPause);
  room_timer_.async_wait([this](const boost::system::error_code&) {
    awaiting_room_ = false;
    if (draining_) return;
    for (std::size_t i = 0; i < kAcceptBatch && make_room(); ++i) {
    }
    resume_accepting();
  });
}

void Worker::begin_soon() {
  if (beginning_) return;
  beginning_ = true;
  // Behind everything that is ready now: whoever has begun is ahead of whoever has not.
  asio::post(io_, [this] { begin_waiting(); });
}

void Worker::begin_waiting() {
  beginning_ = false;
  auto time = std::chrono::steady_clock::now();
  for (const auto until = time + kBeginTime; time < until; time = std::chrono::steady_clock::now()) {
    auto* next = admission_.next(time);
    if (next == nullptr) return;
    static_cast<Connection*>(next)->begin();
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
    for (const auto& connection : live_connections()) connection->abort();
    guard_.reset();
  });
  thread_.join();
}

}  // namespace firstring::server
