#include "tls/verdict_cache.hpp"

#include <cstring>

namespace firstring::tls {
namespace {

/// SHA-256 of the chain: of its certificates' own digests, or that of the only one.
crypto::Sha256 key_of(const std::vector<crypto::Certificate>& chain) {
  if (chain.size() == 1) return chain.front().fingerprint();
  Bytes all;
  for (const auto& certificate : chain) {
    const auto& digest = certificate.fingerprint();
    all.insert(all.end(), digest.begin(), digest.end());
  }
  return crypto::sha256(all);
}

}  // namespace

std::size_t VerdictCache::Hash::operator()(const crypto::Sha256& digest) const {
  std::size_t first = 0;
  std::memcpy(&first, digest.data(), sizeof first);
  return first;
}

ChainVerdict VerdictCache::judge(const std::shared_ptr<const DeviceTrust>& trust,
                                 const std::vector<crypto::Certificate>& chain, Timestamp at) {
  if (chain.empty()) return {};
  if (trust != trust_) {
    trust_ = trust;
    young_.clear();
    old_.clear();
  }
  const auto key = key_of(chain);
  if (const auto* known = find(key, at)) {
    ++hits_;
    return *known;
  }
  auto verdict = trust->judge(chain, at);
  if (verdict.accepted) keep(key, verdict);
  return verdict;
}

const ChainVerdict* VerdictCache::find(const crypto::Sha256& key, Timestamp at) {
  auto found = young_.find(key);
  if (found == young_.end()) {
    auto node = old_.extract(key);
    if (node.empty()) return nullptr;
    keep(key, std::move(node.mapped()));
    found = young_.find(key);
  }
  const auto& verdict = found->second;
  return at >= verdict.holds_from && at < verdict.holds_until ? &verdict : nullptr;
}

void VerdictCache::keep(const crypto::Sha256& key, ChainVerdict verdict) {
  if (young_.size() >= generation_) {
    old_ = std::move(young_);
    young_.clear();
  }
  young_.insert_or_assign(key, std::move(verdict));
}

}  // namespace firstring::tls
