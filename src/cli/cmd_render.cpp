#include "cli/commands.hpp"
#include "cli/fleet_view.hpp"
#include "cli/state_folder.hpp"
#include "render/profile.hpp"

namespace firstring::cli {
namespace {

Result<int> render(Context& context) {
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  FIRSTRING_TRY(const auto device, find_device(*fleet, context.mac("MAC")));
  FIRSTRING_TRY(const auto view, load_view(context, *fleet));
  FIRSTRING_TRY(const auto sources, view->sources(device));
  FIRSTRING_TRY(const auto box, open_secrets(context));
  const auto assurance = device::parse_assurance(context.text("--as")).value_or(device::Assurance::certificate);
  FIRSTRING_TRY(const auto document, render::render(sources, policy::Audience::operator_preview(assurance), box));
  context.terminal().print(document);
  return 0;
}

}  // namespace

std::vector<Command> render_commands() {
  return {{.name = "render",
           .summary = "Prints a device's profile, to the byte as the device would get it.",
           .description = "Passwords stand in it in the clear, unless --as asks for what somebody less sure would see.",
           .examples = {"firstring render 000e08abcdef", "firstring render 000e08abcdef --as none"},
           .arguments = {mac_argument("the device"),
                         {.name = "--as",
                          .value = "ASSURANCE",
                          .help = "how sure we are who asks: none, claimed, generic or certificate (if not given)",
                          .check = one_of({"none", "claimed", "generic", "certificate"})}},
           .run = render}};
}

}  // namespace firstring::cli
