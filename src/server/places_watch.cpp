#include "server/places_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace firstring::server {

PlacesWatch::Event PlacesWatch::tick(bool is_short, Time now) {
  if (is_short) {
    last_ = now;
    if (is_on_) return Event::none;
    is_on_ = true;
    began_ = now;
    if (alarmed_ && now - *alarmed_ < kBetweenAlarms) return Event::began_again;
    alarmed_ = now;
    return Event::began;
  }
  if (!is_on_ || now - last_ < kQuiet) return Event::none;
  is_on_ = false;
  return Event::over;
}

std::string places_are_short(std::size_t open, const std::vector<Admission::Holder>& holders) {
  constexpr std::size_t kNamed = 5;
  std::map<IpAddress, std::size_t> sums;
  for (const auto& holder : holders) sums[holder.network] += holder.open;
  std::vector<std::pair<IpAddress, std::size_t>> largest{sums.begin(), sums.end()};
  std::stable_sort(largest.begin(), largest.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string named;
  for (std::size_t i = 0; i < std::min(kNamed, largest.size()); ++i) {
    named += fmt::format("{}{} ({})", i == 0 ? "" : ", ", largest[i].first.to_string(), largest[i].second);
  }
  return fmt::format("places are short: {} connections are open; most are held by {}", open,
                     named.empty() ? "no network any more" : named);
}

}  // namespace firstring::server
