#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/mac_address.hpp"
#include "base/result.hpp"
#include "device/model.hpp"
#include "store/fleet.hpp"

namespace firstring::manage {

/// The model of that name in any case, or not_found with the nearest name.
Result<const device::Model*> find_model(std::string_view name);

/// The device, or not_found that says how to add it.
Result<store::Device> find_device(store::FleetStore& fleet, const MacAddress& mac);

/// not_found with the nearest name if there is no such group.
Result<void> check_group(store::FleetStore& fleet, const std::string& name);

/// "" or why a device's serial number or a group's name will not do, as the end of a sentence: "is longer than 64
/// octets", "holds a control character or is no UTF-8".
std::string bad_label(std::string_view text);

/// Whom an operator means: a device, an IP address. invalid_input if the text is neither.
struct Whom {
  std::optional<MacAddress> mac;
  std::string address;  ///< IpAddress::to_string; "" for a device

  std::string text() const { return mac ? mac->bare() : address; }
};
Result<Whom> parse_whom(std::string_view text);

}  // namespace firstring::manage
