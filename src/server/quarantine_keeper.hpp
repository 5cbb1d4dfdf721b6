#pragma once

#include <sys/types.h>

#include <boost/asio/generic/seq_packet_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tls/quarantine_link.hpp"

namespace firstring::server {

/// How firstring-quarantine is started; a difference in any of it needs a new process.
struct QuarantineProcess {
  std::filesystem::path program;
  std::vector<std::string> arguments;
  std::string files;  ///< digest of what is in the files that the arguments name

  bool operator==(const QuarantineProcess&) const = default;
};

/// Keeps firstring-quarantine running: starts it, restarts it when it ends (with a growing pause, if it keeps ending),
/// and replaces it when its settings change; the old one may finish its connections. All on the thread of `io`; link()
/// on any.
class QuarantineKeeper {
 public:
  explicit QuarantineKeeper(boost::asio::io_context& io) : io_(io), pause_(io) {}
  ~QuarantineKeeper();

  /// What to run from now on; nullopt: nothing.
  void apply(std::optional<QuarantineProcess> wanted);

  /// Where connections hand their clients over.
  tls::QuarantineLink& link() { return link_; }

 private:
  using Control = boost::asio::generic::seq_packet_protocol::socket;

  struct Child {
    Child(boost::asio::io_context& io, pid_t the_pid) : pid(the_pid), control(io) {}

    pid_t pid;
    Control control;
    FileDescriptor link;  ///< a second descriptor of `control`, until it is ready
    std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
    bool ready = false;
    bool retired = false;  ///< another has taken its place
    std::array<char, 512> message{};
  };

  void start();
  /// After a pause that grows from time to time.
  void start_later();
  void retire_all();
  void listen(const std::shared_ptr<Child>& child);
  void heard(const std::shared_ptr<Child>& child, std::size_t bytes);
  void ended(const std::shared_ptr<Child>& child);

  boost::asio::io_context& io_;
  boost::asio::steady_timer pause_;
  std::chrono::milliseconds next_pause_{};
  std::optional<QuarantineProcess> wanted_;
  std::list<std::shared_ptr<Child>> children_;
  tls::QuarantineLink link_;
};

}  // namespace firstring::server
