#pragma once

#include <memory>
#include <string>

#include "config/config.hpp"
#include "manage/desk.hpp"
#include "provision/fleet_view.hpp"

namespace firstring::manage {

/// The fleet as the server sees it, with its host and port from firstring.toml: what is made of it is what a phone
/// gets.
struct ServedFleet {
  std::unique_ptr<provision::FleetView> view;
  std::string warning;  ///< "", or why host and port in URLs may be wrong
};
Result<ServedFleet> load_served_fleet(const Desk& desk);

/// Host and port of the first listener for phones.
provision::Site site_of(const config::Config& config);

}  // namespace firstring::manage
