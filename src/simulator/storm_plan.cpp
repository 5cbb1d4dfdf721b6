#include "simulator/storm_plan.hpp"

#include <algorithm>
#include <array>
#include <random>

namespace firstring::simulator {
namespace {

constexpr std::array kMisbehaving{Role::half_hello, Role::silent, Role::renegotiation, Role::flood};
/// No .0 and no .255, which look like networks and broadcasts.
constexpr unsigned kHosts = 250;

IpAddress loopback(std::uint8_t second, unsigned number) {
  return IpAddress::from_v4(
      {127, second, static_cast<std::uint8_t>(number / kHosts % 256), static_cast<std::uint8_t>(1 + number % kHosts)});
}

}  // namespace

std::string_view to_string(Role role) {
  switch (role) {
    case Role::half_hello:
      return "half_hello";
    case Role::silent:
      return "silent";
    case Role::renegotiation:
      return "renegotiation";
    case Role::flood:
      return "flood";
    case Role::phone:
      break;
  }
  return "phone";
}

std::vector<Arrival> plan_arrivals(unsigned phones, unsigned misbehaving, std::chrono::microseconds over,
                                   std::uint64_t seed) {
  std::mt19937_64 random{seed};
  // Not uniform_int_distribution, which each standard library does in its own way.
  const auto moment = [&] {
    const auto bound = static_cast<std::uint64_t>(std::max<std::int64_t>(over.count(), 1));
    return std::chrono::microseconds{static_cast<std::int64_t>(random() % bound)};
  };
  std::vector<Arrival> arrivals;
  arrivals.reserve(std::size_t{phones} + misbehaving);
  for (unsigned i = 0; i < phones; ++i) arrivals.push_back({moment(), Role::phone, i});
  for (unsigned i = 0; i < misbehaving; ++i) {
    const auto role = kMisbehaving[i % kMisbehaving.size()];
    arrivals.push_back({role == Role::flood ? over / 4 : moment(), role, i});
  }
  std::stable_sort(arrivals.begin(), arrivals.end(), [](const Arrival& a, const Arrival& b) { return a.at < b.at; });
  return arrivals;
}

std::optional<IpAddress> source_of(Role role, unsigned number, unsigned sources) {
  if (sources == 0) return std::nullopt;
  if (role == Role::phone) return loopback(1, number % sources);
  return role == Role::flood ? loopback(3, 0) : loopback(2, number);
}

}  // namespace firstring::simulator
