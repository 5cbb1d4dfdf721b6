#include "ledger/next_contact.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace firstring::ledger {
namespace {

using std::chrono::seconds;

constexpr unsigned kDefaultSeconds = 3600;

/// One of "1800+300,3600+600": a delay and the most that is added at random. The last repeats for ever.
struct Delay {
  seconds base{kDefaultSeconds}, random{0};
};

std::optional<seconds> parse_seconds(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return seconds{value};
}

/// nullopt for what no phone could read.
std::optional<Delay> parse_delay(std::string_view list, unsigned number) {
  if (trim(list).empty()) return Delay{};
  const auto items = split(list, ',');
  const auto item = trim(items[std::min<std::size_t>(number, items.size() - 1)]);
  const auto plus = item.find('+');
  const auto base = parse_seconds(trim(item.substr(0, plus)));
  const auto random =
      plus == std::string_view::npos ? std::optional{seconds{0}} : parse_seconds(trim(item.substr(plus + 1)));
  if (!base || !random) return std::nullopt;
  return Delay{*base, *random};
}

std::string time_of_day(Timestamp time) { return to_iso8601(time).substr(0, 19) + "Z"; }

std::string minutes(Timestamp::duration time) {
  const auto whole = std::chrono::duration_cast<std::chrono::minutes>(time).count();
  return whole < 120 ? fmt::format("{} min", whole) : fmt::format("{} h {} min", whole / 60, whole % 60);
}

}  // namespace

NextContact next_contact(const store::LedgerEntry& newest, unsigned failed_in_a_row, const ResyncTimers& timers) {
  NextContact next{.last = newest.connection.accepted,
                   .last_failed = failed_in_a_row > 0,
                   .parameter = failed_in_a_row > 0 ? "Resync_Error_Retry_Delay" : "Resync_Periodic",
                   .earliest = {},
                   .latest = {},
                   .remark = {}};
  if (!next.last_failed && !trim(timers.at).empty()) {
    next.parameter = "Resync_At";
    next.remark = fmt::format("at {} by its own clock", printable(trim(timers.at), 20));
    return next;
  }
  const auto& text = next.last_failed ? timers.error_retry_delay : timers.periodic;
  const auto delay = parse_delay(text, next.last_failed ? failed_in_a_row - 1 : 0);
  if (!delay) {
    next.remark = fmt::format("unknown: {} is '{}'", next.parameter, printable(text, 40));
  } else if (delay->base == seconds{0}) {
    next.remark = fmt::format("never by itself: {} is 0", next.parameter);
  } else {
    next.earliest = next.last + delay->base;
    next.latest = *next.earliest + delay->random;
  }
  return next;
}

std::string to_text(const NextContact& next, Timestamp at) {
  if (!next.earliest) return fmt::format("next contact: {} ({})", next.remark, next.parameter);
  const auto when = *next.earliest == *next.latest
                        ? time_of_day(*next.earliest)
                        : fmt::format("{} to {}", time_of_day(*next.earliest), time_of_day(*next.latest));
  const auto overdue = at - *next.latest;
  return fmt::format("next contact: {} ({} after the last, which {}){}", when, next.parameter,
                     next.last_failed ? "failed" : "was good",
                     overdue > std::chrono::minutes{1} ? ", overdue by " + minutes(overdue) : "");
}

}  // namespace firstring::ledger
