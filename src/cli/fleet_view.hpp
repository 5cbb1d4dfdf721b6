#pragma once

#include <memory>

#include "cli/command.hpp"
#include "config/config.hpp"
#include "provision/fleet_view.hpp"

namespace firstring::cli {

/// The fleet as the server sees it, with its host and port from firstring.toml: what `render` and `layers` show is what
/// a phone gets.
Result<std::unique_ptr<provision::FleetView>> load_view(const Context& context, store::FleetStore& fleet);

/// Host and port of the first listener for phones.
provision::Site site_of(const config::Config& config);

}  // namespace firstring::cli
