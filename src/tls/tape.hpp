#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace firstring::tls {

/// What one connection carried on the wire, when, and its TLS secrets: kept in memory while it lasts, to become a
/// capture. Bounded: what comes after kMaxBytes is not kept, and truncated() says so.
class Tape {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kMaxBytes = 1U << 20;  ///< with what each piece costs beside its bytes

  enum class Direction : unsigned char { in, out };
  /// How TCP ended, as far as we saw it.
  enum class End : unsigned char { by_us, by_peer, reset };

  /// Bytes that went one way in one go.
  struct Piece {
    TimePoint at;
    std::size_t begin = 0, end = 0;  ///< in bytes()
    Direction direction = Direction::in;
    bool withheld = false;  ///< contains what evidence leaves out: a phone's document, a password in a request
  };

  explicit Tape(TimePoint began) : began_(began) {}

  /// What recv(2) gave: bytes, 0 for the peer's FIN, or -1 with its errno.
  void received(const void* data, std::ptrdiff_t result, int error);
  void sent(const void* data, std::size_t size);
  /// One line of a TLS key log: https://www.ietf.org/archive/id/draft-ietf-tls-keylogfile-02.html
  void secret(std::string_view line);

  /// Whether what is sent from here on is withheld.
  void withhold_sent(bool yes) { withhold_sent_ = yes; }
  /// The present position, for withhold_received.
  std::size_t here();
  void withhold_received(std::size_t since);
  /// The connection is over, if the peer has not ended it before.
  void close();

  TimePoint began() const { return began_; }
  End end() const { return end_; }
  TimePoint ended() const { return ended_; }  ///< once closed, by either side
  bool truncated() const { return truncated_; }
  std::span<const Piece> pieces() const { return pieces_; }
  ByteView bytes(const Piece& piece) const { return ByteView{bytes_}.subspan(piece.begin, piece.end - piece.begin); }
  const std::string& secrets() const { return secrets_; }  ///< lines, each with its line feed

 private:
  void add(Direction direction, const void* data, std::size_t size);
  void end(End how);

  TimePoint began_;
  TimePoint ended_{};
  End end_ = End::by_us;
  bool truncated_ = false;
  bool withhold_sent_ = false;
  std::size_t unmerged_ = 0;  // pieces before this one are not added to
  std::vector<Piece> pieces_;
  Bytes bytes_;
  std::string secrets_;
};

}  // namespace firstring::tls
