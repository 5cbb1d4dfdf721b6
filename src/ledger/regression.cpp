#include "ledger/regression.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "ledger/explain.hpp"

namespace firstring::ledger {
namespace {

constexpr std::size_t kMaxFirmware = 64;  // characters: it is what the phone claims

bool is_good(const store::ConnectionRow& row) { return row.outcome == Outcome::ok && row.assurance == "certificate"; }

store::AlarmRow regression(const store::ConnectionRow& row, std::size_t failures, bool several, std::int64_t good) {
  const auto what = explain({row, {}});
  return {
      .at = row.accepted,
      .kind = "regression",
      .device = several ? std::string{} : row.likely_device,
      .address = several ? std::string{} : row.address,
      .connection = row.id,
      .text = fmt::format("{} {} worked {} times and now fails, {} times in a row{}: {} {} See: firstring ledger "
                          "--causes --model {}",
                          row.model, row.firmware.empty() ? "(firmware unknown)" : printable(row.firmware, 40), good,
                          failures, several ? " on several phones" : "", what.explanation, what.remedy, row.model)};
}

}  // namespace

bool RegressionWatch::is_failure(const store::ConnectionRow& row) {
  // One that left while it waited for its turn ("closed" at the hello) was not shown anything yet.
  return row.hello_us >= 0 && row.outcome != Outcome::ok && row.outcome != Outcome::shutdown &&
         !(row.outcome == Outcome::closed && row.stage == Stage::hello) &&
         (row.stage == Stage::hello || row.stage == Stage::server_flight || row.stage == Stage::client_flight ||
          row.stage == Stage::finished);
}

RegressionWatch::Pair* RegressionWatch::find(const std::string& model, const std::string& firmware, bool add) {
  const std::pair key{model, firmware.substr(0, kMaxFirmware)};
  if (const auto found = pairs_.find(key); found != pairs_.end()) return &found->second;
  if (!add) return nullptr;
  if (pairs_.size() >= kMaxPairs) {
    pairs_.erase(std::min_element(pairs_.begin(), pairs_.end(), [](const auto& a, const auto& b) {
      return a.second.last_good < b.second.last_good;
    }));
  }
  return &pairs_[key];
}

void RegressionWatch::remember(const std::string& model, const std::string& firmware, std::int64_t good,
                               Timestamp last_good) {
  auto& pair = *find(model, firmware, true);
  pair.good += good;
  pair.last_good = std::max(pair.last_good, last_good);
}

void RegressionWatch::remember_alarm(const std::string& model, const std::string& firmware, Timestamp at) {
  auto* pair = find(model, firmware, false);
  if (pair != nullptr && at > pair->last_good) pair->told = true;
}

std::optional<store::AlarmRow> RegressionWatch::see(const store::ConnectionRow& row) {
  if (row.model.empty()) return std::nullopt;
  if (is_good(row)) {
    auto& pair = *find(row.model, row.firmware, true);
    pair = {.good = pair.good + 1, .last_good = row.accepted, .failures = 0, .sources = {}, .told = false};
    return std::nullopt;
  }
  if (!is_failure(row)) return std::nullopt;
  auto* pair = find(row.model, row.firmware, false);
  if (pair == nullptr || pair->good < kGood) return std::nullopt;
  ++pair->failures;
  const auto& source = !row.device.empty() ? row.device : !row.likely_device.empty() ? row.likely_device : row.address;
  auto& sources = pair->sources;
  if (sources.size() < kSources && std::find(sources.begin(), sources.end(), source) == sources.end())
    sources.push_back(source);
  const bool several = sources.size() >= kSources;
  if (pair->told || pair->failures < (several ? kFailures : kFailuresOfOne)) return std::nullopt;
  pair->told = true;
  return regression(row, pair->failures, several, pair->good);
}

}  // namespace firstring::ledger
