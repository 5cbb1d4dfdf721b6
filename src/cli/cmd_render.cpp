#include "cli/commands.hpp"
#include "cli/state_folder.hpp"
#include "device/identity.hpp"
#include "manage/parameters.hpp"

namespace firstring::cli {
namespace {

Result<int> render(Context& context) {
  FIRSTRING_TRY(const auto desk, open_desk(context));
  const auto assurance = device::parse_assurance(context.text("--as")).value_or(device::Assurance::certificate);
  FIRSTRING_TRY(const auto preview, manage::preview_profile(desk, context.mac("MAC"), assurance));
  context.warn(preview.warning);
  context.terminal().print(preview.document);
  return 0;
}

}  // namespace

std::vector<Command> render_commands() {
  return {{.name = "render",
           .summary = "Prints a device's profile, byte for byte as the device would get it.",
           .description = "It contains passwords in the clear, unless --as names a lower assurance.",
           .examples = {"firstring render 000e08abcdef", "firstring render 000e08abcdef --as none"},
           .arguments = {mac_argument("the device"),
                         {.name = "--as",
                          .value = "ASSURANCE",
                          .help = "the requester's assurance: none, claimed, generic or certificate (if not given)",
                          .check = one_of({"none", "claimed", "generic", "certificate"})}},
           .run = render}};
}

}  // namespace firstring::cli
