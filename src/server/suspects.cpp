#include "server/suspects.hpp"

#include <algorithm>
#include <cmath>

namespace firstring::server {

IpAddress admission_network(const IpAddress& address) {
  if (address.is_v4()) return address;
  auto octets = address.octets();
  std::fill(octets.begin() + 8, octets.end(), std::uint8_t{0});
  return IpAddress::from_v6(octets);
}

Conduct conduct_of(const store::ConnectionRow& row) {
  constexpr double kRenegotiation = 4;  // no phone does that by accident
  constexpr double kNotAWord = 0.25;    // nor costs it us much; health checks do it
  if (row.asked_renegotiation) return {.bad = kRenegotiation};
  if (row.stage == Stage::response || row.stage == Stage::done) return {.good = 1};
  const bool ran_out = row.outcome == Outcome::timeout || row.outcome == Outcome::limit;
  const bool no_request = row.stage == Stage::tcp || row.stage == Stage::hello || row.stage == Stage::server_flight ||
                          row.stage == Stage::client_flight;
  if (ran_out && no_request) return {.bad = 1};
  if (row.outcome == Outcome::closed && row.stage == Stage::tcp) return {.bad = kNotAWord};
  return {};
}

Conduct Suspects::faded(const Record& record, Time now) {
  const std::chrono::duration<double> age = now - record.at;
  const auto left = std::exp2(-age / std::chrono::duration<double>{kHalfLife});
  return {.bad = record.sum.bad * left, .good = record.sum.good * left};
}

void Suspects::note(const IpAddress& network, Conduct conduct, Time now) {
  if (conduct.bad == 0 && conduct.good == 0) return;
  const auto [found, is_new] = records_.try_emplace(network);
  auto& record = found->second;
  if (is_new) {
    record.network = network;
    if (records_.size() > kMaxNetworks) {
      const auto oldest = by_age_.front().network;
      records_.erase(oldest);
    }
  } else {
    record.sum = faded(record, now);
    record.unlink();
  }
  record.sum.bad += conduct.bad;
  record.sum.good += conduct.good;
  record.at = now;
  by_age_.push_back(record);
}

bool Suspects::is_suspect(const IpAddress& network, Time now) const {
  const auto found = records_.find(network);
  if (found == records_.end()) return false;
  const auto sum = faded(found->second, now);
  return sum.bad >= kEnough && sum.bad >= kOutweigh * sum.good;
}

}  // namespace firstring::server
