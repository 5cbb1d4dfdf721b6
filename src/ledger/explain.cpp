#include "ledger/explain.hpp"

#include <algorithm>

#include "ledger/causes.hpp"
#include "ledger/cut.hpp"

namespace firstring::ledger {
namespace {

const store::RequestRow* telling_request(const store::LedgerEntry& entry) {
  // What a connection that has not ended comes to is not known.
  if (entry.requests.empty() || entry.connection.outcome == Outcome::open ||
      entry.connection.outcome == Outcome::server_gone)
    return nullptr;
  const auto denied = std::find_if(entry.requests.rbegin(), entry.requests.rend(),
                                   [](const auto& request) { return request.decision == Decision::deny; });
  return denied != entry.requests.rend() ? &*denied : &entry.requests.back();
}

/// A hello that is cut tells less than it did when the cause was found. nullptr: it is whole.
const CauseRule* rule_before_cut(const store::ConnectionRow& row) {
  if (!is_hello_cut(row)) return nullptr;
  for (const auto& causes : {denials(), endings()}) {
    const auto found =
        std::find_if(causes.begin(), causes.end(), [&](const auto& one) { return one.cause == row.cause; });
    if (found != causes.end()) return &*found;
  }
  return nullptr;
}

}  // namespace

Explanation explain(const store::LedgerEntry& entry, const History& history) {
  const Case the_case{entry.connection, telling_request(entry), history};
  const auto* found_before = rule_before_cut(entry.connection);
  const auto& cause = found_before != nullptr ? *found_before : find_cause(the_case);
  return {cause.cause, fill_in(cause.explanation, the_case), fill_in(cause.remedy, the_case)};
}

Cause cause_of(const store::ConnectionRow& row, const store::RequestRow* request) {
  return find_cause({row, request, {}}).cause;
}

}  // namespace firstring::ledger
