#include "policy/ladder.hpp"

#include <algorithm>
#include <functional>
#include <tuple>

namespace firstring::policy {
namespace {

constexpr std::array kClientBlames{
    40,  // handshake_failure
    42,  // bad_certificate
    43,  // unsupported_certificate
    44,  // certificate_revoked
    45,  // certificate_expired
    46,  // certificate_unknown
    47,  // illegal_parameter
    48,  // unknown_ca
    51,  // decrypt_error
    70,  // protocol_version
    71,  // insufficient_security
};
/// Ours, where we find nothing in common; the last for a key that makes no signature that the client accepts.
constexpr std::array kServerBlames{40, 70, 71, 80};

template <std::size_t N>
bool contains(const std::array<int, N>& codes, int code) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

/// Evenly spread bits of a number that only counts (the finalizer of SplitMix64).
std::uint64_t scatter(std::uint64_t number) {
  number = (number + 1) * 0x9e3779b97f4a7c15;
  number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9;
  number = (number ^ (number >> 27)) * 0x94d049bb133111eb;
  return number ^ (number >> 31);
}

}  // namespace

bool blames_personality(const store::ConnectionRow& row) {
  if (row.personality.empty() || row.handshake_us >= 0) return false;
  if (row.outcome != Outcome::handshake_failed && row.outcome != Outcome::timeout) return false;
  if (row.alert_from == "client") return contains(kClientBlames, row.alert_code);
  if (row.alert_from == "server") return row.stage == Stage::hello && contains(kServerBlames, row.alert_code);
  return row.stage == Stage::server_flight || row.stage == Stage::client_flight;
}

std::string Ladder::key_of(const Client& client) {
  const auto& octets = client.address.octets();
  std::string key{octets.begin(), octets.end()};
  return key.append(client.ja3);
}

Ladder::Shard& Ladder::shard_of(std::string_view key) {
  return shards_[std::hash<std::string_view>{}(key) / 64 % kShards];
}
const Ladder::Shard& Ladder::shard_of(std::string_view key) const {
  return shards_[std::hash<std::string_view>{}(key) / 64 % kShards];
}

Ladder::Entry& Ladder::enter(Shard& shard, std::string key) {
  if (const auto found = shard.by_key.find(key); found != shard.by_key.end()) {
    shard.entries.splice(shard.entries.begin(), shard.entries, found->second);
    return shard.entries.front();
  }
  if (shard.entries.size() >= kMaxClients / kShards) {
    shard.by_key.erase(shard.entries.back().key);
    shard.entries.pop_back();
  }
  shard.entries.push_front({.key = std::move(key), .rungs = {}, .tries = 0, .failures = 0, .failures_since = 0});
  shard.by_key.emplace(shard.entries.front().key, shard.entries.begin());
  return shard.entries.front();
}

Ladder::Rung& Ladder::rung_of(Entry& entry, std::string_view personality) {
  const auto hash = std::hash<std::string_view>{}(personality);
  auto& rungs = entry.rungs;
  const auto found = std::find_if(rungs.begin(), rungs.end(), [&](const auto& one) { return one.personality == hash; });
  if (found != rungs.end()) return *found;
  if (rungs.size() >= kMaxRungs) rungs.erase(rungs.begin());
  return rungs.emplace_back(Rung{.personality = hash, .failed_at = {}, .worked_at = {}, .failures = 0});
}

const Ladder::Rung* Ladder::find(const Entry& entry, const tls::Personality& personality) {
  const auto hash = std::hash<std::string_view>{}(personality.name);
  const auto found =
      std::find_if(entry.rungs.begin(), entry.rungs.end(), [&](const auto& one) { return one.personality == hash; });
  return found != entry.rungs.end() ? &*found : nullptr;
}

void Ladder::failed(const Client& client, std::string_view personality, Timestamp now) {
  auto key = key_of(client);
  auto& shard = shard_of(key);
  const std::lock_guard lock{shard.mutex};
  auto& entry = enter(shard, std::move(key));
  auto& rung = rung_of(entry, personality);
  rung.failed_at = now;
  ++rung.failures;
  ++entry.tries;
  ++entry.failures;
  ++entry.failures_since;
}

void Ladder::worked(const Client& client, std::string_view personality, Timestamp now) {
  auto key = key_of(client);
  auto& shard = shard_of(key);
  const std::lock_guard lock{shard.mutex};
  auto& entry = enter(shard, std::move(key));
  auto& rung = rung_of(entry, personality);
  rung.worked_at = now;
  rung.failures = 0;
  ++entry.tries;
  entry.failures_since = 0;
}

std::size_t Ladder::size() const {
  std::size_t count = 0;
  for (const auto& shard : shards_) {
    const std::lock_guard lock{shard.mutex};
    count += shard.entries.size();
  }
  return count;
}

PersonalityChoice Ladder::choose(const Client& client, const PersonalityChoice& usual, const hello::ClientHello& hello,
                                 std::span<const tls::Personality* const> allowed, Timestamp now,
                                 std::chrono::milliseconds window) const {
  const auto key = key_of(client);
  const auto& shard = shard_of(key);
  const std::lock_guard lock{shard.mutex};
  const auto found = shard.by_key.find(key);
  if (found == shard.by_key.end() || usual.personality == nullptr) return usual;
  return climb(*found->second, usual, hello, allowed, now, window);
}

PersonalityChoice Ladder::climb(const Entry& entry, const PersonalityChoice& usual, const hello::ClientHello& hello,
                                std::span<const tls::Personality* const> allowed, Timestamp now,
                                std::chrono::milliseconds window) {
  struct Candidate {
    const tls::Personality* personality;
    Rung rung;
    bool chain_failed;
  };
  if (entry.failures == 0) return usual;

  std::vector<Candidate> candidates;
  for (const auto* one : allowed) {
    if (one != usual.personality && !(can_meet(*one, hello) && may_lead_to(*one, hello))) continue;
    const auto* rung = find(entry, *one);
    candidates.push_back({.personality = one, .rung = rung != nullptr ? *rung : Rung{}, .chain_failed = false});
  }
  for (auto& one : candidates) {
    one.chain_failed = std::any_of(candidates.begin(), candidates.end(), [&](const auto& other) {
      return other.rung.is_down() && other.personality->chain == one.personality->chain;
    });
  }
  // The usual one first; then the strongest, and of those alike the more general ones, which have the higher order.
  std::stable_sort(candidates.begin(), candidates.end(), [&](const Candidate& a, const Candidate& b) {
    const auto rank = [&](const Candidate& one) {
      const auto strength = strength_for(*one.personality, hello);
      return std::tuple{one.personality != usual.personality, -strength.version, -strength.security_level,
                        one.chain_failed, -static_cast<int>(one.personality->order)};
    };
    return rank(a) < rank(b);
  });

  const auto luck = scatter(entry.tries);
  const auto turn = [&](const std::vector<const Candidate*>& few) -> PersonalityChoice {
    const auto* one = few[luck / 4 % few.size()]->personality;
    return one == usual.personality ? usual : PersonalityChoice{one, "ladder_worked"};
  };
  std::vector<const Candidate*> proven, contested;
  for (const auto& one : candidates) {
    if (one.rung.has_worked()) proven.push_back(&one);
    if (now - one.rung.worked_at < 4 * window && now - one.rung.failed_at < window) contested.push_back(&one);
  }
  if (contested.size() > 1) return turn(contested);

  const auto& own = candidates.front().rung;
  if (!own.is_down()) return usual;
  const auto latest = std::max_element(proven.begin(), proven.end(), [](const auto* a, const auto* b) {
    return std::pair{!a->rung.is_down(), a->rung.worked_at} < std::pair{!b->rung.is_down(), b->rung.worked_at};
  });
  if (latest != proven.end() && !(*latest)->rung.is_down()) {
    const auto patience = window * (1 << std::min(own.failures - 1, 6U));
    const bool is_weaker = strength_for(*(*latest)->personality, hello) < strength_for(*usual.personality, hello);
    if (is_weaker && now - own.failed_at >= patience) return usual;
    return {(*latest)->personality, "ladder_worked"};
  }
  if (!proven.empty() && entry.failures_since > 1 && luck % 2 == 0) return turn(proven);

  const auto untried = std::find_if(candidates.begin(), candidates.end(), [&](const auto& one) {
    return !one.rung.is_down() || now - one.rung.failed_at >= window;
  });
  if (untried != candidates.end())
    return untried->personality == usual.personality ? usual : PersonalityChoice{untried->personality, "ladder"};

  if (luck % 2 == 0) return {candidates[luck / 4 % candidates.size()].personality, "ladder"};
  const auto longest_ago = std::min_element(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) {
    return a.rung.failed_at < b.rung.failed_at;
  });
  return {longest_ago->personality, "ladder"};
}

}  // namespace firstring::policy
