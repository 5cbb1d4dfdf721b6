#include <fmt/format.h>
#include <poll.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/interrupt.hpp"
#include "cli/json_object.hpp"
#include "cli/state_folder.hpp"

namespace firstring::cli {
namespace {

constexpr std::chrono::hours kLongest{24};
constexpr unsigned kMostConnections = 1000;
constexpr auto kPollMilliseconds = 100;

/// As the store holds it, or an error.
Result<std::string> who_of(std::string_view text) {
  if (text == "next") return std::string{text};
  if (const auto mac = MacAddress::parse(text)) return mac->bare();
  if (const auto address = IpAddress::parse(text)) return address->to_string();
  return fail(Errc::invalid_input,
              fmt::format("'{}' is neither a MAC address nor an IP address nor 'next'", visible(text, 60)));
}

Result<int> list(const Context& context, store::FleetStore& fleet) {
  FIRSTRING_TRY(const auto orders, fleet.captures());
  const auto time = now();
  Table table{{"WHO", "UNTIL", "STATE", "CAPTURED", "FILES"}};
  for (const auto& order : orders) {
    const std::string_view state = order.is_on(time) ? "on" : "over";
    if (context.json()) {
      JsonObject object;
      object.add("who", order.who).add("ordered", to_iso8601(order.ordered)).add("until", to_iso8601(order.until));
      object.add("state", state).add("wanted", order.wanted).add("files", order.files);
      context.terminal().print(object.line());
    } else {
      table.add({{order.who},
                 {to_iso8601(order.until).substr(0, 19) + "Z"},
                 {std::string{state}},
                 {fmt::format("{} of {}", order.files.size(), order.wanted)},
                 {fmt::format("{}", fmt::join(order.files, " "))}});
    }
  }
  if (context.json()) return 0;
  if (table.empty()) {
    context.terminal().print("nothing is captured\n");
  } else {
    table.print(context.terminal());
  }
  return 0;
}

Result<int> stop(const Context& context, store::FleetStore& fleet, std::string_view who) {
  FIRSTRING_TRY(const auto ended, fleet.end_captures(who, now()));
  context.terminal().print(fmt::format("{} {} ended\n", ended, ended == 1 ? "capture" : "captures"));
  return 0;
}

/// Prints each file as it comes, until the order is over. Ctrl-C ends the waiting, not the order.
Result<int> wait(const Context& context, store::FleetStore& fleet, std::int64_t id,
                 const std::filesystem::path& folder) {
  const InterruptGuard guard;
  auto& terminal = context.terminal();
  std::size_t shown = 0;
  while (!guard.interrupted() && !terminal.reader_gone()) {
    FIRSTRING_TRY(const auto orders, fleet.captures());
    const auto order = std::find_if(orders.begin(), orders.end(), [&](const auto& one) { return one.id == id; });
    if (order == orders.end()) break;
    for (; shown < order->files.size(); ++shown) terminal.print((folder / order->files[shown]).string() + "\n");
    FIRSTRING_CHECK(terminal.flush());
    if (!order->is_on(now())) break;
    ::poll(nullptr, 0, kPollMilliseconds);
  }
  return shown > 0 ? 0 : 1;
}

Result<int> capture(Context& context) {
  std::string who;
  if (context.given("MAC|ADDRESS|next")) {
    auto read = who_of(context.text("MAC|ADDRESS|next"));
    if (!read) return context.refuse(read.error().what);
    who = *std::move(read);
  }
  if (context.given("--list") && context.given("--stop")) return context.refuse("--list and --stop exclude each other");
  if (who.empty() && !context.given("--list") && !context.given("--stop"))
    return context.refuse("say whom: a MAC address, an IP address, or 'next' for whoever comes next");
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  if (context.given("--list")) return list(context, *fleet);
  if (context.given("--stop")) return stop(context, *fleet, who);

  const auto time = context.given("--for") ? context.duration("--for") : std::chrono::hours{1};
  if (time <= std::chrono::milliseconds{0} || time > kLongest)
    return context.refuse("--for: a capture is on for at least 1ms and at most 24h");
  store::CaptureOrder order{
      .id = 0, .who = who, .ordered = now(), .until = {}, .wanted = context.number("--count", 1), .files = {}};
  if (order.wanted == 0 || order.wanted > kMostConnections)
    return context.refuse(fmt::format("--count: from 1 to {} connections", kMostConnections));
  order.until = order.ordered + time;
  FIRSTRING_TRY(const auto id, fleet->order_capture(order));
  FIRSTRING_TRY(const auto dir, state_folder(context));
  const auto folder = dir / "evidence";
  context.terminal().complain(
      fmt::format("until {}, {} of {} written to {}, passwords and all; ends early with: firstring capture --stop",
                  to_iso8601(order.until).substr(0, 19) + "Z",
                  order.wanted == 1 ? "the next connection" : fmt::format("the next {} connections", order.wanted),
                  who == "next" ? "anybody" : who, folder.string()));
  if (const auto mac = MacAddress::parse_bare(who)) {
    FIRSTRING_TRY(const auto records, fleet->device_records());
    const auto record = std::find_if(records.begin(), records.end(), [&](const auto& one) { return one.mac == *mac; });
    if (record != records.end())
      context.terminal().complain(fmt::format(
          "it came from {} last, and is waited for there; if it has moved, capture its new address", record->address));
  }
  if (!context.given("--wait")) return 0;
  return wait(context, *fleet, id, folder);
}

}  // namespace

std::vector<Command> capture_commands() {
  return {
      {.name = "capture",
       .summary = "Records a phone's next connections for Wireshark, already decrypted.",
       .description =
           "Writes one pcapng file a connection into evidence/ of the state folder, with the TLS secrets of that "
           "connection inside: Wireshark and tshark show requests and answers without more ado, and of a handshake "
           "that fails the alert. The files hold what the phone was given, its passwords too. Nothing is captured "
           "unless this asks for it, and never for longer than 24h; beginning and end stand in the ledger as alarms.\n"
           "A MAC address captures what comes from where that phone was seen last (or from anywhere, if it never "
           "came), and keeps only what is that phone's. `firstring evidence` bundles the captures for a vendor and "
           "leaves the passwords out.",
       .examples = {"firstring capture 000e08abcdef --wait", "firstring capture 192.0.2.7 --for 4h --count 3",
                    "firstring capture next --wait"},
       .arguments =
           {{.name = "MAC|ADDRESS|next",
             .value = {},
             .help = "a phone, an IP address, or whoever comes next; not with --list"},
            {.name = "--for", .value = "TIME", .help = "how long, at most 24h; 1h if not given", .check = is_duration},
            {.name = "--count", .value = "N", .help = "how many connections; 1 if not given", .check = is_number},
            {.name = "--wait",
             .value = {},
             .help = "wait, and print the files as they come; exit status 1 if none did"},
            {.name = "--list", .value = {}, .help = "list the captures that are on or were, with their files"},
            {.name = "--stop", .value = {}, .help = "end all captures, or those of that phone or address"},
            json_flag()},
       .run = capture}};
}

}  // namespace firstring::cli
