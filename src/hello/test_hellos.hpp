#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "hello/client_hello.hpp"

/// ClientHellos put together by hand, for the tests and the fuzzer's checks of this module.
namespace firstring::hello::test {

inline void put8(Bytes& out, std::size_t value) { out.push_back(static_cast<std::uint8_t>(value)); }
inline void put16(Bytes& out, std::size_t value) {
  put8(out, value >> 8 & 0xff);
  put8(out, value & 0xff);
}
inline void put(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

using Extensions = std::vector<Extension>;

struct Fields {
  std::uint16_t version = 0x0303;
  Bytes session_id;
  std::vector<std::uint16_t> suites{0xc02f, 0x0035};
  Bytes compressions{0};
  std::optional<Extensions> extensions;
};

inline Bytes u16_list(std::span<const std::uint16_t> values) {
  Bytes out;
  put16(out, values.size() * 2);
  for (const auto value : values) put16(out, value);
  return out;
}

/// The octets of the handshake message's body.
inline Bytes body(const Fields& fields) {
  Bytes out;
  put16(out, fields.version);
  out.insert(out.end(), 32, 0x5a);
  put8(out, fields.session_id.size());
  put(out, fields.session_id);
  put(out, u16_list(fields.suites));
  put8(out, fields.compressions.size());
  put(out, fields.compressions);
  if (fields.extensions) {
    Bytes block;
    for (const auto& each : *fields.extensions) {
      put16(block, each.type);
      put16(block, each.body.size());
      put(block, each.body);
    }
    put16(out, block.size());
    put(out, block);
  }
  return out;
}

inline Bytes message(ByteView body) {
  Bytes out;
  put8(out, 1);
  put8(out, body.size() >> 16);
  put16(out, body.size() & 0xffff);
  put(out, body);
  return out;
}

/// `payload` in records of `size` octets.
inline Bytes records(ByteView payload, std::size_t size = 16384) {
  Bytes out;
  while (!payload.empty()) {
    const auto part = payload.first(std::min(size, payload.size()));
    put8(out, 22);
    put16(out, 0x0301);
    put16(out, part.size());
    put(out, part);
    payload = payload.subspan(part.size());
  }
  return out;
}

inline Bytes stream(const Fields& fields) { return records(message(body(fields))); }

struct Sslv2Fields {
  std::uint16_t version = 0x0301;
  Bytes specs{0x00, 0x00, 0x39, 0x01, 0x00, 0x80, 0x00, 0x00, 0xff};
  Bytes session_id;
  Bytes challenge = Bytes(16, 0xc5);
};

inline Bytes stream(const Sslv2Fields& fields) {
  Bytes out;
  put16(out, 0x8000 | (9 + fields.specs.size() + fields.session_id.size() + fields.challenge.size()));
  put8(out, 1);
  put16(out, fields.version);
  put16(out, fields.specs.size());
  put16(out, fields.session_id.size());
  put16(out, fields.challenge.size());
  put(out, fields.specs);
  put(out, fields.session_id);
  put(out, fields.challenge);
  return out;
}

}  // namespace firstring::hello::test
