#include "ledger/network_limits.hpp"

#include <algorithm>

namespace firstring::ledger {

Prefix ledger_network(const IpAddress& address) {
  constexpr unsigned kV4 = 96 + 24, kV6 = 48;
  const auto length = address.is_v4() ? kV4 : kV6;
  auto octets = address.octets();
  std::fill(octets.begin() + length / 8, octets.end(), std::uint8_t{0});
  return {IpAddress::from_v6(octets), length};
}

bool NetworkBudget::take(const IpAddress& peer, RowKind kind, std::size_t bytes, Time now) {
  const auto minute = std::chrono::floor<std::chrono::minutes>(now.time_since_epoch());
  const auto network = ledger_network(peer).address;
  const std::lock_guard lock{mutex_};
  if (minute != minute_) {
    minute_ = minute;
    networks_.clear();
    others_ = {};
  }
  auto found = networks_.find(network);
  if (found == networks_.end() && networks_.size() < kMostNetworks) found = networks_.try_emplace(network).first;
  auto& taken = found != networks_.end() ? found->second : others_;
  const bool is_request = kind == RowKind::request;
  if (taken.all + bytes > bytes_ || (is_request && taken.requests + bytes > bytes_ / 2)) return false;
  taken.all += bytes;
  if (is_request) taken.requests += bytes;
  return true;
}

bool Gaps::note(const std::optional<IpAddress>& peer, RowKind kind, Timestamp now) {
  const std::lock_guard lock{mutex_};
  const bool first = rows_.empty();
  add({.network = peer ? ledger_network(*peer).to_string() : std::string{},
       .first = now,
       .last = now,
       .connections = kind == RowKind::connection ? 1 : 0,
       .requests = kind == RowKind::request ? 1 : 0,
       .turned_away = kind == RowKind::turned_away ? 1 : 0});
  return first;
}

bool Gaps::empty() const {
  const std::lock_guard lock{mutex_};
  return rows_.empty();
}

std::vector<store::GapRow> Gaps::take() {
  const std::lock_guard lock{mutex_};
  std::vector<store::GapRow> all;
  all.reserve(rows_.size());
  for (auto& [key, row] : rows_) all.push_back(std::move(row));
  rows_.clear();
  return all;
}

void Gaps::put_back(const std::vector<store::GapRow>& rows) {
  const std::lock_guard lock{mutex_};
  for (const auto& row : rows) add(row);
}

void Gaps::add(const store::GapRow& row) {
  constexpr std::int64_t kAnyMinute = 0;
  const auto minute = std::chrono::floor<std::chrono::minutes>(row.first.time_since_epoch()).count();
  auto found = rows_.find({row.network, minute});
  if (found == rows_.end() && (row.network.empty() || rows_.size() >= kMost)) found = rows_.find({"", kAnyMinute});
  if (found == rows_.end()) {
    const bool is_apart = !row.network.empty() && rows_.size() < kMost;
    auto& added = rows_[is_apart ? std::pair{row.network, minute} : std::pair{std::string{}, kAnyMinute}];
    added = row;
    if (!is_apart) added.network.clear();
    return;
  }
  auto& sum = found->second;
  sum.first = std::min(sum.first, row.first);
  sum.last = std::max(sum.last, row.last);
  sum.connections += row.connections;
  sum.requests += row.requests;
  sum.turned_away += row.turned_away;
}

}  // namespace firstring::ledger
