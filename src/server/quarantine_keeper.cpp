#include "server/quarantine_keeper.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <string_view>

#include "base/text.hpp"

namespace firstring::server {

namespace asio = boost::asio;

namespace {

using namespace std::chrono_literals;

/// Before it is started again: at once if it has run for a while, else later each time.
constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{30'000};
constexpr auto kLongLife = 60s;
/// What the last one gets to finish in, at the server's end.
constexpr auto kLastWords = 2s;

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return fmt::format("by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  return fmt::format("with status {}", WEXITSTATUS(status));
}

/// What it may know of our environment: where a sanitizer's options are, and nothing else.
std::vector<char*> environment() {
  std::vector<char*> kept;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view entry{*one};
    if (entry.substr(0, entry.find('=')).ends_with("SAN_OPTIONS")) kept.push_back(*one);
  }
  kept.push_back(nullptr);
  return kept;
}

Result<pid_t> spawn(const QuarantineProcess& process, int control) {
  const auto program = process.program.string();
  std::vector<char*> arguments{const_cast<char*>(program.c_str())};
  for (const auto& argument : process.arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, control, tls::kQuarantineControl);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments.data(), environment().data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return fail(Errc::io, fmt::format("start {}: {}", program, errno_text(error)));
  return pid;
}

}  // namespace

QuarantineKeeper::~QuarantineKeeper() {
  wanted_.reset();
  retire_all();
  const auto last_moment = std::chrono::steady_clock::now() + kLastWords;
  for (const auto& child : children_) {
    while (::waitpid(child->pid, nullptr, WNOHANG) == 0 && std::chrono::steady_clock::now() < last_moment)
      ::usleep(2'000);
    ::kill(child->pid, SIGKILL);
    ::waitpid(child->pid, nullptr, 0);
  }
}

void QuarantineKeeper::apply(std::optional<QuarantineProcess> wanted) {
  if (wanted == wanted_) return;
  wanted_ = std::move(wanted);
  next_pause_ = {};
  pause_.cancel();
  retire_all();
  if (wanted_) start();
}

/// They take no more clients and end once they have none.
void QuarantineKeeper::retire_all() {
  link_.connect({});
  for (const auto& child : children_) {
    // One that was retired before and is still not done has had its time.
    if (child->retired) ::kill(child->pid, SIGKILL);
    child->retired = true;
    child->link.reset();
    boost::system::error_code ignored;
    child->control.shutdown(Control::shutdown_send, ignored);
  }
}

void QuarantineKeeper::start() {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    spdlog::error("quarantine: make a socket pair: {}", errno_text(errno));
    return start_later();
  }
  FileDescriptor ours{pair[0]};
  const FileDescriptor theirs{pair[1]};
  const auto pid = spawn(*wanted_, theirs.get());
  if (!pid) {
    spdlog::error("quarantine: {}", pid.error().what);
    return start_later();
  }
  auto child = std::make_shared<Child>(io_, *pid);
  child->link.reset(::fcntl(ours.get(), F_DUPFD_CLOEXEC, 0));
  child->control.assign({AF_UNIX, 0}, ours.release());
  children_.push_back(child);
  listen(child);
}

void QuarantineKeeper::listen(const std::shared_ptr<Child>& child) {
  auto flags = std::make_shared<asio::socket_base::message_flags>();
  child->control.async_receive(asio::buffer(child->message), *flags,
                               [this, child, flags](const boost::system::error_code& error, std::size_t bytes) {
                                 if (error == asio::error::operation_aborted) return;
                                 if (error || bytes == 0) return ended(child);
                                 heard(child, bytes);
                                 listen(child);
                               });
}

void QuarantineKeeper::heard(const std::shared_ptr<Child>& child, std::size_t bytes) {
  const std::string_view said{child->message.data(), bytes};
  if (said != tls::kQuarantineReady) {
    spdlog::error("quarantine: {}", printable(said, child->message.size()));
  } else if (!child->ready && !child->retired) {
    child->ready = true;
    link_.connect(std::move(child->link));
    spdlog::info("quarantine: ready, process {}", child->pid);
  }
}

void QuarantineKeeper::ended(const std::shared_ptr<Child>& child) {
  int status = 0;
  ::kill(child->pid, SIGKILL);  // it has closed its link: whatever it still does is nothing that we asked for
  ::waitpid(child->pid, &status, 0);
  children_.remove(child);
  if (child->retired) return;
  link_.connect({});
  if (std::chrono::steady_clock::now() - child->began > kLongLife) next_pause_ = {};
  spdlog::error("quarantine: process {} ended {}; its clients were disconnected, and it restarts in {} ms", child->pid,
                how_it_ended(status), next_pause_.count());
  start_later();
}

void QuarantineKeeper::start_later() {
  pause_.expires_after(next_pause_);
  next_pause_ = std::clamp(next_pause_ * 2, kFirstPause, kLongestPause);
  pause_.async_wait([this](const boost::system::error_code& error) {
    if (!error && wanted_) start();
  });
}

}  // namespace firstring::server
