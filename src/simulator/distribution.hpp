#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

namespace firstring::simulator {

/// How a number of times lie.
struct Distribution {
  std::size_t count = 0;
  std::chrono::microseconds p50{0}, p90{0}, p99{0}, max{0};
};

/// By nearest rank: pX is the smallest of the times that X of a hundred do not exceed. All zero without any.
Distribution distribution_of(std::vector<std::chrono::microseconds> times);

}  // namespace firstring::simulator
