#include <fmt/format.h>

#include "base/file.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/state_folder.hpp"
#include "manage/json_object.hpp"
#include "manage/playing.hpp"
#include "simulator/simulator.hpp"

namespace firstring::cli {
namespace {

manage::JsonObject to_json(const simulator::Report& report) {
  manage::JsonObject object;
  object.add("outcome", simulator::to_string(report.outcome)).add("path", report.path).add("next", report.next);
  object.add("status", report.answer ? report.answer->status : 0)
      .add("bytes", report.answer ? report.answer->body.size() : 0);
  object.add("version", report.tls ? report.tls->version : "").add("cipher", report.tls ? report.tls->cipher : "");
  object.add("key_exchange", report.tls ? report.tls->key_exchange : "");
  object.add("certificate_asked", report.tls && report.tls->certificate_asked);
  object.add("certificate_sent", report.tls && report.tls->certificate_sent);
  object.add("renegotiation_asked", report.tls && report.tls->renegotiation_asked);
  object.add("alert", report.tls && report.tls->received ? simulator::to_string(*report.tls->received) : "");
  object.add("parameters", report.document ? report.document->parameters : 0);
  std::vector<manage::JsonObject> steps;
  for (const auto& step : report.steps) {
    manage::JsonObject one;
    one.add("name", step.name).add("ok", step.ok).add("text", step.text).add("took_us", step.took.count());
    steps.push_back(std::move(one));
  }
  return object.add("steps", steps);
}

void print(Terminal& terminal, const simulator::Report& report) {
  for (const auto& step : report.steps) {
    const auto line = visible(simulator::to_line(step));
    const bool red = !step.ok && terminal.colour();
    terminal.print(red ? fmt::format("\x1b[31m{}\x1b[0m\n", line) : line + "\n");
  }
  if (report.answer && report.answer->status >= 400) {
    terminal.print(fmt::format("the server says: {}\n", visible(trim(report.answer->body), 200)));
  }
  terminal.print(fmt::format("\n{}: {}\n", simulator::to_string(report.outcome), visible(report.next)));
}

Result<int> simulate(Context& context) {
  if (context.given("--cert") != context.given("--key")) return context.refuse("--cert and --key go together");
  if (context.given("--cert") && context.given("--no-certificate"))
    return context.refuse("--cert and --no-certificate exclude each other");
  if (context.given("--path") && context.given("--as-mac"))
    return context.refuse("--path and --as-mac exclude each other");

  const auto dir = to_optional(state_folder(context));
  const bool https = !context.given("--http");
  FIRSTRING_TRY(const auto phone,
                manage::phone_to_play({.mac = context.mac("--mac"),
                                       .dir = dir,
                                       .model = context.text("--model"),
                                       .firmware = context.text("--firmware"),
                                       .with_certificate = https && !context.given("--no-certificate"),
                                       .certificate = context.text("--cert"),
                                       .key = context.text("--key")}));
  simulator::Attempt attempt;
  attempt.scheme = https ? simulator::Scheme::https : simulator::Scheme::http;
  attempt.server = context.text("--server");
  attempt.path = context.text("--path");
  if (context.given("--as-mac")) {
    auto other = phone;
    other.mac = context.mac("--as-mac");
    FIRSTRING_TRY(attempt.path, simulator::own_profile_path(other));
  }
  if (https) {
    FIRSTRING_TRY(attempt.trust, manage::roots_to_trust(context.all("--ca"), dir));
  }

  FIRSTRING_TRY(const auto report, simulator::run(phone, attempt));
  if (context.json()) {
    context.terminal().print(to_json(report).line());
  } else {
    print(context.terminal(), report);
  }
  if (const auto file = context.text("--output"); !file.empty() && report.answer) {
    // It may hold the account's password.
    FIRSTRING_CHECK(write_file(file, report.answer->body, 0600));
  }
  return report.outcome == simulator::Outcome::success ? 0 : 1;
}

}  // namespace

std::vector<Command> simulate_commands() {
  return {
      {.name = "simulate",
       .summary = "Simulates a phone that fetches its profile.",
       .description =
           "Makes the request that the phone would make, and says what the phone would do with the response. A real "
           "TLS "
           "client, with the old or new TLS of that model. Certificate, model and the server's root come "
           "from the state folder if that was made with --demo. Exit status 0 if the phone would accept its profile.",
       .examples = {"firstring simulate --dir demo --server localhost:8443 --mac 000e08000504",
                    "firstring simulate --dir demo --server localhost:8443 --mac 000e08000504 --no-certificate",
                    "firstring simulate --server 192.0.2.1:443 --mac 000e08abcdef --model SPA504G --cert phone.crt "
                    "--key phone.key"},
       .arguments =
           {{.name = "--server",
             .value = "HOST:PORT",
             .help = "where to; any server, not only this one",
             .presence = Presence::required},
            {.name = "--mac", .value = "MAC", .help = "the phone", .presence = Presence::required, .check = is_mac},
            {.name = "--model", .value = "MODEL", .help = "its model; else as the state folder knows it"},
            {.name = "--firmware", .value = "VERSION", .help = "its firmware; else the newest known"},
            {.name = "--cert", .value = "FILE", .help = "its certificate, PEM, followed by intermediates"},
            {.name = "--key", .value = "FILE", .help = "its key, PEM, which only its owner may read"},
            {.name = "--no-certificate", .value = {}, .help = "send no certificate"},
            {.name = "--ca",
             .value = "FILE",
             .help = "roots that the phone trusts, PEM; without any the server is not checked",
             .count = Count::many},
            {.name = "--as-mac", .value = "MAC", .help = "ask for the profile of this device instead", .check = is_mac},
            {.name = "--path",
             .value = "PATH",
             .help = "ask for this file; may hold the phone's macros, as in /$MA.xml"},
            {.name = "--http", .value = {}, .help = "plain HTTP, as a phone's first contact is"},
            {.name = "--output",
             .value = "FILE",
             .help = "keep the response, with mode 0600: it may contain passwords"},
            json_flag()},
       .run = simulate}};
}

}  // namespace firstring::cli
