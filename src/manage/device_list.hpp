#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "device/model.hpp"
#include "store/fleet.hpp"

namespace firstring::manage {

/// What `firstring device import` reads and `export` writes: CSV with the heading mac,model,serial,group. Columns may
/// come in any order; mac and model must be there.
struct DeviceList {
  struct Problem {
    std::size_t line = 0;
    std::string what;
  };
  std::vector<store::Device> devices;
  std::vector<Problem> problems;  ///< one for each bad line; if there is any, none may be added
};

/// `existing` and `groups`: what the database holds. `created` goes into every device.
DeviceList read_device_list(std::string_view csv, const device::Catalogue& catalogue,
                            const std::vector<store::Device>& existing, const std::vector<store::Group>& groups,
                            Timestamp created);

std::string write_device_list(const std::vector<store::Device>& devices);

}  // namespace firstring::manage
