#include "server/connection.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/post.hpp>

#include "base/file.hpp"
#include "device/known_bad.hpp"
#include "ledger/explain.hpp"
#include "ledger/json.hpp"
#include "tls/round_trip.hpp"

namespace firstring::server {

namespace asio = boost::asio;
using Status = tls::Channel::Status;

namespace {

/// Time and bytes that a peer gets to take our last words before the socket goes.
constexpr std::chrono::milliseconds kLingerTime{2'000};
constexpr std::size_t kLingerBytes = 1U << 20;
constexpr std::size_t kBufferBytes = 16'384;
constexpr std::uint16_t kNewestTls = 0x0304;
/// How long a client waits for a quarantine that has just ended or has its hands full, how often that is looked at, and
/// by how much its own timeout comes before ours.
constexpr std::chrono::seconds kQuarantinePatience{5};
constexpr std::chrono::milliseconds kQuarantinePause{50};
constexpr std::chrono::seconds kQuarantineDelay{3};
/// How long a client may say nothing, or half a hello, though others need its place: a first packet that is lost comes
/// again after 1 to 3 s.
constexpr std::chrono::milliseconds kTimeToSpeak{3'000};

IpAddress address_of(const asio::ip::tcp::endpoint& endpoint) {
  const auto ip = endpoint.address();
  return ip.is_v4() ? IpAddress::from_v4(ip.to_v4().to_bytes()) : IpAddress::from_v6(ip.to_v6().to_bytes());
}

/// What remains of an address of the peer or of ours.
void put_endpoint(const asio::ip::tcp::endpoint& endpoint, std::string& address, std::uint16_t& port) {
  address = address_of(endpoint).to_string();
  port = endpoint.port();
}

std::string model_of_product(std::string_view product) {
  const auto* model = device::Catalogue::shipped().find_product(product);
  return model != nullptr ? model->name : std::string{};
}

bool looks_like_tls(ByteView bytes) {
  return bytes.size() >= 3 && ((bytes[0] == 0x16 && bytes[1] == 3) || ((bytes[0] & 0x80) != 0 && bytes[2] == 1));
}

}  // namespace

Connection::Connection(Socket socket, const asio::ip::tcp::endpoint& peer, std::shared_ptr<const State> state,
                       std::shared_ptr<const ListenerState> listener, const ConnectionServices& services,
                       std::function<void(Connection&)> on_end)
    : socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      state_(std::move(state)),
      listener_(std::move(listener)),
      services_(services),
      on_end_(std::move(on_end)),
      id_(ledger::next_connection_id()),
      accepted_(services_.clock()),
      accepted_at_(std::chrono::steady_clock::now()),
      peer_(peer) {
  boost::system::error_code ignored;
  local_ = socket_.local_endpoint(ignored);
  requester_.tls = listener_->config.kind == config::ListenerKind::phone;
}

Connection::~Connection() = default;

void Connection::start() {
  if (services_.captures->any()) begin_tape();
  const auto patience = requester_.tls ? listener_->config.hello_timeout : listener_->config.idle_timeout;
  services_.admission->arrive(*this, address_of(peer_), accepted_at_ + std::min(patience / 2, kTimeToSpeak));
  if (listener_->config.kind == config::ListenerKind::phone) {
    hello_reader_ = std::make_unique<hello::Reader>();
    set_deadline(listener_->config.hello_timeout);
    read_hello();
  } else {
    await_request();
  }
}

void Connection::drain() {
  draining_ = true;
  // A phone on its way in is let in: refused, it would stay away for an hour. What only holds a line open is not.
  constexpr std::chrono::seconds kTimeToBegin{1};
  const bool has_spoken = stage_ != "tcp" || std::chrono::steady_clock::now() - accepted_at_ < kTimeToBegin;
  const bool waits_for_more = phase_ == Phase::idle && stage_ == "done";
  if (!has_spoken || waits_for_more) abort();
}

void Connection::abort() {
  if (phase_ == Phase::gone) return;
  if (phase_ != Phase::lingering) finish(stage_ == "done" ? "ok" : "shutdown", stage_, "the server was stopped");
  close();
}

void Connection::make_room() {
  finish("limit", stage_,
         fmt::format("closed after {} ms to make room: {} connections were open",
                     since_accept(std::chrono::steady_clock::now()) / 1000, services_.admission->open()));
  close();
}

// ---- the hello ----

void Connection::read_hello() {
  std::array<std::uint8_t, 4096> buffer;
  for (;;) {
    const auto count = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
    if (tape_) tape_->received(buffer.data(), count, errno);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return wait(Socket::wait_read, &Connection::read_hello);
    const std::string_view stage = hello_reader_->received().empty() ? "tcp" : "hello";
    if (count < 0) return finish("closed", stage, errno_text(errno));
    if (count == 0) return finish("closed", stage, "the client closed the TCP connection");
    plain_in_ += static_cast<std::size_t>(count);
    stage_ = "hello";
    switch (hello_reader_->feed({buffer.data(), static_cast<std::size_t>(count)})) {
      case hello::Reader::State::need_more:
        continue;
      case hello::Reader::State::complete:
        return hello_complete();
      case hello::Reader::State::failed:
        break;
    }
    const auto reason = hello_reader_->reason();
    auto detail = std::string{to_string(reason)};
    if (!hello_reader_->detail().empty()) detail = fmt::format("{}: {}", detail, hello_reader_->detail());
    if (reason != hello::NotHello::http) return finish("not_tls", "hello", std::move(detail));
    if (tape_) tape_->withhold_received(0);  // a request in the clear may hold a password
    (void)write_some(
        http::serialize(http::plain(400, "This port speaks TLS: write https:// in place of http://."), 10, false));
    return finish("not_tls", "hello", "plain HTTP");
  }
}

policy::PersonalityChoice Connection::choose_personality(std::optional<store::DeviceRecord> record) const {
  const auto& hello = hello_reader_->hello();
  const auto address = address_of(peer_);
  policy::Situation situation{.hello = hello, .address = address, .listener = listener_->address};
  if (listener_->personalities.size() == 1) return usual_choice(*state_, *listener_, situation);
  if (record) {
    situation.past = {.model = std::move(record->model),
                      .firmware = std::move(record->firmware),
                      .personality = std::move(record->personality)};
  }
  const auto usual = usual_choice(*state_, *listener_, situation);
  if (!listener_->config.ladder || usual.reason == "needs_quarantine") return usual;
  return services_.ladder->choose({address, client_ja3_}, usual, hello, listener_->personalities, services_.clock(),
                                  listener_->config.ladder_window);
}

/// A client that has asked for something has accepted what it was shown.
void Connection::tell_ladder() {
  if (choice_.personality == nullptr || !listener_->config.ladder || listener_->personalities.size() == 1) return;
  const policy::Ladder::Client client{address_of(peer_), client_ja3_};
  if (policy::blames_personality(row())) {
    services_.ladder->failed(client, row().personality, services_.clock());
  } else if (row().stage == "response" || row().stage == "done") {
    services_.ladder->worked(client, row().personality, services_.clock());
  }
}

void Connection::hello_complete() {
  hello_us_ = since_accept(std::chrono::steady_clock::now());
  hello_.assign(hello_reader_->received().begin(), hello_reader_->received().end());
  const auto& hello = hello_reader_->hello();
  offered_version_ = std::min(hello.highest_version(), kNewestTls);
  ja3_ = hello::ja3(hello).hash;
  client_ja3_ = hello.offers_psk ? hello::ja3(hello::without_session(hello)).hash : ja3_;
  ja4_ = hello::ja4(hello);
  server_name_ = hello.server_name;
  hello_is_sslv2_ = hello.format == hello::Format::sslv2;
  auto record = services_.fleet->records().last_at(address_of(peer_), client_ja3_);
  const auto familiarity = record ? Admission::Familiarity::known : Admission::Familiarity::unknown;
  choice_ = choose_personality(std::move(record));
  hello_reader_.reset();
  phase_ = Phase::waiting;
  deadline_ = kNever;  // what comes now is for us to do
  services_.admission->queue(*this, familiarity, std::chrono::steady_clock::now());
  services_.begin_soon();
  wait(Socket::wait_read, &Connection::wait_for_turn);
}

/// Something happened on the socket of a client that has nothing to say until we answer.
void Connection::wait_for_turn() {
  if (phase_ != Phase::waiting) return;
  std::uint8_t next = 0;
  const auto count = ::recv(socket_.native_handle(), &next, 1, MSG_PEEK);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return wait(Socket::wait_read, &Connection::wait_for_turn);
  if (count > 0) {
    // Waiting on would not wait. What it sent stays in the socket until its turn.
    waiting_self_ = shared_from_this();
    return;
  }
  finish("closed", "hello", count < 0 ? errno_text(errno) : "the client closed the TCP connection");
}

void Connection::begin() {
  const auto self = std::move(waiting_self_);
  queued_us_ = since_accept(std::chrono::steady_clock::now()) - hello_us_;
  phase_ = Phase::handshake;
  if (choice_.personality->quarantine) {
    requester_.wire =
        state_->config.quarantine.secrets ? policy::Wire::quarantined_but_allowed : policy::Wire::quarantined;
    set_deadline(listener_->config.handshake_timeout + kQuarantinePatience + kQuarantineDelay);
    return hand_over();
  }
  set_deadline(listener_->config.handshake_timeout);
  const auto& context = state_->contexts.find(choice_.personality->name)->second;
  auto stream = tls::Stream::accept(context, socket_.native_handle(), hello_, tape_.get());
  if (!stream) {
    spdlog::error("connection from {}: {}", row().address, stream.error().what);
    return finish("handshake_failed", "hello", stream.error().what);
  }
  stream_ = *std::move(stream);
  handshake();
}

void Connection::hand_over() {
  auto pair = services_.quarantine->hand_over(socket_.native_handle(), hello_, listener_->config.handshake_timeout);
  if (!pair) {
    const auto waited =
        std::chrono::microseconds{since_accept(std::chrono::steady_clock::now()) - hello_us_ - queued_us_};
    if (waited < kQuarantinePatience) return hand_over_later();
    return finish("handshake_failed", "hello", pair.error().what);
  }
  // To Asio, a descriptor to wait for. The client's own socket lives on in the other process.
  boost::system::error_code error;
  socket_.close(error);
  socket_.assign(asio::ip::tcp::v4(), pair->release(), error);
  if (error) return finish("handshake_failed", "hello", error.message());
  stream_ = std::make_unique<tls::QuarantineChannel>(socket_.native_handle());
  handshake();
}

void Connection::hand_over_later() {
  const auto pause = std::make_shared<Timer>(socket_.get_executor(), kQuarantinePause);
  pause->async_wait([self = shared_from_this(), pause](const boost::system::error_code&) {
    if (self->phase_ == Phase::handshake) self->hand_over();
  });
}

// ---- the handshake ----

void Connection::handshake() {
  const auto status = stream_->handshake();
  switch (status) {
    case Status::ok:
      return handshake_complete();
    case Status::want_read:
      return wait(Socket::wait_read, &Connection::handshake);
    case Status::want_write:
      return wait(Socket::wait_write, &Connection::handshake);
    case Status::closed:
    case Status::failed:
      break;
  }
  fill_tls_facts();
  finish(stream_->facts().timed_out ? "timeout" : "handshake_failed", stage_, stream_->facts().failure);
}

void Connection::handshake_complete() {
  fill_tls_facts();
  await_request();
}

store::ConnectionRow& Connection::row() {
  if (row_) return *row_;
  row_ = std::make_unique<store::ConnectionRow>();
  auto& row = *row_;
  row.id = id_;
  row.accepted = accepted_;
  row.listener = fmt::format("{} {}", requester_.tls ? "phone" : "bootstrap", listener_->config.address.to_string());
  put_endpoint(peer_, row.address, row.port);
  put_endpoint(local_, row.local_address, row.local_port);
  row.verdict = "none";
  row.assurance = "none";
  // Half a ClientHello is kept as far as it came.
  const auto received = hello_reader_ ? hello_reader_->received() : ByteView{hello_};
  row.hello.assign(received.begin(), received.end());
  row.hello_us = hello_us_;
  row.queued_us = queued_us_;
  if (choice_.personality == nullptr) return row;
  row.personality = choice_.personality->name;
  row.personality_reason = choice_.reason;
  row.chain = choice_.personality->chain;
  row.quarantined = choice_.personality->quarantine;
  row.hello_format = hello_is_sslv2_ ? "sslv2" : "tls";
  row.server_name = server_name_;
  row.ja3 = ja3_;
  row.ja4 = ja4_;
  return row;
}

void Connection::fill_tls_facts() {
  auto& row = this->row();
  const auto& facts = stream_->facts();
  const auto step = [&](std::chrono::steady_clock::time_point at) {
    return at == std::chrono::steady_clock::time_point{} ? -1 : since_accept(at);
  };
  row.server_flight_us = step(facts.server_flight_at);
  row.client_flight_us = step(facts.client_flight_at);
  row.handshake_us = step(facts.finished_at);
  stage_ = to_string(facts.stage);
  row.version = facts.version;
  row.cipher = facts.cipher;
  row.key_exchange = facts.key_exchange;
  row.key_exchange_bits = facts.key_exchange_bits;
  row.resumed = facts.resumed;
  fill_what_was_shown();
  if (facts.client_chain.empty()) return;

  const auto& leaf = facts.client_chain.front();
  requester_.verdict = services_.verdicts->judge(state_->trust, facts.client_chain, services_.clock());
  const auto subject = leaf.subject();
  requester_.identity = device::identify(subject);
  row.certificate = leaf.fingerprint_hex();
  row.certificate_subject = crypto::to_string(subject);
  row.certificate_issuer = leaf.issuer_text();
  row.certificate_der = leaf.to_der();
  row.verdict = requester_.verdict.reason();
  row.device_ca = requester_.verdict.ca;
  for (const auto& error : requester_.verdict.errors) {
    row.verdict_errors.push_back(
        error.forgiven ? fmt::format("{} '{}': {}", store::kForgiven, requester_.verdict.ca, error.text) : error.text);
  }
  if (!requester_.identity.problem.empty()) row.verdict_errors.push_back(requester_.identity.problem);
  // A handshake that failed proved nothing: its certificate may be somebody else's.
  if (row.handshake_us < 0) requester_.verdict.accepted = false;
  if (requester_.identity.mac) row.device = requester_.identity.mac->bare();
  if (requester_.identity.known_bad != nullptr) row.known_bad = requester_.identity.known_bad->name;
  row.assurance = device::to_string(policy::assess(requester_, false));
}

void Connection::fill_what_was_shown() {
  auto& row = this->row();
  row.rtt_us = row.quarantined ? stream_->facts().rtt_us : tls::round_trip_us(socket_.native_handle());
  if (row.resumed) return;
  const auto& shown = row.quarantined
                          ? state_->quarantine->shown
                          : state_->contexts.find(choice_.personality->name)->second->shown(stream_->facts().shown_key);
  row.server_name_shown = shown.common_name;
  row.server_key_bits = static_cast<int>(shown.key_bits);
  row.server_hash = shown.hash;
  if (!row.server_name.empty()) row.server_name_matches = tls::is_for(shown.leaf, row.server_name) ? 1 : 0;
  const auto computed = row.client_flight_us - row.server_flight_us - row.rtt_us;
  if (row.server_flight_us >= 0 && row.client_flight_us >= 0 && row.rtt_us >= 0 && computed >= 0)
    row.phone_cpu_us = computed;
}

// ---- requests ----

tls::Channel::Io Connection::read_some(std::span<std::uint8_t> buffer) {
  if (stream_) return stream_->read(buffer);
  const auto count = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
  if (tape_) tape_->received(buffer.data(), count, errno);
  if (count > 0) {
    plain_in_ += static_cast<std::size_t>(count);
    return {Status::ok, static_cast<std::size_t>(count)};
  }
  if (count == 0) return {Status::closed, 0};
  return {errno == EAGAIN || errno == EINTR ? Status::want_read : Status::failed, 0};
}

tls::Channel::Io Connection::write_some(std::string_view bytes) {
  if (stream_) return stream_->write(bytes);
  const auto count = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count >= 0) {
    plain_out_ += static_cast<std::size_t>(count);
    if (tape_) tape_->sent(bytes.data(), static_cast<std::size_t>(count));
    return {Status::ok, static_cast<std::size_t>(count)};
  }
  return {errno == EAGAIN || errno == EINTR ? Status::want_write : Status::failed, 0};
}

void Connection::await_request() {
  if (!exchange_) {
    exchange_ = std::make_unique<Exchange>(
        Exchange{.reader = http::RequestReader{{.head_bytes = state_->config.limits.max_request_head}}});
  }
  if (tape_ && exchange_->reader.empty()) exchange_->taped_from = tape_->here();
  phase_ = Phase::idle;
  if (draining_ && stage_ == "done") return finish("ok", "done");
  if (exchange_->reader.state() == http::RequestReader::State::complete) return request_complete();
  if (exchange_->reader.state() == http::RequestReader::State::failed) return request_failed();
  set_deadline(listener_->config.idle_timeout);
  read_request();
}

void Connection::read_request() {
  std::array<std::uint8_t, kBufferBytes> buffer;
  for (;;) {
    const auto io = read_some(buffer);
    switch (io.status) {
      case Status::ok:
        break;
      case Status::want_read:
        return wait(Socket::wait_read, &Connection::read_request);
      case Status::want_write:
        return wait(Socket::wait_write, &Connection::read_request);
      case Status::closed:
        // A close between requests is the ordinary end; one with no request at all is worth a look.
        if (!exchange_->reader.empty())
          return finish("closed", "request", "the client closed in the middle of a request");
        return finish(stage_ == "done" ? "ok" : "closed", stage_);
      case Status::failed:
        return finish(stage_ == "done" && exchange_->reader.empty() ? "ok" : "closed",
                      stage_ == "done" ? "done" : "request", stream_ ? stream_->facts().failure : errno_text(errno));
    }
    const ByteView bytes{buffer.data(), io.bytes};
    if (phase_ == Phase::idle) {
      phase_ = Phase::request;
      stage_ = "request";
      exchange_->began = std::chrono::steady_clock::now();
      exchange_->at = services_.clock();
      set_deadline(listener_->config.request_timeout);
      if (!stream_ && looks_like_tls(bytes)) return finish("not_http", "request", "TLS spoken to the plain HTTP port");
    }
    switch (exchange_->reader.feed(bytes)) {
      case http::RequestReader::State::need_more:
        continue;
      case http::RequestReader::State::complete:
        return request_complete();
      case http::RequestReader::State::failed:
        return request_failed();
    }
  }
}

void Connection::request_complete() {
  phase_ = Phase::answering;
  services_.admission->spoke(*this);
  auto answer = decide();
  if (answer.is_stranger) return meet_stranger(answer);
  respond(std::move(answer));
}

provision::Answer Connection::decide() {
  const auto& request = exchange_->reader.request();
  const auto fleet = services_.fleet->current();
  sight_phone(request, *fleet);
  return provision::answer(request, requester_, *fleet, *services_.box);
}

void Connection::sight_phone(const http::Request& request, const provision::FleetView& fleet) {
  auto& row = this->row();
  const auto& identity = requester_.identity;
  const auto agent = device::parse_user_agent(request.header("User-Agent"));
  if (agent) row.firmware = agent->version;
  row.model = model_of_product(identity.product);
  if (row.model.empty() && identity.mac) {
    if (const auto* device = fleet.device(*identity.mac)) row.model = device->model;
  }
  if (row.model.empty() && agent) row.model = model_of_product(agent->product);
  if (requester_.verdict.accepted && identity.mac && requester_.wire != policy::Wire::quarantined)
    watch_phone(*identity.mac, request, agent ? &*agent : nullptr, fleet);
}

/// Its certificate is accepted and names `mac`.
void Connection::watch_phone(const MacAddress& mac, const http::Request& request, const device::UserAgent* agent,
                             const provision::FleetView& fleet) {
  const auto& row = this->row();
  const auto time = services_.clock();
  const auto file = device::Catalogue::shipped().match_file(request.path);
  if (client_key_.empty()) client_key_ = to_hex(stream_->facts().client_chain.front().key_fingerprint());
  const policy::Sighting sighting{
      .seen = {.mac = mac,
               .certificate = row.certificate,
               .key = client_key_,
               .pinned_at = time,
               // A client may offer a session again with the session's version as its highest.
               .strongest_version = row.resumed ? std::uint16_t{0} : offered_version_,
               .address = row.address,
               .last_seen = time,
               .ja3 = client_ja3_,
               .personality = row.personality,
               .model = row.model,
               .firmware = agent != nullptr ? agent->version : std::string{}},
      .in_url = file ? file->mac : std::nullopt,
      .in_user_agent = agent != nullptr ? agent->mac : std::nullopt};
  using Kept = provision::DeviceRecords::Kept;
  const auto watched = services_.fleet->records().meet(sighting, fleet.pardons(mac), state_->watch,
                                                       fleet.device(mac) != nullptr ? Kept::yes : Kept::no);
  requester_.refusal = watched.refusal;
  for (const auto& alarm : watched.alarms) {
    services_.ledger->alarm({.at = time,
                             .kind = std::string{to_string(alarm.kind)},
                             .device = mac.bare(),
                             .address = row.address,
                             .connection = row.id,
                             .text = alarm.text});
  }
}

/// A device that nobody entered: the fleet's keeper may enter it, on its own thread; then the request is decided again.
void Connection::meet_stranger(const provision::Answer& answer) {
  provision::Stranger stranger{
      .mac = *answer.requested,
      .product = requester_.identity.product,
      .serial = requester_.identity.serial,
      .address = row().address,
      .user_agent = std::string{exchange_->reader.request().header("User-Agent").substr(0, 200)}};
  services_.fleet->meet(std::move(stranger), [self = shared_from_this()](bool) {
    asio::post(self->socket_.get_executor(), [self] {
      if (self->phase_ != Phase::answering) return;
      self->respond(self->decide());
    });
  });
}

void Connection::respond(provision::Answer answer) {
  const auto& request = exchange_->reader.request();
  if (!answer.problem.empty()) spdlog::error("{} for {}: {}", request.target, row().address, answer.problem);
  exchange_->row = {};
  exchange_->row.method = request.method;
  exchange_->row.target = request.target;
  exchange_->row.user_agent = request.header("User-Agent");
  exchange_->row.device = answer.requested ? answer.requested->bare() : std::string{};
  exchange_->row.decision = answer.allow ? "allow" : "deny";
  exchange_->row.reason = answer.reason;
  if (!answer.allow || !exchange_->denial) exchange_->denial = answer.allow ? std::string_view{} : answer.reason;
  if (row().device.empty()) row().device = exchange_->row.device;
  if (answer.known_bad != nullptr) row().known_bad = answer.known_bad->name;
  judge_taped_request(request.body.empty() && request.query.empty() && request.header("Authorization").empty() &&
                      request.header("Proxy-Authorization").empty() && request.header("Cookie").empty() &&
                      (exchange_->row.device.empty() || exchange_->row.device == row().device));
  row().assurance = device::to_string(answer.assurance);
  send(answer.response, request.keep_alive && !draining_,
       request.method == "HEAD" ? http::Body::without : http::Body::with);
}

void Connection::request_failed() {
  judge_taped_request(false);
  const auto& refusal = exchange_->reader.refusal();
  exchange_->row = {};
  const auto seen = exchange_->reader.target_seen();
  const auto space = seen.find(' ');
  exchange_->row.method = seen.substr(0, space);
  if (space != std::string_view::npos) exchange_->row.target = seen.substr(space + 1);
  exchange_->row.decision = "deny";
  exchange_->row.reason = exchange_->reader.reason();
  exchange_->denial = exchange_->reader.reason();
  phase_ = Phase::answering;
  services_.admission->spoke(*this);
  send(refusal, false, http::Body::with);
}

void Connection::send(const http::Response& response, bool keep_alive, http::Body body) {
  exchange_->row.connection = row().id;
  exchange_->row.at = exchange_->at;
  exchange_->row.status = static_cast<int>(response.status);
  exchange_->row.bytes = body == http::Body::with ? static_cast<std::int64_t>(response.body.size()) : 0;
  exchange_->keep_alive = keep_alive;
  const unsigned version =
      exchange_->reader.state() == http::RequestReader::State::complete ? exchange_->reader.request().version : 11;
  exchange_->output = http::serialize(response, version, keep_alive, body);
  exchange_->sent = 0;
  stage_ = "response";
  set_deadline(listener_->config.request_timeout);
  write_response();
}

void Connection::write_response() {
  while (exchange_->sent < exchange_->output.size()) {
    const auto io = write_some(next_output());
    switch (io.status) {
      case Status::ok:
        exchange_->sent += io.bytes;
        continue;
      case Status::want_read:
        return wait(Socket::wait_read, &Connection::write_response);
      case Status::want_write:
        return wait(Socket::wait_write, &Connection::write_response);
      case Status::closed:
      case Status::failed:
        return finish("closed", "response", "the client closed before it had the whole answer");
    }
  }
  switch (send_off()) {
    case Status::ok:
      return response_written();
    case Status::want_read:
    case Status::want_write:
      return wait(Socket::wait_write, &Connection::write_response);
    case Status::closed:
    case Status::failed:
      return finish("closed", "response", "the client closed before it had the whole answer");
  }
}

/// The end of the last answer takes close_notify along.
tls::Channel::Status Connection::send_off() {
  if (!stream_) return Status::ok;
  return exchange_->keep_alive ? stream_->flush() : stream_->shutdown();
}

// ---- captures ----

void Connection::begin_tape() {
  tape_ = services_.captures->begin(services_.fleet->current()->captures(), services_.fleet->records(),
                                    address_of(peer_), accepted_);
}

/// What is to be written now. On a tape, a head goes out by itself, so that a document can be withheld without it.
std::string_view Connection::next_output() {
  const auto rest = std::string_view{exchange_->output}.substr(exchange_->sent);
  if (!tape_) return rest;
  const auto head = exchange_->output.find("\r\n\r\n") + 4;
  const bool in_head = exchange_->sent < head;
  tape_->withhold_sent(!in_head && exchange_->row.status == 200);
  return in_head ? rest.substr(0, head - exchange_->sent) : rest;
}

/// Of a request, only what certainly holds no password and no other phone's name may leave with a bundle of evidence.
void Connection::judge_taped_request(bool may_leave) {
  if (tape_ && exchange_ && !may_leave) tape_->withhold_received(exchange_->taped_from);
}

void Connection::record_request() {
  exchange_->row.duration_us =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - exchange_->began)
          .count();
  auto line = services_.recorder->keeps_request_log() ? ledger::request_to_json(row(), exchange_->row) : std::string{};
  services_.ledger->request(std::move(exchange_->row), std::move(line));
  exchange_->row = {};
}

void Connection::response_written() {
  record_request();
  if (tape_) tape_->withhold_sent(false);
  stage_ = "done";
  explicit_bzero(exchange_->output.data(), exchange_->output.size());  // it may have held passwords
  exchange_->output.clear();
  if (!exchange_->keep_alive) return finish("ok", "done");
  exchange_->reader.next();
  exchange_->began = std::chrono::steady_clock::now();
  exchange_->at = services_.clock();
  // Not from here: a peer that sends a thousand requests at once must not hold the worker.
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->phase_ == Phase::answering) self->await_request();
  });
}

// ---- waiting ----

void Connection::wait(asio::socket_base::wait_type type, Step next) {
  // Only the last wait counts: a deadline that ends one step and begins the next leaves the step's own wait behind.
  socket_.async_wait(
      type, [self = shared_from_this(), next, number = ++wait_number_](const boost::system::error_code& error) {
        if (error || self->phase_ == Phase::gone || self->wait_number_ != number) return;
        (self.get()->*next)();
      });
}

/// A timer is set anew only for a deadline that comes before it rings: most steps end long before theirs.
void Connection::set_deadline(std::chrono::milliseconds time) {
  deadline_ = std::chrono::steady_clock::now() + time;
  if (deadline_ < timer_rings_) set_timer();
}

void Connection::set_timer() {
  timer_rings_ = deadline_;
  timer_.expires_at(deadline_);
  timer_.async_wait([self = weak_from_this(), number = ++timer_number_](const boost::system::error_code& error) {
    const auto connection = self.lock();
    if (!error && connection && connection->timer_number_ == number) connection->timer_rang();
  });
}

void Connection::timer_rang() {
  timer_rings_ = kNever;
  if (deadline_ == kNever) return;
  if (std::chrono::steady_clock::now() < deadline_) return set_timer();
  deadline_ = kNever;
  deadline_passed();
}

void Connection::deadline_passed() {
  switch (phase_) {
    case Phase::gone:
    case Phase::waiting:
      return;
    case Phase::lingering:
      return close();
    case Phase::idle:
      // Kept alive for a next request that did not come: an ordinary end.
      return finish(stage_ == "done" ? "ok" : "timeout", stage_);
    case Phase::handshake:
      if (stream_) fill_tls_facts();
      [[fallthrough]];
    case Phase::hello:
    case Phase::request:
    case Phase::answering:
      return finish("timeout", stage_);
  }
}

// ---- the end ----

std::int64_t Connection::since_accept(std::chrono::steady_clock::time_point at) const {
  return std::chrono::duration_cast<std::chrono::microseconds>(at - accepted_at_).count();
}

void Connection::fill_from_records() {
  auto& row = this->row();
  if (row.model.empty()) row.model = model_of_product(requester_.identity.product);
  const bool proven = requester_.verdict.accepted && requester_.identity.mac.has_value();
  if (client_ja3_.empty() || (proven && !row.firmware.empty())) return;
  const auto& records = services_.fleet->records();
  const auto record = proven ? records.find(*requester_.identity.mac) : records.last_at(address_of(peer_), client_ja3_);
  if (!record) return;
  if (!proven) row.likely_device = record->mac.bare();
  if (row.model.empty()) row.model = record->model;
  if (row.firmware.empty()) row.firmware = record->firmware;
}

void Connection::finish(std::string_view outcome, std::string_view stage, std::string detail) {
  if (phase_ == Phase::lingering || phase_ == Phase::gone) return;
  judge_taped_request(phase_ != Phase::request);
  if (phase_ == Phase::waiting) queued_us_ = since_accept(std::chrono::steady_clock::now()) - hello_us_;
  const auto self = std::move(waiting_self_);
  phase_ = Phase::lingering;
  if (exchange_ && exchange_->row.status != 0) record_request();  // decided, but the answer did not get through
  stage_ = stage;
  row().outcome = outcome;
  row().stage = stage;
  row().detail = std::move(detail);
  row().closed_us = since_accept(std::chrono::steady_clock::now());
  if (stream_) {
    const auto& alert = stream_->facts().alert;
    if (alert.from != tls::Alert::From::nobody) {
      row().alert = alert.name;
      row().alert_from = alert.from == tls::Alert::From::client ? "client" : "server";
      row().alert_code = alert.code;
    }
    row().asked_renegotiation = stream_->facts().asked_renegotiation;
    if (outcome == "ok" || outcome == "timeout") stream_->shutdown();
    row().bytes_in = static_cast<std::int64_t>(stream_->bytes_in());
    row().bytes_out = static_cast<std::int64_t>(stream_->bytes_out());
  } else {
    row().bytes_in = static_cast<std::int64_t>(plain_in_);
    row().bytes_out = static_cast<std::int64_t>(plain_out_);
  }
  tell_ladder();
  fill_from_records();
  row().cause = ledger::cause_of(row(), exchange_ ? exchange_->denial : std::nullopt);
  stream_.reset();
  services_.admission->settle(*this, conduct_of(row()), std::chrono::steady_clock::now());
  if (services_.admission->may_begin()) services_.begin_soon();
  if (!tape_ || !services_.captures->take(tape_, *row_, services_.fleet->current()->captures(), services_.clock()))
    services_.ledger->connection(std::move(*row_));
  tape_.reset();
  hello_reader_.reset();
  boost::system::error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  if (error) return close();
  set_deadline(kLingerTime);
  linger();
}

void Connection::linger() {
  std::array<std::uint8_t, kBufferBytes> buffer;
  for (;;) {
    const auto count = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return wait(Socket::wait_read, &Connection::linger);
    if (count <= 0) return close();
    discarded_ += static_cast<std::size_t>(count);
    if (discarded_ > kLingerBytes) return close();
  }
}

void Connection::close() {
  if (phase_ == Phase::gone) return;
  phase_ = Phase::gone;
  ++timer_number_;
  timer_.cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
  on_end_(*this);
}

}  // namespace firstring::server
