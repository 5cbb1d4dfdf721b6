#include "simulator/storm.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <queue>
#include <unordered_map>
#include <utility>

#include "base/file.hpp"
#include "simulator/answer.hpp"

namespace firstring::simulator {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;
using Time = SteadyClock::time_point;
using Wait = StormConnection::Wait;

constexpr std::uint16_t kHttpsPort = 443;
/// Descriptors that are not for peers.
constexpr std::size_t kOtherDescriptors = 32;
/// How long a phone that has its answer waits for the server to close too.
constexpr milliseconds kFarewell{2'000};
constexpr milliseconds kWatchEvery{1'000};
/// Few at a time, so that arrivals stay on time when each event costs a handshake.
constexpr int kEventsAtOnce = 16;

microseconds since(Time begin, Time end) { return std::chrono::duration_cast<microseconds>(end - begin); }

microseconds cpu_used() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) { return std::chrono::seconds{time.tv_sec} + microseconds{time.tv_usec}; };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

Result<void> allow_open_files(std::size_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return fail(Errc::io, fmt::format("read the limit of open files: {}", errno_text(errno)));
  if (limit.rlim_cur >= wanted) return {};
  // Whoever may raise the hard limit too need not be asked to.
  const rlimit higher{wanted, std::max<rlim_t>(limit.rlim_max, wanted)};
  if (::setrlimit(RLIMIT_NOFILE, &higher) == 0) return {};
  return fail(Errc::limit_exceeded,
              fmt::format("open {0} connections at once: at most {1} open files are allowed; allow more with ulimit -n "
                          "{0}, or take fewer phones",
                          wanted, limit.rlim_max));
}

enum class Woken : unsigned char { by_time_or_socket, by_signal };

struct Peer {
  Arrival arrival{};
  std::unique_ptr<StormConnection> connection;
  SslSessionPtr session;  ///< to come again with
  Time began;             ///< when this visit connected
  std::uint32_t visit = 0;
  bool thinks = false;
  bool judged = false;  ///< this visit's ending is known
  bool done = false;    ///< of a phone: the ending of its last visit is known

  bool is_phone() const { return arrival.role == Role::phone; }
};

/// When a peer is to go on; one whose visit is another by then is passed over.
struct Alarm {
  Time at;
  std::uint32_t peer;
  std::uint32_t visit;

  friend bool operator>(const Alarm& a, const Alarm& b) { return a.at > b.at; }
};

class Storm {
 public:
  Storm(const StormPlan& plan, Server url, const SocketAddress& server)
      : plan_(plan), url_(std::move(url)), server_(server) {}

  Result<void> prepare();
  Result<StormReport> run(const StormWatch& watch);

 private:
  Result<void> prepare_for(const StormPhone& phone);
  bool is_over() const { return phones_done_ == plan_.phones.size() && phones_open_ == 0; }
  void let_in_those_due(Time now);
  void wake_those_due(Time now);
  Result<Woken> wait_for_sockets(Time until);
  void visit(std::uint32_t index, Time now);
  Result<std::unique_ptr<StormConnection>> connect(const Peer& peer);
  Result<crypto::SslPtr> make_ssl(const Peer& peer) const;
  Result<std::string> request_of(const StormPhone& phone);
  void advance(std::uint32_t index);
  void judge(Peer& peer, Ending ending, std::string_view detail, Time now);
  void leave(std::uint32_t index, Time now);
  StormProgress progress(Time now) const;
  void close_all(Ending unfinished, Time now);
  void sum_up(Time now);

  const StormPlan& plan_;
  Server url_;
  SocketAddress server_;
  std::unordered_map<const ClientTraits*, crypto::SslContextPtr> contexts_;
  std::unordered_map<const device::Model*, const ClientTraits*> traits_;
  std::unordered_map<const device::Model*, Phone> examples_;  ///< copying a model for each request would cost

  FileDescriptor epoll_;
  std::vector<Peer> peers_;    ///< in the order of their arrival
  std::uint32_t arrived_ = 0;  ///< of peers_
  unsigned phones_arrived_ = 0, phones_done_ = 0;
  unsigned phones_open_ = 0;  ///< that have not taken their leave
  std::priority_queue<Alarm, std::vector<Alarm>, std::greater<>> alarms_;
  Time began_, last_served_;
  std::vector<microseconds> added_, added_resumed_, lateness_;
  StormReport report_;
};

Result<void> Storm::prepare_for(const StormPhone& phone) {
  const auto [entry, is_new] = traits_.emplace(phone.model, plan_.tls);
  if (!is_new) return {};
  auto& traits = entry->second;
  if (traits == nullptr) {
    FIRSTRING_TRY(traits, find_client_traits(phone.model->tls_client));
  }
  auto& example = examples_[phone.model];
  example.model = *phone.model;
  example.credentials.emplace(Credentials{{}, plan_.key});
  FIRSTRING_CHECK(request_of(phone));
  auto& context = contexts_[traits];
  if (context) return {};
  FIRSTRING_TRY(context, make_client_context(*traits));
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context.get(), 1);
  return {};
}

Result<void> Storm::prepare() {
  for (const auto& phone : plan_.phones) FIRSTRING_CHECK(prepare_for(phone));
  FIRSTRING_CHECK(allow_open_files(plan_.phones.size() + plan_.misbehaving + kOtherDescriptors));
  const auto arrivals =
      plan_arrivals(static_cast<unsigned>(plan_.phones.size()), plan_.misbehaving, plan_.over, plan_.seed);
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return fail(Errc::io, fmt::format("wait for thousands of sockets: {}", errno_text(errno)));
  peers_.resize(arrivals.size());
  for (std::size_t i = 0; i < arrivals.size(); ++i) peers_[i].arrival = arrivals[i];
  return {};
}

Result<StormReport> Storm::run(const StormWatch& watch) {
  const auto cpu_before = cpu_used();
  began_ = SteadyClock::now();
  const auto deadline = began_ + plan_.deadline;
  auto next_watch = began_ + kWatchEvery;
  auto unfinished = Ending::timed_out;
  for (;;) {
    const auto now = SteadyClock::now();
    if (is_over() || now >= deadline) break;
    let_in_those_due(now);
    wake_those_due(now);
    FIRSTRING_TRY(const auto woken, wait_for_sockets(std::min(deadline, next_watch)));
    const auto later = SteadyClock::now();
    if (later < next_watch && woken != Woken::by_signal) continue;
    next_watch = later + kWatchEvery;
    if (!watch(progress(later))) {
      unfinished = Ending::abandoned;
      break;
    }
  }
  const auto now = SteadyClock::now();
  close_all(unfinished, now);
  sum_up(now);
  report_.client_cpu = cpu_used() - cpu_before;
  return std::move(report_);
}

void Storm::let_in_those_due(Time now) {
  while (arrived_ < peers_.size() && began_ + peers_[arrived_].arrival.at <= now) {
    const auto index = arrived_++;
    const auto& peer = peers_[index];
    // Each costs some time: the next one's lateness is not this one's.
    const auto moment = SteadyClock::now();
    lateness_.push_back(since(began_ + peer.arrival.at, moment));
    if (peer.is_phone()) {
      ++phones_arrived_;
      report_.most_open = std::max(report_.most_open, ++phones_open_);
    } else {
      ++report_.misbehaved[static_cast<std::size_t>(peer.arrival.role)].came;
    }
    visit(index, moment);
  }
}

void Storm::wake_those_due(Time now) {
  while (!alarms_.empty() && alarms_.top().at <= now) {
    const auto alarm = alarms_.top();
    alarms_.pop();
    auto& peer = peers_[alarm.peer];
    if (peer.visit != alarm.visit) continue;
    if (!peer.connection) {
      visit(alarm.peer, SteadyClock::now());
    } else if (std::exchange(peer.thinks, false)) {
      advance(alarm.peer);
    } else {
      leave(alarm.peer, SteadyClock::now());
    }
    // Arrivals come first.
    if (arrived_ < peers_.size() && began_ + peers_[arrived_].arrival.at <= SteadyClock::now()) return;
  }
}

Result<Woken> Storm::wait_for_sockets(Time until) {
  if (arrived_ < peers_.size()) until = std::min(until, began_ + peers_[arrived_].arrival.at);
  if (!alarms_.empty()) until = std::min(until, alarms_.top().at);
  const auto left = std::chrono::ceil<milliseconds>(until - SteadyClock::now());
  std::array<epoll_event, kEventsAtOnce> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), kEventsAtOnce,
                                 static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, kWatchEvery.count())));
  if (count < 0) {
    if (errno == EINTR) return Woken::by_signal;
    return fail(Errc::io, fmt::format("wait for thousands of sockets: {}", errno_text(errno)));
  }
  for (int i = 0; i < count; ++i) {
    const auto data = events[static_cast<std::size_t>(i)].data.u64;
    const auto index = static_cast<std::uint32_t>(data);
    const auto& peer = peers_[index];
    // A phone that thinks looks at nothing until it has done.
    if (peer.connection && peer.visit == data >> 32 && !peer.thinks) advance(index);
  }
  return Woken::by_time_or_socket;
}

void Storm::visit(std::uint32_t index, Time now) {
  auto& peer = peers_[index];
  peer.judged = false;
  peer.began = now;
  auto connection = connect(peer);
  if (!connection) {
    judge(peer, Ending::refused, connection.error().what, now);
    leave(index, now);
    return;
  }
  peer.connection = *std::move(connection);
  advance(index);
  if (!peer.connection) return;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = std::uint64_t{peer.visit} << 32 | index;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, peer.connection->fd(), &event) != 0) {
    judge(peer, Ending::refused, fmt::format("wait for the socket: {}", errno_text(errno)), now);
    leave(index, now);
  }
}

Result<std::unique_ptr<StormConnection>> Storm::connect(const Peer& peer) {
  const auto [at, role, number] = peer.arrival;
  crypto::SslPtr ssl;
  if (role != Role::flood) {
    FIRSTRING_TRY(ssl, make_ssl(peer));
  }
  std::string request;
  if (role == Role::phone) {
    FIRSTRING_TRY(request, request_of(plan_.phones[number]));
  }
  FIRSTRING_TRY(auto connection, StormConnection::open(role, server_, source_of(role, number, plan_.sources),
                                                       std::move(ssl), std::move(request)));
  return std::make_unique<StormConnection>(std::move(connection));
}

Result<crypto::SslPtr> Storm::make_ssl(const Peer& peer) const {
  const auto& phone = plan_.phones[peer.is_phone() ? peer.arrival.number : 0];
  const auto& traits = *traits_.at(phone.model);
  crypto::SslPtr ssl{SSL_new(contexts_.at(&traits).get())};
  bool good = ssl != nullptr;
  if (good && peer.is_phone()) {
    good = SSL_use_certificate_ASN1(ssl.get(), phone.certificate.data(), static_cast<int>(phone.certificate.size())) ==
               1 &&
           SSL_use_PrivateKey(ssl.get(), plan_.key.native()) == 1;
  } else if (good && peer.arrival.role == Role::renegotiation) {
    // TLS 1.3 has no renegotiation to try.
    good = SSL_set_min_proto_version(ssl.get(), std::min(traits.min_version, TLS1_2_VERSION)) == 1 &&
           SSL_set_max_proto_version(ssl.get(), std::min(traits.max_version, TLS1_2_VERSION)) == 1;
  }
  if (good && traits.sends_server_name && !IpAddress::parse(url_.host))
    good = SSL_set_tlsext_host_name(ssl.get(), url_.host.c_str()) == 1;
  if (good && peer.session) good = SSL_set_session(ssl.get(), peer.session.get()) == 1;
  if (!good) return crypto::openssl_failure("set up the phone's TLS");
  return ssl;
}

Result<std::string> Storm::request_of(const StormPhone& phone) {
  auto& example = examples_.at(phone.model);
  example.mac = phone.mac;
  example.serial = phone.serial;
  FIRSTRING_TRY(const auto path, request_path(example, plan_.path));
  return request_text(example, path, url_.host, url_.port, kHttpsPort);
}

void Storm::advance(std::uint32_t index) {
  auto& peer = peers_[index];
  const auto wait = peer.connection->advance();
  const auto now = SteadyClock::now();
  const bool was_judged = peer.judged;
  if (const auto ending = peer.connection->ending(); ending && !was_judged)
    judge(peer, *ending, peer.connection->detail(), now);
  if (wait == Wait::think) {
    peer.thinks = true;
    alarms_.push({now + plan_.think, index, peer.visit});
  } else if (wait == Wait::farewell && !was_judged) {
    alarms_.push({now + kFarewell, index, peer.visit});
  } else if (wait == Wait::nothing) {
    leave(index, now);
  }
}

/// Of a phone; the others have no ending.
void Storm::judge(Peer& peer, Ending ending, std::string_view detail, Time now) {
  peer.judged = true;
  if (!peer.is_phone()) return;
  if (ending == Ending::served) {
    auto& connection = *peer.connection;
    last_served_ = now;
    report_.answer_bytes += connection.body_bytes();
    if (connection.resumed()) ++report_.resumed;
    auto& added = peer.visit == 0 ? added_ : added_resumed_;
    added.push_back(since(peer.began, now) - (connection.has_thought() ? plan_.think : milliseconds{0}));
    if (peer.visit < plan_.resumptions) {
      peer.session = connection.take_session();
      return;
    }
  } else {
    ++report_.failures[fmt::format("{}: {}", to_string(ending), detail)];
  }
  peer.done = true;
  ++phones_done_;
  ++report_.endings[static_cast<std::size_t>(ending)];
}

void Storm::leave(std::uint32_t index, Time now) {
  auto& peer = peers_[index];
  const bool established = peer.connection && peer.connection->established();
  if (established) ++report_.connections;
  peer.connection.reset();
  ++peer.visit;  // alarms and events that are still on their way are not for the next visit
  if (!peer.is_phone()) {
    auto& misbehaved = report_.misbehaved[static_cast<std::size_t>(peer.arrival.role)];
    ++(established ? misbehaved.closed_by_server : misbehaved.refused);
  } else if (peer.done) {
    --phones_open_;
  } else {
    alarms_.push({now, index, peer.visit});
  }
}

StormProgress Storm::progress(Time now) const {
  const auto served = report_.count(Ending::served);
  return {std::chrono::duration_cast<milliseconds>(now - began_), phones_arrived_, served, phones_done_ - served};
}

void Storm::close_all(Ending unfinished, Time now) {
  for (auto& peer : peers_) {
    if (peer.is_phone() && !peer.done)
      judge(peer, unfinished, peer.connection ? peer.connection->stage_text() : "before it came", now);
    if (peer.connection && peer.connection->established()) ++report_.connections;
    peer.connection.reset();
  }
}

void Storm::sum_up(Time now) {
  report_.phones = static_cast<unsigned>(plan_.phones.size());
  report_.wall = since(began_, now);
  const auto is_phone = [](const Peer& peer) { return peer.is_phone(); };
  const auto first = std::find_if(peers_.begin(), peers_.end(), is_phone);
  const auto last = std::find_if(peers_.rbegin(), peers_.rend(), is_phone);
  report_.ideal = last->arrival.at - first->arrival.at + plan_.think;
  if (!added_.empty()) report_.until_served = since(began_ + first->arrival.at, last_served_);
  report_.added = distribution_of(std::move(added_));
  report_.added_resumed = distribution_of(std::move(added_resumed_));
  report_.lateness = distribution_of(std::move(lateness_));
}

}  // namespace

Result<StormReport> run_storm(const StormPlan& plan, const StormWatch& watch) {
  if (plan.phones.empty()) return fail(Errc::invalid_input, "begin the storm: it has no phones");
  FIRSTRING_TRY(auto url, parse_server(plan.server, kHttpsPort));
  FIRSTRING_TRY(const auto addresses, resolve(url.host));
  const auto& address = addresses.front();
  if (plan.sources > 0 && (!address.is_v4() || address.octets()[12] != 127)) {
    return fail(Errc::invalid_input,
                fmt::format("come from {} addresses: only possible for a server on 127.0.0.0/8, and {} is none",
                            plan.sources, address.to_string()));
  }
  if (plan.sources > kMaxSources) {
    return fail(Errc::invalid_input,
                fmt::format("come from {} addresses: there are {} at most", plan.sources, kMaxSources));
  }
  const Endpoint server{address, url.port};
  Storm storm{plan, std::move(url), to_socket_address(server)};
  FIRSTRING_CHECK(storm.prepare());
  return storm.run(watch);
}

}  // namespace firstring::simulator
