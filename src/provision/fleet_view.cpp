#include "provision/fleet_view.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace firstring::provision {
namespace {

/// What most SPA phones call their own file (spa-phones.md section 3), for a first file that several models share.
constexpr std::string_view kUsualOwnProfile = "/$MA.xml";

constexpr std::size_t kMaxGroupDepth = 32;  // the store lets no cycle in; a damaged database must not hang us

}  // namespace

std::string Site::base_url() const {
  return phone_port == 443 ? fmt::format("https://{}", host) : fmt::format("https://{}:{}", host, phone_port);
}

FleetView::FleetView(store::Fleet fleet, Site site) : fleet_(std::move(fleet)), site_(std::move(site)) {
  for (const auto& device : fleet_.devices) devices_.emplace(device.mac, &device);
  for (const auto& [scope, parameters] : fleet_.layers) layers_.emplace(scope.to_string(), &parameters);
  for (const auto& [mac, lines] : fleet_.lines) lines_.emplace(mac, &lines);
  for (const auto& group : fleet_.groups) groups_.emplace(group.name, &group);
  for (const auto& pardon : fleet_.pardons) {
    auto& pardons = pardon.mac ? pardons_[*pardon.mac] : pardons_for_all_;
    if (pardon.kind == store::Pardon::Kind::unpin) {
      pardons.unpinned_at = pardon.at;
    } else {
      pardons.amnesty_until = pardon.until;
    }
  }
  const auto add_rule = [&](const device::Model* model) {
    store::Parameter rule;
    rule.name = "Profile_Rule";
    rule.value = own_profile_url(model);
    profile_rules_[model] = {std::move(rule)};
  };
  for (const auto& model : device::Catalogue::shipped().models()) add_rule(&model);
  add_rule(nullptr);
}

std::string FleetView::own_profile_url(const device::Model* model) const {
  return site_.base_url() +
         (model != nullptr && !model->own_profile.empty() ? model->own_profile : std::string{kUsualOwnProfile});
}

const store::Device* FleetView::device(const MacAddress& mac) const {
  const auto found = devices_.find(mac);
  return found != devices_.end() ? found->second : nullptr;
}

policy::Pardons FleetView::pardons(const MacAddress& mac) const {
  const auto found = pardons_.find(mac);
  if (found == pardons_.end()) return pardons_for_all_;
  return {.unpinned_at = std::max(found->second.unpinned_at, pardons_for_all_.unpinned_at),
          .amnesty_until = std::max(found->second.amnesty_until, pardons_for_all_.amnesty_until)};
}

std::span<const store::Parameter> FleetView::layer(const store::Scope& scope) const {
  const auto found = layers_.find(scope.to_string());
  if (found == layers_.end()) return {};
  return *found->second;
}

Result<render::Sources> FleetView::sources(const store::Device& device) const {
  const auto* model = device::Catalogue::shipped().find(device.model);
  if (model == nullptr) {
    return fail(Errc::not_found,
                fmt::format("device {}: its model '{}' is not known to this version of Firstring{}", device.mac.bare(),
                            device.model, did_you_mean(device.model, device::Catalogue::shipped().names())));
  }
  render::Sources sources;
  sources.model = model;
  sources.mac = device.mac;
  sources.serial = device.serial;
  const auto add = [&](store::Scope scope) {
    if (const auto parameters = layer(scope); !parameters.empty())
      sources.layers.push_back({std::move(scope), parameters});
  };
  add(store::Scope::base());
  add({store::Scope::Kind::model, model->name});
  std::vector<std::string> groups;
  for (auto name = device.group; !name.empty() && groups.size() < kMaxGroupDepth;) {
    groups.push_back(name);
    const auto found = groups_.find(name);
    name = found != groups_.end() ? found->second->parent : std::string{};
  }
  std::for_each(groups.rbegin(), groups.rend(), [&](const auto& group) { add({store::Scope::Kind::group, group}); });
  add(store::Scope::of_device(device.mac));
  if (const auto found = lines_.find(device.mac); found != lines_.end()) sources.lines = *found->second;
  sources.variables = {{"host", site_.host}, {"profile_url", own_profile_url(model)}};
  return sources;
}

render::Sources FleetView::bootstrap_sources(const device::Model* model) const {
  render::Sources sources;
  sources.model = model;
  sources.layers.push_back({store::Scope::base(), profile_rules_.at(model)});
  if (const auto parameters = layer(store::Scope::base()); !parameters.empty())
    sources.layers.push_back({store::Scope::base(), parameters});
  if (model != nullptr) {
    store::Scope scope{store::Scope::Kind::model, model->name};
    if (const auto parameters = layer(scope); !parameters.empty())
      sources.layers.push_back({std::move(scope), parameters});
  }
  sources.variables = {{"host", site_.host}, {"profile_url", own_profile_url(model)}};
  return sources;
}

}  // namespace firstring::provision
