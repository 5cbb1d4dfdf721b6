#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <span>

#include "base/file.hpp"
#include "cli/commands.hpp"
#include "cli/device_list.hpp"
#include "cli/json_object.hpp"
#include "cli/state_folder.hpp"
#include "device/known_bad.hpp"
#include "hello/client_hello.hpp"

namespace firstring::cli {
namespace {

JsonObject to_json(const store::Device& device) {
  JsonObject object;
  object.add("mac", device.mac.bare()).add("model", device.model).add("serial", device.serial);
  object.add("group", device.group).add("created", to_iso8601(device.created));
  const auto* bad = device::find_known_bad(device.model, device.serial);
  return object.add("known_bad", bad == nullptr ? std::string{} : bad->name);
}

/// What an operator should know before he waits for the first phone: it may never get in. One line a batch.
void warn_of_known_bad(const Context& context, std::span<const store::Device> devices) {
  for (const auto& batch : device::known_bad_hardware()) {
    const auto is_of_it = [&](const store::Device& device) {
      return device::find_known_bad(device.model, device.serial) == &batch;
    };
    const auto first = std::find_if(devices.begin(), devices.end(), is_of_it);
    if (first == devices.end()) continue;
    const auto more = std::count_if(first + 1, devices.end(), is_of_it);
    context.terminal().complain(fmt::format("warning: device {}{}: {}. {}", first->mac.bare(),
                                            more > 0 ? fmt::format(" and {} more", more) : "", batch.sentence(),
                                            batch.remedy));
  }
}

Result<int> add(Context& context) {
  const auto mac = context.mac("MAC");
  const auto model = find_model(context.text("--model"));
  if (!model) return context.refuse(model.error().what);
  const store::Device device{.mac = mac,
                             .model = (*model)->name,
                             .serial = context.text("--serial"),
                             .group = context.text("--group"),
                             .created = now()};
  if (const auto bad = bad_label(device.serial); !bad.empty()) return context.refuse("--serial: it " + bad);

  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  if (fleet->device(mac)) {
    return fail(Errc::conflict,
                fmt::format("device {} is already there; see: firstring device show {}", mac.bare(), mac.bare()));
  }
  if (!device.group.empty()) FIRSTRING_CHECK(check_group(*fleet, device.group));
  FIRSTRING_CHECK(fleet->add_device(device));
  context.terminal().print(fmt::format("device {} is entered as {}\n", mac.bare(), device.model));
  warn_of_known_bad(context, {&device, 1});
  return 0;
}

Result<int> list(Context& context) {
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  FIRSTRING_TRY(const auto devices, fleet->devices());
  Table table{{"MAC", "MODEL", "SERIAL", "GROUP"}};
  for (const auto& device : devices) {
    if (context.json()) {
      context.terminal().print(to_json(device).line());
    } else {
      table.add({{device.mac.bare()}, {device.model}, {device.serial}, {device.group}});
    }
  }
  if (!context.json()) table.print(context.terminal());
  return 0;
}

JsonObject to_json(const store::DeviceRecord& record) {
  JsonObject object;
  object.add("last_seen", to_iso8601(record.last_seen)).add("address", record.address).add("ja3", record.ja3);
  object.add("personality", record.personality).add("model", record.model).add("firmware", record.firmware);
  object.add("certificate", record.certificate).add("key", record.key);
  object.add("pinned_at", to_iso8601(record.pinned_at));
  return object.add("strongest_version", hello::version_name(record.strongest_version));
}

JsonObject to_json(const store::Pardon& pardon) {
  JsonObject object;
  object.add("kind", store::to_string(pardon.kind)).add("all", !pardon.mac.has_value());
  return object.add("at", to_iso8601(pardon.at)).add("until", to_iso8601(pardon.until));
}

/// The pardons that can still have an effect on the device.
Result<std::vector<store::Pardon>> pardons_of(store::FleetStore& fleet, const MacAddress& mac,
                                              const std::optional<store::DeviceRecord>& record) {
  FIRSTRING_TRY(auto pardons, fleet.pardons());
  const auto time = now();
  std::erase_if(pardons, [&](const store::Pardon& one) {
    if (one.mac && *one.mac != mac) return true;
    return one.kind == store::Pardon::Kind::amnesty ? one.until <= time : record && one.at < record->pinned_at;
  });
  return pardons;
}

Result<int> show(Context& context) {
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  FIRSTRING_TRY(const auto device, find_device(*fleet, context.mac("MAC")));
  FIRSTRING_TRY(const auto lines, fleet->lines(device.mac));
  FIRSTRING_TRY(const auto parameters, fleet->parameters(store::Scope::of_device(device.mac)));
  FIRSTRING_TRY(const auto record, fleet->device_record(device.mac));
  FIRSTRING_TRY(const auto pardons, pardons_of(*fleet, device.mac, record));
  auto& terminal = context.terminal();
  if (context.json()) {
    std::vector<JsonObject> accounts;
    for (const auto& line : lines) {
      JsonObject account;
      account.add("line", line.number).add("user", line.user).add("proxy", line.proxy).add("display", line.display);
      account.add("transport", store::to_string(line.transport)).add("srtp", line.srtp);
      account.add("password", !line.sealed_password.empty());
      accounts.push_back(std::move(account));
    }
    std::vector<JsonObject> granted;
    for (const auto& pardon : pardons) granted.push_back(to_json(pardon));
    auto object = to_json(device);
    object.add("lines", accounts).add("parameters", parameters.size());
    if (record) {
      object.add("record", to_json(*record));
    } else {
      object.add_null("record");
    }
    terminal.print(object.add("pardons", granted).line());
    return 0;
  }
  const auto print = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) terminal.print(fmt::format("{:<12}{}\n", name, visible(value)));
  };
  print("MAC", device.mac.colons());
  print("model", device.model);
  print("serial", device.serial);
  print("group", device.group);
  print("entered", to_iso8601(device.created));
  for (const auto& line : lines) {
    print(fmt::format("line {}", line.number),
          fmt::format("{} at {}, {}{}{}", line.user, line.proxy, store::to_string(line.transport),
                      line.srtp ? ", SRTP" : "", line.sealed_password.empty() ? ", no password" : ""));
  }
  print("parameters", fmt::format("{} of its own; all: firstring layers {}", parameters.size(), device.mac.bare()));
  if (record) {
    print("last seen", fmt::format("{} at {}{}", to_iso8601(record->last_seen), record->address,
                                   record->firmware.empty() ? "" : ", firmware " + record->firmware));
    print("personality", record->personality);
    print("pinned", fmt::format("{}, key {}", to_iso8601(record->pinned_at), record->key));
    print("ratchet", hello::version_name(record->strongest_version));
  } else {
    print("last seen", "never");
  }
  for (const auto& pardon : pardons) {
    if (pardon.kind == store::Pardon::Kind::unpin) {
      print("unpinned", fmt::format("{}; the next certificate is pinned", to_iso8601(pardon.at)));
    } else {
      print("amnesty", fmt::format("until {}{}", to_iso8601(pardon.until), pardon.mac ? "" : ", as for all devices"));
    }
  }
  print("history", fmt::format("firstring explain {}", device.mac.bare()));
  if (const auto* bad = device::find_known_bad(device.model, device.serial)) {
    print("warning", fmt::format("{}. {}", bad->sentence(), bad->remedy));
  }
  return 0;
}

Result<int> unpin(Context& context) {
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  const auto mac = context.mac("MAC");
  FIRSTRING_CHECK(find_device(*fleet, mac));
  const auto time = now();
  FIRSTRING_CHECK(fleet->pardon({.kind = store::Pardon::Kind::unpin, .mac = mac, .at = time, .until = time}));
  context.terminal().print(fmt::format("the next good certificate that {} comes with is pinned\n", mac.bare()));
  return 0;
}

Result<void> is_mac_or_all(std::string_view text) { return text == "all" ? Result<void>{} : is_mac(text); }

Result<int> amnesty(Context& context) {
  constexpr auto kKind = store::Pardon::Kind::amnesty;
  if (context.given("--for") == context.given("--end")) return context.refuse("write either --for TIME or --end");
  std::optional<MacAddress> mac;
  if (context.text("MAC|all") != "all") mac = context.mac("MAC|all");
  const auto who = mac ? mac->bare() : "all devices";
  const auto duration = context.given("--for") ? context.duration("--for") : std::chrono::milliseconds{1};
  if (duration <= std::chrono::milliseconds{0} || duration > std::chrono::days{30}) {
    return context.refuse("--for: an amnesty lasts at least 1ms and at most 30d");
  }
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  if (mac) FIRSTRING_CHECK(find_device(*fleet, *mac));
  if (context.given("--end")) {
    FIRSTRING_CHECK(fleet->end_pardon(kKind, mac));
    context.terminal().print(fmt::format("the amnesty of {} has ended\n", who));
    return 0;
  }
  const auto time = now();
  FIRSTRING_CHECK(fleet->pardon({.kind = kKind, .mac = mac, .at = time, .until = time + duration}));
  context.terminal().print(fmt::format("until {}, {} may come with an older TLS version than before, and keep it\n",
                                       to_iso8601(time + duration), who));
  return 0;
}

Result<int> remove(Context& context) {
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  const auto mac = context.mac("MAC");
  FIRSTRING_CHECK(find_device(*fleet, mac));
  FIRSTRING_CHECK(fleet->remove_device(mac));
  context.terminal().print(fmt::format("device {} is removed, with its lines and parameters\n", mac.bare()));
  return 0;
}

Result<int> import(Context& context) {
  constexpr std::size_t kMaxFile = 256U << 20;
  const auto file = context.text("FILE.csv");
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  FIRSTRING_TRY(const auto text, read_file(file, kMaxFile));
  FIRSTRING_TRY(const auto existing, fleet->devices());
  FIRSTRING_TRY(const auto groups, fleet->groups());
  const auto list = read_device_list(text, device::Catalogue::shipped(), existing, groups, now());
  auto& terminal = context.terminal();
  if (!list.problems.empty()) {
    std::string report;
    for (const auto& problem : list.problems) report += fmt::format("{}:{}: {}\n", file, problem.line, problem.what);
    report.pop_back();
    terminal.complain(report);
    return fail(Errc::invalid_input, fmt::format("{} has {} bad line{}; nothing is entered", file, list.problems.size(),
                                                 list.problems.size() == 1 ? "" : "s"));
  }
  using Clock = std::chrono::steady_clock;
  auto shown = Clock::time_point{};
  FIRSTRING_CHECK(fleet->add_devices(list.devices, [&](std::size_t done) {
    if (Clock::now() - shown < std::chrono::milliseconds{100}) return;
    shown = Clock::now();
    terminal.progress(fmt::format("importing: {} of {}", done, list.devices.size()));
  }));
  terminal.progress({});
  terminal.print(fmt::format("{} device{} entered\n", list.devices.size(), list.devices.size() == 1 ? " is" : "s are"));
  warn_of_known_bad(context, list.devices);
  return 0;
}

Result<int> export_(Context& context) {
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  FIRSTRING_TRY(const auto devices, fleet->devices());
  const auto text = write_device_list(devices);
  if (const auto file = context.text("FILE"); !file.empty()) {
    FIRSTRING_CHECK(write_file(file, text));
  } else {
    context.terminal().print(text);
  }
  return 0;
}

Result<int> pending(Context& context) {
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  FIRSTRING_TRY(const auto devices, fleet->pending());
  Table table{{"MAC", "PRODUCT", "SERIAL", "ADDRESS", "LAST SEEN", "ATTEMPTS"}};
  for (const auto& device : devices) {
    if (context.json()) {
      JsonObject object;
      object.add("mac", device.mac.bare()).add("product", device.product).add("serial", device.serial);
      object.add("address", device.address).add("user_agent", device.user_agent);
      object.add("first_seen", to_iso8601(device.first_seen)).add("last_seen", to_iso8601(device.last_seen));
      context.terminal().print(object.add("attempts", device.attempts).line());
    } else {
      table.add({{device.mac.bare()},
                 {device.product},
                 {device.serial},
                 {device.address},
                 {to_iso8601(device.last_seen)},
                 {std::to_string(device.attempts)}});
    }
  }
  if (context.json()) return 0;
  if (table.empty()) {
    context.terminal().print("no device waits: each that came with a good certificate is entered\n");
  } else {
    table.print(context.terminal());
  }
  return 0;
}

}  // namespace

std::vector<Command> device_commands() {
  return {
      {.name = "device add",
       .summary = "Enters one phone or ATA.",
       .description = "A device that is entered gets its profile when it comes with its maker's certificate.",
       .examples = {"firstring device add 000e08abcdef --model SPA504G",
                    "firstring device add 00:0E:08:AB:CD:EF --model SPA525G2 --serial CBT153908BX --group lobby"},
       .arguments = {mac_argument("its MAC address, in any usual form"),
                     {.name = "--model",
                      .value = "MODEL",
                      .help = "its model, as in SPA504G; a wrong one is answered with the list",
                      .presence = Presence::required},
                     {.name = "--serial", .value = "SERIAL", .help = "its serial number"},
                     {.name = "--group", .value = "GROUP", .help = "the group that it belongs to"}},
       .run = add},
      {.name = "device list",
       .summary = "Lists the devices that are entered.",
       .description = {},
       .examples = {"firstring device list", "firstring device list --json | head -n 3"},
       .arguments = {json_flag()},
       .run = list},
      {.name = "device show",
       .summary = "Shows one device with its lines, and what the server has learnt of it.",
       .description = {},
       .examples = {"firstring device show 000e08abcdef"},
       .arguments = {mac_argument("its MAC address"), json_flag()},
       .run = show},
      {.name = "device unpin",
       .summary = "Allows a device a new certificate.",
       .description =
           "The key of the first good certificate that a device comes with is pinned; with another key it is refused "
           "its own file (`[policy] pin` in firstring.toml). After this command the next one is pinned, and with it "
           "the device's TLS version.",
       .examples = {"firstring device unpin 000e08abcdef"},
       .arguments = {mac_argument("its MAC address")},
       .run = unpin},
      {.name = "device amnesty",
       .summary = "Allows devices an older TLS version than before, for a time.",
       .description =
           "A device that offers an older TLS version than it did before is refused its own file (`[policy] ratchet` "
           "in firstring.toml). Before firmware is set back, allow for it: what a device shows during an amnesty is "
           "what it is held to afterwards.",
       .examples = {"firstring device amnesty 000e08abcdef --for 24h", "firstring device amnesty all --for 7d",
                    "firstring device amnesty all --end"},
       .arguments = {{.name = "MAC|all",
                      .value = {},
                      .help = "its MAC address, or all of them",
                      .presence = Presence::required,
                      .check = is_mac_or_all},
                     {.name = "--for", .value = "TIME", .help = "how long, as in 24h or 7d", .check = is_duration},
                     {.name = "--end", .value = {}, .help = "ends the one that was granted before"}},
       .run = amnesty},
      {.name = "device remove",
       .summary = "Removes one device, with its lines and parameters.",
       .description = "The ledger keeps what it did.",
       .examples = {"firstring device remove 000e08abcdef"},
       .arguments = {mac_argument("its MAC address")},
       .run = remove},
      {.name = "device import",
       .summary = "Enters all devices of a CSV file, or none.",
       .description =
           "The first line names the columns: mac,model,serial,group, in any order; serial and group may be left "
           "out. Every bad line is reported with its number; then nothing is entered.",
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
       .summary = "Lists devices that came with a good certificate but are not entered.",
       .description =
           "Enter one with `firstring device add`, or let them all in for a time with `firstring enrol open`.",
       .examples = {"firstring device pending"},
       .arguments = {json_flag()},
       .run = pending},
  };
}

}  // namespace firstring::cli
