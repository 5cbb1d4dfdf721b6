#include "server/exchange.hpp"

#include <string.h>

#include <algorithm>
#include <array>

#include "server/capacity.hpp"

namespace firstring::server {

using Status = tls::Channel::Status;
using Need = Next::Need;

namespace {

/// Of a body that is not in memory, how much is read and sent in one go: a TLS record.
constexpr std::size_t kPieceBytes = 16 << 10;

/// By an answer that is on its way: what we made, and as much in records that TLS has not sent.
std::size_t held_by(const std::string& output) {
  const auto bytes = 2 * output.capacity();
  return bytes <= kFreeBytes ? 0 : bytes;
}

bool looks_like_tls(ByteView bytes) {
  return bytes.size() >= 3 && ((bytes[0] == 0x16 && bytes[1] == 3) || ((bytes[0] & 0x80) != 0 && bytes[2] == 1));
}

}  // namespace

Exchange::Exchange(std::size_t head_bytes, Buffers& inputs, Buffers& answers, tls::Tape* tape,
                   const std::function<void()>& on_room, std::function<void()> on_more)
    : reader_(http::Limits{.head_bytes = head_bytes}),
      head_bytes_(head_bytes),
      intake_(inputs, on_room),
      lease_(answers, on_room),
      tape_(tape),
      taped_from_(tape != nullptr ? tape->here() : 0),
      on_more_(std::move(on_more)) {}

// ---- the request ----

Next Exchange::read(tls::Channel& channel, bool is_tls, const provision::Handler& handler, const Clock& clock) {
  std::array<std::uint8_t, kReadBytes> buffer;
  const auto whole = large_request_bytes(head_bytes_);
  for (;;) {
    const auto state = reader_.state();
    if (state == http::RequestReader::State::complete || state == http::RequestReader::State::failed) return {};
    if (reader_.state() == http::RequestReader::State::head) {
      // Not a byte of its body is taken unless this request may have one.
      const auto limit = handler.body_limit(reader_.request());
      if (limit == 0) return {};
      intake_.shrink(0);  // its head is a part of the whole too
      const auto body = static_cast<std::size_t>(std::min<std::uint64_t>(reader_.body_length(), limit));
      if (intake_.may_read(kFreeBytes, whole + body) == 0) return {Need::room};
      reader_.take_body(limit);
      continue;
    }
    const auto most = intake_.may_read(reader_.received(), whole);
    if (most == 0) return {Need::room};
    const auto io = channel.read(std::span{buffer}.first(most));
    if (io.status == Status::want_read) return {Need::read};
    if (io.status == Status::want_write) return {Need::write};
    if (io.status == Status::closed) return {Need::closed};
    if (io.status == Status::failed) return {.need = Need::closed, .detail = channel.facts().failure};
    const ByteView bytes{buffer.data(), io.bytes};
    if (!has_begun()) {
      began_ = std::chrono::steady_clock::now();
      began_at_ = clock();
      if (!is_tls && looks_like_tls(bytes))
        return Next::end(Outcome::not_http, Stage::request, "TLS spoken to the plain HTTP port");
    }
    reader_.feed(bytes);
  }
}

void Exchange::withhold_request() {
  if (tape_ != nullptr) tape_->withhold_received(taped_from_);
}

// ---- the answer ----

Next Exchange::reserve() { return lease_.grow(kAnswerBytes) ? Next{} : Next{Need::room}; }

void Exchange::answer(http::Response response, bool keep_alive, http::Body body) {
  // Only its end tells where a body of unknown length ends.
  keep_alive_ = keep_alive && response.length().has_value();
  status_ = response.status;
  const unsigned version = is_refused() ? 11 : reader_.request().version;
  output_ = http::serialize(std::move(response), version, keep_alive_, body);
  head_end_ = output_.find("\r\n\r\n") + 4;
  body_bytes_ = output_.size() - head_end_;
  sent_ = 0;
  // NOLINTNEXTLINE(bugprone-use-after-move): serialize takes the body alone
  if (body == http::Body::with) source_ = std::move(response.source);
  lease_.exceed(held_by(output_));
}

Next Exchange::write(tls::Channel& channel) {
  const auto wait_for = [this](Need need) {
    lease_.shrink(held_by(output_));
    return Next{need};
  };
  for (;;) {
    while (sent_ < output_.size()) {
      const auto io = channel.write(next_output());
      sent_ += io.bytes;
      if (io.status == Status::want_read) return wait_for(Need::read);
      if (io.status == Status::want_write) return wait_for(Need::write);
      if (io.status != Status::ok) return {Need::closed};
    }
    if (!source_) break;
    if (auto next = refill(); next.need != Need::nothing) return next;
  }
  // The end of the last answer takes close_notify along.
  switch (keep_alive_ ? channel.flush() : channel.shutdown()) {
    case Status::ok:
      return {};
    case Status::want_read:
      return wait_for(Need::read);
    case Status::want_write:
      return wait_for(Need::write);
    case Status::closed:
    case Status::failed:
      return {Need::closed};
  }
  return {};
}

/// The next piece of the body in the place of what was sent.
Next Exchange::refill() {
  output_.resize(kPieceBytes);
  lease_.exceed(held_by(output_));
  sent_ = head_end_ = 0;
  const auto piece = source_->read(output_);
  if (!piece) {
    output_.clear();
    return Next::end(Outcome::aborted, Stage::response, piece.error().what);
  }
  output_.resize(piece->bytes);
  body_bytes_ += piece->bytes;
  if (piece->is_end) source_.reset();
  if (piece->bytes > 0 || piece->is_end) return {};
  source_->on_more(on_more_);
  return {Need::more};
}

/// What is to be written now. On a tape, a head goes out by itself, so that a document can be withheld without it.
std::string_view Exchange::next_output() {
  const auto rest = std::string_view{output_}.substr(sent_);
  if (tape_ == nullptr) return rest;
  const bool in_head = sent_ < head_end_;
  tape_->withhold_sent(!in_head && is_withheld_);
  return in_head ? rest.substr(0, head_end_ - sent_) : rest;
}

/// It may hold passwords, also where it was not sent to the end.
void Exchange::wipe_output() {
  explicit_bzero(output_.data(), output_.size());
  std::string{}.swap(output_);  // assigned to, it would keep its room
}

void Exchange::finish_answer(const Clock& clock) {
  if (tape_ != nullptr) tape_->withhold_sent(false);
  wipe_output();
  source_.reset();
  lease_.shrink(0);
  intake_.reset();
  began_ = {};
  if (!keep_alive_) return;
  reader_.next();
  if (tape_ != nullptr && reader_.empty()) taped_from_ = tape_->here();
  // Of one that has come already.
  if (!reader_.empty()) {
    began_ = std::chrono::steady_clock::now();
    began_at_ = clock();
  }
}

}  // namespace firstring::server
