#pragma once

#include <string>
#include <utility>
#include <vector>

#include "store/ledger_store.hpp"

namespace firstring::ledger {

/// One connection with its requests as one JSON object on one line: what `firstring ledger --json` prints. The names
/// are those of store::ConnectionRow; `requests` holds the requests, and the last one's method, target, status,
/// decision and reason stand at the top as well, so that a script finds them in one place. docs/reference/ledger.md
/// lists all.
std::string to_json(const store::LedgerEntry& entry);

/// The same as names and texts, for a table: always the same names in the same order, without `requests` and `hello`.
/// "" for null, lists joined by "; ".
std::vector<std::pair<std::string, std::string>> to_fields(const store::LedgerEntry& entry);

/// One request with what is known of its connection, on one line: the request log.
std::string request_to_json(const store::ConnectionRow& connection, const store::RequestRow& request);

}  // namespace firstring::ledger
