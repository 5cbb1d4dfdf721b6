#include "tls/tape.hpp"

#include <cerrno>

namespace firstring::tls {
namespace {

/// OpenSSL reads a record in two steps, its header and the rest: what comes so close together is one piece.
constexpr std::chrono::microseconds kTogether{300};
constexpr std::size_t kPieceCost = 128;  // as a Piece, and as headers of the packets that it becomes
constexpr std::size_t kMaxSecrets = 16'384;

}  // namespace

void Tape::received(const void* data, std::ptrdiff_t result, int error) {
  if (result > 0) return add(Direction::in, data, static_cast<std::size_t>(result));
  if (result == 0) end(End::by_peer);
  if (result < 0 && error == ECONNRESET) end(End::reset);
}

void Tape::close() { end(End::by_us); }

void Tape::end(End how) {
  if (ended_ != TimePoint{}) return;
  ended_ = std::chrono::steady_clock::now();
  end_ = how;
}

void Tape::sent(const void* data, std::size_t size) { add(Direction::out, data, size); }

void Tape::add(Direction direction, const void* data, std::size_t size) {
  const auto time = std::chrono::steady_clock::now();
  const bool withheld = direction == Direction::out && withhold_sent_;
  const bool merges = pieces_.size() > unmerged_ && pieces_.back().direction == direction &&
                      pieces_.back().withheld == withheld && time - pieces_.back().at < kTogether;
  const auto used = bytes_.size() + pieces_.size() * kPieceCost;
  truncated_ = truncated_ || used + size + (merges ? 0 : kPieceCost) > kMaxBytes;
  if (truncated_ || size == 0) return;
  const auto* const octets = static_cast<const std::uint8_t*>(data);
  bytes_.insert(bytes_.end(), octets, octets + size);
  if (merges) {
    pieces_.back().end = bytes_.size();
  } else {
    pieces_.push_back({.at = time,
                       .begin = bytes_.size() - size,
                       .end = bytes_.size(),
                       .direction = direction,
                       .withheld = withheld});
  }
}

void Tape::secret(std::string_view line) {
  if (secrets_.size() + line.size() < kMaxSecrets) secrets_.append(line).append("\n");
}

std::size_t Tape::here() { return unmerged_ = pieces_.size(); }

void Tape::withhold_received(std::size_t since) {
  for (auto i = since; i < pieces_.size(); ++i) pieces_[i].withheld |= pieces_[i].direction == Direction::in;
}

}  // namespace firstring::tls
