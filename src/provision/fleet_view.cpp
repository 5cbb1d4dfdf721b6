#include "provision/fleet_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

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

FleetView::FleetView(store::Fleet fleet, Site site)
    : fleet_(std::make_shared<const store::Fleet>(std::move(fleet))), site_(std::move(site)) {
  add_profile_rules();
}

FleetView::FleetView(const FleetView& other, Site site) : fleet_(other.fleet_), site_(std::move(site)) {
  add_profile_rules();
}

void FleetView::add_profile_rules() {
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

const store::FleetDevice* FleetView::find(const MacAddress& mac) const {
  const auto found = std::lower_bound(fleet_->devices.begin(), fleet_->devices.end(), mac,
                                      [](const auto& one, const MacAddress& key) { return one->device.mac < key; });
  return found != fleet_->devices.end() && (*found)->device.mac == mac ? found->get() : nullptr;
}

const store::Device* FleetView::device(const MacAddress& mac) const {
  const auto* found = find(mac);
  return found != nullptr ? &found->device : nullptr;
}

policy::Pardons FleetView::pardons(const MacAddress& mac) const {
  policy::Pardons pardons;
  const auto add = [&](const std::optional<MacAddress>& whose) {
    const auto place = std::lower_bound(fleet_->pardons.begin(), fleet_->pardons.end(), whose,
                                        [](const store::Pardon& one, const auto& key) { return one.mac < key; });
    for (auto one = place; one != fleet_->pardons.end() && one->mac == whose; ++one) {
      if (one->kind == store::Pardon::Kind::unpin) {
        pardons.unpinned_at = std::max(pardons.unpinned_at, std::optional{one->at});
      } else {
        pardons.amnesty_until = std::max(pardons.amnesty_until, one->until);
      }
    }
  };
  add(std::nullopt);
  add(mac);
  return pardons;
}

std::span<const store::Parameter> FleetView::layer(store::Scope::Kind kind, std::string_view name) const {
  const auto found =
      std::lower_bound(fleet_->layers.begin(), fleet_->layers.end(), name, [&](const auto& one, std::string_view key) {
        return one.first.kind != kind ? one.first.kind < kind : one.first.name < key;
      });
  if (found == fleet_->layers.end() || found->first.kind != kind || found->first.name != name) return {};
  return found->second;
}

const store::Group* FleetView::group(std::string_view name) const {
  const auto found = std::lower_bound(fleet_->groups.begin(), fleet_->groups.end(), name,
                                      [](const store::Group& one, std::string_view key) { return one.name < key; });
  return found != fleet_->groups.end() && found->name == name ? &*found : nullptr;
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
  const auto add = [&](store::Scope::Kind kind, std::string_view name) {
    if (const auto parameters = layer(kind, name); !parameters.empty())
      sources.layers.push_back({{kind, std::string{name}}, parameters});
  };
  add(store::Scope::Kind::base, {});
  add(store::Scope::Kind::model, model->name);
  std::array<const store::Group*, kMaxGroupDepth> groups{};
  std::size_t depth = 0;
  for (const auto* one = group(device.group); one != nullptr && depth < groups.size(); one = group(one->parent))
    groups[depth++] = one;
  while (depth > 0) add(store::Scope::Kind::group, groups[--depth]->name);
  if (const auto* own = find(device.mac)) {
    if (!own->parameters.empty()) sources.layers.push_back({store::Scope::of_device(device.mac), own->parameters});
    sources.lines = own->lines;
  }
  sources.variables = {{"host", site_.host}, {"profile_url", profile_rules_.at(model).front().value}};
  return sources;
}

render::Sources FleetView::bootstrap_sources(const device::Model* model) const {
  render::Sources sources;
  sources.model = model;
  const auto& rule = profile_rules_.at(model);
  sources.layers.push_back({store::Scope::base(), rule});
  if (const auto parameters = layer(store::Scope::Kind::base, {}); !parameters.empty())
    sources.layers.push_back({store::Scope::base(), parameters});
  if (model != nullptr) {
    if (const auto parameters = layer(store::Scope::Kind::model, model->name); !parameters.empty())
      sources.layers.push_back({{store::Scope::Kind::model, model->name}, parameters});
  }
  sources.variables = {{"host", site_.host}, {"profile_url", rule.front().value}};
  return sources;
}

}  // namespace firstring::provision
