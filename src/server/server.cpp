#include "server/server.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>

#include "base/memory.hpp"
#include "provision/fleet_keeper.hpp"
#include "server/capacity.hpp"
#include "server/captures.hpp"
#include "server/listen_socket.hpp"
#include "server/notify.hpp"
#include "server/places_watch.hpp"
#include "server/secrets_check.hpp"
#include "server/worker.hpp"
#include "store_sqlite/open.hpp"

namespace firstring::server {

namespace asio = boost::asio;

namespace {

/// Two servers on one state folder would both believe that they alone write the ledger.
Result<FileDescriptor> lock_folder(const std::filesystem::path& dir) {
  const auto path = dir / "serve.lock";
  FileDescriptor fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (!fd) return fail(Errc::io, fmt::format("lock {}: {}", path.string(), errno_text(errno)));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(Errc::conflict, fmt::format("another process already serves {}; stop that one first", dir.string()));
  }
  return fd;
}

Result<std::function<void(const std::string&)>> request_log(const config::Config& config) {
  if (config.log.requests.empty()) return std::function<void(const std::string&)>{};
  std::shared_ptr<FileDescriptor> file;
  int fd = STDOUT_FILENO;
  if (config.log.requests != "stdout") {
    const auto path = config.resolve(config.log.requests);
    file = std::make_shared<FileDescriptor>(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
    if (!*file) return fail(Errc::io, fmt::format("open the request log {}: {}", path.string(), errno_text(errno)));
    fd = file->get();
  }
  return std::function<void(const std::string&)>{[file, fd](const std::string& lines) {
    std::string_view rest{lines};
    while (!rest.empty()) {
      const auto count = ::write(fd, rest.data(), rest.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return;  // a reader that has gone must not stop the server
      rest.remove_prefix(static_cast<std::size_t>(count));
    }
  }};
}

void report(const std::vector<config::Diagnostic>& diagnostics) {
  for (const auto& diagnostic : diagnostics) {
    if (diagnostic.severity == config::Severity::error) {
      spdlog::error("{}", diagnostic.to_string());
    } else {
      spdlog::warn("{}", diagnostic.to_string());
    }
  }
}

void set_log_level(const config::Config& config) { spdlog::set_level(spdlog::level::from_str(config.log.level)); }

/// Says which certificate outside its dates would take the place of a valid one; "" if none would. To start with such a
/// one is better than not to start, to change to it is not.
std::string change_for_the_worse(const State& served, const State& next) {
  const auto time = now();
  const auto is_valid = [&](const tls::ShownChain& shown) {
    return shown.leaf.not_before() <= time && time <= shown.leaf.not_after();
  };
  for (const auto& [personality, context] : next.contexts) {
    const auto old = served.contexts.find(personality);
    if (old == served.contexts.end()) continue;
    for (const auto key : {crypto::KeyType::rsa, crypto::KeyType::ec}) {
      const auto& shown = context->shown(key);
      if (is_valid(shown) || !is_valid(old->second->shown(key))) continue;
      return fmt::format("the certificate of server chain '{}' ({}) is outside its dates, the one shown now is not",
                         context->chain_name(), shown.leaf.subject_text());
    }
  }
  return {};
}

/// Networks asked of each worker when places are short.
constexpr std::size_t kHoldersAsked = 32;

class Server {
 public:
  explicit Server(std::filesystem::path dir)
      : dir_(std::move(dir)), signals_(io_), drain_timer_(io_), drain_poll_(io_) {}

  Result<void> run() {
    FIRSTRING_TRY(const auto lock, lock_folder(dir_));
    auto built = check_folder(dir_, sessions_);
    report(built.diagnostics);
    if (!built.state) return fail(Errc::invalid_input, fmt::format("{} has errors; nothing is served", dir_.string()));
    set_log_level(built.state->config);
    FIRSTRING_CHECK(open_services(*built.state));
    for (const auto& warning : backlog_warnings()) spdlog::warn("{}", warning);
    start_workers();
    FIRSTRING_CHECK(apply(std::move(built.state)));
    std::signal(SIGPIPE, SIG_IGN);
    signals_.add(SIGTERM);
    signals_.add(SIGINT);
    signals_.add(SIGHUP);
    await_signal();
    watch_places();
    spdlog::info("serving {} devices from {}", keeper_->current()->device_count(), dir_.string());
    notify_systemd(fmt::format("READY=1\nMAINPID={}", ::getpid()));
    io_.run();
    stop();
    return {};
  }

 private:
  struct Open {
    config::ListenerKind kind;
    Endpoint configured, bound;
  };

  Result<void> open_services(const State& state) {
    FIRSTRING_TRY(auto box, crypto::SecretBox::open(dir_ / "secrets.key"));
    box_ = std::make_unique<crypto::SecretBox>(std::move(box));
    FIRSTRING_TRY(auto fleet, store::sqlite::open_fleet(dir_, store::sqlite::OpenMode::existing));
    static_assert(config::kLeastLedger == store::LedgerBounds::kLeast);
    const auto& limits = state.config.limits;
    const auto bounds = store::LedgerBounds::of(limits.ledger_size);
    auto ledger = store::sqlite::keep_ledger(dir_, bounds);
    FIRSTRING_TRY(auto log, request_log(state.config));
    const store::AlarmQuery raised{.since = now() - state.config.policy.resync_period,
                                   .limit = provision::DeviceRecords::kMaxRemembered};
    const auto alarms = ledger->alarms(raised);
    if (!alarms) {
      spdlog::error("ledger: phones are served without it until it can be opened, and rows wait for it: {}",
                    alarms.error().what);
    }
    worker_count_ = state.config.server.workers != 0 ? state.config.server.workers
                                                     : std::max(1U, std::thread::hardware_concurrency());
    recorder_ =
        std::make_unique<ledger::Recorder>(std::move(ledger), worker_count_ + 1, std::move(log),
                                           ledger::Recorder::Options{.batch_rows = bounds.batch_rows,
                                                                     .batch_bytes = bounds.batch_bytes,
                                                                     .queue_bytes = limits.ledger_queue,
                                                                     .keep_age = limits.ledger_age,
                                                                     .keep_connections = limits.ledger_connections});
    FIRSTRING_TRY(auto for_captures, store::sqlite::open_fleet(dir_, store::sqlite::OpenMode::existing));
    captures_ = std::make_unique<Captures>(dir_ / "evidence", std::move(for_captures), recorder_->queue(worker_count_));
    const auto chore = [this](store::FleetStore& store, const provision::FleetView& view) {
      captures_->follow(view.captures());
      look_at_fleet(store, view);
    };
    FIRSTRING_TRY(keeper_, provision::FleetKeeper::start(std::move(fleet), {state.config.server.host, 443}, chore));
    if (alarms) keeper_->records().remember(*alarms);
    return {};
  }

  /// On the keeper's thread. SQLite goes on with the file that it has open, which nobody else sees.
  void look_at_fleet(store::FleetStore& store, const provision::FleetView& view) {
    constexpr std::chrono::seconds kEvery{1};
    const auto time = std::chrono::steady_clock::now();
    if (fleet_has_moved_ || time < look_at_fleet_at_) return;
    look_at_fleet_at_ = time + kEvery;
    fleet_has_moved_ = store.has_moved();
    if (!fleet_has_moved_) return;
    recorder_->queue(worker_count_)
        .alarm({.at = now(),
                .kind = "fleet_replaced",
                .text =
                    fmt::format("{} was removed or replaced while the server was running: its {} devices are served on "
                                "as they were then, and what commands change now is not seen. Put the right file in "
                                "its place and restart firstring.",
                                (dir_ / "firstring.db").string(), view.device_count())});
  }

  void start_workers() {
    for (std::size_t i = 0; i < worker_count_; ++i) {
      ConnectionServices services{.fleet = keeper_.get(),
                                  .recorder = recorder_.get(),
                                  .ledger = &recorder_->queue(i),
                                  .captures = captures_.get(),
                                  .ladder = &ladder_,
                                  .quarantine = &quarantine_.link(),
                                  .clock = now};
      workers_.push_back(std::make_unique<Worker>(services, box_.get()));
    }
  }

  /// The second phase of start and reload: all sockets first, since a port may be taken; then nothing can fail.
  Result<void> apply(std::shared_ptr<const State> state) {
    std::vector<std::vector<WorkerListener>> for_workers(worker_count_);
    std::vector<Open> open;
    std::vector<ListenSockets> fresh;
    std::vector<std::size_t> fresh_at;  // where in the lists their sockets belong
    for (const auto& listener : state->listeners) {
      const auto& section = listener->config;
      const auto kept = std::find_if(open_.begin(), open_.end(), [&](const Open& one) {
        return one.kind == section.kind && one.configured == section.address;
      });
      if (kept != open_.end()) {
        open.push_back(*kept);
        for (auto& list : for_workers) list.push_back({listener, {}});
        continue;
      }
      auto sockets = bind_listener(section.address, worker_count_);
      if (!sockets) {
        const auto position = section.position_of("address");
        return fail(sockets.error().code, fmt::format("{}:{}:{}: {}", state->config.file.string(), position.line,
                                                      position.column, sockets.error().what));
      }
      open.push_back({section.kind, section.address, sockets->bound});
      fresh.push_back(*std::move(sockets));
      for (auto& list : for_workers) list.push_back({listener, {}});
      fresh_at.push_back(for_workers.front().size() - 1);
    }
    for (const auto& sockets : fresh) FIRSTRING_CHECK(begin_listening(sockets));
    for (std::size_t one = 0; one < fresh.size(); ++one) {
      for (std::size_t i = 0; i < worker_count_; ++i)
        for_workers[i][fresh_at[one]].socket = std::move(fresh[one].sockets[i]);
    }
    const auto room = capacity(state->config.limits.max_connections, machine_);
    for (const auto& warning : room.warnings) spdlog::warn("{}", warning);
    const auto has = [&](config::ListenerKind kind) {
      return std::any_of(open.begin(), open.end(), [&](const Open& one) { return one.kind == kind; });
    };
    const WorkerShare share{
        .places = Admission::limits(std::max<std::size_t>(1, room.connections / worker_count_),
                                    std::max<std::size_t>(1, room.begun / worker_count_),
                                    has(config::ListenerKind::phone) && has(config::ListenerKind::bootstrap)),
        .buffers = std::max(kLeastBuffers, room.buffers / worker_count_)};
    const auto first_phone =
        std::find_if(open.begin(), open.end(), [](const Open& one) { return one.kind == config::ListenerKind::phone; });
    keeper_->set_site(
        {state->config.server.host, first_phone != open.end() ? first_phone->bound.port : std::uint16_t{443}});
    captures_->set_limit(state->config.limits.evidence_size);
    sessions_->set_budget(state->config.limits.session_memory);
    quarantine_.apply(state->quarantine ? std::optional{state->quarantine->process} : std::nullopt);
    for (std::size_t i = 0; i < worker_count_; ++i) workers_[i]->apply(state, std::move(for_workers[i]), share);
    for (const auto& one : open) {
      spdlog::info("listening kind={} address={}", one.kind == config::ListenerKind::phone ? "phone" : "bootstrap",
                   one.bound.to_string());
    }
    open_ = std::move(open);
    state_ = std::move(state);
    return {};
  }

  void await_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      if (signal == SIGHUP) {
        reload();
      } else if (!draining_) {
        drain();
      } else {
        spdlog::warn("second signal: not waiting any longer");
        io_.stop();
      }
      await_signal();
    });
  }

  void reload() {
    if (draining_) return;
    spdlog::info("reloading {}", (dir_ / "firstring.toml").string());
    notify_reloading();
    auto built = check_folder(dir_, sessions_);
    report(built.diagnostics);
    const auto worse = built.state ? change_for_the_worse(*state_, *built.state) : "the state folder has errors";
    const auto applied = worse.empty() ? apply(built.state) : Result<void>{fail(Errc::invalid_input, worse)};
    if (applied) {
      set_log_level(state_->config);
      spdlog::info("reloaded; {} listeners", open_.size());
    } else {
      spdlog::error("reload refused, the old configuration stays in force: {}", applied.error().what);
    }
    notify_systemd(applied ? "READY=1\nSTATUS=serving"
                           : "READY=1\nSTATUS=serving; the last reload was refused, see the log");
  }

  void drain() {
    draining_ = true;
    const auto timeout = state_->config.server.drain_timeout;
    spdlog::info("stopping: {} connections may finish within {}", connections(), format_duration(timeout));
    notify_systemd("STOPPING=1");
    for (const auto& worker : workers_) worker->drain();
    drain_timer_.expires_after(timeout);
    drain_timer_.async_wait([this](const boost::system::error_code&) { io_.stop(); });
    await_drained();
  }

  void await_drained() {
    drain_poll_.expires_after(std::chrono::milliseconds{20});
    drain_poll_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      if (connections() == 0) return io_.stop();
      await_drained();
    });
  }

  // ---- places ----

  /// Each second.
  void watch_places() {
    places_timer_.expires_after(std::chrono::seconds{1});
    places_timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      bool is_short = false;
      for (const auto& worker : workers_) is_short |= worker->take_short();
      switch (places_.tick(is_short, std::chrono::steady_clock::now())) {
        case PlacesWatch::Event::none:
          break;
        case PlacesWatch::Event::began:
          tell_places(Told::alarm);
          break;
        case PlacesWatch::Event::began_again:
          tell_places(Told::log);
          break;
        case PlacesWatch::Event::over:
          spdlog::info("places are no longer short; they were for {} s", places_.lasted().count());
      }
      if (quiet_.tick(processor_time())) give_memory_back();
      watch_places();
    });
  }

  enum class Told : unsigned char { log, alarm };

  /// Asks each worker who holds its places, and says it when all have answered.
  void tell_places(Told told) {
    struct Answers {
      std::size_t missing = 0, open = 0;
      std::vector<Admission::Holder> holders;
    };
    const auto answers = std::make_shared<Answers>();
    answers->missing = workers_.size();
    answers->open = connections();
    for (const auto& worker : workers_) {
      worker->ask_holders(kHoldersAsked, [this, answers, told](std::vector<Admission::Holder> some) {
        asio::post(io_, [this, answers, told, some = std::move(some)] {
          answers->holders.insert(answers->holders.end(), some.begin(), some.end());
          if (--answers->missing > 0) return;
          auto text = places_are_short(answers->open, answers->holders);
          if (told == Told::log) {
            spdlog::warn("{}", text);
          } else {  // which is logged too
            recorder_->queue(worker_count_).alarm({.at = now(), .kind = "places_short", .text = std::move(text)});
          }
        });
      });
    }
  }

  std::size_t connections() const {
    std::size_t sum = 0;
    for (const auto& worker : workers_) sum += worker->connections();
    return sum;
  }

  void stop() {
    const auto left = connections();
    for (const auto& worker : workers_) worker->stop();
    keeper_.reset();    // answers strangers that still wait, into loops that have ended
    captures_->stop();  // writes the last ones
    workers_.clear();
    recorder_.reset();  // writes the last rows
    spdlog::info("stopped; {} connections were cut off", left);
  }

  std::filesystem::path dir_;
  const Machine machine_ = read_machine();  // what is available later is less by what we hold
  asio::io_context io_{1};
  asio::signal_set signals_;
  asio::steady_timer drain_timer_, drain_poll_;
  asio::steady_timer places_timer_{io_};
  PlacesWatch places_;
  QuietWatch quiet_;
  QuarantineKeeper quarantine_{io_};
  std::unique_ptr<crypto::SecretBox> box_;
  std::unique_ptr<ledger::Recorder> recorder_;
  std::unique_ptr<Captures> captures_;
  policy::Ladder ladder_;
  std::unique_ptr<provision::FleetKeeper> keeper_;
  // The keeper's thread's.
  std::chrono::steady_clock::time_point look_at_fleet_at_{};
  bool fleet_has_moved_ = false;
  std::size_t worker_count_ = 1;
  std::vector<std::unique_ptr<Worker>> workers_;
  /// Outlives reloads: who came before comes back as before.
  std::shared_ptr<tls::SessionCache> sessions_ = std::make_shared<tls::SessionCache>(0);
  std::shared_ptr<const State> state_;
  std::vector<Open> open_;
  bool draining_ = false;
};

}  // namespace

Result<void> serve(const std::filesystem::path& dir) {
  crypto::library();
  spdlog::set_default_logger(spdlog::stderr_color_mt("firstring"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
  Server server{dir};
  return server.run();
}

}  // namespace firstring::server
