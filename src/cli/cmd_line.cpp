#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/state_folder.hpp"
#include "manage/lines.hpp"

namespace firstring::cli {
namespace {

Result<int> set_line(Context& context) {
  FIRSTRING_TRY(const auto desk, open_desk(context));
  manage::LineChange wanted{
      .mac = context.mac("MAC"),
      .number = context.number("N", 0),
      .user = context.text("--user"),
      .proxy = context.text("--proxy"),
      .display = context.text("--display"),
      .transport = store::parse_transport(context.text("--transport")).value_or(store::Transport::udp),
      .srtp = context.given("--srtp")};
  if (const auto checked = manage::check_line(desk, wanted); !checked) return context.refuse(checked.error());
  if (context.given("--password-file")) {
    // Asked for only when the rest will do.
    FIRSTRING_TRY(wanted.password,
                  read_secret(context, "--password-file", fmt::format("password of {}: ", wanted.user)));
  }
  FIRSTRING_TRY(const auto set, manage::set_line(desk, wanted));
  context.terminal().print(fmt::format("set line {} of {} to {} at {}{}\n", wanted.number, wanted.mac.bare(),
                                       wanted.user, wanted.proxy,
                                       set.value.sealed_password.empty() ? ", without a password" : ""));
  return 0;
}

Result<int> list_lines(Context& context) {
  FIRSTRING_TRY(const auto desk, open_desk(context));
  const auto mac = context.mac("MAC");
  FIRSTRING_TRY(const auto lines, manage::list_lines(desk, mac));
  print_list(
      context, lines, [&](const store::Line& line) { return manage::to_json(mac, line); },
      {"LINE", "USER", "PROXY", "DISPLAY", "TRANSPORT", "SRTP", "PASSWORD"},
      [](const store::Line& line) -> std::vector<Cell> {
        return {{std::to_string(line.number)},
                {line.user},
                {line.proxy},
                {line.display},
                {std::string{store::to_string(line.transport)}},
                {line.srtp ? "yes" : "no"},
                {line.sealed_password.empty() ? "none" : "(secret)"}};
      });
  return 0;
}

}  // namespace

std::vector<Command> line_commands() {
  return {
      {.name = "line set",
       .summary = "Sets the SIP account of one line of a device.",
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
            {.name = "--display", .value = "NAME", .help = "the name shown to those called"},
            {.name = "--transport",
             .value = "HOW",
             .help = "udp (if not given), tcp or tls",
             .check = one_of({"udp", "tcp", "tls"})},
            {.name = "--srtp", .value = {}, .help = "encrypt the media"}},
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
