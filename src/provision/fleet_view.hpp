#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "device/model.hpp"
#include "policy/device_watch.hpp"
#include "render/profile.hpp"
#include "store/fleet.hpp"

namespace firstring::provision {

/// How phones reach us: what the URLs in their documents say.
struct Site {
  std::string host;                ///< config::Server::host
  std::uint16_t phone_port = 443;  ///< of the first phone listener

  /// "https://host:port", the port left out if it is 443.
  std::string base_url() const;
};

/// The fleet as requests need it: everything by its key, as of one revision. Immutable; any thread.
class FleetView {
 public:
  FleetView(store::Fleet fleet, Site site);
  FleetView(const FleetView&) = delete;
  FleetView& operator=(const FleetView&) = delete;

  std::int64_t revision() const { return fleet_.revision; }
  std::size_t device_count() const { return fleet_.devices.size(); }
  const store::Device* device(const MacAddress& mac) const;
  const std::vector<store::CaptureOrder>& captures() const { return fleet_.captures; }
  policy::Pardons pardons(const MacAddress& mac) const;

  /// What a device's own profile is made from: base, model, its groups from the topmost down, the device, its lines.
  /// Fails if its model is none that we know. Views into this object.
  Result<render::Sources> sources(const store::Device& device) const;

  /// What a model's first file is made from: base, model, and a Profile_Rule that leads to the phone's own file, unless
  /// a layer sets one. For no model (several share the file's name): base and the rule.
  render::Sources bootstrap_sources(const device::Model* model) const;

 private:
  using Parameters = std::vector<store::Parameter>;

  std::span<const store::Parameter> layer(const store::Scope& scope) const;
  std::string own_profile_url(const device::Model* model) const;

  store::Fleet fleet_;
  Site site_;
  std::unordered_map<MacAddress, const store::Device*> devices_;
  std::unordered_map<std::string, const Parameters*> layers_;  // by Scope::to_string
  std::unordered_map<MacAddress, const std::vector<store::Line>*> lines_;
  std::unordered_map<std::string, const store::Group*> groups_;
  std::unordered_map<const device::Model*, Parameters> profile_rules_;
  policy::Pardons pardons_for_all_;
  std::unordered_map<MacAddress, policy::Pardons> pardons_;
};

}  // namespace firstring::provision
