// The requests of a connection and their answers.
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/post.hpp>

#include "base/file.hpp"
#include "ledger/json.hpp"
#include "server/capacity.hpp"
#include "server/connection.hpp"

namespace firstring::server {

namespace asio = boost::asio;
using Status = tls::Channel::Status;

namespace {

/// By an answer that is on its way: what we made, and as much in records that TLS has not sent.
std::size_t held_by(const std::string& output) {
  const auto bytes = 2 * output.capacity();
  return bytes <= kFreeBytes ? 0 : bytes;
}

bool looks_like_tls(ByteView bytes) {
  return bytes.size() >= 3 && ((bytes[0] == 0x16 && bytes[1] == 3) || ((bytes[0] & 0x80) != 0 && bytes[2] == 1));
}

}  // namespace

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
    exchange_ = std::make_unique<Exchange>(http::Limits{.head_bytes = state_->config.limits.max_request_head},
                                           *services_.answers, [this] { go_on(); });
  }
  if (tape_ && exchange_->reader.empty()) exchange_->taped_from = tape_->here();
  phase_ = Phase::idle;
  if (draining_ && stage_ == "done") return finish("ok", "done");
  if (stage_ == "done") services_.admission->idle(*this, std::chrono::steady_clock::now());
  if (const auto state = exchange_->reader.state(); state != http::RequestReader::State::need_more)
    return follow_reader(state);
  set_deadline(listener_->config.idle_timeout);
  read_request();
}

void Connection::follow_reader(http::RequestReader::State state) {
  switch (state) {
    case http::RequestReader::State::need_more:
      return read_request();
    case http::RequestReader::State::head:
      return body_announced();
    case http::RequestReader::State::complete:
      return request_complete();
    case http::RequestReader::State::failed:
      return request_failed();
  }
}

void Connection::read_request() {
  std::array<std::uint8_t, kReadBytes> buffer;
  const auto whole = large_request_bytes(state_->config.limits.max_request_head);
  for (;;) {
    const auto most = may_read(request_lease_, exchange_->reader.received(), whole, &Connection::read_request);
    if (most == 0) return;
    const auto io = read_some(std::span{buffer}.first(most));
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
      const bool has_been_answered = stage_ == "done";
      stage_ = "request";
      exchange_->began = std::chrono::steady_clock::now();
      exchange_->at = services_.clock();
      if (has_been_answered) services_.admission->ask(*this, exchange_->began);
      set_deadline(listener_->config.request_timeout);
      if (!stream_ && looks_like_tls(bytes)) return finish("not_http", "request", "TLS spoken to the plain HTTP port");
    }
    if (const auto state = exchange_->reader.feed(bytes); state != http::RequestReader::State::need_more)
      return follow_reader(state);
  }
}

/// Not a byte of it is taken unless this request may have one.
void Connection::body_announced() {
  auto& reader = exchange_->reader;
  const auto limit = provision::body_limit(reader.request());
  if (limit == 0) return request_complete();
  const auto whole = large_request_bytes(state_->config.limits.max_request_head) +
                     static_cast<std::size_t>(std::min<std::uint64_t>(reader.body_length(), limit));
  if (request_lease_) request_lease_->shrink(0);  // its head is a part of `whole` too
  if (may_read(request_lease_, kFreeBytes, whole, &Connection::body_announced) == 0) return;
  follow_reader(reader.take_body(limit));
}

void Connection::request_complete() {
  phase_ = Phase::answering;
  services_.admission->ask(*this, std::chrono::steady_clock::now());
  answer_request();
}

void Connection::answer_request() {
  if (!exchange_->answer.grow(kAnswerBytes)) {
    set_deadline(listener_->config.request_timeout);  // anew: it is the others' answers that it waits for
    return pause(&Connection::answer_request);
  }
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
      self->guarded([&] { self->respond(self->decide()); });
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
  const bool has_unread_body = exchange_->reader.state() == http::RequestReader::State::head;
  judge_taped_request(!has_unread_body && request.body.empty() && request.query.empty() &&
                      request.header("Authorization").empty() && request.header("Proxy-Authorization").empty() &&
                      request.header("Cookie").empty() &&
                      (exchange_->row.device.empty() || exchange_->row.device == row().device));
  row().assurance = device::to_string(answer.assurance);
  const auto kind = answer.allow ? Admission::Answer::served : Admission::Answer::refused;
  send(answer.response,
       request.keep_alive && !draining_ && !has_unread_body &&
           services_.admission->may_stay(*this, kind, std::chrono::steady_clock::now()),
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
  services_.admission->ask(*this, std::chrono::steady_clock::now());
  send(refusal, false, http::Body::with);
}

void Connection::send(const http::Response& response, bool keep_alive, http::Body body) {
  exchange_->row.connection = row().id;
  exchange_->row.at = exchange_->at;
  exchange_->row.status = static_cast<int>(response.status);
  exchange_->row.bytes = body == http::Body::with ? static_cast<std::int64_t>(response.body.size()) : 0;
  exchange_->keep_alive = keep_alive;
  const unsigned version =
      exchange_->reader.state() != http::RequestReader::State::failed ? exchange_->reader.request().version : 11;
  exchange_->output = http::serialize(response, version, keep_alive, body);
  exchange_->answer.exceed(held_by(exchange_->output));
  exchange_->sent = 0;
  stage_ = "response";
  set_deadline(listener_->config.request_timeout);
  write_response();
}

void Connection::write_response() {
  auto status = Status::ok;
  while (status == Status::ok && exchange_->sent < exchange_->output.size()) {
    const auto io = write_some(next_output());
    exchange_->sent += io.bytes;
    status = io.status;
  }
  if (status == Status::ok) status = send_off();
  switch (status) {
    case Status::ok:
      return response_written();
    case Status::want_read:
    case Status::want_write:
      exchange_->answer.shrink(held_by(exchange_->output));
      return wait(status == Status::want_read ? Socket::wait_read : Socket::wait_write, &Connection::write_response);
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
  exchange_->row.standing = standing();
  services_.ledger->request(std::move(exchange_->row), peer_address(), std::move(line));
  exchange_->row = {};
}

void Connection::response_written() {
  record_request();
  if (stream_ && requester_.verdict.accepted)
    stream_->keep_session(requester_.identity.mac ? requester_.identity.mac->bare() : std::string{});
  if (tape_) tape_->withhold_sent(false);
  stage_ = "done";
  explicit_bzero(exchange_->output.data(), exchange_->output.size());  // it may have held passwords
  std::string{}.swap(exchange_->output);                               // assigned to, it would keep its room
  exchange_->answer.shrink(0);
  request_lease_.reset();
  if (!exchange_->keep_alive) return finish("ok", "done");
  exchange_->reader.next();
  exchange_->began = std::chrono::steady_clock::now();
  exchange_->at = services_.clock();
  // Not from here: a peer that sends a thousand requests at once must not hold the worker.
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->phase_ == Phase::answering) self->guarded([&] { self->await_request(); });
  });
}

}  // namespace firstring::server
