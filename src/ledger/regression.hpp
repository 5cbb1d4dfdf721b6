#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/ledger_store.hpp"

namespace firstring::ledger {

/// Notices when phones of one model and firmware, which worked, stop working: one alarm of the kind "regression", and
/// the next only after they have worked again. Bounded: only connections whose certificate names their phone make it
/// remember a pair.
class RegressionWatch {
 public:
  static constexpr std::int64_t kGood = 3;     ///< connections that make a pair one that works
  static constexpr std::size_t kFailures = 3;  ///< in a row, from kSources devices or addresses
  static constexpr std::size_t kSources = 2;
  static constexpr std::size_t kFailuresOfOne = 5;  ///< in a row, all from one
  static constexpr std::size_t kMaxPairs = 2000;

  /// What the ledger knows from before.
  void remember(const std::string& model, const std::string& firmware, std::int64_t good, Timestamp last_good);
  /// That an alarm was raised then; call it after `remember`. It counts until the pair works again.
  void remember_alarm(const std::string& model, const std::string& firmware, Timestamp at);
  /// In the order in which connections end.
  std::optional<store::AlarmRow> see(const store::ConnectionRow& row);

  /// Ended without a request, though a ClientHello came.
  static bool is_failure(const store::ConnectionRow& row);

 private:
  struct Pair {
    std::int64_t good = 0;
    Timestamp last_good{};
    std::size_t failures = 0;          // since the last good one
    std::vector<std::string> sources;  // of them, at most kSources
    bool told = false;
  };
  Pair* find(const std::string& model, const std::string& firmware, bool add);

  std::map<std::pair<std::string, std::string>, Pair> pairs_;
};

}  // namespace firstring::ledger
