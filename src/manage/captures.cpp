#include "manage/captures.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/ip_address.hpp"
#include "base/utf8.hpp"

namespace firstring::manage {

Result<std::string> parse_captured(std::string_view text) {
  if (text == "next") return std::string{text};
  if (const auto mac = MacAddress::parse(text)) return mac->bare();
  if (const auto address = IpAddress::parse(text)) return address->to_string();
  return fail(Errc::invalid_input,
              fmt::format("'{}' is neither a MAC address nor an IP address nor 'next'", visible(text, 60)));
}

Result<Changed<OrderedCapture>> order_capture(const Desk& desk, const NewCapture& wanted) {
  if (wanted.duration <= std::chrono::milliseconds{0} || wanted.duration > kLongestCapture)
    return fail(Errc::invalid_input, "for: a capture is on for at least 1ms and at most 24h");
  if (wanted.connections == 0 || wanted.connections > kMostCapturedConnections)
    return fail(Errc::invalid_input, fmt::format("count: from 1 to {} connections", kMostCapturedConnections));
  const auto time = desk.time();
  OrderedCapture ordered{.order = {.id = 0,
                                   .who = wanted.who,
                                   .ordered = time,
                                   .until = time + wanted.duration,
                                   .wanted = wanted.connections,
                                   .files = {}},
                         .folder = desk.dir / "evidence",
                         .last_address = {}};
  FIRSTRING_TRY(auto change, commit(desk, "capture.order", wanted.who, [&](auto& fleet) -> Result<void> {
                  FIRSTRING_TRY(ordered.order.id, fleet.order_capture(ordered.order));
                  return {};
                }));
  if (const auto mac = MacAddress::parse_bare(wanted.who)) {
    FIRSTRING_TRY(const auto record, desk.fleet->device_record(*mac));
    if (record) ordered.last_address = record->address;
  }
  return Changed<OrderedCapture>{std::move(ordered), std::move(change)};
}

Result<Changed<std::size_t>> end_captures(const Desk& desk, std::string_view who) {
  std::size_t ended = 0;
  FIRSTRING_TRY(auto change, commit(desk, "capture.end", who.empty() ? "all captures" : std::string{who},
                                    [&](auto& fleet) -> Result<void> {
                                      FIRSTRING_TRY(ended, fleet.end_captures(who, desk.time()));
                                      return {};
                                    }));
  return Changed<std::size_t>{ended, std::move(change)};
}

Result<std::vector<store::CaptureOrder>> list_captures(const Desk& desk) { return desk.fleet->captures(); }

Result<std::optional<store::CaptureOrder>> find_capture(const Desk& desk, std::int64_t id) {
  FIRSTRING_TRY(auto orders, desk.fleet->captures());
  const auto order = std::find_if(orders.begin(), orders.end(), [&](const auto& one) { return one.id == id; });
  return order == orders.end() ? std::nullopt : std::optional{std::move(*order)};
}

}  // namespace firstring::manage
