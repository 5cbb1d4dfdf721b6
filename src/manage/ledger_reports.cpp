#include "manage/ledger_reports.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.hpp"
#include "ledger/historian.hpp"
#include "manage/lookup.hpp"
#include "simulator/address.hpp"

namespace firstring::manage {
namespace {

constexpr std::size_t kMostGaps = 100'000;

/// The main cause in words, from the newest connection that had it.
Result<ledger::Explanation> explain_main_cause(const ledger::ClientReport& report, store::LedgerStore& store,
                                               ledger::Historian& historian) {
  if (report.causes.empty()) return ledger::Explanation{};
  store::LedgerQuery query;
  query.id = report.causes.front().newest;
  FIRSTRING_TRY(const auto entries, store.find(query));
  if (entries.empty()) return ledger::Explanation{};  // the server has just removed it
  FIRSTRING_TRY(const auto history, historian.of(entries.front().connection));
  return ledger::explain(entries.front(), history);
}

}  // namespace

ledger::NameLookup look_up(const std::string& name) {
  auto found = simulator::resolve(name);
  if (found) return {.addresses = *std::move(found), .problem = {}};
  return {.addresses = {}, .problem = visible(found.error().what, 200)};
}

Result<std::vector<ClientCauses>> report_causes(store::LedgerStore& ledger, const CausesQuery& query) {
  if (!query.model.empty()) FIRSTRING_CHECK(find_model(query.model));
  FIRSTRING_TRY(const auto counts, ledger.causes({.since = query.since, .model = query.model}));
  auto reports = ledger::report_causes(counts);
  if (reports.size() > query.clients) reports.resize(query.clients);
  ledger::Historian historian{ledger, look_up};
  std::vector<ClientCauses> all;
  for (auto& report : reports) {
    FIRSTRING_TRY(auto explanation, explain_main_cause(report, ledger, historian));
    all.push_back({.report = std::move(report), .main_cause = std::move(explanation)});
  }
  return all;
}

Result<std::vector<store::HandshakeCost>> report_times(store::LedgerStore& ledger, const std::string& model) {
  if (!model.empty()) FIRSTRING_CHECK(find_model(model));
  return ledger.handshake_costs(model);
}

std::string in_words(const store::GapRow& gap) {
  const auto many = [](std::int64_t number, std::string_view what) {
    return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
  };
  std::string what;
  if (gap.requests > 0) what = many(gap.requests, "request");
  if (gap.connections > 0) what += (what.empty() ? "" : " and ") + many(gap.connections, "connection");
  const auto network = gap.network.empty() ? std::string{"other networks"} : gap.network;
  auto text = what.empty() ? std::string{} : fmt::format("{} of {} not recorded", what, network);
  if (gap.turned_away > 0) {
    text += fmt::format("{}{} of {} turned away: no [[listener]] networks allow it", text.empty() ? "" : "; ",
                        many(gap.turned_away, "connection"), network);
  }
  return text;
}

Result<RecentGaps> recent_gaps(store::LedgerStore& ledger, std::optional<Timestamp> since, std::size_t most) {
  FIRSTRING_TRY(auto gaps, ledger.gaps(since, kMostGaps));
  const auto more = gaps.size() - std::min(gaps.size(), most);
  gaps.erase(gaps.begin(), gaps.begin() + static_cast<std::ptrdiff_t>(more));
  return RecentGaps{.gaps = std::move(gaps), .more = more};
}

}  // namespace firstring::manage
