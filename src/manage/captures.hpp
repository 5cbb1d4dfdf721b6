#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "manage/desk.hpp"

namespace firstring::manage {

/// Whom a capture is of, as the store holds it: a bare MAC address, an IP address, or "next" for whoever comes next.
/// invalid_input for another text.
Result<std::string> parse_captured(std::string_view text);

struct NewCapture {
  std::string who;  ///< as parse_captured gives it
  std::chrono::milliseconds duration = std::chrono::hours{1};
  unsigned connections = 1;
};
inline constexpr std::chrono::milliseconds kLongestCapture = std::chrono::hours{24};
inline constexpr unsigned kMostCapturedConnections = 1000;

struct OrderedCapture {
  store::CaptureOrder order;
  std::filesystem::path folder;             ///< where its files come
  std::optional<std::string> last_address;  ///< of a device: where it came from last, and is waited for
};
/// Fails with invalid_input for a duration or a number that will not do, with limit_exceeded if too many are on.
Result<Changed<OrderedCapture>> order_capture(const Desk& desk, const NewCapture& wanted);

/// Ends those of `who`, or all for ""; gives how many were on.
Result<Changed<std::size_t>> end_captures(const Desk& desk, std::string_view who);

/// On and over, the oldest first.
Result<std::vector<store::CaptureOrder>> list_captures(const Desk& desk);
/// The order as it is now; nothing if it has been forgotten.
Result<std::optional<store::CaptureOrder>> find_capture(const Desk& desk, std::int64_t id);

}  // namespace firstring::manage
