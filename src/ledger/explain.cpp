#include "ledger/explain.hpp"

#include <algorithm>

#include "ledger/causes.hpp"

namespace firstring::ledger {
namespace {

const store::RequestRow* telling_request(const store::LedgerEntry& entry) {
  if (entry.requests.empty()) return nullptr;
  const auto denied = std::find_if(entry.requests.rbegin(), entry.requests.rend(),
                                   [](const auto& request) { return request.decision != "allow"; });
  return denied != entry.requests.rend() ? &*denied : &entry.requests.back();
}

}  // namespace

Explanation explain(const store::LedgerEntry& entry, const History& history) {
  const Case the_case{entry.connection, telling_request(entry), history};
  const auto& cause = find_cause(the_case);
  return {cause.code, fill_in(cause.explanation, the_case), fill_in(cause.remedy, the_case)};
}

std::string_view cause_of(const store::ConnectionRow& row, std::optional<std::string_view> denial) {
  if (!denial) return find_cause({row, nullptr, {}}).code;
  store::RequestRow request;
  request.decision = denial->empty() ? "allow" : "deny";
  request.reason = *denial;
  return find_cause({row, &request, {}}).code;
}

}  // namespace firstring::ledger
