#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
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

/// The fleet as requests need it, as of one revision. Immutable; any thread. Holds nothing of it a second time: the
/// fleet is sorted, so what is looked up is found in it.
class FleetView {
 public:
  FleetView(store::Fleet fleet, Site site);
  /// The fleet of `other`, shared, under another site.
  FleetView(const FleetView& other, Site site);
  FleetView(const FleetView&) = delete;
  FleetView& operator=(const FleetView&) = delete;

  const store::Fleet& fleet() const { return *fleet_; }
  std::int64_t revision() const { return fleet_->revision; }
  std::size_t device_count() const { return fleet_->devices.size(); }
  const store::Device* device(const MacAddress& mac) const;
  const std::vector<store::CaptureOrder>& captures() const { return fleet_->captures; }
  policy::Pardons pardons(const MacAddress& mac) const;

  /// What a device's own profile is made from: base, model, its groups from the topmost down, the device, its lines.
  /// Fails if its model is none that we know. Views into this object.
  Result<render::Sources> sources(const store::Device& device) const;

  /// What a first file is made from: base, model, and what leads the phone to its own file (DocumentForm::first_file),
  /// unless a layer sets that. If several models share the file's name: base and that alone.
  render::Sources bootstrap_sources(const device::FileMatch& file) const;

 private:
  using Parameters = std::vector<store::Parameter>;

  void prepare();
  const store::FleetDevice* find(const MacAddress& mac) const;
  std::span<const store::Parameter> layer(store::Scope::Kind kind, std::string_view name) const;
  const store::Group* group(std::string_view name) const;
  /// What a document says of us. Without a MAC address, no profile_url that needs one.
  render::Variables variables(const device::Model& model, const std::optional<MacAddress>& mac) const;
  const std::unordered_set<std::string_view>* foreign(const device::Maker& maker) const;

  std::shared_ptr<const store::Fleet> fleet_;
  Site site_;
  std::string base_url_;  ///< site_'s
  std::unordered_map<const device::Model*, Parameters> first_files_;
  std::unordered_map<const device::Maker*, std::unordered_set<std::string_view>> foreign_;  ///< names in fleet_
};

}  // namespace firstring::provision
