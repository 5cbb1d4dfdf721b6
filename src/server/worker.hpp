#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/file.hpp"
#include "provision/phone_service.hpp"
#include "server/admission.hpp"
#include "server/buffers.hpp"
#include "server/connection.hpp"
#include "server/state.hpp"

namespace firstring::server {

/// A listener's socket in one worker, together with what its connections need.
struct WorkerListener {
  std::shared_ptr<const ListenerState> listener;
  FileDescriptor socket;  ///< empty: keep the one that this worker has for the listener's configured address
};

/// One worker's share of places and memory.
struct WorkerShare {
  Admission::Limits places;
  std::size_t buffers = 0;  ///< bytes, half of them for incoming messages and half for responses
};

/// One thread with its own event loop, listening sockets and connections; shares nothing with other workers.
class Worker {
 public:
  /// `box`: for the secrets in phones' documents; outlives this.
  Worker(ConnectionServices services, const crypto::SecretBox* box);
  ~Worker();

  /// Switches to a new state and list of listeners; closes listeners that are not in it. From any thread.
  void apply(std::shared_ptr<const State> state, std::vector<WorkerListener> listeners, WorkerShare share);
  /// Stops listening and lets running requests finish. From any thread.
  void drain();
  /// Ends the connections that are left, and the thread. From any thread but the worker's.
  void stop();
  /// How many connections are open; any thread.
  std::size_t connections() const { return open_.load(); }
  /// Whether a connection had to wait for a place, or was evicted, since the last call; any thread.
  bool take_short() { return is_short_.exchange(false); }
  /// Calls `tell`, on this worker's thread, with the networks that hold most places. From any thread.
  void ask_holders(std::size_t most, std::function<void(std::vector<Admission::Holder>)> tell);

 private:
  struct Acceptor;

  void run();
  void accept(const std::shared_ptr<Acceptor>& acceptor);
  boost::system::error_code take_waiting(Acceptor& acceptor, std::size_t most);
  boost::system::error_code take(const Acceptor& acceptor, FileDescriptor fd,
                                 const boost::asio::ip::tcp::endpoint& peer);
  void resume_accepting();
  /// From now on at intervals: long-lived connections get rows while they live.
  void report_long_lived();
  /// No descriptors or memory: all listeners pause. Logged once, and once more when it is over.
  void accept_failed(const Acceptor& acceptor, const boost::system::error_code& failure);
  void accept_worked();
  /// From no network that may connect: closed with a reset, and counted.
  void turn_away(FileDescriptor fd, const IpAddress& from);
  /// While a connection has no place, or may not begin: looks again for one to evict, since more become evictable with
  /// time.
  void await_room();
  bool make_room(Admission::Kind kind);
  bool make_room_for_begun();
  bool evict(Admission::Place* place);
  /// Posts begin_waiting, once.
  void begin_soon();
  void begin_waiting();
  void ended(Connection& connection);
  /// Owning, so that a connection that ends does not invalidate the iteration.
  std::vector<std::shared_ptr<Connection>> live_connections() const;

  tls::VerdictCache verdicts_;
  ConnectionServices services_;
  provision::PhoneService phones_;
  Admission admission_;
  Buffers inputs_, answers_;
  std::shared_ptr<const State> state_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  std::unordered_map<std::string, std::shared_ptr<Acceptor>> acceptors_;  // by configured kind and address
  std::unordered_map<Connection*, std::weak_ptr<Connection>> connections_;
  std::atomic<std::size_t> open_{0};
  Timer room_timer_{io_};
  Timer report_timer_{io_};
  Timer accept_timer_{io_};
  std::atomic<bool> is_short_{false};
  std::chrono::steady_clock::time_point accept_failed_at_{}, accept_failed_last_{};
  std::size_t accept_failures_ = 0;  ///< since it worked last
  bool accept_pauses_ = false;
  bool awaiting_room_ = false;
  bool beginning_ = false;
  bool draining_ = false;
  std::thread thread_;
};

}  // namespace firstring::server
