#include "manage/lookup.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "base/ip_address.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"

namespace firstring::manage {

Result<const device::Model*> find_model(std::string_view name) {
  const auto& catalogue = device::Catalogue::shipped();
  if (const auto* model = catalogue.find(name)) return model;
  const auto names = catalogue.names();
  return fail(Errc::not_found, fmt::format("there is no model '{}'{}; known are {}", visible(name, 60),
                                           did_you_mean(name, names), fmt::join(names, ", ")));
}

Result<store::Device> find_device(store::FleetStore& fleet, const MacAddress& mac) {
  auto device = fleet.device(mac);
  if (device || device.error().code != Errc::not_found) return device;
  return fail(Errc::not_found, fmt::format("there is no device {}; add it with: firstring device add {} --model MODEL",
                                           mac.bare(), mac.bare()));
}

Result<void> check_group(store::FleetStore& fleet, const std::string& name) {
  FIRSTRING_TRY(const auto groups, fleet.groups());
  std::vector<std::string> names;
  for (const auto& group : groups) names.push_back(group.name);
  if (std::find(names.begin(), names.end(), name) != names.end()) return {};
  return fail(Errc::not_found, fmt::format("there is no group '{}'{}; make it with: firstring group add {}",
                                           visible(name, 60), did_you_mean(name, names), visible(name, 60)));
}

std::string bad_label(std::string_view text) {
  if (text.size() > 64) return "is longer than 64 octets";
  if (visible(text) != text) return "holds a control character or is no UTF-8";
  return {};
}

Result<Whom> parse_whom(std::string_view text) {
  if (const auto mac = MacAddress::parse(text)) return Whom{.mac = *mac, .address = {}};
  if (const auto address = IpAddress::parse(text)) return Whom{.mac = std::nullopt, .address = address->to_string()};
  return fail(Errc::invalid_input, fmt::format("'{}' is neither a MAC address nor an IP address", visible(text, 60)));
}

}  // namespace firstring::manage
