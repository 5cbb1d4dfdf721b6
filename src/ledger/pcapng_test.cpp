#include "ledger/pcapng.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace firstring::ledger {
namespace {

using tls::Tape;

const Tape::TimePoint kBegan{std::chrono::seconds{1000}};

Flow flow_of(std::string_view peer, std::string_view local) {
  return {*Endpoint::parse(peer), *Endpoint::parse(local), *parse_timestamp("2026-11-23T21:43:51.123456Z")};
}
const Flow kV4 = flow_of("192.0.2.7:1025", "192.0.2.1:443");
const Flow kV6 = flow_of("[2001:db8::7]:1025", "[2001:db8::1]:443");

void receive(Tape& tape, std::string_view text) {
  tape.received(text.data(), static_cast<std::ptrdiff_t>(text.size()), 0);
}
void send(Tape& tape, std::string_view text) { tape.sent(text.data(), text.size()); }

std::uint32_t get32(ByteView bytes, std::size_t at) {
  return bytes[at] | bytes[at + 1] << 8U | bytes[at + 2] << 16U | static_cast<std::uint32_t>(bytes[at + 3]) << 24U;
}

struct Block {
  std::uint32_t type;
  ByteView body;
};

/// Reads by itself what the format says, to hold the writer against it.
std::vector<Block> blocks_of(ByteView file) {
  std::vector<Block> all;
  while (!file.empty()) {
    const auto length = get32(file, 4);
    EXPECT_EQ(length % 4, 0U);
    EXPECT_EQ(get32(file, length - 4), length);
    all.push_back({get32(file, 0), file.subspan(8, length - 12)});
    file = file.subspan(length);
  }
  return all;
}

struct Packet {
  std::uint64_t micros;
  std::uint32_t length;
  Bytes bytes;
};

std::vector<Packet> packets_of(ByteView file) {
  std::vector<Packet> all;
  for (const auto& block : blocks_of(file)) {
    if (block.type != 6) continue;
    const auto bytes = block.body.subspan(20, get32(block.body, 12));
    all.push_back({static_cast<std::uint64_t>(get32(block.body, 4)) << 32U | get32(block.body, 8),
                   get32(block.body, 16),
                   {bytes.begin(), bytes.end()}});
  }
  return all;
}

std::uint32_t sum16(ByteView bytes, std::uint32_t sum) {
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? bytes[i] * 256U : bytes[i];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

void expect_good_checksums(ByteView packet) {
  const bool v4 = packet[0] == 0x45;
  const std::size_t ip = v4 ? 20 : 40;
  if (v4) {
    EXPECT_EQ(sum16(packet.first(ip), 0), 0xffffU);
  }
  const auto addresses = v4 ? packet.subspan(12, 8) : packet.subspan(8, 32);
  const auto tcp = packet.subspan(ip);
  EXPECT_EQ(sum16(tcp, sum16(addresses, static_cast<std::uint32_t>(6 + tcp.size()))), 0xffffU);
}

TEST(Pcapng, GoldenBytesOfTheHead) {
  Tape tape{kBegan};
  tape.secret("CLIENT_RANDOM aa bb");
  tape.close();
  const auto file = to_pcapng(tape, kV4, "It is a test.");
  const auto blocks = blocks_of(file);
  ASSERT_GE(blocks.size(), 4U);
  EXPECT_EQ(to_hex(ByteView{file}.first(4)), "0a0d0d0a");
  EXPECT_EQ(to_hex(blocks[0].body.first(18)), "4d3c2b1a01000000ffffffffffffffff0100");
  EXPECT_NE(as_text(blocks[0].body).find("It is a test."), std::string_view::npos);
  EXPECT_EQ(blocks[1].type, 1U);
  EXPECT_EQ(to_hex(blocks[1].body), "6500000000000000");
  // The secrets stand before the packets that need them.
  EXPECT_EQ(blocks[2].type, 10U);
  EXPECT_EQ(to_hex(blocks[2].body), "4b534c5414000000" + to_hex(as_bytes("CLIENT_RANDOM aa bb\n")));
  EXPECT_EQ(blocks[3].type, 6U);
}

TEST(Pcapng, GoldenBytesOfTheFirstPacket) {
  Tape tape{kBegan};
  tape.close();
  const auto packets = packets_of(to_pcapng(tape, kV4, {}));
  ASSERT_EQ(packets.size(), 4U);  // SYN, SYN+ACK, ACK, our FIN
  EXPECT_EQ(packets[0].micros, static_cast<std::uint64_t>(to_micros(kV4.accepted)));
  EXPECT_EQ(to_hex(packets[0].bytes),
            "4500002800004000"
            "4006b6c7c0000207c0000201"
            "040101bb0000000000000000"
            "5002ffff261e0000");
}

TEST(Pcapng, ChecksumsHoldInBothFamiliesAndForOddLengths) {
  for (const auto& flow : {kV4, kV6}) {
    Tape tape{kBegan};
    receive(tape, "odd");
    send(tape, std::string(4001, 'x'));
    tape.received(nullptr, 0, 0);
    for (const auto& packet : packets_of(to_pcapng(tape, flow, {}))) {
      expect_good_checksums(packet.bytes);
      EXPECT_LE(packet.bytes.size(), 1500U);
      EXPECT_EQ(packet.length, packet.bytes.size());
    }
  }
}

TEST(Pcapng, SequenceNumbersFollowTheBytes) {
  Tape tape{kBegan};
  receive(tape, "hello");
  send(tape, "wel");
  tape.received(nullptr, -1, ECONNRESET);
  const auto packets = packets_of(to_pcapng(tape, kV4, {}));
  ASSERT_EQ(packets.size(), 8U);  // 3 of the opening, 2 x (data, ACK), RST
  const auto numbers = [&](std::size_t i) { return to_hex(ByteView{packets[i].bytes}.subspan(24, 10)); };
  EXPECT_EQ(numbers(3), "00000001000000015018");  // PSH ACK
  EXPECT_EQ(numbers(4), "00000001000000065010");
  EXPECT_EQ(numbers(5), "00000001000000065018");
  EXPECT_EQ(numbers(6), "00000006000000045010");
  EXPECT_EQ(numbers(7), "00000006000000045014");  // RST ACK
}

TEST(Pcapng, ATruncatedTapeEndsWithoutFin) {
  Tape tape{kBegan};
  send(tape, std::string(Tape::kMaxBytes - 1000, 'x'));
  send(tape, std::string(2000, 'y'));
  tape.close();
  ASSERT_TRUE(tape.truncated());
  const auto packets = packets_of(to_pcapng(tape, kV4, {}));
  EXPECT_EQ(packets.back().bytes[33] & 1, 0);
}

TEST(Pcapng, WithholdsThePayloadAndKeepsTheHeaders) {
  for (const auto& flow : {kV4, kV6}) {
    Tape tape{kBegan};
    receive(tape, "GET /");
    send(tape, "200 OK");
    tape.withhold_sent(true);
    send(tape, std::string(3000, 's') + "secret");
    tape.withhold_sent(false);
    send(tape, "bye");
    tape.close();
    const auto whole = to_pcapng(tape, flow, {});
    const auto cut = without_withheld(whole);
    ASSERT_TRUE(cut) << cut.error().what;
    EXPECT_NE(as_text(whole).find("secret"), std::string_view::npos);
    EXPECT_EQ(as_text(*cut).find("sss"), std::string_view::npos);
    EXPECT_EQ(as_text(*cut).find("secret"), std::string_view::npos);
    for (const std::string_view kept : {"GET /", "200 OK", "bye"})
      EXPECT_NE(as_text(*cut).find(kept), std::string_view::npos) << kept;
    const auto before = packets_of(whole), after = packets_of(*cut);
    ASSERT_EQ(before.size(), after.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
      EXPECT_EQ(before[i].length, after[i].length);
      EXPECT_TRUE(std::equal(after[i].bytes.begin(), after[i].bytes.end(), before[i].bytes.begin()));
    }
    // Doing it twice changes nothing more.
    EXPECT_EQ(*without_withheld(*cut), *cut);
  }
}

TEST(Pcapng, AFileThatIsNoneOfOursIsRefused) {
  Tape tape{kBegan};
  receive(tape, "hello");
  tape.close();
  const auto file = to_pcapng(tape, kV4, {});
  EXPECT_TRUE(without_withheld(file));
  for (std::size_t size = 1; size < file.size(); ++size) {
    const auto cut = without_withheld(ByteView{file}.first(size));
    // At the end of a block.
    if (cut) {
      EXPECT_EQ(cut->size(), size);
    }
  }
  auto broken = file;
  broken[0] = 0;
  EXPECT_FALSE(without_withheld(broken));
  broken = file;
  broken[5] = 0xff;
  EXPECT_FALSE(without_withheld(broken));
  EXPECT_FALSE(without_withheld(as_bytes("something else altogether")));
}

}  // namespace
}  // namespace firstring::ledger
