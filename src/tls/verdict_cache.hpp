#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "tls/chain_verdict.hpp"

namespace firstring::tls {

/// Remembers the verdicts on chains that were accepted, so that the chain of a phone that comes back every hour is
/// checked once. A verdict is forgotten when a date of the chain or of its CA passes, in whichever direction the clock
/// moves, and all are when the DeviceTrust is another one (a reload, a new CRL). Only accepted chains are kept, so
/// strangers cannot evict phones. One thread's own.
class VerdictCache {
 public:
  /// Chains remembered, at most: two generations of so many, about 512 bytes each.
  static constexpr std::size_t kGeneration = 10'000;
  explicit VerdictCache(std::size_t generation = kGeneration) : generation_(generation) {}

  /// What trust->judge(chain, at) says.
  ChainVerdict judge(const std::shared_ptr<const DeviceTrust>& trust, const std::vector<crypto::Certificate>& chain,
                     Timestamp at);

  std::uint64_t hits() const { return hits_; }

 private:
  struct Hash {
    std::size_t operator()(const crypto::Sha256& digest) const;
  };
  using Verdicts = std::unordered_map<crypto::Sha256, ChainVerdict, Hash>;

  const ChainVerdict* find(const crypto::Sha256& key, Timestamp at);
  void keep(const crypto::Sha256& key, ChainVerdict verdict);

  std::size_t generation_;
  std::shared_ptr<const DeviceTrust> trust_;
  Verdicts young_, old_;  ///< when the young are enough they become the old, and the old are forgotten
  std::uint64_t hits_ = 0;
};

}  // namespace firstring::tls
