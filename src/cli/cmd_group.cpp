#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/state_folder.hpp"
#include "manage/groups.hpp"

namespace firstring::cli {
namespace {

Result<int> add_group(Context& context) {
  FIRSTRING_TRY(const auto desk, open_desk(context));
  const auto name = context.text("NAME");
  const auto added = manage::add_group(desk, {.name = name, .parent = context.text("--parent")});
  if (!added) return context.refuse(added.error());
  context.terminal().print(fmt::format("added group {}\n", name));
  return 0;
}

Result<int> list_groups(Context& context) {
  FIRSTRING_TRY(const auto desk, open_desk(context));
  FIRSTRING_TRY(const auto groups, manage::list_groups(desk));
  print_list(context, groups, kToJson, {"GROUP", "PARENT", "DEVICES"},
             [](const manage::GroupView& view) -> std::vector<Cell> {
               return {{view.group.name}, {view.group.parent}, {std::to_string(view.devices)}};
             });
  return 0;
}

}  // namespace

std::vector<Command> group_commands() {
  return {
      {.name = "group add",
       .summary = "Adds a group.",
       .description = "A device of the group gets the parameters of the parent, then those of the group, which win.",
       .examples = {"firstring group add berlin", "firstring group add lobby --parent berlin"},
       .arguments = {{.name = "NAME", .value = {}, .help = "its name", .presence = Presence::required},
                     {.name = "--parent", .value = "GROUP", .help = "its parent group"}},
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
