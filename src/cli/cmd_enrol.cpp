#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/json_object.hpp"
#include "cli/state_folder.hpp"

namespace firstring::cli {
namespace {

Result<int> open(Context& context) {
  store::EnrolmentWindow window{.group = context.text("--group"), .model = {}, .opened = now(), .until = {}};
  const auto duration = context.duration("--for");
  if (duration <= std::chrono::milliseconds{0} || duration > std::chrono::days{30}) {
    return context.refuse("--for: a window is open for at least 1ms and at most 30d");
  }
  window.until = window.opened + duration;
  if (context.given("--model")) {
    const auto model = find_model(context.text("--model"));
    if (!model) return context.refuse(model.error().what);
    window.model = (*model)->name;
  }
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  FIRSTRING_CHECK(check_group(*fleet, window.group));
  FIRSTRING_CHECK(fleet->open_enrolment(window));
  context.terminal().print(fmt::format("until {}, {} with a good certificate enter group {} by themselves\n",
                                       to_iso8601(window.until),
                                       window.model.empty() ? "devices" : window.model + " devices", window.group));
  return 0;
}

Result<int> close(Context& context) {
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  FIRSTRING_CHECK(fleet->close_enrolment());
  context.terminal().print("enrolment is closed\n");
  return 0;
}

Result<int> status(Context& context) {
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  FIRSTRING_TRY(const auto windows, fleet->enrolment(now()));
  Table table{{"GROUP", "MODEL", "OPENED", "UNTIL"}};
  for (const auto& window : windows) {
    if (context.json()) {
      JsonObject object;
      object.add("group", window.group).add("model", window.model);
      object.add("opened", to_iso8601(window.opened)).add("until", to_iso8601(window.until));
      context.terminal().print(object.line());
    } else {
      table.add({{window.group},
                 {window.model.empty() ? "any" : window.model},
                 {to_iso8601(window.opened)},
                 {to_iso8601(window.until)}});
    }
  }
  if (context.json()) return 0;
  if (table.empty()) {
    context.terminal().print("enrolment is closed\n");
  } else {
    table.print(context.terminal());
  }
  return 0;
}

}  // namespace

std::vector<Command> enrol_commands() {
  return {
      {.name = "enrol open",
       .summary = "Lets unknown devices with a good certificate in by themselves, for a time.",
       .description =
           "A device whose maker's certificate is good but that nobody entered is put into the group at its first "
           "request. Without a window it is refused, and waits in `firstring device pending`.",
       .examples = {"firstring enrol open --group lobby --for 2h",
                    "firstring enrol open --group lobby --for 30m --model SPA504G"},
       .arguments = {{.name = "--group",
                      .value = "GROUP",
                      .help = "the group that they get into",
                      .presence = Presence::required},
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
