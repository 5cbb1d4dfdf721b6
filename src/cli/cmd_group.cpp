#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/device_list.hpp"
#include "cli/json_object.hpp"
#include "cli/state_folder.hpp"

namespace firstring::cli {
namespace {

Result<int> add_group(Context& context) {
  const store::Group group{.name = context.text("NAME"), .parent = context.text("--parent")};
  if (group.name.empty()) return context.refuse("NAME is empty");
  if (const auto bad = bad_label(group.name); !bad.empty()) return context.refuse("NAME " + bad);
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  FIRSTRING_TRY(const auto groups, fleet->groups());
  if (std::any_of(groups.begin(), groups.end(), [&](const auto& other) { return other.name == group.name; })) {
    return fail(Errc::conflict, fmt::format("group {} is already there; see: firstring group list", group.name));
  }
  if (!group.parent.empty()) FIRSTRING_CHECK(check_group(*fleet, group.parent));
  FIRSTRING_CHECK(fleet->add_group(group));
  context.terminal().print(fmt::format("group {} is made\n", group.name));
  return 0;
}

Result<int> list_groups(Context& context) {
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  FIRSTRING_TRY(const auto groups, fleet->groups());
  FIRSTRING_TRY(const auto devices, fleet->devices());
  Table table{{"GROUP", "PARENT", "DEVICES"}};
  for (const auto& group : groups) {
    const auto members =
        std::count_if(devices.begin(), devices.end(), [&](const auto& device) { return device.group == group.name; });
    if (context.json()) {
      JsonObject object;
      object.add("name", group.name).add("parent", group.parent).add("devices", members);
      context.terminal().print(object.line());
    } else {
      table.add({{group.name}, {group.parent}, {std::to_string(members)}});
    }
  }
  if (!context.json()) table.print(context.terminal());
  return 0;
}

}  // namespace

std::vector<Command> group_commands() {
  return {
      {.name = "group add",
       .summary = "Makes a group.",
       .description = "A device of the group gets the parameters of the parent, then those of the group, which win.",
       .examples = {"firstring group add berlin", "firstring group add lobby --parent berlin"},
       .arguments = {{.name = "NAME", .value = {}, .help = "its name", .presence = Presence::required},
                     {.name = "--parent", .value = "GROUP", .help = "the group that it lies in"}},
       .run = add_group},
      {.name = "group list",
       .summary = "Lists the groups.",
       .description = {},
       .examples = {"firstring group list"},
       .arguments = {json_flag()},
       .run = list_groups},
  };
}

}  // namespace firstring::cli
