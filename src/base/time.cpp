#include "base/time.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdio>

#include "base/text.hpp"

namespace firstring {

namespace chrono = std::chrono;

Timestamp now() { return chrono::time_point_cast<chrono::microseconds>(chrono::system_clock::now()); }

std::string to_iso8601(Timestamp time) {
  const auto day = chrono::floor<chrono::days>(time);
  const chrono::year_month_day date{day};
  const chrono::hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

Result<Timestamp> parse_timestamp(std::string_view text) {
  const std::string copy{text.substr(0, 40)};
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, used = 0;
  std::int64_t micros = 0;
  const auto bad = [&] {
    return fail(Errc::invalid_input, fmt::format("'{}' is not a time; write 2026-11-23 or 2026-11-23T21:43:51Z", copy));
  };
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2d%n", &year, &month, &day, &used) != 3) return bad();
  std::string_view rest = std::string_view{copy}.substr(static_cast<std::size_t>(used));
  if (!rest.empty()) {
    if (std::sscanf(rest.data(), "T%2d:%2d:%2d%n", &hour, &minute, &second, &used) != 3) return bad();
    rest.remove_prefix(static_cast<std::size_t>(used));
    if (rest.starts_with('.')) {
      std::int64_t scale = 100'000;
      rest.remove_prefix(1);
      while (!rest.empty() && is_digit(rest[0])) {
        micros += (rest[0] - '0') * scale;
        scale /= 10;
        rest.remove_prefix(1);
      }
    }
    if (rest != "Z") return bad();
  }
  const chrono::year_month_day date{chrono::year{year}, chrono::month{static_cast<unsigned>(month)},
                                    chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return bad();
  return Timestamp{chrono::sys_days{date}} + chrono::hours{hour} + chrono::minutes{minute} + chrono::seconds{second} +
         chrono::microseconds{micros};
}

namespace {

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};
constexpr std::array kUnits{Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000},
                            Unit{"ms", 1}};

}  // namespace

Result<chrono::milliseconds> parse_duration(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit{end, static_cast<std::size_t>(text.data() + text.size() - end)};
  if (error == std::errc{} && number >= 0) {
    for (const auto& known : kUnits) {
      if (unit == known.name && number <= INT64_MAX / 1'000'000'000 / known.milliseconds * 1'000'000) {
        return chrono::milliseconds{number * known.milliseconds};
      }
    }
  }
  return fail(Errc::invalid_input,
              fmt::format("'{}' is not a duration; write a number and its unit, as in 250ms, 30s, 15m, 2h or 7d",
                          text.substr(0, 40)));
}

std::string format_duration(chrono::milliseconds duration) {
  for (const auto& unit : kUnits) {
    if (duration.count() % unit.milliseconds == 0 && (duration.count() != 0 || unit.name == "s")) {
      return fmt::format("{}{}", duration.count() / unit.milliseconds, unit.name);
    }
  }
  return fmt::format("{}ms", duration.count());
}

std::string in_seconds(chrono::microseconds time) {
  return fmt::format("{:.1f} s", static_cast<double>(time.count()) / 1e6);
}

std::string in_milliseconds(chrono::microseconds time) {
  return fmt::format("{:.1f} ms", static_cast<double>(time.count()) / 1e3);
}

}  // namespace firstring
