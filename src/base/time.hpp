#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace firstring {

/// A point of civil time, UTC, in microseconds: what the ledger and certificates speak of.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

/// Where code that must be testable takes the time from.
using Clock = std::function<Timestamp()>;
Timestamp now();

/// 2026-11-23T21:43:51.123456Z (RFC 3339).
std::string to_iso8601(Timestamp time);
/// Reads what to_iso8601 writes, with or without the fraction, and a bare date.
Result<Timestamp> parse_timestamp(std::string_view text);

/// Reads "90s", "15m", "1h", "7d", "250ms": a whole number and its unit, no sign. Fails on a number without a unit.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);
/// The shortest of the same forms that loses nothing.
std::string format_duration(std::chrono::milliseconds duration);
/// "12.3 s", "12.3 ms"
std::string in_seconds(std::chrono::microseconds time);
std::string in_milliseconds(std::chrono::microseconds time);
inline std::string in_seconds(std::int64_t micros) { return in_seconds(std::chrono::microseconds{micros}); }
inline std::string in_milliseconds(std::int64_t micros) { return in_milliseconds(std::chrono::microseconds{micros}); }

inline std::int64_t to_micros(Timestamp time) { return time.time_since_epoch().count(); }
inline Timestamp from_micros(std::int64_t micros) { return Timestamp{std::chrono::microseconds{micros}}; }

}  // namespace firstring
