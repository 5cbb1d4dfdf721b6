#include "ledger/cause_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "base/text.hpp"

namespace firstring::ledger {
namespace {

constexpr std::int64_t kSeries = 3;  // failures in a row that are no accident

/// "Tuesday 2026-11-17 14:02 UTC"
std::string day_and_minute(Timestamp time) {
  static constexpr std::array<std::string_view, 7> kDays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                         "Thursday", "Friday", "Saturday"};
  const std::chrono::weekday day{std::chrono::floor<std::chrono::days>(time)};
  auto text = to_iso8601(time).substr(0, 16);
  std::replace(text.begin(), text.end(), 'T', ' ');
  return fmt::format("{} {} UTC", kDays[day.c_encoding()], text);
}

}  // namespace

std::string ClientReport::name() const {
  if (model.empty()) return ja4.empty() ? "unknown client (no hello)" : fmt::format("unknown client (JA4 {})", ja4);
  return firmware.empty() ? model + " (firmware unknown)" : fmt::format("{} {}", model, printable(firmware, 40));
}

std::vector<ClientReport> report_causes(const std::vector<store::CauseCount>& counts) {
  std::map<std::tuple<std::string, std::string, std::string>, ClientReport> by_client;
  for (const auto& count : counts) {
    auto& report = by_client[{count.model, count.firmware, count.ja4}];
    report.model = count.model;
    report.firmware = count.firmware;
    report.ja4 = count.ja4;
    report.connections += count.count;
    if (!count.failed) continue;
    report.failed += count.count;
    if (count.count_lately > 0 && (report.failing == 0 || count.first_lately < report.failing_since))
      report.failing_since = count.first_lately;
    report.failing += count.count_lately;
    report.causes.push_back(count);
  }
  std::vector<ClientReport> reports;
  for (auto& [client, report] : by_client) {
    std::stable_sort(report.causes.begin(), report.causes.end(), [](const auto& a, const auto& b) {
      return std::tuple{b.count_lately, b.count} < std::tuple{a.count_lately, a.count};
    });
    reports.push_back(std::move(report));
  }
  // Of a known model first: a scanner's failures are nobody's trouble.
  std::stable_sort(reports.begin(), reports.end(), [](const auto& a, const auto& b) {
    return std::tuple{a.model.empty(), -a.failing, -a.failed} < std::tuple{b.model.empty(), -b.failing, -b.failed};
  });
  return reports;
}

std::string headline(const ClientReport& report, std::string_view explanation) {
  const auto why = explanation.empty() ? std::string{"."} : fmt::format(": {}", explanation);
  if (report.failing >= kSeries) {
    return fmt::format("{}: {} of {} fail since {}{}", report.name(), report.failing, report.failing,
                       day_and_minute(report.failing_since), why);
  }
  return fmt::format("{}: {} of {} failed{}", report.name(), report.failed, report.connections, why);
}

}  // namespace firstring::ledger
