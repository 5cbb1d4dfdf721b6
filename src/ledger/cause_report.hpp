#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/ledger_store.hpp"

namespace firstring::ledger {

/// How the phones of one model and firmware, or the clients of one unknown hello, fare.
struct ClientReport {
  std::string model, firmware, ja4;
  std::int64_t connections = 0, failed = 0;
  /// So many failed since the last one that did not, if there was one.
  std::int64_t failing = 0;
  Timestamp failing_since{};
  std::vector<store::CauseCount> causes;  ///< of those that failed, the most frequent first; lately before earlier

  std::string name() const;  ///< "SPA504G 7.5.7", "unknown client (JA4 t10d...)"
};

/// Those that fail most now first.
std::vector<ClientReport> report_causes(const std::vector<store::CauseCount>& counts);

/// "SPA504G 7.5.7: 41 of 41 fail since Tuesday 2026-11-17 14:02 UTC: ...", or "...: 3 of 120 failed: ..."; the
/// explanation is that of the main cause, "" where nothing failed.
std::string headline(const ClientReport& report, std::string_view explanation);

}  // namespace firstring::ledger
