#include "server/turned_away.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace firstring::server {

Prefix site_of(const IpAddress& address) {
  const std::size_t kept = address.is_v4() ? 15 : 6;  // octets
  auto octets = address.octets();
  std::fill(octets.begin() + static_cast<std::ptrdiff_t>(kept), octets.end(), std::uint8_t{0});
  const auto first =
      address.is_v4() ? IpAddress::from_v4({octets[12], octets[13], octets[14], 0}) : IpAddress::from_v6(octets);
  return {first, static_cast<unsigned>(kept * 8)};
}

void TurnedAway::note(const IpAddress& from, Timestamp at) {
  const auto site = site_of(from);
  const Timestamp minute = std::chrono::floor<std::chrono::minutes>(at);
  const auto found = counts_.find({minute, site.address, site.length});
  if (found != counts_.end()) {
    ++found->second;
  } else if (counts_.size() < kMostNetworks) {
    counts_.emplace(Key{minute, site.address, site.length}, 1);
  } else {
    // The last key of all, whatever the minute: one more entry at most.
    ++counts_[{Timestamp::max(), IpAddress{}, 0}];
  }
}

std::vector<TurnedAway::Count> TurnedAway::take() {
  std::vector<Count> all;
  all.reserve(counts_.size());
  for (const auto& [key, count] : counts_) all.push_back({key.minute, {key.network, key.length}, count});
  counts_.clear();
  std::stable_sort(all.begin(), all.end(), [](const Count& a, const Count& b) {
    return a.minute != b.minute ? a.minute < b.minute : a.connections > b.connections;
  });
  return all;
}

std::string to_string(const std::vector<TurnedAway::Count>& counts) {
  constexpr std::size_t kNamed = 3;
  std::uint64_t all = 0;
  std::map<std::string, std::uint64_t> sites;
  for (const auto& count : counts) {
    all += count.connections;
    sites[count.network.length == 0 ? "others" : count.network.to_string()] += count.connections;
  }
  std::vector<std::pair<std::string, std::uint64_t>> largest{sites.begin(), sites.end()};
  std::stable_sort(largest.begin(), largest.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string named;
  for (std::size_t i = 0; i < std::min(kNamed, largest.size()); ++i)
    named += fmt::format("{}{} ({})", i == 0 ? "" : ", ", largest[i].first, largest[i].second);
  if (largest.size() > kNamed) named += fmt::format(" and {} more", largest.size() - kNamed);
  return fmt::format("turned away {} connection{} that no [[listener]] networks allow, from {}", all,
                     all == 1 ? "" : "s", named);
}

}  // namespace firstring::server
