#include <fmt/format.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/json_object.hpp"
#include "cli/state_folder.hpp"
#include "crypto/demo_pki.hpp"
#include "simulator/simulator.hpp"

namespace firstring::cli {
namespace {

namespace fs = std::filesystem;

/// What the state folder knows of the phone, if there is one; model and serial may also stand in the arguments.
Result<void> describe(const Context& context, simulator::Phone& phone) {
  std::string model = context.text("--model");
  if (state_folder(context)) {
    FIRSTRING_TRY(const auto fleet, open_fleet(context));
    if (const auto device = fleet->device(phone.mac)) {
      if (model.empty()) model = device->model;
      phone.serial = device->serial;
    }
  }
  if (model.empty()) {
    return fail(Errc::not_found,
                fmt::format("the model of {} is not known; name it with --model, or the state folder that "
                            "has it with --dir",
                            phone.mac.bare()));
  }
  FIRSTRING_TRY(const auto* known, find_model(model));
  phone.model = *known;
  return {};
}

/// --cert and --key, else those that `init --demo` left in the state folder.
Result<void> equip(const Context& context, simulator::Phone& phone) {
  fs::path certificate = context.text("--cert");
  fs::path key = context.text("--key");
  if (certificate.empty()) {
    const auto dir = state_folder(context);
    const auto base = dir ? *dir / "demo" / "phones" : fs::path{"demo/phones"};
    certificate = base / (phone.mac.bare() + ".crt");
    key = base / (phone.mac.bare() + ".key");
    std::error_code error;
    if (!fs::exists(certificate, error)) {
      return fail(Errc::not_found,
                  fmt::format("there is no {}; name the phone's certificate with --cert and --key, or send "
                              "none with --no-certificate",
                              certificate.string()));
    }
  }
  FIRSTRING_TRY(auto chain, crypto::Certificate::chain_from_file(certificate));
  FIRSTRING_TRY(auto private_key, crypto::PrivateKey::from_file(key));
  phone.credentials.emplace(simulator::Credentials{std::move(chain), std::move(private_key)});
  return {};
}

/// --ca, else the root of the demonstration's server chains.
Result<std::vector<crypto::Certificate>> trusted(const Context& context) {
  auto files = context.all("--ca");
  if (const auto dir = state_folder(context); files.empty() && dir) {
    const auto demo_root = *dir / "pki" / "server-root.crt";
    std::error_code error;
    if (fs::exists(demo_root, error)) files.push_back(demo_root.string());
  }
  std::vector<crypto::Certificate> all;
  for (const auto& file : files) {
    FIRSTRING_TRY(auto chain, crypto::Certificate::chain_from_file(file));
    all.insert(all.end(), std::make_move_iterator(chain.begin()), std::make_move_iterator(chain.end()));
  }
  return all;
}

JsonObject to_json(const simulator::Report& report) {
  JsonObject object;
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
  std::vector<JsonObject> steps;
  for (const auto& step : report.steps) {
    JsonObject one;
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

  simulator::Phone phone;
  phone.mac = context.mac("--mac");
  phone.firmware = context.text("--firmware");
  FIRSTRING_CHECK(describe(context, phone));

  simulator::Attempt attempt;
  attempt.scheme = context.given("--http") ? simulator::Scheme::http : simulator::Scheme::https;
  attempt.server = context.text("--server");
  attempt.path = context.text("--path");
  if (context.given("--as-mac")) {
    auto other = phone;
    other.mac = context.mac("--as-mac");
    FIRSTRING_TRY(attempt.path, simulator::own_profile_path(other));
  }
  if (attempt.scheme == simulator::Scheme::https) {
    FIRSTRING_TRY(attempt.trust, trusted(context));
    if (!context.given("--no-certificate")) FIRSTRING_CHECK(equip(context, phone));
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
       .summary = "Plays a phone that fetches its profile.",
       .description =
           "Makes the request that the phone would make, and says what the phone makes of the answer. A real TLS "
           "client, with the old or new TLS of that model. Certificate, model and the server's root come "
           "from the state folder if that was made with --demo. Exit status 0 if the phone would be content.",
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
            {.name = "--cert", .value = "FILE", .help = "its certificate, PEM, intermediates behind"},
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
            {.name = "--output", .value = "FILE", .help = "keep what came, with mode 0600: passwords may stand in it"},
            json_flag()},
       .run = simulate}};
}

}  // namespace firstring::cli
