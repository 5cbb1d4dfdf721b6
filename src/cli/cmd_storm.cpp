#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "base/time.hpp"
#include "cli/commands.hpp"
#include "cli/interrupt.hpp"
#include "cli/state_folder.hpp"
#include "crypto/demo_pki.hpp"
#include "manage/device_list.hpp"
#include "manage/json_object.hpp"
#include "manage/playing.hpp"
#include "simulator/storm.hpp"

namespace firstring::cli {
namespace {

using simulator::Ending;
using simulator::Role;
using std::chrono::microseconds;

constexpr unsigned kPhones = 100;
constexpr unsigned kMaxPhones = 200'000;
/// Locally administered (IEEE 802c): no real phone has it.
constexpr auto kFirstMac = "02f1f5000000";
constexpr auto kModel = "SPA504G";
constexpr Ending kFailures[] = {Ending::refused,      Ending::reset,      Ending::closed,    Ending::tls_failed,
                                Ending::other_status, Ending::bad_answer, Ending::timed_out, Ending::abandoned};
constexpr Role kMisbehaving[] = {Role::half_hello, Role::silent, Role::renegotiation, Role::flood};

std::chrono::milliseconds duration_or(const Context& context, std::string_view argument,
                                      std::chrono::milliseconds otherwise) {
  return context.given(argument) ? context.duration(argument) : otherwise;
}

/// With --entered the first --phones of those in the state folder, all if it is not given; else made-up ones, counted
/// up from --first-mac.
Result<std::vector<store::Device>> devices_of(const Context& context) {
  if (context.given("--entered")) {
    FIRSTRING_TRY(const auto desk, open_desk(context));
    return manage::devices_to_play(desk, context.number("--phones", kMaxPhones));
  }
  FIRSTRING_TRY(const auto first,
                MacAddress::parse(context.given("--first-mac") ? context.text("--first-mac") : std::string{kFirstMac}));
  return manage::made_up_devices(context.given("--model") ? context.text("--model") : kModel, first,
                                 context.number("--phones", kPhones));
}

/// The phones' maker: --maker-cert and --maker-key, else that of a state folder made with --demo.
Result<crypto::Issued> find_maker(const Context& context) {
  if (context.given("--maker-cert"))
    return manage::read_maker(context.text("--maker-cert"), context.text("--maker-key"));
  FIRSTRING_TRY(const auto dir, state_folder(context));
  return manage::demo_maker(dir);
}

/// The one key of all phones; beside a maker that is not the demonstration's, a new one unless --phone-key says where.
Result<crypto::PrivateKey> phone_key(const Context& context) {
  if (context.given("--phone-key")) return manage::kept_phone_key(context.text("--phone-key"));
  if (context.given("--maker-cert")) return crypto::demo_phone_key();
  FIRSTRING_TRY(const auto dir, state_folder(context));
  return manage::kept_phone_key(dir / "demo" / "storm.key");
}

double ratio(microseconds a, microseconds b) {
  return b.count() > 0 ? static_cast<double>(a.count()) / static_cast<double>(b.count()) : 0;
}

manage::JsonObject to_json(const simulator::Distribution& times) {
  manage::JsonObject object;
  return object.add("count", times.count)
      .add("p50_us", times.p50.count())
      .add("p90_us", times.p90.count())
      .add("p99_us", times.p99.count())
      .add("max_us", times.max.count());
}

manage::JsonObject to_json(const simulator::StormReport& report) {
  manage::JsonObject object;
  object.add("phones", report.phones).add("served", report.count(Ending::served));
  for (const auto ending : kFailures) object.add(simulator::to_string(ending), report.count(ending));
  manage::JsonObject failures;
  for (const auto& [text, count] : report.failures) failures.add(text, count);
  object.add("failures", failures);
  object.add("until_served_us", report.until_served.count()).add("ideal_us", report.ideal.count());
  object.add("ratio", ratio(report.until_served, report.ideal)).add("wall_us", report.wall.count());
  object.add("added", to_json(report.added)).add("added_resumed", to_json(report.added_resumed));
  object.add("lateness", to_json(report.lateness));
  object.add("connections", report.connections).add("resumed", report.resumed).add("most_open", report.most_open);
  object.add("answer_bytes", report.answer_bytes).add("client_cpu_us", report.client_cpu.count());
  manage::JsonObject misbehaving;
  for (const auto role : kMisbehaving) {
    manage::JsonObject one;
    const auto& peers = report.of(role);
    one.add("came", peers.came).add("refused", peers.refused).add("closed_by_server", peers.closed_by_server);
    misbehaving.add(simulator::to_string(role), one);
  }
  return object.add("misbehaving", misbehaving);
}

std::string line_of(const simulator::Distribution& times) {
  return fmt::format("half within {}, 90 % within {}, 99 % within {}, all within {}", in_milliseconds(times.p50),
                     in_milliseconds(times.p90), in_milliseconds(times.p99), in_milliseconds(times.max));
}

void print(const Context& context, const simulator::StormReport& report) {
  auto& terminal = context.terminal();
  terminal.print(fmt::format("{} of {} phones served, the last {} after the first came; {} is ideal (ratio {:.2f})\n",
                             report.count(Ending::served), report.phones, in_seconds(report.until_served),
                             in_seconds(report.ideal), ratio(report.until_served, report.ideal)));
  for (const auto& [text, count] : report.failures)
    terminal.print(fmt::format("FAILED {}: {}\n", count, visible(text)));
  if (report.phones > 0 && report.count(Ending::other_status) == report.phones) {
    terminal.print(
        "All got a response and none its profile: the server may not know these phones. Add them with\n"
        "  firstring storm --phones N --print-devices > phones.csv && firstring device import phones.csv\n"
        "or simulate those that have been added: --entered\n");
  }
  terminal.print(fmt::format("added by server and queue: {}\n", line_of(report.added)));
  if (report.added_resumed.count > 0) {
    terminal.print(fmt::format("further visits: {}, {} of them resumed: {}\n", report.added_resumed.count,
                               report.resumed, line_of(report.added_resumed)));
  }
  for (const auto role : kMisbehaving) {
    const auto& peers = report.of(role);
    if (peers.came == 0) continue;
    terminal.print(fmt::format("misbehaving, {}: {} came, {} refused, {} closed by the server\n",
                               simulator::to_string(role), peers.came, peers.refused, peers.closed_by_server));
  }
  terminal.print(
      fmt::format("this side: {} connections, {} phones at once, {} CPU ({} a phone, {:.0f} % of the time), "
                  "arrivals late by {} (99 %)\n",
                  report.connections, report.most_open, in_seconds(report.client_cpu),
                  in_milliseconds(report.client_cpu / std::max(report.phones, 1U)),
                  100 * ratio(report.client_cpu, report.wall), in_milliseconds(report.lateness.p99)));
  if (ratio(report.client_cpu, report.wall) > 0.9 || report.lateness.p99 > std::chrono::milliseconds{100})
    terminal.print("this side could not keep up: its measurements say little about the server\n");
}

Result<int> storm(Context& context) {
  if (context.given("--maker-cert") != context.given("--maker-key"))
    return context.refuse("--maker-cert and --maker-key go together");
  if (context.given("--entered") && (context.given("--model") || context.given("--first-mac")))
    return context.refuse("--entered excludes --model and --first-mac: the state folder knows them");
  const auto count = context.number("--phones", kPhones);
  if (count < 1 || count > kMaxPhones) return context.refuse(fmt::format("--phones is 1 to {}", kMaxPhones));
  if (context.number("--misbehaving", 0) > 100) return context.refuse("--misbehaving is 0 to 100");

  FIRSTRING_TRY(const auto devices, devices_of(context));
  if (context.given("--print-devices")) {
    context.terminal().print(manage::write_device_list(devices));
    return 0;
  }
  if (!context.given("--server")) return context.refuse("--server is missing");
  FIRSTRING_TRY(const auto maker, find_maker(context));
  FIRSTRING_TRY(auto key, phone_key(context));
  auto shown = std::chrono::steady_clock::now() + std::chrono::seconds{1};
  FIRSTRING_TRY(auto phones, manage::make_storm_phones(devices, key, maker, [&](std::size_t done) {
                  const auto time = std::chrono::steady_clock::now();
                  if (time - shown < std::chrono::milliseconds{200}) return;
                  shown = time;
                  context.terminal().progress(fmt::format("making certificates: {} of {}", done, devices.size()));
                }));
  simulator::StormPlan plan{.server = context.text("--server"),
                            .path = context.text("--path"),
                            .phones = std::move(phones),
                            .key = std::move(key)};
  if (context.given("--tls")) {
    FIRSTRING_TRY(plan.tls, simulator::find_client_traits(context.text("--tls")));
  }
  plan.over = duration_or(context, "--over", plan.over);
  plan.think = duration_or(context, "--think", plan.think);
  plan.deadline = duration_or(context, "--deadline", plan.deadline);
  plan.misbehaving = static_cast<unsigned>(plan.phones.size()) * context.number("--misbehaving", 0) / 100;
  plan.sources = context.number("--sources", 0);
  plan.resumptions = context.number("--resume", 0);
  plan.seed = context.number("--seed", 1);

  const InterruptGuard interrupts;
  FIRSTRING_TRY(const auto report, simulator::run_storm(plan, [&](const simulator::StormProgress& now) {
                  context.terminal().progress(fmt::format("{} s: {} of {} phones came, {} served, {} failed",
                                                          now.elapsed.count() / 1000, now.arrived, plan.phones.size(),
                                                          now.served, now.failed));
                  return !interrupts.interrupted();
                }));
  context.terminal().progress({});
  if (context.json()) {
    context.terminal().print(to_json(report).line());
  } else {
    print(context, report);
  }
  return report.count(Ending::served) == report.phones ? 0 : 1;
}

std::string tls_clients() {
  std::string names;
  for (const auto& traits : simulator::client_traits()) names.append(names.empty() ? "" : ", ").append(traits.name);
  return names;
}

}  // namespace

std::vector<Command> storm_commands() {
  return {
      {.name = "storm",
       .summary = "Simulates a whole fleet that comes back after a power cut.",
       .description =
           "Each phone comes at a moment of its own, speaks the TLS of its model, computes for a while inside the "
           "handshake as old phones do, and fetches its profile. It tries once, and anything that keeps it from its "
           "profile counts as a failure. It does not check the server's certificate. Exit status 0 if all were "
           "served.\n"
           "The phones' certificates are signed by the maker of a state folder made with --demo, or by another; all "
           "share one key. The server must know the phones: --print-devices lists them for `firstring device import`.\n"
           "For thousands of phones allow this program and the server enough open files (ulimit -n).",
       .examples = {"firstring storm --phones 2000 --print-devices",
                    "firstring storm --dir demo --server localhost:8443 --phones 2000 --misbehaving 10 --sources 500",
                    "firstring storm --server 192.0.2.1:443 --path /$MA.xml --maker-cert ca.crt --maker-key ca.key"},
       .arguments =
           {{.name = "--server", .value = "HOST:PORT", .help = "where to; any server, not only this one"},
            {.name = "--phones", .value = "N", .help = "how many phones (100)", .check = is_number},
            {.name = "--over", .value = "TIME", .help = "the time within which they come (40s)", .check = is_duration},
            {.name = "--think",
             .value = "TIME",
             .help = "what each computes in a full handshake, before its own flight (6s)",
             .check = is_duration},
            {.name = "--deadline", .value = "TIME", .help = "when all is ended (10m)", .check = is_duration},
            {.name = "--model", .value = "MODEL", .help = "what they are (SPA504G)"},
            {.name = "--tls", .value = "CLIENT", .help = "in place of their model's TLS one of: " + tls_clients()},
            {.name = "--path",
             .value = "PATH",
             .help = "ask for this file in place of their own profile; may hold macros, as in /$MA.xml"},
            {.name = "--first-mac",
             .value = "MAC",
             .help = "the first phone's; the others count up (02f1f5000000, which no real phone has)",
             .check = is_mac},
            {.name = "--entered", .value = {}, .help = "simulate the devices of the state folder, or N of them"},
            {.name = "--print-devices",
             .value = {},
             .help = "print the phones as CSV for `device import`, and no more"},
            {.name = "--maker-cert", .value = "FILE", .help = "the CA that signs the phones' certificates, PEM"},
            {.name = "--maker-key", .value = "FILE", .help = "its key, PEM, which only its owner may read"},
            {.name = "--phone-key",
             .value = "FILE",
             .help = "the key that all phones share, PEM; made if it is not there (DIR/demo/storm.key)"},
            {.name = "--resume",
             .value = "TIMES",
             .help = "how often each comes again at once with its TLS session (0)",
             .check = is_number},
            {.name = "--misbehaving",
             .value = "PERCENT",
             .help = "further peers, as a percentage of the phones: half hellos, silence after the server's flight, "
                     "tries to renegotiate, and a flood from one address, in equal parts (0)",
             .check = is_number},
            {.name = "--sources",
             .value = "N",
             .help = "come from so many addresses of 127.1.0.0/16, misbehaving peers from others; only for a server on "
                     "this machine",
             .check = is_number},
            {.name = "--seed", .value = "NUMBER", .help = "another order of arrivals (1)", .check = is_number},
            json_flag()},
       .run = storm}};
}

}  // namespace firstring::cli
