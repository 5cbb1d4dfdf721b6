#include "cli/fleet_view.hpp"

#include "cli/state_folder.hpp"

namespace firstring::cli {

provision::Site site_of(const config::Config& config) {
  provision::Site site{.host = config.server.host};
  for (const auto& listener : config.listeners) {
    if (listener.kind != config::ListenerKind::phone) continue;
    site.phone_port = listener.address.port;
    break;
  }
  return site;
}

Result<std::unique_ptr<provision::FleetView>> load_view(const Context& context, store::FleetStore& fleet) {
  FIRSTRING_TRY(const auto config, open_config(context));
  FIRSTRING_TRY(auto content, fleet.load());
  return std::make_unique<provision::FleetView>(std::move(content), site_of(config));
}

}  // namespace firstring::cli
