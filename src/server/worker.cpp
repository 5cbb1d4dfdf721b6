#include "server/worker.hpp"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

namespace firstring::server {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

/// After accept fails for want of descriptors or memory: how long before the next try.
constexpr std::chrono::milliseconds kAcceptPause{100};
/// Accepted in one go before other events get their turn.
constexpr int kAcceptBatch = 64;

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

Worker::Worker(ConnectionServices services, std::size_t max_connections)
    : services_(std::move(services)), max_connections_(max_connections), guard_(asio::make_work_guard(io_)) {
  services_.verdicts = &verdicts_;
  thread_ = std::thread{[this] { io_.run(); }};
}

Worker::~Worker() { stop(); }

void Worker::apply(std::shared_ptr<const State> state, std::vector<WorkerListener> listeners,
                   std::size_t max_connections) {
  // A shared pointer, since asio's handlers may be copied and descriptors cannot.
  auto given = std::make_shared<std::vector<WorkerListener>>(std::move(listeners));
  asio::post(io_, [this, state = std::move(state), given, max_connections] {
    state_ = state;
    max_connections_ = max_connections;
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
  });
}

void Worker::resume_accepting() {
  for (const auto& [key, acceptor] : acceptors_) {
    if (!acceptor->waiting) accept(acceptor);
  }
}

void Worker::accept(const std::shared_ptr<Acceptor>& acceptor) {
  if (draining_ || open_.load() >= max_connections_ || !acceptor->socket.is_open()) return;
  acceptor->waiting = true;
  acceptor->socket.async_wait(tcp::acceptor::wait_read, [this, acceptor](const boost::system::error_code& error) {
    acceptor->waiting = false;
    if (error || draining_) return;
    if (const auto failure = take_waiting(*acceptor); failure) {
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

boost::system::error_code Worker::take_waiting(Acceptor& acceptor) {
  for (int i = 0; i < kAcceptBatch && open_.load() < max_connections_; ++i) {
    Connection::Socket socket{io_};
    boost::system::error_code failure;
    acceptor.socket.accept(socket, failure);
    if (failure == asio::error::would_block) return {};
    if (failure == asio::error::connection_aborted || failure == asio::error::interrupted) continue;
    if (failure) return failure;
    ++open_;
    auto connection = std::make_shared<Connection>(std::move(socket), state_, acceptor.listener, services_,
                                                   [this](Connection& one) { ended(one); });
    connections_.emplace(connection.get(), connection);
    connection->start();
  }
  return {};
}

void Worker::ended(Connection& connection) {
  if (connections_.erase(&connection) == 0) return;
  const bool was_full = open_.fetch_sub(1) >= max_connections_;
  if (was_full && !draining_) asio::post(io_, [this] { resume_accepting(); });
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
      (void)take_waiting(*acceptor);
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
    for (const auto& connection : live_connections()) connection->abort();
    guard_.reset();
  });
  thread_.join();
}

}  // namespace firstring::server
