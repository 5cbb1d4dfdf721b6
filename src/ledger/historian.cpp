#include "ledger/historian.hpp"

#include <algorithm>

namespace firstring::ledger {
namespace {

constexpr std::size_t kLookBack = 100;  // connections of one device

bool is_full_handshake(const store::ConnectionRow& row) {
  return row.handshake_us >= 0 && !row.resumed && row.server_key_bits > 0;
}

bool are_alike(const Precedent& a, const Precedent& b) {
  return a.firmware == b.firmware && a.key_exchange == b.key_exchange && a.key_exchange_bits == b.key_exchange_bits &&
         a.server_key_bits == b.server_key_bits && a.server_hash == b.server_hash;
}

}  // namespace

Result<const Historian::Precedents*> Historian::of_device(const std::string& device) {
  const auto [place, is_new] = devices_.try_emplace(device);
  auto& precedents = place->second;
  const auto mac = MacAddress::parse(device);
  if (!is_new || !mac) return &precedents;
  store::LedgerQuery query;
  query.mac = *mac;
  query.limit = kLookBack;
  FIRSTRING_TRY(const auto entries, store_.find(query));
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    const auto& row = entry->connection;
    // Others may have asked for its file.
    if (row.device != device || !is_full_handshake(row)) continue;
    Precedent precedent{.same_device = true,
                        .firmware = row.firmware,
                        .key_exchange = row.key_exchange,
                        .key_exchange_bits = row.key_exchange_bits,
                        .server_key_bits = row.server_key_bits,
                        .server_hash = row.server_hash,
                        .computed_us = row.phone_cpu_us,
                        .last = row.accepted};
    if (std::none_of(precedents.begin(), precedents.end(), [&](const auto& one) { return are_alike(one, precedent); }))
      precedents.push_back(std::move(precedent));
  }
  return &precedents;
}

Result<const Historian::Precedents*> Historian::of_model(const std::string& model) {
  const auto [place, is_new] = models_.try_emplace(model);
  auto& precedents = place->second;
  if (!is_new || model.empty()) return &precedents;
  FIRSTRING_TRY(const auto costs, store_.handshake_costs(model));
  for (const auto& cost : costs) {
    precedents.push_back({.same_device = false,
                          .firmware = cost.firmware,
                          .key_exchange = cost.key_exchange,
                          .key_exchange_bits = cost.key_exchange_bits,
                          .server_key_bits = cost.server_key_bits,
                          .server_hash = cost.server_hash,
                          .computed_us = cost.sum_us / cost.count,
                          .last = cost.last});
  }
  return &precedents;
}

Result<History> Historian::of(const store::ConnectionRow& row) {
  History history;
  FIRSTRING_TRY(const auto* device, of_device(row.device.empty() ? row.likely_device : row.device));
  FIRSTRING_TRY(const auto* model, of_model(row.model));
  history.precedents = *device;
  history.precedents.insert(history.precedents.end(), model->begin(), model->end());
  if (row.outcome == Outcome::ok || row.server_name_shown.empty() || !look_up_) return history;
  const auto [place, is_new] = names_.try_emplace(row.server_name_shown);
  if (is_new) place->second = look_up_(row.server_name_shown);
  history.name = place->second;
  return history;
}

}  // namespace firstring::ledger
