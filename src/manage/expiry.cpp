#include "manage/expiry.hpp"

#include <fmt/format.h>

namespace firstring::manage {

std::int64_t Expiries::days_left(const Expiry& expiry) const {
  return std::chrono::floor<std::chrono::days>(expiry.at - today).count();
}

std::string Expiries::counted() const {
  if (added) {
    return fmt::format("all {} phones of the fleet, since the ledger has none that came within the last {} days",
                       *added, kInUse.count());
  }
  return fmt::format("{} phones that came within the last {} days", phones, kInUse.count());
}

Result<Expiries> list_expiries(const Desk& desk, store::LedgerStore& ledger) {
  Expiries all;
  const auto loaded = config::load(desk.dir);
  if (!loaded.ok()) {
    all.warnings.push_back(fmt::format(
        "firstring.toml has errors, so the list may be incomplete; see: firstring check {}", desk.dir.string()));
  }
  ExpiryReport report{loaded.config};
  all.warnings.insert(all.warnings.end(), report.problems().begin(), report.problems().end());
  all.today = desk.time();
  FIRSTRING_CHECK(ledger.certificates_in_use(all.today - kInUse, [&](const auto& phone) { report.add(phone); }));
  all.phones = report.phones();
  if (all.phones == 0) {
    FIRSTRING_TRY(const auto devices, desk.fleet->devices());
    all.added = devices.size();
    report.add_everywhere(devices.size());
  }
  all.dates = report.list();
  return all;
}

}  // namespace firstring::manage
