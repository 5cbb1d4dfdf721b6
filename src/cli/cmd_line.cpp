#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/json_object.hpp"
#include "cli/parameter_input.hpp"
#include "cli/state_folder.hpp"
#include "render/profile.hpp"

namespace firstring::cli {
namespace {

Result<int> set_line(Context& context) {
  const auto mac = context.mac("MAC");
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  FIRSTRING_TRY(const auto device, find_device(*fleet, mac));
  FIRSTRING_TRY(const auto* model, find_model(device.model));
  const auto number = context.number("N", 0);
  if (number < 1 || number > model->lines) {
    return context.refuse(fmt::format("N: {} has the lines 1 to {}", model->name, model->lines));
  }
  for (const auto* text : {"--user", "--proxy", "--display"}) {
    if (auto checked = render::check_value(context.text(text)); !checked)
      return context.refuse(fmt::format("{}: {}", text, checked.error().what));
  }
  FIRSTRING_TRY(const auto lines, fleet->lines(mac));
  const auto before = std::find_if(lines.begin(), lines.end(), [&](const auto& line) { return line.number == number; });

  store::Line line;
  line.number = number;
  line.user = context.text("--user");
  line.proxy = context.text("--proxy");
  line.display = context.text("--display");
  line.transport = store::parse_transport(context.text("--transport")).value_or(store::Transport::udp);
  line.srtp = context.given("--srtp");
  if (before != lines.end()) line.sealed_password = before->sealed_password;
  if (context.given("--password-file")) {
    FIRSTRING_TRY(const auto password,
                  read_secret(context, "--password-file", fmt::format("password of {}: ", line.user)));
    // A password means itself; nobody writes {{variables}} into one.
    const Secret escaped{escape_braces(password.reveal())};
    if (auto checked = check_secret(escaped.reveal()); !checked)
      return fail(std::move(checked).error().while_("--password-file"));
    FIRSTRING_TRY(const auto box, open_secrets(context));
    line.sealed_password = box.seal(escaped, store::seal_context_line(mac, number));
  }
  FIRSTRING_CHECK(fleet->set_line(mac, line));
  context.terminal().print(fmt::format("line {} of {} is {} at {}{}\n", number, mac.bare(), line.user, line.proxy,
                                       line.sealed_password.empty() ? ", without a password" : ""));
  return 0;
}

Result<int> list_lines(Context& context) {
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  const auto mac = context.mac("MAC");
  FIRSTRING_CHECK(find_device(*fleet, mac));
  FIRSTRING_TRY(const auto lines, fleet->lines(mac));
  Table table{{"LINE", "USER", "PROXY", "DISPLAY", "TRANSPORT", "SRTP", "PASSWORD"}};
  for (const auto& line : lines) {
    const bool password = !line.sealed_password.empty();
    if (context.json()) {
      JsonObject object;
      object.add("mac", mac.bare()).add("line", line.number).add("user", line.user).add("proxy", line.proxy);
      object.add("display", line.display).add("transport", store::to_string(line.transport)).add("srtp", line.srtp);
      context.terminal().print(object.add("password", password).line());
    } else {
      table.add({{std::to_string(line.number)},
                 {line.user},
                 {line.proxy},
                 {line.display},
                 {std::string{store::to_string(line.transport)}},
                 {line.srtp ? "yes" : "no"},
                 {password ? "(secret)" : "none"}});
    }
  }
  if (!context.json()) table.print(context.terminal());
  return 0;
}

}  // namespace

std::vector<Command> line_commands() {
  return {
      {.name = "line set",
       .summary = "Gives one line of a device its SIP account.",
       .description =
           "Written into the model's own parameters when the profile is rendered; a parameter of the same name that a "
           "layer sets is overridden. Without --password-file the line keeps the password that it has.",
       .examples = {"firstring line set 000e08abcdef 1 --user 1001 --proxy sip.example.com --password-file -",
                    "firstring line set 000e08abcdef 2 --user 1002 --proxy sip.example.com --transport tls --srtp"},
       .arguments =
           {mac_argument("the device"),
            {.name = "N", .value = {}, .help = "the line, from 1", .presence = Presence::required, .check = is_number},
            {.name = "--user", .value = "USER", .help = "the SIP user", .presence = Presence::required},
            {.name = "--proxy",
             .value = "PROXY",
             .help = "the SIP proxy, HOST or HOST:PORT",
             .presence = Presence::required},
            {.name = "--password-file",
             .value = "FILE",
             .help = "the password's file, which only its owner may read; - is standard input"},
            {.name = "--display", .value = "NAME", .help = "the name that the called see"},
            {.name = "--transport",
             .value = "HOW",
             .help = "udp (if not given), tcp or tls",
             .check = one_of({"udp", "tcp", "tls"})},
            {.name = "--srtp", .value = {}, .help = "encrypt the voice"}},
       .run = set_line},
      {.name = "line list",
       .summary = "Lists the lines of a device.",
       .description = {},
       .examples = {"firstring line list 000e08abcdef"},
       .arguments = {mac_argument("the device"), json_flag()},
       .run = list_lines},
  };
}

}  // namespace firstring::cli
