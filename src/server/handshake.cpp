#include "server/handshake.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/file.hpp"
#include "http/message.hpp"
#include "server/capacity.hpp"
#include "tls/stream.hpp"

namespace firstring::server {

namespace asio = boost::asio;
using Need = Next::Need;
using Status = tls::Channel::Status;

namespace {

constexpr std::uint16_t kNewestTls = 0x0304;

}  // namespace

// ---- the hello ----

Next Handshake::read_hello(int socket, tls::Tape* tape, Timestamp time) {
  std::array<std::uint8_t, kReadBytes> buffer;
  for (;;) {
    const auto most = intake_.may_read(reader_->received().size(), kLargeHelloBytes);
    if (most == 0) return {Need::room};
    const auto count = ::recv(socket, buffer.data(), most, 0);
    if (tape != nullptr) tape->received(buffer.data(), count, errno);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return {Need::read};
    const auto stage = reader_->received().empty() ? Stage::tcp : Stage::hello;
    if (count < 0) return Next::end(Outcome::closed, stage, errno_text(errno));
    if (count == 0) return Next::end(Outcome::closed, stage, "the client closed the TCP connection");
    bytes_in_ += static_cast<std::uint64_t>(count);
    switch (reader_->feed({buffer.data(), static_cast<std::size_t>(count)})) {
      case hello::Reader::State::need_more:
        continue;
      case hello::Reader::State::complete:
        hello_complete(time);
        return {};
      case hello::Reader::State::failed:
        return refuse_hello(socket, tape);
    }
  }
}

Next Handshake::refuse_hello(int socket, tls::Tape* tape) {
  const auto reason = reader_->reason();
  if (const auto alert = reader_->alert()) {
    // In the clear and once: it goes into an empty socket buffer, or nowhere. RFC 5246 sections 6.2.1 and 7.2.
    constexpr char kAlertRecord = 21, kFatal = 2;
    const std::array<char, 7> record{kAlertRecord, 3, 1, 0, 2, kFatal, static_cast<char>(*alert)};
    say(socket, tape, {record.data(), record.size()});
    alert_sent_ = *alert;
  }
  if (reason == hello::NotHello::http) {
    if (tape != nullptr) tape->withhold_received(0);  // a request in the clear may hold a password
    say(socket, tape,
        http::serialize(http::plain(400, "This port speaks TLS: write https:// in place of http://."), 10, false));
    return Next::end(Outcome::not_tls, Stage::hello, "plain HTTP");
  }
  auto detail = std::string{to_string(reason)};
  if (!reader_->detail().empty()) detail = fmt::format("{}: {}", detail, reader_->detail());
  return Next::end(Outcome::not_tls, Stage::hello, std::move(detail));
}

void Handshake::say(int socket, tls::Tape* tape, std::string_view bytes) {
  const auto count = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count < 0) return;
  bytes_out_ += static_cast<std::uint64_t>(count);
  if (tape != nullptr) tape->sent(bytes.data(), static_cast<std::size_t>(count));
}

void Handshake::hello_complete(Timestamp time) {
  hello_.assign(reader_->received().begin(), reader_->received().end());
  const auto& hello = reader_->hello();
  offered_version_ = std::min(hello.highest_version(), kNewestTls);
  ja3_ = hello::ja3(hello).hash;
  client_ja3_ = hello.offers_psk ? hello::ja3(hello::without_session(hello)).hash : ja3_;
  ja4_ = hello::ja4(hello);
  server_name_ = hello.server_name;
  is_sslv2_ = hello.format == hello::Format::sslv2;
  auto record = at_.fleet.records().last_at(at_.address, client_ja3_);
  is_familiar_ = record.has_value();
  choice_ = choose(std::move(record), time);
  reader_.reset();
}

policy::PersonalityChoice Handshake::choose(std::optional<store::DeviceRecord> record, Timestamp time) const {
  const auto& listener = at_.listener;
  const auto& hello = reader_->hello();
  policy::Situation situation{.hello = hello, .address = at_.address, .listener = listener.address};
  if (listener.personalities.size() == 1) return usual_choice(at_.state, listener, situation);
  if (record) {
    situation.past = {.model = std::move(record->model),
                      .firmware = std::move(record->firmware),
                      .personality = std::move(record->personality)};
  }
  const auto usual = usual_choice(at_.state, listener, situation);
  if (!listener.config.ladder || usual.reason == "needs_quarantine") return usual;
  return at_.ladder.choose({at_.address, client_ja3_}, usual, hello, listener.personalities, time,
                           listener.config.ladder_window);
}

/// A client that has asked for something has accepted what it was shown.
void Handshake::tell_ladder(const store::ConnectionRow& row, Timestamp time) const {
  if (choice_.personality == nullptr || !at_.listener.config.ladder || at_.listener.personalities.size() == 1) return;
  const policy::Ladder::Client client{at_.address, client_ja3_};
  if (policy::blames_personality(row)) {
    at_.ladder.failed(client, row.personality, time);
  } else if (row.stage == Stage::response || row.stage == Stage::done) {
    at_.ladder.worked(client, row.personality, time);
  }
}

// ---- the handshake ----

Next Handshake::begin(Socket& socket, tls::Tape* tape, std::chrono::microseconds waited) {
  return is_quarantined() ? hand_over(socket, waited) : begin_here(socket.native_handle(), tape);
}

Next Handshake::begin_here(int socket, tls::Tape* tape) {
  const auto& context = at_.state.contexts.find(choice_.personality->name)->second;
  // Only where it offers none above its personality's, which it might then get.
  const bool tells_downgrade = offered_version_ <= choice_.personality->max_version;
  auto stream = tls::Stream::accept(
      context, socket, hello_, {.tape = tape, .highest_version = tells_downgrade ? at_.listener.highest_version : 0});
  if (!stream) return Next::end(Outcome::handshake_failed, Stage::hello, std::move(stream.error().what));
  channel_ = *std::move(stream);
  return advance();
}

Next Handshake::hand_over(Socket& socket, std::chrono::microseconds waited) {
  auto pair = at_.quarantine.hand_over(socket.native_handle(), hello_, at_.listener.config.handshake_timeout);
  if (!pair) {
    if (waited < kQuarantinePatience) return {Need::pause};
    return Next::end(Outcome::handshake_failed, Stage::hello, std::move(pair.error().what));
  }
  // To Asio, a descriptor to wait for. The client's own socket lives on in the other process.
  boost::system::error_code error;
  socket.close(error);
  socket.assign(asio::ip::tcp::v4(), pair->release(), error);
  if (error) return Next::end(Outcome::handshake_failed, Stage::hello, error.message());
  channel_ = std::make_unique<tls::QuarantineChannel>(socket.native_handle());
  return advance();
}

Next Handshake::advance() {
  switch (channel_->handshake()) {
    case Status::ok:
      return {};
    case Status::want_read:
      return {Need::read};
    case Status::want_write:
      return {Need::write};
    case Status::closed:
    case Status::failed:
      break;
  }
  const auto& facts = channel_->facts();
  return Next::end(facts.timed_out ? Outcome::timeout : Outcome::handshake_failed, facts.stage, facts.failure);
}

// ---- for the record ----

void Handshake::describe(store::ConnectionRow& row) const {
  if (reader_) {
    row.hello.assign(reader_->received().begin(), reader_->received().end());
  } else {
    row.hello = hello_;
  }
  if (alert_sent_ >= 0) {
    row.alert = tls::alert_name(alert_sent_);
    row.alert_from = "server";
    row.alert_code = alert_sent_;
  }
  if (choice_.personality == nullptr) return;
  row.personality = choice_.personality->name;
  row.personality_reason = choice_.reason;
  row.chain = choice_.personality->chain;
  row.quarantined = choice_.personality->quarantine;
  row.hello_format = is_sslv2_ ? "sslv2" : "tls";
  row.server_name = server_name_;
  row.ja3 = ja3_;
  row.ja4 = ja4_;
}

void Handshake::release_hello() {
  intake_.shrink(hello_.capacity());
  Bytes{}.swap(hello_);  // the row has it
}

}  // namespace firstring::server
