#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/state_folder.hpp"
#include "manage/enrolment.hpp"

namespace firstring::cli {
namespace {

Result<int> open(Context& context) {
  FIRSTRING_TRY(const auto desk, open_desk(context));
  const auto opened = manage::open_enrolment(
      desk,
      {.group = context.text("--group"), .model = context.text("--model"), .duration = context.duration("--for")});
  if (!opened) return context.refuse(opened.error());
  const auto& window = opened->value;
  context.terminal().print(fmt::format("opened enrolment until {}: {} with a good certificate join group {}\n",
                                       to_iso8601(window.until),
                                       window.model.empty() ? "devices" : window.model + " devices", window.group));
  return 0;
}

Result<int> close(Context& context) {
  FIRSTRING_TRY(const auto desk, open_desk(context));
  FIRSTRING_CHECK(manage::close_enrolment(desk));
  context.terminal().print("closed enrolment\n");
  return 0;
}

Result<int> status(Context& context) {
  FIRSTRING_TRY(const auto desk, open_desk(context));
  FIRSTRING_TRY(const auto windows, manage::list_enrolment(desk));
  print_list(
      context, windows, kToJson, {"GROUP", "MODEL", "OPENED", "UNTIL"},
      [](const store::EnrolmentWindow& window) -> std::vector<Cell> {
        return {{window.group},
                {window.model.empty() ? "any" : window.model},
                {to_iso8601(window.opened)},
                {to_iso8601(window.until)}};
      },
      "enrolment is closed\n");
  return 0;
}

}  // namespace

std::vector<Command> enrol_commands() {
  return {
      {.name = "enrol open",
       .summary = "Adds unknown devices with a good certificate automatically, for a time.",
       .description = "Adds a device whose maker's certificate is good to the group at its first request. Outside of "
                      "an enrolment window the device is refused, and waits in `firstring device pending`.",
       .examples = {"firstring enrol open --group lobby --for 2h",
                    "firstring enrol open --group lobby --for 30m --model SPA504G"},
       .arguments =
           {{.name = "--group", .value = "GROUP", .help = "the group to add them to", .presence = Presence::required},
            {.name = "--for",
             .value = "TIME",
             .help = "how long, as in 30m, 2h or 1d",
             .presence = Presence::required,
             .check = is_duration},
            {.name = "--model", .value = "MODEL", .help = "only devices of this model"}},
       .run = open},
      {.name = "enrol close",
       .summary = "Closes every enrolment window now.",
       .description = {},
       .examples = {"firstring enrol close"},
       .arguments = {},
       .run = close},
      {.name = "enrol status",
       .summary = "Lists the enrolment windows that are open.",
       .description = {},
       .examples = {"firstring enrol status"},
       .arguments = {json_flag()},
       .run = status},
  };
}

}  // namespace firstring::cli
