#include "manage/groups.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "manage/lookup.hpp"

namespace firstring::manage {

Result<Change> add_group(const Desk& desk, const store::Group& group) {
  if (group.name.empty()) return fail(Errc::invalid_input, "the group's name is empty");
  if (const auto bad = bad_label(group.name); !bad.empty()) return fail(Errc::invalid_input, "the group's name " + bad);
  FIRSTRING_TRY(const auto groups, desk.fleet->groups());
  if (std::any_of(groups.begin(), groups.end(), [&](const auto& other) { return other.name == group.name; }))
    return fail(Errc::conflict, fmt::format("group {} already exists; see: firstring group list", group.name));
  if (!group.parent.empty()) FIRSTRING_CHECK(check_group(*desk.fleet, group.parent));
  return commit(desk, "group.add", "group:" + group.name, [&](auto& fleet) { return fleet.add_group(group); });
}

Result<std::vector<GroupView>> list_groups(const Desk& desk) {
  FIRSTRING_TRY(auto groups, desk.fleet->groups());
  FIRSTRING_TRY(const auto devices, desk.fleet->devices());
  std::map<std::string, std::size_t, std::less<>> members;
  for (const auto& device : devices) ++members[device.group];
  std::vector<GroupView> views;
  for (auto& group : groups) {
    const auto count = members[group.name];
    views.push_back({.group = std::move(group), .devices = count});
  }
  return views;
}

}  // namespace firstring::manage
