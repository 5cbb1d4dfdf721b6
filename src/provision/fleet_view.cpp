#include "provision/fleet_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace firstring::provision {
namespace {

constexpr std::size_t kMaxGroupDepth = 32;  // the store lets no cycle in; a damaged database must not hang us

}  // namespace

std::string Site::base_url() const {
  return phone_port == 443 ? fmt::format("https://{}", host) : fmt::format("https://{}:{}", host, phone_port);
}

FleetView::FleetView(store::Fleet fleet, Site site)
    : fleet_(std::make_shared<const store::Fleet>(std::move(fleet))), site_(std::move(site)) {
  prepare();
}

FleetView::FleetView(const FleetView& other, Site site) : fleet_(other.fleet_), site_(std::move(site)) { prepare(); }

void FleetView::prepare() {
  base_url_ = site_.base_url();
  const auto& catalogue = device::Catalogue::shipped();
  for (const auto& model : catalogue.models()) {
    auto& parameters = first_files_[&model];
    for (const auto& [name, value] : model.document.first_file) {
      auto& parameter = parameters.emplace_back();
      parameter.name = name;
      parameter.value = value;
    }
  }
  // Looked up once a revision and name, not once a request: a fleet of one maker then pays nothing.
  std::unordered_set<std::string_view> seen;
  for (const auto& [scope, parameters] : fleet_->layers) {
    if (scope.kind != store::Scope::Kind::base && scope.kind != store::Scope::Kind::group) continue;
    for (const auto& parameter : parameters) {
      if (!seen.insert(parameter.name).second) continue;
      for (const auto& maker : catalogue.makers()) {
        if (catalogue.is_foreign(*maker, parameter.name)) foreign_[maker.get()].insert(parameter.name);
      }
    }
  }
}

render::Variables FleetView::variables(const device::Model& model, const std::optional<MacAddress>& mac) const {
  constexpr std::string_view kMac = "{mac}";
  render::Variables variables{{"host", site_.host}, {"base_url", base_url_}};
  auto path = model.own_profile;
  const auto at = path.find(kMac);
  if (at != std::string::npos && mac) path.replace(at, kMac.size(), mac->bare());
  if (at == std::string::npos || mac) variables.emplace("profile_url", base_url_ + path);
  return variables;
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
  sources.variables = variables(*model, device.mac);
  sources.foreign = foreign(*model->maker);
  return sources;
}

render::Sources FleetView::bootstrap_sources(const device::FileMatch& file) const {
  render::Sources sources;
  sources.model = file.model;
  sources.form = &file.asker->document;
  sources.layers.push_back({store::Scope::base(), first_files_.at(file.asker)});
  if (const auto parameters = layer(store::Scope::Kind::base, {}); !parameters.empty())
    sources.layers.push_back({store::Scope::base(), parameters});
  if (file.model != nullptr) {
    if (const auto parameters = layer(store::Scope::Kind::model, file.model->name); !parameters.empty())
      sources.layers.push_back({{store::Scope::Kind::model, file.model->name}, parameters});
  }
  sources.variables = variables(*file.asker, std::nullopt);
  sources.foreign = foreign(*file.asker->maker);
  return sources;
}

const std::unordered_set<std::string_view>* FleetView::foreign(const device::Maker& maker) const {
  const auto found = foreign_.find(&maker);
  return found != foreign_.end() ? &found->second : nullptr;
}

}  // namespace firstring::provision
