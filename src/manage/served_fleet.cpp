#include "manage/served_fleet.hpp"

#include <fmt/format.h>

namespace firstring::manage {

provision::Site site_of(const config::Config& config) {
  provision::Site site{.host = config.server.host};
  for (const auto& listener : config.listeners) {
    if (listener.kind != config::ListenerKind::phone) continue;
    site.phone_port = listener.address.port;
    break;
  }
  return site;
}

Result<ServedFleet> load_served_fleet(const Desk& desk) {
  ServedFleet served;
  const auto loaded = config::load(desk.dir);
  if (!loaded.ok()) {
    served.warning = fmt::format(
        "firstring.toml has errors, so host and port in URLs may not be those that phones get; see: firstring check {}",
        desk.dir.string());
  }
  FIRSTRING_TRY(auto content, desk.fleet->load());
  served.view = std::make_unique<provision::FleetView>(std::move(content), site_of(loaded.config));
  return served;
}

}  // namespace firstring::manage
