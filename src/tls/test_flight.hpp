#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"

// What a client sends, as records and handshake messages that a test or a fuzzer can rewrite. RFC 5246 sections 6.2.1
// and 7.4; every function takes any octets.
namespace firstring::tls::testing {

/// One record; or octets that are none (an SSLv2-format hello, a record cut short), which stay as they are.
struct Record {
  std::uint8_t type = 0;
  std::uint16_t version = 0;
  Bytes body;
  bool is_whole = true;
};
using Flight = std::vector<Record>;

inline constexpr std::uint8_t kChangeCipherSpec = 20, kAlert = 21, kHandshake = 22;
inline constexpr std::uint8_t kClientHello = 1, kCertificate = 11;
inline constexpr std::size_t kRecordHeader = 5, kMessageHeader = 4;
inline constexpr std::size_t kMostInRecord = 16'384;
inline constexpr std::size_t kMostInFlight = 1U << 18;  ///< edits that would make it longer do nothing

inline void append(Bytes& to, ByteView more) { to.insert(to.end(), more.begin(), more.end()); }
inline void append_number(Bytes& to, std::size_t value, int octets) {
  while (octets-- > 0) to.push_back(static_cast<std::uint8_t>(value >> (8 * octets)));
}
inline void put_number(Bytes& in, std::size_t at, std::size_t value, int octets) {
  while (octets-- > 0) in[at++] = static_cast<std::uint8_t>(value >> (8 * octets));
}
inline std::size_t number_at(ByteView in, std::size_t at, int octets) {
  std::size_t value = 0;
  while (octets-- > 0) value = value << 8 | in[at++];
  return value;
}

inline Flight read_flight(ByteView wire) {
  Flight flight;
  while (!wire.empty()) {
    const bool has_header = wire.size() >= kRecordHeader && wire[0] >= kChangeCipherSpec && wire[0] <= 24;
    const auto size = has_header ? number_at(wire, 3, 2) : 0;
    if (!has_header || wire.size() - kRecordHeader < size) {
      flight.push_back({.type = 0, .version = 0, .body = {wire.begin(), wire.end()}, .is_whole = false});
      break;
    }
    const auto body = wire.subspan(kRecordHeader, size);
    flight.push_back({.type = wire[0],
                      .version = static_cast<std::uint16_t>(number_at(wire, 1, 2)),
                      .body = {body.begin(), body.end()}});
    wire = wire.subspan(kRecordHeader + size);
  }
  return flight;
}

inline Bytes wire_of(const Flight& flight) {
  Bytes wire;
  for (const auto& record : flight) {
    if (record.is_whole) {
      wire.push_back(record.type);
      append_number(wire, record.version, 2);
      append_number(wire, record.body.size(), 2);
    }
    append(wire, record.body);
  }
  return wire;
}

/// The handshake messages that the flight begins with, whole with their headers; what is left over is the last.
inline std::vector<Bytes> messages_of(const Flight& flight) {
  Bytes joined;
  for (const auto& record : flight) {
    if (!record.is_whole || record.type != kHandshake) break;
    append(joined, record.body);
  }
  std::vector<Bytes> messages;
  for (ByteView rest{joined}; !rest.empty();) {
    auto size = rest.size();
    if (size >= kMessageHeader) size = std::min(size, kMessageHeader + number_at(rest, 1, 3));
    messages.emplace_back(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(size));
    rest = rest.subspan(size);
  }
  return messages;
}

/// The flight with other messages at its beginning, each in a record of its own or in as many as it needs.
inline void replace_messages(Flight& flight, const std::vector<Bytes>& messages) {
  const auto end = std::find_if(flight.begin(), flight.end(),
                                [](const Record& record) { return !record.is_whole || record.type != kHandshake; });
  const auto version = flight.empty() ? std::uint16_t{0x0301} : flight.front().version;
  Flight made;
  for (const auto& message : messages) {
    for (ByteView rest{message}; !rest.empty();) {
      const auto part = rest.first(std::min(rest.size(), kMostInRecord));
      made.push_back({.type = kHandshake, .version = version, .body = {part.begin(), part.end()}});
      rest = rest.subspan(part.size());
    }
  }
  made.insert(made.end(), end, flight.end());
  flight = std::move(made);
}

inline Bytes message(std::uint8_t type, ByteView body) {
  Bytes made{type};
  append_number(made, body.size(), 3);
  append(made, body);
  return made;
}

/// Where the extensions' length stands in a ClientHello, or would stand; 0 if it is broken before that.
inline std::size_t extensions_of(ByteView hello) {
  std::size_t at = kMessageHeader + 2 + 32;
  for (const int octets : {1, 2, 1}) {  // session_id, cipher_suites, compression_methods
    if (at + static_cast<std::size_t>(octets) > hello.size()) return 0;
    at += static_cast<std::size_t>(octets) + number_at(hello, at, octets);
  }
  return at <= hello.size() ? at : 0;
}

/// A ClientHello of `size` octets, its header included, by a further extension `type` in front of the others
/// (pre_shared_key stays the last); as it was where that cannot be.
inline Bytes hello_of(Bytes hello, std::size_t size, std::uint16_t type) {
  const auto at = extensions_of(hello);
  if (at == 0) return hello;
  if (at + 2 > hello.size()) hello.insert(hello.end(), at + 2 - hello.size(), 0);
  if (size < hello.size() + 4) return hello;
  const auto padding = size - hello.size() - 4;
  const auto extensions = number_at(hello, at, 2) + padding + 4;
  if (extensions > 0xffff) return hello;
  Bytes extension;
  append_number(extension, type, 2);
  append_number(extension, padding, 2);
  extension.resize(extension.size() + padding);
  hello.insert(hello.begin() + static_cast<std::ptrdiff_t>(at + 2), extension.begin(), extension.end());
  put_number(hello, at, extensions, 2);
  put_number(hello, 1, hello.size() - kMessageHeader, 3);
  return hello;
}

/// The same suites in the format of SSL 2.0. RFC 5246 appendix E.2.
inline Bytes sslv2_hello(ByteView hello) {
  if (extensions_of(hello) == 0) return {hello.begin(), hello.end()};
  const auto suites = kMessageHeader + 2 + 32 + 1 + hello[kMessageHeader + 34];
  const auto count = std::min<std::size_t>(number_at(hello, suites, 2) / 2, 1024);
  Bytes body{1};
  append(body, hello.subspan(kMessageHeader, 2));
  append_number(body, count * 3, 2);
  append_number(body, 0, 2);
  append_number(body, 32, 2);
  for (std::size_t i = 0; i < count; ++i) append_number(body, number_at(hello, suites + 2 + i * 2, 2), 3);
  append(body, hello.subspan(kMessageHeader + 2, 32));
  Bytes made;
  append_number(made, 0x8000 | body.size(), 2);
  append(made, body);
  return made;
}

/// A certificate message of the form up to TLS 1.2 with `count` times the one certificate of `message`; without any
/// for 0.
inline Bytes certificates(ByteView message_with_one, std::size_t count) {
  Bytes one;
  constexpr std::size_t kListAt = kMessageHeader + 3;
  if (message_with_one.size() > kListAt + 3) {
    const auto rest = message_with_one.subspan(kListAt);
    one.assign(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(
                                                std::min(rest.size(), number_at(rest, 0, 3) + std::size_t{3})));
  } else {
    one = {0, 0, 1, 0};
  }
  Bytes list;
  constexpr std::size_t kMostInList = 70'000;  // twice what a server takes
  count = std::min(count, kMostInList / one.size());
  list.reserve(count * one.size());
  for (std::size_t i = 0; i < count; ++i) append(list, one);
  Bytes body;
  append_number(body, list.size(), 3);
  append(body, list);
  return message(kCertificate, body);
}

/// What can be done to a flight on its way; each takes one number, which says where, how much or to what.
enum class Edit : unsigned char {
  size,              ///< the first message has so many octets, a hello by padding; others by octets behind them
  size_unknown,      ///< the same, a hello by an extension that nobody knows
  split,             ///< handshake records hold at most so many octets
  merge,             ///< neighbours of one type and version are one record
  drop_record,       ///< that one
  repeat_record,     ///< that one
  swap_records,      ///< that one and the next
  drop_message,      ///< as for records
  repeat_message,    ///<
  swap_messages,     ///<
  retype_message,    ///< the first octet: which one, to what
  retype_record,     ///< the same of a record
  version,           ///< of all records
  alert,             ///< level and description, before the flight
  alert_behind,      ///< the same behind it
  ccs,               ///< before that record
  certificates,      ///< so many in a certificate message; one is made if there is none
  sslv2,             ///< the hello in SSL 2.0's format
  cut,               ///< to so many octets
  flip_early,        ///< low octet: which bit of it; high octet: an octet counted from the beginning
  flip_late,         ///< the same, counted from the end
  length_of_record,  ///< its header lies by so much
  empty_record,      ///< of that type, before the flight
};
inline constexpr std::size_t kEdits = static_cast<std::size_t>(Edit::empty_record) + 1;

template <class T>
void drop_one(std::vector<T>& all, std::size_t which) {
  if (!all.empty()) all.erase(all.begin() + static_cast<std::ptrdiff_t>(which % all.size()));
}
template <class T>
void repeat_one(std::vector<T>& all, std::size_t which) {
  if (all.empty()) return;
  const auto at = all.begin() + static_cast<std::ptrdiff_t>(which % all.size());
  const auto copy = *at;
  all.insert(at, copy);
}
template <class T>
void swap_two(std::vector<T>& all, std::size_t which) {
  if (!all.empty()) std::swap(all[which % all.size()], all[(which + 1) % all.size()]);
}

inline void edit_messages(Flight& flight, Edit edit, std::size_t number) {
  auto messages = messages_of(flight);
  const auto found =
      std::find_if(messages.begin(), messages.end(), [](const Bytes& each) { return each.front() == kCertificate; });
  switch (edit) {
    case Edit::size:
    case Edit::size_unknown:
      if (messages.empty()) return;
      if (auto& first = messages.front(); first.front() == kClientHello) {
        first = hello_of(first, number, edit == Edit::size ? 21 : 0xfafa);
      } else if (number > first.size()) {
        first.resize(number);
        put_number(first, 1, number - kMessageHeader, 3);
      }
      break;
    case Edit::drop_message:
      drop_one(messages, number);
      break;
    case Edit::repeat_message:
      repeat_one(messages, number);
      break;
    case Edit::swap_messages:
      swap_two(messages, number);
      break;
    case Edit::retype_message:
      if (!messages.empty())
        messages[(number >> 8) % messages.size()].front() = static_cast<std::uint8_t>(number & 0x1f);
      break;
    case Edit::certificates:
      if (found != messages.end()) {
        *found = certificates(*found, number);
      } else {
        messages.insert(messages.begin(), certificates({}, number));
      }
      break;
    default:
      return;
  }
  replace_messages(flight, messages);
}

inline void edit_records(Flight& flight, Edit edit, std::size_t number) {
  const auto which =
      flight.empty() ? flight.end() : flight.begin() + static_cast<std::ptrdiff_t>(number % flight.size());
  const auto version = flight.empty() ? std::uint16_t{0x0301} : flight.front().version;
  switch (edit) {
    case Edit::split: {
      const auto most = std::clamp<std::size_t>(number, 1, kMostInRecord);
      Flight made;
      for (const auto& record : flight) {
        if (!record.is_whole || record.type != kHandshake || record.body.size() / most > 1024) {
          made.push_back(record);
          continue;
        }
        for (ByteView rest{record.body}; !rest.empty();) {
          const auto part = rest.first(std::min(rest.size(), most));
          made.push_back({.type = record.type, .version = record.version, .body = {part.begin(), part.end()}});
          rest = rest.subspan(part.size());
        }
      }
      flight = std::move(made);
      return;
    }
    case Edit::merge: {
      Flight made;
      for (const auto& record : flight) {
        if (!made.empty() && record.is_whole && made.back().type == record.type &&
            made.back().version == record.version && made.back().body.size() + record.body.size() <= 0xffff) {
          append(made.back().body, record.body);
        } else {
          made.push_back(record);
        }
      }
      flight = std::move(made);
      return;
    }
    case Edit::drop_record:
      return drop_one(flight, number);
    case Edit::repeat_record:
      return repeat_one(flight, number);
    case Edit::swap_records:
      return swap_two(flight, number);
    case Edit::retype_record:
      if (which != flight.end()) which->type = static_cast<std::uint8_t>(number >> 8);
      return;
    case Edit::version:
      for (auto& record : flight) record.version = static_cast<std::uint16_t>(number);
      return;
    case Edit::alert:
    case Edit::alert_behind: {
      Record alert{.type = kAlert, .version = version, .body = {}};
      append_number(alert.body, number, 2);
      flight.insert(edit == Edit::alert ? flight.begin() : flight.end(), std::move(alert));
      return;
    }
    case Edit::ccs:
      flight.insert(which, {.type = kChangeCipherSpec, .version = version, .body = {1}});
      return;
    case Edit::empty_record:
      flight.insert(flight.begin(), {.type = static_cast<std::uint8_t>(number), .version = version, .body = {}});
      return;
    default:
      return;
  }
}

inline void edit_octets(Flight& flight, Edit edit, std::size_t number) {
  auto wire = wire_of(flight);
  if (wire.empty()) return;
  const auto flipped = static_cast<std::uint8_t>(1U << (number & 7));
  const auto distance = (number >> 3) % wire.size();
  switch (edit) {
    case Edit::sslv2: {
      const auto messages = messages_of(flight);
      if (messages.empty() || messages.front().front() != kClientHello) return;
      wire = sslv2_hello(messages.front());
      break;
    }
    case Edit::cut:
      wire.resize(std::min(wire.size(), number));
      break;
    case Edit::flip_early:
      wire[distance] ^= flipped;
      break;
    case Edit::flip_late:
      wire[wire.size() - 1 - distance] ^= flipped;
      break;
    case Edit::length_of_record:
      if (wire.size() >= kRecordHeader) put_number(wire, 3, number_at(wire, 3, 2) + number, 2);
      break;
    default:
      return;
  }
  flight = read_flight(wire);
}

inline void edit(Flight& flight, Edit what, std::uint16_t number) {
  if (wire_of(flight).size() > kMostInFlight / 2) return;
  edit_messages(flight, what, number);
  edit_records(flight, what, number);
  edit_octets(flight, what, number);
}

}  // namespace firstring::tls::testing
