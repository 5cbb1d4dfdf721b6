#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/file.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/state_folder.hpp"
#include "hello/client_hello.hpp"
#include "manage/devices.hpp"

namespace firstring::cli {
namespace {

/// What an operator should know before he waits for the first phone: it may never get in. One line a batch.
void warn_of_known_bad(const Context& context, std::span<const store::Device> devices) {
  for (const auto& found : manage::known_bad_among(devices)) context.terminal().complain("warning: " + found.warning());
}

Result<int> add(Context& context) {
  FIRSTRING_TRY(const auto desk, open_desk(context));
  const auto added = manage::add_device(desk, {.mac = context.mac("MAC"),
                                               .model = context.text("--model"),
                                               .serial = context.text("--serial"),
                                               .group = context.text("--group")});
  if (!added) return context.refuse(added.error());
  const auto& device = added->value;
  context.terminal().print(fmt::format("added device {} ({})\n", device.mac.bare(), device.model));
  warn_of_known_bad(context, {&device, 1});
  return 0;
}

Result<int> list(Context& context) {
  FIRSTRING_TRY(const auto desk, open_desk(context));
  FIRSTRING_TRY(const auto devices, manage::list_devices(desk));
  print_list(context, devices, kToJson, {"MAC", "MODEL", "SERIAL", "GROUP"},
             [](const store::Device& device) -> std::vector<Cell> {
               return {{device.mac.bare()}, {device.model}, {device.serial}, {device.group}};
             });
  return 0;
}

void print(Terminal& terminal, const manage::DeviceView& view) {
  const auto line = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) terminal.print(fmt::format("{:<12}{}\n", name, visible(value)));
  };
  const auto& device = view.device;
  line("MAC", device.mac.colons());
  line("model", device.model);
  line("serial", device.serial);
  line("group", device.group);
  line("added", to_iso8601(device.created));
  for (const auto& account : view.lines) {
    line(fmt::format("line {}", account.number),
         fmt::format("{} at {}, {}{}{}", account.user, account.proxy, store::to_string(account.transport),
                     account.srtp ? ", SRTP" : "", account.sealed_password.empty() ? ", no password" : ""));
  }
  line("parameters", fmt::format("{} of its own; all: firstring layers {}", view.parameters, device.mac.bare()));
  if (const auto& record = view.record) {
    line("last seen", fmt::format("{} at {}{}", to_iso8601(record->last_seen), record->address,
                                  record->firmware.empty() ? "" : ", firmware " + record->firmware));
    line("personality", record->personality);
    line("pinned", fmt::format("{}, key {}", to_iso8601(record->pinned_at), record->key));
    line("ratchet", hello::version_name(record->strongest_version));
  } else {
    line("last seen", "never");
  }
  for (const auto& pardon : view.pardons) {
    if (pardon.kind == store::Pardon::Kind::unpin) {
      line("unpinned", fmt::format("{}; the next certificate is pinned", to_iso8601(pardon.at)));
    } else {
      line("amnesty", fmt::format("until {}{}", to_iso8601(pardon.until), pardon.mac ? "" : ", as for all devices"));
    }
  }
  line("history", fmt::format("firstring explain {}", device.mac.bare()));
  if (view.known_bad != nullptr)
    line("warning", fmt::format("{}. {}", view.known_bad->sentence(), view.known_bad->remedy));
}

Result<int> show(Context& context) {
  FIRSTRING_TRY(const auto desk, open_desk(context));
  FIRSTRING_TRY(const auto view, manage::show_device(desk, context.mac("MAC")));
  if (context.json()) {
    context.terminal().print(manage::to_json(view).line());
  } else {
    print(context.terminal(), view);
  }
  return 0;
}

Result<int> unpin(Context& context) {
  FIRSTRING_TRY(const auto desk, open_desk(context));
  const auto mac = context.mac("MAC");
  FIRSTRING_CHECK(manage::unpin(desk, mac));
  context.terminal().print(
      fmt::format("unpinned {}: the next good certificate that it presents is pinned\n", mac.bare()));
  return 0;
}

Result<void> is_mac_or_all(std::string_view text) { return text == "all" ? Result<void>{} : is_mac(text); }

Result<int> amnesty(Context& context) {
  if (context.given("--for") == context.given("--end")) return context.refuse("write either --for TIME or --end");
  std::optional<MacAddress> mac;
  if (context.text("MAC|all") != "all") mac = context.mac("MAC|all");
  const auto who = mac ? mac->bare() : "all devices";
  FIRSTRING_TRY(const auto desk, open_desk(context));
  if (context.given("--end")) {
    FIRSTRING_CHECK(manage::end_amnesty(desk, mac));
    context.terminal().print(fmt::format("ended the amnesty of {}\n", who));
    return 0;
  }
  const auto granted = manage::grant_amnesty(desk, mac, context.duration("--for"));
  if (!granted) return context.refuse(granted.error());
  context.terminal().print(fmt::format("until {}, {} may offer an older TLS version than before, and keep it\n",
                                       to_iso8601(granted->value.until), who));
  return 0;
}

Result<int> remove(Context& context) {
  FIRSTRING_TRY(const auto desk, open_desk(context));
  const auto mac = context.mac("MAC");
  FIRSTRING_CHECK(manage::remove_device(desk, mac));
  context.terminal().print(fmt::format("removed device {} with its lines and parameters\n", mac.bare()));
  return 0;
}

Result<int> import(Context& context) {
  constexpr std::size_t kMaxFile = 256U << 20;
  const auto file = context.text("FILE.csv");
  FIRSTRING_TRY(const auto desk, open_desk(context));
  FIRSTRING_TRY(const auto text, read_file(file, kMaxFile));
  FIRSTRING_TRY(const auto list, manage::check_device_list(desk, text));
  auto& terminal = context.terminal();
  if (!list.problems.empty()) {
    std::string report;
    for (const auto& problem : list.problems) report += fmt::format("{}:{}: {}\n", file, problem.line, problem.what);
    report.pop_back();
    terminal.complain(report);
  }
  using SteadyClock = std::chrono::steady_clock;
  auto shown = SteadyClock::time_point{};
  const auto imported = manage::import_devices(desk, list, [&](std::size_t done) {
    if (SteadyClock::now() - shown < std::chrono::milliseconds{100}) return;
    shown = SteadyClock::now();
    terminal.progress(fmt::format("importing: {} of {}", done, list.devices.size()));
  });
  terminal.progress({});
  if (!imported && !list.problems.empty()) return fail(imported.error().code, file + ": " + imported.error().what);
  if (!imported) return fail(imported.error());
  terminal.print(fmt::format("added {} device{}\n", list.devices.size(), list.devices.size() == 1 ? "" : "s"));
  warn_of_known_bad(context, list.devices);
  return 0;
}

Result<int> export_(Context& context) {
  FIRSTRING_TRY(const auto desk, open_desk(context));
  FIRSTRING_TRY(const auto text, manage::export_devices(desk));
  if (const auto file = context.text("FILE"); !file.empty()) {
    FIRSTRING_CHECK(write_file(file, text));
  } else {
    context.terminal().print(text);
  }
  return 0;
}

Result<int> pending(Context& context) {
  FIRSTRING_TRY(const auto desk, open_desk(context));
  FIRSTRING_TRY(const auto devices, manage::list_pending(desk));
  print_list(
      context, devices, kToJson, {"MAC", "PRODUCT", "SERIAL", "ADDRESS", "LAST SEEN", "ATTEMPTS"},
      [](const store::PendingDevice& device) -> std::vector<Cell> {
        return {{device.mac.bare()},
                {device.product},
                {device.serial},
                {device.address},
                {to_iso8601(device.last_seen)},
                {std::to_string(device.attempts)}};
      },
      "no device is pending: every one that presented a good certificate has been added\n");
  return 0;
}

}  // namespace

std::vector<Command> device_commands() {
  return {
      {.name = "device add",
       .summary = "Adds one phone or ATA.",
       .description = "A device that has been added gets its profile if it presents its maker's certificate.",
       .examples = {"firstring device add 000e08abcdef --model SPA504G",
                    "firstring device add 00:0E:08:AB:CD:EF --model SPA525G2 --serial CBT153908BX --group lobby"},
       .arguments = {mac_argument("its MAC address, in any usual form"),
                     {.name = "--model",
                      .value = "MODEL",
                      .help = "its model, as in SPA504G; for a wrong one, the list is printed",
                      .presence = Presence::required},
                     {.name = "--serial", .value = "SERIAL", .help = "its serial number"},
                     {.name = "--group", .value = "GROUP", .help = "the group that it belongs to"}},
       .run = add},
      {.name = "device list",
       .summary = "Lists all devices.",
       .description = {},
       .examples = {"firstring device list", "firstring device list --json | head -n 3"},
       .arguments = {json_flag()},
       .run = list},
      {.name = "device show",
       .summary = "Shows one device with its lines, and what the server knows about it.",
       .description = {},
       .examples = {"firstring device show 000e08abcdef"},
       .arguments = {mac_argument("its MAC address"), json_flag()},
       .run = show},
      {.name = "device unpin",
       .summary = "Allows a device a new certificate.",
       .description =
           "The key of a device's first good certificate is pinned; with another key the device is refused its own "
           "file (`[policy] pin` in firstring.toml). After this command the next one is pinned, and with it "
           "the device's TLS version.",
       .examples = {"firstring device unpin 000e08abcdef"},
       .arguments = {mac_argument("its MAC address")},
       .run = unpin},
      {.name = "device amnesty",
       .summary = "Grants devices a grace period to offer an older TLS version than before.",
       .description =
           "A device that offers an older TLS version than it did before is refused its own file (`[policy] ratchet` "
           "in firstring.toml). Grant an amnesty before you downgrade firmware: the version that a device offers in "
           "this time is required of it afterwards.",
       .examples = {"firstring device amnesty 000e08abcdef --for 24h", "firstring device amnesty all --for 7d",
                    "firstring device amnesty all --end"},
       .arguments = {{.name = "MAC|all",
                      .value = {},
                      .help = "its MAC address, or all of them",
                      .presence = Presence::required,
                      .check = is_mac_or_all},
                     {.name = "--for", .value = "TIME", .help = "how long, as in 24h or 7d", .check = is_duration},
                     {.name = "--end", .value = {}, .help = "end the amnesty that was granted before"}},
       .run = amnesty},
      {.name = "device remove",
       .summary = "Removes one device, with its lines and parameters.",
       .description = "The ledger keeps its connections.",
       .examples = {"firstring device remove 000e08abcdef"},
       .arguments = {mac_argument("its MAC address")},
       .run = remove},
      {.name = "device import",
       .summary = "Adds all devices of a CSV file, or none.",
       .description =
           "The first line names the columns: mac,model,serial,group, in any order; serial and group may be left "
           "out. Every bad line is reported with its number; then nothing is added.",
       .examples = {"firstring device import phones.csv"},
       .arguments =
           {{.name = "FILE.csv", .value = {}, .help = "the file (RFC 4180, UTF-8)", .presence = Presence::required}},
       .run = import},
      {.name = "device export",
       .summary = "Writes all devices as the CSV that import reads.",
       .description = {},
       .examples = {"firstring device export phones.csv", "firstring device export | wc -l"},
       .arguments = {{.name = "FILE", .value = {}, .help = "where to; else standard output"}},
       .run = export_},
      {.name = "device pending",
       .summary = "Lists devices that presented a good certificate but have not been added.",
       .description = "Add one with `firstring device add`, or add all of them automatically, for a time, with "
                      "`firstring enrol open`.",
       .examples = {"firstring device pending"},
       .arguments = {json_flag()},
       .run = pending},
  };
}

}  // namespace firstring::cli
