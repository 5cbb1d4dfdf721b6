#include "tls/tape.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace firstring::tls {
namespace {

Tape fresh() { return Tape{std::chrono::steady_clock::now()}; }

void receive(Tape& tape, std::string_view text) {
  tape.received(text.data(), static_cast<std::ptrdiff_t>(text.size()), 0);
}
void send(Tape& tape, std::string_view text) { tape.sent(text.data(), text.size()); }

TEST(Tape, KeepsBytesInTheirOrderAndDirection) {
  auto tape = fresh();
  receive(tape, "hel");
  receive(tape, "lo");
  send(tape, "welcome");
  ASSERT_GE(tape.pieces().size(), 2U);
  std::string in, out;
  for (const auto& piece : tape.pieces())
    (piece.direction == Tape::Direction::in ? in : out) += as_text(tape.bytes(piece));
  EXPECT_EQ(in, "hello");
  EXPECT_EQ(out, "welcome");
  EXPECT_FALSE(tape.truncated());
}

TEST(Tape, KnowsHowTcpEnded) {
  auto closed = fresh();
  closed.received(nullptr, 0, 0);
  closed.close();
  EXPECT_EQ(closed.end(), Tape::End::by_peer);
  auto reset = fresh();
  reset.received(nullptr, -1, ECONNRESET);
  reset.close();
  EXPECT_EQ(reset.end(), Tape::End::reset);
  auto waiting = fresh();
  waiting.received(nullptr, -1, EAGAIN);
  waiting.close();
  EXPECT_EQ(waiting.end(), Tape::End::by_us);
  EXPECT_GE(waiting.ended(), waiting.began());
}

TEST(Tape, WithholdsWhatItIsToldTo) {
  auto tape = fresh();
  receive(tape, "hello");
  const auto request = tape.here();
  receive(tape, "GET /secret");
  send(tape, "head");
  tape.withhold_sent(true);
  send(tape, "body");
  tape.withhold_sent(false);
  send(tape, "bye");
  tape.withhold_received(request);
  std::string withheld, open;
  for (const auto& piece : tape.pieces()) (piece.withheld ? withheld : open) += as_text(tape.bytes(piece));
  EXPECT_EQ(withheld, "GET /secretbody");
  EXPECT_EQ(open, "helloheadbye");
}

TEST(Tape, IsBoundedAlsoForManySmallPieces) {
  auto large = fresh();
  const std::string block(Tape::kMaxBytes / 4, 'x');
  for (int i = 0; i < 10; ++i) receive(large, block);
  EXPECT_TRUE(large.truncated());

  auto small = fresh();
  for (std::size_t i = 0; i < Tape::kMaxBytes; ++i) i % 2 == 0 ? receive(small, "x") : send(small, "x");
  EXPECT_TRUE(small.truncated());
  EXPECT_LT(small.pieces().size() * sizeof(Tape::Piece), Tape::kMaxBytes);
  // After a gap, nothing: the bytes behind it would be at the wrong place.
  const auto before = small.pieces().size();
  send(small, "x");
  EXPECT_EQ(small.pieces().size(), before);
}

TEST(Tape, BoundsTheSecrets) {
  auto tape = fresh();
  for (int i = 0; i < 10'000; ++i) tape.secret("CLIENT_RANDOM 00 00");
  EXPECT_LT(tape.secrets().size(), 20'000U);
  EXPECT_TRUE(tape.secrets().ends_with("00\n"));
}

}  // namespace
}  // namespace firstring::tls
