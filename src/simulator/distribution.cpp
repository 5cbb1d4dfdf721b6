#include "simulator/distribution.hpp"

#include <algorithm>

namespace firstring::simulator {

Distribution distribution_of(std::vector<std::chrono::microseconds> times) {
  if (times.empty()) return {};
  std::sort(times.begin(), times.end());
  const auto percentile = [&](std::size_t hundredths) { return times[(times.size() * hundredths + 99) / 100 - 1]; };
  return {
      .count = times.size(), .p50 = percentile(50), .p90 = percentile(90), .p99 = percentile(99), .max = times.back()};
}

}  // namespace firstring::simulator
