#include "cli/fleet_view.hpp"

#include <fmt/format.h>

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
  FIRSTRING_TRY(const auto dir, state_folder(context));
  const auto loaded = config::load(dir);
  if (!loaded.ok()) {
    context.terminal().complain(
        fmt::format("firstring {}: firstring.toml has errors, so host and port in URLs may not be "
                    "those that phones get; see: firstring check {}",
                    context.command().name, dir.string()));
  }
  FIRSTRING_TRY(auto content, fleet.load());
  return std::make_unique<provision::FleetView>(std::move(content), site_of(loaded.config));
}

}  // namespace firstring::cli
