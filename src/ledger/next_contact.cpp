#include "ledger/next_contact.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace firstring::ledger {
namespace {

using std::chrono::seconds;

/// One of "1800+300,3600+600": a delay and the most that is added at random. The last repeats for ever.
struct Delay {
  seconds base{0}, random{0};
};

std::optional<seconds> parse_number(std::string_view text, seconds unit) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return unit * value;
}

/// The one that counts for the contact `number`; nullopt for what no phone could read.
std::optional<Delay> parse_delay(std::string_view list, unsigned number, seconds unit) {
  const auto items = split(list, ',');
  const auto item = trim(items[std::min<std::size_t>(number, items.size() - 1)]);
  const auto plus = item.find('+');
  const auto base = parse_number(trim(item.substr(0, plus)), unit);
  const auto random =
      plus == std::string_view::npos ? std::optional{seconds{0}} : parse_number(trim(item.substr(plus + 1)), unit);
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
  const auto& names = timers.names;
  NextContact next{.last = newest.connection.accepted,
                   .last_failed = failed_in_a_row > 0,
                   .parameter = failed_in_a_row > 0 ? names.error_retry : names.periodic,
                   .earliest = {},
                   .latest = {},
                   .remark = {}};
  if (next.parameter.empty()) {
    next.remark = "unknown: the server does not know when such a phone comes again";
    return next;
  }
  if (!next.last_failed && !trim(timers.at).empty()) {
    next.parameter = names.at;
    next.remark = fmt::format("at {} by its own clock", printable(trim(timers.at), 20));
    return next;
  }
  if (!next.last_failed && !names.enabled.empty() && trim(timers.enabled) != "1") {
    next.parameter = names.enabled;
    next.remark = "unknown: it comes by itself only if the parameter is 1";
    return next;
  }
  const auto& text = next.last_failed ? timers.error_retry : timers.periodic;
  const bool is_set = !trim(text).empty();
  if (!is_set && !names.usual) {
    next.remark = "unknown: the parameter is not set, and its usual value is not known";
    return next;
  }
  const auto delay = is_set ? parse_delay(text, next.last_failed ? failed_in_a_row - 1 : 0, names.unit)
                            : std::optional{Delay{*names.usual, seconds{0}}};
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
  if (next.parameter.empty()) return fmt::format("next contact: {}", next.remark);
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
