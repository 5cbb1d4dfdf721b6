#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>

#include "cli/commands.hpp"
#include "cli/interrupt.hpp"
#include "cli/output.hpp"
#include "cli/state_folder.hpp"
#include "manage/captures.hpp"

namespace firstring::cli {
namespace {

constexpr auto kPollMilliseconds = 100;

Result<int> list(const Context& context, const manage::Desk& desk) {
  FIRSTRING_TRY(const auto orders, manage::list_captures(desk));
  const auto time = desk.time();
  print_list(
      context, orders, [&](const store::CaptureOrder& order) { return manage::to_json(order, time); },
      {"WHO", "UNTIL", "STATE", "CAPTURED", "FILES"},
      [&](const store::CaptureOrder& order) -> std::vector<Cell> {
        return {{order.who},
                {in_whole_seconds(order.until)},
                {order.is_on(time) ? "on" : "over"},
                {fmt::format("{} of {}", order.files.size(), order.wanted)},
                {fmt::format("{}", fmt::join(order.files, " "))}};
      },
      "no captures\n");
  return 0;
}

Result<int> stop(const Context& context, const manage::Desk& desk, std::string_view who) {
  FIRSTRING_TRY(const auto ended, manage::end_captures(desk, who));
  context.terminal().print(fmt::format("ended {} {}\n", ended.value, ended.value == 1 ? "capture" : "captures"));
  return 0;
}

/// Prints each file as it comes, until the order is over. Ctrl-C ends the waiting, not the order.
Result<int> wait(const Context& context, const manage::Desk& desk, const manage::OrderedCapture& ordered) {
  const InterruptGuard guard;
  auto& terminal = context.terminal();
  std::size_t shown = 0;
  while (!guard.interrupted() && !terminal.reader_gone()) {
    FIRSTRING_TRY(const auto order, manage::find_capture(desk, ordered.order.id));
    if (!order) break;
    for (; shown < order->files.size(); ++shown) terminal.print((ordered.folder / order->files[shown]).string() + "\n");
    FIRSTRING_CHECK(terminal.flush());
    if (!order->is_on(desk.time())) break;
    ::poll(nullptr, 0, kPollMilliseconds);
  }
  return shown > 0 ? 0 : 1;
}

Result<int> capture(Context& context) {
  std::string who;
  if (context.given("MAC|ADDRESS|next")) {
    auto read = manage::parse_captured(context.text("MAC|ADDRESS|next"));
    if (!read) return context.refuse(read.error());
    who = *std::move(read);
  }
  if (context.given("--list") && context.given("--stop")) return context.refuse("--list and --stop exclude each other");
  if (who.empty() && !context.given("--list") && !context.given("--stop"))
    return context.refuse("name what to capture: a MAC address, an IP address, or 'next' for the next client");
  FIRSTRING_TRY(const auto desk, open_desk(context));
  if (context.given("--list")) return list(context, desk);
  if (context.given("--stop")) return stop(context, desk, who);

  manage::NewCapture wanted{.who = who, .connections = context.number("--count", 1)};
  if (context.given("--for")) wanted.duration = context.duration("--for");
  const auto made = manage::order_capture(desk, wanted);
  if (!made) return context.refuse(made.error());
  const auto& ordered = made->value;
  const auto& order = ordered.order;
  context.terminal().complain(
      fmt::format("until {}, {} of {} written to {}, with passwords; end it early with: firstring capture --stop",
                  in_whole_seconds(order.until),
                  order.wanted == 1 ? "the next connection" : fmt::format("the next {} connections", order.wanted),
                  who == "next" ? "any client" : who, ordered.folder.string()));
  if (ordered.last_address) {
    context.terminal().complain(
        fmt::format("waiting for it at {}, where it came from last; if it has moved, capture its new address",
                    *ordered.last_address));
  }
  if (!context.given("--wait")) return 0;
  return wait(context, desk, ordered);
}

}  // namespace

std::vector<Command> capture_commands() {
  return {
      {.name = "capture",
       .summary = "Records a phone's next connections for Wireshark, already decrypted.",
       .description =
           "Writes one pcapng file a connection into evidence/ of the state folder, with the TLS secrets of that "
           "connection inside: Wireshark and tshark show requests and responses, and the alert of a handshake that "
           "fails. The files contain what the phone was sent, its passwords too. Only this command starts a capture, "
           "for at most 24h; the ledger has its start and end as alarms.\n"
           "A MAC address captures connections from where that phone was seen last (from anywhere, if it never was), "
           "and keeps only those of that phone. `firstring evidence` bundles the captures for a vendor and "
           "leaves the passwords out.",
       .examples = {"firstring capture 000e08abcdef --wait", "firstring capture 192.0.2.7 --for 4h --count 3",
                    "firstring capture next --wait"},
       .arguments =
           {{.name = "MAC|ADDRESS|next",
             .value = {},
             .help = "a phone, an IP address, or the next client; not with --list"},
            {.name = "--for", .value = "TIME", .help = "how long, at most 24h; 1h if not given", .check = is_duration},
            {.name = "--count", .value = "N", .help = "how many connections; 1 if not given", .check = is_number},
            {.name = "--wait",
             .value = {},
             .help = "wait, and print the files as they are written; exit status 1 if none is"},
            {.name = "--list", .value = {}, .help = "list the captures that are on or were, with their files"},
            {.name = "--stop", .value = {}, .help = "end all captures, or those of that phone or address"},
            json_flag()},
       .run = capture}};
}

}  // namespace firstring::cli
