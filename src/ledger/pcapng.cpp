#include "ledger/pcapng.hpp"

#include <algorithm>
#include <string>

namespace firstring::ledger {
namespace {

// A file is a sequence of blocks, in the byte order of the machine that wrote it (here always little-endian):
//   type(4) length(4) body, padded to 4 | length(4)
// Options at the end of a body: code(2) length(2) value, padded to 4; code 0 ends them.
constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a, kInterface = 1, kPacket = 6, kSecrets = 10;
constexpr std::uint32_t kByteOrder = 0x1a2b3c4d;
constexpr std::uint16_t kLinkRaw = 101;
constexpr std::uint32_t kTlsKeyLog = 0x544c534b;
constexpr std::uint16_t kComment = 1, kApplication = 4, kPacketFlags = 2;
constexpr std::uint32_t kInbound = 1, kOutbound = 2;
constexpr std::size_t kBlockHead = 8, kBlockFrame = 12, kPacketFields = 20;

constexpr std::uint8_t kFin = 0x01, kSyn = 0x02, kRst = 0x04, kPsh = 0x08, kAck = 0x10;
constexpr std::size_t kSegment = 1400, kTcpHeader = 20;
constexpr std::uint16_t kWindow = 65'535;
constexpr std::uint8_t kHops = 64, kTcp = 6;

constexpr std::string_view kWhatThisIs =
    "Written by Firstring from the byte stream of one TCP connection, as the server read and wrote it. Addresses, "
    "ports, payload and times are real. IP and TCP headers are made up: no retransmissions, no real segment borders, "
    "windows or acknowledgements, no network timing below that of the server's reads and writes.";
constexpr std::string_view kWithheldMark = "Firstring: carries a phone's document or a password.";
constexpr std::string_view kCutMark = "Firstring: carried a phone's document or a password; left out.";

void put16(Bytes& out, std::uint16_t value) {
  out.push_back(static_cast<std::uint8_t>(value));
  out.push_back(static_cast<std::uint8_t>(value >> 8));
}

void put32(Bytes& out, std::uint32_t value) {
  put16(out, static_cast<std::uint16_t>(value));
  put16(out, static_cast<std::uint16_t>(value >> 16));
}

void put(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

void pad(Bytes& out) {
  while (out.size() % 4 != 0) out.push_back(0);
}

void put_option(Bytes& out, std::uint16_t code, ByteView value) {
  put16(out, code);
  put16(out, static_cast<std::uint16_t>(value.size()));
  put(out, value);
  pad(out);
}

void put_block(Bytes& out, std::uint32_t type, ByteView body) {
  const auto length = static_cast<std::uint32_t>(body.size() + kBlockFrame);
  put32(out, type);
  put32(out, length);
  put(out, body);
  put32(out, length);
}

// Network order, for the packets themselves.
void put_net16(Bytes& out, std::uint16_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

void put_net32(Bytes& out, std::uint32_t value) {
  put_net16(out, static_cast<std::uint16_t>(value >> 16));
  put_net16(out, static_cast<std::uint16_t>(value));
}

/// RFC 1071, without the last complement.
std::uint32_t sum16(ByteView bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    sum += static_cast<std::uint32_t>(bytes[i]) << 8U;
    if (i + 1 < bytes.size()) sum += bytes[i + 1];
    sum = (sum & 0xffffU) + (sum >> 16U);
  }
  return sum;
}

std::uint16_t checksum(std::uint32_t sum) { return static_cast<std::uint16_t>(~sum); }

void set_net16(Bytes& out, std::size_t at, std::uint16_t value) {
  out[at] = static_cast<std::uint8_t>(value >> 8);
  out[at + 1] = static_cast<std::uint8_t>(value);
}

/// The address as its own family has it: 4 octets or 16.
ByteView octets(const IpAddress& address) {
  const ByteView all{address.octets()};
  return address.is_v4() ? all.subspan(12) : all;
}

class Writer {
 public:
  explicit Writer(const Flow& flow) : peer_{flow.peer, 0}, local_{flow.local, 0} {}

  void section(std::string_view comment) {
    Bytes body;
    put32(body, kByteOrder);
    put16(body, 1);  // version 1.0
    put16(body, 0);
    put32(body, 0xffffffff);  // a section of unknown length
    put32(body, 0xffffffff);
    const auto text = comment.empty() ? std::string{kWhatThisIs} : std::string{kWhatThisIs}.append(" ").append(comment);
    put_option(body, kComment, as_bytes(text));
    put_option(body, kApplication, as_bytes("Firstring"));
    put_option(body, 0, {});
    put_block(out_, kSectionHeader, body);

    body.clear();
    put16(body, kLinkRaw);
    put16(body, 0);
    put32(body, 0);  // packets are not cut
    put_block(out_, kInterface, body);
  }

  void secrets(std::string_view lines) {
    if (lines.empty()) return;
    Bytes body;
    put32(body, kTlsKeyLog);
    put32(body, static_cast<std::uint32_t>(lines.size()));
    put(body, as_bytes(lines));
    pad(body);
    put_block(out_, kSecrets, body);
  }

  void opening(Timestamp at) {
    packet(at, peer_, local_, kSyn, {});
    packet(at, local_, peer_, kSyn | kAck, {});
    packet(at, peer_, local_, kAck, {});
  }

  void piece(Timestamp at, tls::Tape::Direction direction, ByteView bytes, bool withheld) {
    auto& from = direction == tls::Tape::Direction::in ? peer_ : local_;
    auto& to = direction == tls::Tape::Direction::in ? local_ : peer_;
    while (!bytes.empty()) {
      const auto now = bytes.first(std::min(bytes.size(), kSegment));
      bytes = bytes.subspan(now.size());
      packet(at, from, to, bytes.empty() ? kPsh | kAck : kAck, now, withheld ? kWithheldMark : std::string_view{});
    }
    packet(at, to, from, kAck, {});
  }

  void closing(Timestamp at, tls::Tape::End end) {
    if (end == tls::Tape::End::reset) return packet(at, peer_, local_, kRst | kAck, {});
    if (end == tls::Tape::End::by_peer) packet(at, peer_, local_, kFin | kAck, {});
    packet(at, local_, peer_, kFin | kAck, {});
  }

  Bytes take() { return std::move(out_); }

 private:
  struct Side {
    Endpoint endpoint;
    std::uint32_t next;  // sequence number
  };

  void packet(Timestamp at, Side& from, const Side& to, std::uint8_t flags, ByteView payload,
              std::string_view comment = {}) {
    const auto bytes = ip_packet(from, to, flags, payload);
    from.next += static_cast<std::uint32_t>(payload.size()) + ((flags & (kSyn | kFin)) != 0 ? 1U : 0U);
    const auto micros = static_cast<std::uint64_t>(to_micros(at));
    Bytes body;
    put32(body, 0);  // the interface
    put32(body, static_cast<std::uint32_t>(micros >> 32));
    put32(body, static_cast<std::uint32_t>(micros));
    put32(body, static_cast<std::uint32_t>(bytes.size()));
    put32(body, static_cast<std::uint32_t>(bytes.size()));
    put(body, bytes);
    pad(body);
    if (!comment.empty()) put_option(body, kComment, as_bytes(comment));
    Bytes way;
    put32(way, &from == &peer_ ? kInbound : kOutbound);
    put_option(body, kPacketFlags, way);
    put_option(body, 0, {});
    put_block(out_, kPacket, body);
  }

  static Bytes ip_packet(const Side& from, const Side& to, std::uint8_t flags, ByteView payload) {
    const auto source = octets(from.endpoint.address), target = octets(to.endpoint.address);
    const auto length = kTcpHeader + payload.size();
    Bytes out;
    if (from.endpoint.address.is_v4()) {  // RFC 791 section 3.1
      put_net16(out, 0x4500);
      put_net16(out, static_cast<std::uint16_t>(20 + length));
      put_net32(out, 0x0000'4000);  // identification 0, do not fragment
      out.push_back(kHops);
      out.push_back(kTcp);
      put_net16(out, 0);
      put(out, source);
      put(out, target);
      set_net16(out, 10, checksum(sum16(out)));
    } else {  // RFC 8200 section 3
      put_net32(out, 0x6000'0000);
      put_net16(out, static_cast<std::uint16_t>(length));
      out.push_back(kTcp);
      out.push_back(kHops);
      put(out, source);
      put(out, target);
    }
    const auto tcp = out.size();  // RFC 9293 section 3.1
    put_net16(out, from.endpoint.port);
    put_net16(out, to.endpoint.port);
    put_net32(out, from.next);
    put_net32(out, (flags & kAck) != 0 ? to.next : 0);
    put_net16(out, static_cast<std::uint16_t>(0x5000U | flags));
    put_net16(out, kWindow);
    put_net32(out, 0);  // checksum, urgent pointer
    put(out, payload);
    // Over the pseudo-header of either family: the upper half of the length is 0 in both.
    auto sum = sum16(target, sum16(source, static_cast<std::uint32_t>(kTcp + length)));
    sum = sum16(ByteView{out}.subspan(tcp), sum);
    set_net16(out, tcp + 16, checksum(sum));
    return out;
  }

  Bytes out_;
  Side peer_, local_;
};

std::uint32_t get32(ByteView bytes, std::size_t at) {
  return bytes[at] | bytes[at + 1] << 8U | bytes[at + 2] << 16U | static_cast<std::uint32_t>(bytes[at + 3]) << 24U;
}

/// Of an IPv4 or IPv6 packet of ours: its headers without the payload.
std::size_t header_size(ByteView packet) {
  const std::size_t ip = !packet.empty() && packet[0] >> 4U == 4 ? 20 : 40;
  return std::min(packet.size(), ip + kTcpHeader);
}

Result<Bytes> without_payload(ByteView body) {
  const auto bad = fail(Errc::invalid_input, "a packet block is broken");
  if (body.size() < kPacketFields) return bad;
  const std::size_t kept = get32(body, 12);
  if (kept > body.size() - kPacketFields) return bad;
  const auto packet = body.subspan(kPacketFields, kept);
  const auto headers = packet.first(header_size(packet));
  Bytes result;
  put(result, body.first(12));
  put32(result, static_cast<std::uint32_t>(headers.size()));
  put32(result, static_cast<std::uint32_t>(packet.size()));
  put(result, headers);
  pad(result);
  put_option(result, kComment, as_bytes(kCutMark));
  put_option(result, 0, {});
  return result;
}

}  // namespace

Bytes to_pcapng(const tls::Tape& tape, const Flow& flow, std::string_view comment) {
  const auto when = [&](tls::Tape::TimePoint at) {
    return flow.accepted + std::chrono::duration_cast<std::chrono::microseconds>(at - tape.began());
  };
  Writer writer{flow};
  writer.section(comment);
  writer.secrets(tape.secrets());
  writer.opening(flow.accepted);
  for (const auto& piece : tape.pieces())
    writer.piece(when(piece.at), piece.direction, tape.bytes(piece), piece.withheld);
  // Of a tape that was cut, the sequence numbers at the end are not known.
  if (!tape.truncated()) writer.closing(when(tape.ended()), tape.end());
  return writer.take();
}

Result<Bytes> without_withheld(ByteView pcapng) {
  Bytes out;
  const std::string_view mark = kWithheldMark;
  for (std::size_t at = 0; at < pcapng.size();) {
    const auto rest = pcapng.subspan(at);
    const std::size_t length = rest.size() < kBlockFrame ? 0 : get32(rest, 4);
    if (length < kBlockFrame || length % 4 != 0 || length > rest.size() ||
        (at == 0) != (get32(rest, 0) == kSectionHeader) || get32(rest, length - 4) != length) {
      return fail(Errc::invalid_input, "it is not a capture that Firstring wrote, or it was cut off");
    }
    const auto block = rest.first(length);
    at += length;
    const auto body = block.subspan(kBlockHead, length - kBlockFrame);
    if (get32(block, 0) != kPacket || as_text(body).find(mark) == std::string_view::npos) {
      put(out, block);
      continue;
    }
    FIRSTRING_TRY(const auto cut, without_payload(body));
    put_block(out, kPacket, cut);
  }
  return out;
}

}  // namespace firstring::ledger
