#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/file.hpp"
#include "server/admission.hpp"
#include "server/connection.hpp"
#include "server/state.hpp"

namespace firstring::server {

/// A listener's socket in one worker, together with what its connections need.
struct WorkerListener {
  std::shared_ptr<const ListenerState> listener;
  FileDescriptor socket;  ///< empty: keep the one that this worker has for the listener's configured address
};

/// One thread with its own event loop, listening sockets and connections. Nothing of it is shared with its siblings.
class Worker {
 public:
  explicit Worker(ConnectionServices services);
  ~Worker();

  /// Takes a new state and the full list of listeners; those not named any more are closed. From any thread.
  void apply(std::shared_ptr<const State> state, std::vector<WorkerListener> listeners, Admission::Limits limits);
  /// Stops listening and lets what runs finish. From any thread.
  void drain();
  /// Ends what is left, and the thread. From any thread but the worker's.
  void stop();
  /// How many connections are open; any thread.
  std::size_t connections() const { return open_.load(); }

 private:
  struct Acceptor;

  void accept(const std::shared_ptr<Acceptor>& acceptor);
  boost::system::error_code take_waiting(Acceptor& acceptor, std::size_t most);
  void resume_accepting();
  /// Each minute: long-lived connections have rows while they live.
  void report_long_lived();
  /// While there is no place, somebody silent may have to go whose time to speak is over by and by.
  void await_room();
  bool make_room();
  /// Posts begin_waiting, once.
  void begin_soon();
  void begin_waiting();
  void ended(Connection& connection);
  /// Held, so that one that ends does not end the walk through them.
  std::vector<std::shared_ptr<Connection>> live_connections() const;

  tls::VerdictCache verdicts_;
  ConnectionServices services_;
  Admission admission_;
  Admission::Limits limits_;
  std::shared_ptr<const State> state_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  std::unordered_map<std::string, std::shared_ptr<Acceptor>> acceptors_;  // by configured kind and address
  std::unordered_map<Connection*, std::weak_ptr<Connection>> connections_;
  std::atomic<std::size_t> open_{0};
  Connection::Timer room_timer_{io_};
  Connection::Timer report_timer_{io_};
  bool awaiting_room_ = false;
  bool beginning_ = false;
  bool draining_ = false;
  std::thread thread_;
};

}  // namespace firstring::server
