#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "base/file.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/state_folder.hpp"
#include "manage/personalities.hpp"

namespace firstring::cli {
namespace {

/// As `serve` would have them, or those that are shipped.
manage::KnownPersonalities known_here(const Context& context) {
  auto known = manage::known_personalities(to_optional(state_folder(context)));
  if (!known.warning.empty()) context.terminal().complain(known.warning);
  return known;
}

Result<int> list_personalities(Context& context) {
  const auto known = known_here(context);
  print_list(
      context, known.all(), [&](const tls::Personality* one) { return manage::to_json(known, *one); },
      {"NAME", "CHAIN", "VERSIONS", "LISTENERS", "FOR"},
      [&](const tls::Personality* one) -> std::vector<Cell> {
        const auto listeners = known.listeners_of(*one);
        return {{one->name, listeners.empty() ? Colour::none : Colour::bold},
                {one->chain},
                {tls::versions_of(*one)},
                {listeners.empty() ? "-" : fmt::format("{}", fmt::join(listeners, " "))},
                {one->description}};
      });
  return 0;
}

std::string page_of(const manage::KnownPersonalities& known, const tls::Personality& one) {
  std::string text = fmt::format("{}: {}\n\n", one.name, one.description);
  const auto line = [&](std::string_view what, std::string_view value) {
    text += fmt::format("  {:<22} {}\n", what, value);
  };
  const auto lines = [&](std::string_view what, const std::vector<std::string>& values, std::string_view otherwise) {
    if (values.empty()) line(what, otherwise);
    for (std::size_t i = 0; i < values.size(); ++i) line(i == 0 ? what : "", values[i]);
  };
  for (const auto& [label, value] : manage::knobs_of(one)) line(label, value);
  lines("cipher suites", manage::suites_of(one), "none");
  lines("for whom", manage::matches_of(one), "no client by its own rules");
  lines("rules that lead here", known.rules_to(one), "none");
  lines("listeners", known.listeners_of(one), "none here allows it");
  return text;
}

Result<int> show_personality(Context& context) {
  const auto known = known_here(context);
  FIRSTRING_TRY(const auto* one, known.find(context.text("NAME")));
  context.terminal().print(context.json() ? manage::to_json_in_full(known, *one).line() : page_of(known, *one));
  return 0;
}

/// As people copy it: in lines, or in pairs with colons.
Result<Bytes> from_loose_hex(std::string_view text) {
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits),
               [](char c) { return c != ' ' && c != '\n' && c != '\r' && c != '\t' && c != ':'; });
  return from_hex(digits);
}

/// Hexadecimal text, else the bytes themselves.
Bytes bytes_of(std::string_view content) {
  auto bytes = from_loose_hex(content);
  return bytes && !bytes->empty() ? *std::move(bytes) : Bytes{content.begin(), content.end()};
}

bool is_connection_number(std::string_view text) {
  return !text.empty() && text.size() < 20 && std::all_of(text.begin(), text.end(), is_digit);
}

Result<manage::HelloOnTrial> read_hello(const Context& context, const std::string& text) {
  if (is_connection_number(text)) {
    FIRSTRING_TRY(const auto ledger, open_ledger(context));
    return manage::hello_of_connection(*ledger, std::stoll(text));
  }
  manage::HelloOnTrial hello;
  if (text == "-") {
    FIRSTRING_TRY(const auto input, context.terminal().read_input());
    hello.bytes = bytes_of(input.reveal());
  } else if (text.starts_with('@')) {
    FIRSTRING_TRY(const auto content, read_file(text.substr(1), 1U << 20));
    hello.bytes = bytes_of(content);
  } else {
    FIRSTRING_TRY(hello.bytes, from_loose_hex(text));
  }
  return hello;
}

Result<int> test(Context& context) {
  FIRSTRING_TRY(const auto dir, state_folder(context));
  FIRSTRING_TRY(const auto known, manage::served_personalities(dir));
  auto hello = read_hello(context, context.text("HELLO"));
  if (!hello) return fail(std::move(hello).error().while_("read the ClientHello"));
  if (context.given("--address")) {
    FIRSTRING_TRY(hello->address, IpAddress::parse(context.text("--address")));
  }
  if (context.given("--model")) hello->past.model = context.text("--model");
  if (context.given("--firmware")) hello->past.firmware = context.text("--firmware");
  FIRSTRING_TRY(const auto trial, manage::try_hello(known, *hello));
  if (!context.json()) {
    context.terminal().print(
        fmt::format("A hello with versions up to {}, JA3 {}, JA4 {}\n", trial.highest_version, trial.ja3, trial.ja4));
  }
  for (const auto& choice : trial.choices) {
    context.terminal().print(
        context.json() ? manage::to_json(trial, choice).line()
                       : fmt::format("{}  {} ({})\n", choice.listener, choice.personality->name, choice.reason));
  }
  return 0;
}

Result<int> learn(Context& context) {
  FIRSTRING_TRY(const auto dir, state_folder(context));
  FIRSTRING_TRY(const auto known, manage::served_personalities(dir));
  FIRSTRING_TRY(auto whom, manage::parse_whom(context.text("MAC|ADDRESS")));
  FIRSTRING_TRY(const auto ledger, open_ledger(context));
  FIRSTRING_TRY(const auto rule, manage::learn_rule(known, *ledger,
                                                    {.whom = std::move(whom),
                                                     .personality = context.text("--use"),
                                                     .only_here = context.given("--only-here")}));
  const bool write = context.given("--write");
  if (write) FIRSTRING_CHECK(manage::add_rule(dir, rule));
  if (context.json()) {
    context.terminal().print(manage::to_json(rule, write).line());
    return 0;
  }
  context.terminal().print(rule.text);
  if (write)
    context.terminal().complain(
        "added to firstring.toml; a running server applies it at SIGHUP (systemctl reload firstring)");
  return 0;
}

}  // namespace

std::vector<Command> personality_commands() {
  return {
      {.name = "personality list",
       .summary = "Lists the personalities in the order in which they are tried.",
       .description = "Shipped personalities and those of firstring.toml, the server chain that each presents, its TLS "
                      "versions, the listeners that allow it, and which clients it is for.",
       .examples = {"firstring personality list"},
       .arguments = {json_flag()},
       .run = list_personalities},
      {.name = "personality show",
       .summary = "Shows one personality: what it offers, which clients it is for, which rules lead to it.",
       .description = "The cipher suites are those that OpenSSL makes of it, in the order of preference.",
       .examples = {"firstring personality show legacy-2026-11"},
       .arguments = {{.name = "NAME", .value = {}, .help = "see `personality list`", .presence = Presence::required},
                     json_flag()},
       .run = show_personality},
      {.name = "personality test",
       .summary = "Says which personality a ClientHello would get on each listener, and why.",
       .description =
           "By firstring.toml as it is now. HELLO is hexadecimal text, the number of a connection in the ledger, @FILE "
           "with the bytes or their hexadecimal text, or - for standard input. For a connection in the ledger, its "
           "address, model and firmware count as well. What failed or worked before does not: only the running server "
           "knows it.",
       .examples = {"firstring personality test 1764000000000001",
                    "firstring personality test @hello.hex --model SPA504G"},
       .arguments = {{.name = "HELLO", .value = {}, .help = "the ClientHello", .presence = Presence::required},
                     {.name = "--address", .value = "ADDRESS", .help = "where it comes from"},
                     {.name = "--model", .value = "MODEL", .help = "what came from there last"},
                     {.name = "--firmware", .value = "VERSION", .help = "and its firmware"},
                     json_flag()},
       .run = test},
      {.name = "personality learn",
       .summary = "Makes a rule for firstring.toml from the last hello of a phone.",
       .description =
           "Prints a [[rule]] for all clients with the same ClientHello as this device's or address's last one. It "
           "leads to the personality that worked with that hello last, or to the one that you name.\n"
           "--write adds it to firstring.toml if the whole file is valid with it.",
       .examples = {"firstring personality learn 000e08abcdef",
                    "firstring personality learn 192.0.2.7 --use sipura-2026-11 --only-here --write"},
       .arguments = {{.name = "MAC|ADDRESS",
                      .value = {},
                      .help = "a MAC address or an IP address",
                      .presence = Presence::required},
                     {.name = "--use", .value = "NAME", .help = "the personality that they get"},
                     {.name = "--only-here", .value = {}, .help = "only from the address that it came from"},
                     {.name = "--write", .value = {}, .help = "add the rule to firstring.toml"},
                     json_flag()},
       .run = learn}};
}

}  // namespace firstring::cli
