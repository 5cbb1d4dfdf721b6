#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/json_object.hpp"
#include "cli/state_folder.hpp"
#include "config/config.hpp"
#include "hello/client_hello.hpp"
#include "hello/suites.hpp"
#include "ledger/cut.hpp"
#include "server/state.hpp"

namespace firstring::cli {
namespace {

using Personalities = std::vector<const tls::Personality*>;

/// The state as `serve` would have it, or an empty one where the folder has none: the shipped personalities can be
/// looked at anywhere.
std::shared_ptr<const server::State> state_if_any(Context& context) {
  auto nothing = std::make_shared<const server::State>();
  const auto dir = state_folder(context);
  if (!dir) return nothing;
  auto built = server::build_state(*dir);
  if (built.state) return built.state;
  context.terminal().complain("firstring.toml has errors, see `firstring check`: only what is shipped is shown");
  return nothing;
}

Result<std::shared_ptr<const server::State>> good_state(Context& context) {
  FIRSTRING_TRY(const auto dir, state_folder(context));
  auto built = server::build_state(dir);
  if (!built.state)
    return fail(Errc::invalid_input,
                fmt::format("{} has errors; see them with: firstring check", (dir / config::kFileName).string()));
  return std::move(built.state);
}

/// Shipped and own ones, in the order in which they are tried.
Personalities all_of(const server::State& state) {
  Personalities all;
  for (const auto& own : state.own_personalities) all.push_back(&own);
  for (const auto& shipped : tls::shipped_personalities()) all.push_back(&shipped);
  std::stable_sort(all.begin(), all.end(), [](const auto* a, const auto* b) { return a->order < b->order; });
  return all;
}

std::vector<std::string> listeners_of(const server::State& state, const tls::Personality& personality) {
  std::vector<std::string> addresses;
  for (const auto& listener : state.listeners) {
    const auto& allowed = listener->personalities;
    const bool by_quarantine = personality.quarantine && state.quarantine && listener->config.quarantine;
    if (by_quarantine ||
        std::any_of(allowed.begin(), allowed.end(), [&](const auto* one) { return one->name == personality.name; }))
      addresses.push_back(listener->address);
  }
  return addresses;
}

std::string versions_of(const tls::Personality& personality) {
  if (personality.min_version == personality.max_version)
    return std::string{tls::version_text(personality.min_version)};
  return fmt::format("{} to {}", tls::version_text(personality.min_version),
                     tls::version_text(personality.max_version));
}

Result<int> list_personalities(Context& context) {
  const auto state = state_if_any(context);
  Table table{{"NAME", "CHAIN", "VERSIONS", "LISTENERS", "FOR"}};
  for (const auto* one : all_of(*state)) {
    const auto listeners = listeners_of(*state, *one);
    if (context.json()) {
      JsonObject object;
      object.add("name", one->name).add("chain", one->chain).add("description", one->description);
      object.add("min_version", tls::version_text(one->min_version));
      object.add("max_version", tls::version_text(one->max_version)).add("listeners", listeners);
      context.terminal().print(object.line());
    } else {
      table.add({{one->name, listeners.empty() ? Colour::none : Colour::bold},
                 {one->chain},
                 {versions_of(*one)},
                 {listeners.empty() ? "-" : fmt::format("{}", fmt::join(listeners, " "))},
                 {one->description}});
    }
  }
  if (!context.json()) table.print(context.terminal());
  return 0;
}

/// The rules of firstring.toml that lead to it, each as its conditions.
std::vector<std::string> rules_to(const server::State& state, const tls::Personality& personality) {
  std::vector<std::string> rules;
  for (const auto& rule : state.rules) {
    if (rule.personality != personality.name) continue;
    const auto conditions = rule.match.conditions();
    rules.push_back(conditions.empty() ? "everybody" : fmt::format("{}", fmt::join(conditions, ", ")));
  }
  return rules;
}

Result<int> show_personality(Context& context) {
  const auto state = state_if_any(context);
  const auto name = context.text("NAME");
  const auto* one = state->find_personality(name);
  if (one == nullptr) {
    std::vector<std::string> names;
    for (const auto* known : all_of(*state)) names.push_back(known->name);
    return fail(Errc::not_found,
                fmt::format("there is no personality '{}'{}", visible(name, 80), did_you_mean(name, names)));
  }
  std::vector<std::string> suites;
  for (const auto number : tls::offered_suites(*one)) suites.emplace_back(hello::suite_name(number));
  const auto listeners = listeners_of(*state, *one);
  const auto rules = rules_to(*state, *one);
  const auto alerts = one->alerts == tls::AlertStyle::none ? "none" : "exact";
  std::vector<std::string> matches;
  for (const auto& match : one->matches) {
    matches.push_back(
        fmt::format("{}: {}", match.reason,
                    match.has_conditions() ? fmt::format("{}", fmt::join(match.conditions(), ", ")) : "everybody"));
  }
  if (context.json()) {
    JsonObject object;
    object.add("name", one->name).add("description", one->description).add("order", one->order);
    object.add("chain", one->chain).add("min_version", tls::version_text(one->min_version));
    object.add("max_version", tls::version_text(one->max_version)).add("security_level", one->security_level);
    object.add("suites", suites).add("groups", one->groups).add("signature_algorithms", one->signature_algorithms);
    object.add("dh_bits", one->dh_bits).add("sessions", one->sessions).add("send_ca_names", one->send_ca_names);
    object.add("max_fragment", one->max_fragment).add("alerts", alerts);
    object.add("matches", matches).add("rules", rules).add("listeners", listeners);
    context.terminal().print(object.line());
    return 0;
  }
  std::string text = fmt::format("{}: {}\n\n", one->name, one->description);
  const auto line = [&](std::string_view what, std::string_view value) {
    text += fmt::format("  {:<22} {}\n", what, value);
  };
  const auto lines = [&](std::string_view what, const std::vector<std::string>& values, std::string_view otherwise) {
    if (values.empty()) line(what, otherwise);
    for (std::size_t i = 0; i < values.size(); ++i) line(i == 0 ? what : "", values[i]);
  };
  line("server chain", one->chain);
  line("versions", versions_of(*one));
  line("security level", std::to_string(one->security_level));
  line("DH group", one->dh_bits == 0 ? "none" : fmt::format("{} bits", one->dh_bits));
  line("groups", one->groups);
  line("signature algorithms",
       one->signature_algorithms.empty() ? "what OpenSSL has at that level" : one->signature_algorithms);
  line("sessions", one->sessions ? "kept in the server; no tickets" : "none");
  line("CA names", one->send_ca_names ? "sent" : "not sent");
  line("largest record", fmt::format("{} bytes", one->max_fragment));
  line("alerts", alerts);
  lines("cipher suites", suites, "none");
  lines("for whom", matches, "nobody by its own rules");
  lines("rules that lead here", rules, "none");
  lines("listeners", listeners, "none here allows it");
  context.terminal().print(text);
  return 0;
}

// ---- test ----

/// The hello to try, and what is known of who sent it.
struct Subject {
  Bytes bytes;
  IpAddress address;
  policy::Past past;
};

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

Result<Subject> subject_of(const Context& context, const std::string& text) {
  Subject subject;
  if (is_connection_number(text)) {
    FIRSTRING_TRY(const auto store, open_ledger(context));
    store::LedgerQuery query;
    query.id = std::stoll(text);
    FIRSTRING_TRY(const auto entries, store->find(query));
    if (entries.empty())
      return fail(Errc::not_found, fmt::format("the ledger has no connection {}; see `firstring ledger`", text));
    const auto& row = entries.front().connection;
    if (ledger::is_hello_cut(row)) {
      return fail(Errc::invalid_input,
                  fmt::format("connection {}: its ClientHello is not whole: {}", text, ledger::cut_hello_text(row)));
    }
    subject.bytes = row.hello;
    subject.past = {.model = row.model, .firmware = row.firmware, .personality = {}};
    if (const auto address = IpAddress::parse(row.address)) subject.address = *address;
  } else if (text == "-") {
    FIRSTRING_TRY(const auto input, context.terminal().read_input());
    subject.bytes = bytes_of(input.reveal());
  } else if (text.starts_with('@')) {
    FIRSTRING_TRY(const auto content, read_file(text.substr(1), 1U << 20));
    subject.bytes = bytes_of(content);
  } else {
    FIRSTRING_TRY(subject.bytes, from_loose_hex(text));
  }
  return subject;
}

Result<int> test(Context& context) {
  FIRSTRING_TRY(const auto state, good_state(context));
  auto subject = subject_of(context, context.text("HELLO"));
  if (!subject) return fail(subject.error().code, fmt::format("read the ClientHello: {}", subject.error().what));
  if (context.given("--address")) {
    FIRSTRING_TRY(subject->address, IpAddress::parse(context.text("--address")));
  }
  if (context.given("--model")) subject->past.model = context.text("--model");
  if (context.given("--firmware")) subject->past.firmware = context.text("--firmware");
  hello::Reader reader;
  if (reader.feed(subject->bytes) != hello::Reader::State::complete) {
    return fail(Errc::invalid_input,
                reader.state() == hello::Reader::State::need_more
                    ? "read the ClientHello: it is not whole"
                    : fmt::format("read the ClientHello: {} {}", to_string(reader.reason()), reader.detail()));
  }
  const auto& hello = reader.hello();
  const auto ja3 = hello::ja3(hello).hash, ja4 = hello::ja4(hello);
  if (!context.json()) {
    context.terminal().print(fmt::format("A hello that goes up to {}, JA3 {}, JA4 {}\n",
                                         hello::version_name(hello.highest_version()), ja3, ja4));
  }
  for (const auto& listener : state->listeners) {
    if (listener->personalities.empty()) continue;
    const auto choice = server::usual_choice(
        *state, *listener,
        {.hello = hello, .address = subject->address, .listener = listener->address, .past = subject->past});
    if (context.json()) {
      JsonObject object;
      object.add("listener", listener->address).add("personality", choice.personality->name);
      object.add("reason", choice.reason).add("chain", choice.personality->chain);
      context.terminal().print(object.add("ja3", ja3).add("ja4", ja4).line());
    } else {
      context.terminal().print(
          fmt::format("{}  {} ({})\n", listener->address, choice.personality->name, choice.reason));
    }
  }
  return 0;
}

// ---- learn ----

/// The newest connection of that device, or from that address, that brought a hello; and the newest with the same one
/// that got through.
struct Seen {
  store::ConnectionRow last;
  std::string ja3, ja4;  ///< of its hello as it is without a session to take up
  std::string worked;    ///< its personality, or ""
};

Result<Seen> find_seen(const Context& context, const std::string& who) {
  store::LedgerQuery query;
  if (const auto mac = MacAddress::parse(who)) {
    query.mac = *mac;
  } else if (const auto address = IpAddress::parse(who)) {
    query.address = address->to_string();
  } else {
    return fail(Errc::invalid_input, fmt::format("'{}' is neither a MAC address nor an IP address", visible(who, 60)));
  }
  FIRSTRING_TRY(const auto store, open_ledger(context));
  FIRSTRING_TRY(const auto entries, store->find(query));
  Seen seen;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    const auto& row = entry->connection;
    hello::Reader reader;
    if (reader.feed(row.hello) != hello::Reader::State::complete) continue;
    const auto hello = hello::without_session(reader.hello());
    const auto ja3 = hello::ja3(hello).hash, ja4 = hello::ja4(hello);
    if (seen.ja4.empty()) {
      seen.last = row;
      seen.ja3 = ja3;
      seen.ja4 = ja4;
    }
    if (ja4 == seen.ja4 && ja3 == seen.ja3 && row.handshake_us >= 0) {
      seen.worked = row.personality;
      break;
    }
  }
  if (seen.ja4.empty()) {
    return fail(
        Errc::not_found,
        fmt::format("the ledger has no ClientHello of {} that is whole: let it call once, then try again", who));
  }
  return seen;
}

std::string rule_text(const Seen& seen, const std::string& who, const std::string& personality, bool only_here) {
  const auto& row = seen.last;
  auto text = fmt::format(
      "# The hello of {}{}{} at {} from {}.\n[[rule]]\npersonality = \"{}\"\nja3 = [\"{}\"]\nja4 = [\"{}\"]\n", who,
      row.model.empty() ? "" : ", " + visible(row.model, 40),
      row.firmware.empty() ? "" : " " + visible(row.firmware, 40), to_iso8601(row.accepted).substr(0, 10), row.address,
      personality, seen.ja3, seen.ja4);
  if (only_here)
    text += fmt::format("networks = [\"{}\"]\n",
                        IpAddress::parse(row.address) ? Prefix::parse(row.address)->to_string() : row.address);
  return text;
}

/// Appends, checks the whole as `serve` would, and only then puts it in the place of the file.
Result<void> append_to_config(const std::filesystem::path& dir, const std::string& rule) {
  const auto file = dir / config::kFileName;
  FIRSTRING_TRY(auto text, read_file(file));
  if (!text.ends_with('\n')) text += '\n';
  text += '\n' + rule;
  const auto built = server::build_state(config::load_text(text, dir, file));
  const auto error = std::find_if(built.diagnostics.begin(), built.diagnostics.end(), [](const auto& diagnostic) {
    return diagnostic.severity == config::Severity::error;
  });
  if (error != built.diagnostics.end())
    return fail(Errc::invalid_input, fmt::format("nothing was written, for it would not do: {}", error->to_string()));
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0)
    return fail(Errc::io, fmt::format("read {}: {}", file.string(), errno_text(errno)));
  return write_file(file, text, status.st_mode & 07777);
}

Result<int> learn(Context& context) {
  const auto who = context.text("MAC|ADDRESS");
  FIRSTRING_TRY(const auto state, good_state(context));
  FIRSTRING_TRY(const auto dir, state_folder(context));
  FIRSTRING_TRY(const auto seen, find_seen(context, who));
  const auto personality = context.given("--use") ? context.text("--use") : seen.worked;
  if (personality.empty()) {
    return fail(Errc::not_found,
                fmt::format("{} has never got through a handshake with this hello: say which personality "
                            "it shall get with --use NAME; see `firstring personality list`",
                            who));
  }
  if (state->find_personality(personality) == nullptr) {
    std::vector<std::string> names;
    for (const auto* known : all_of(*state)) names.push_back(known->name);
    return fail(Errc::not_found, fmt::format("there is no personality '{}'{}", visible(personality, 80),
                                             did_you_mean(personality, names)));
  }
  const auto rule = rule_text(seen, who, personality, context.given("--only-here"));
  if (context.given("--write")) FIRSTRING_CHECK(append_to_config(dir, rule));
  if (context.json()) {
    JsonObject object;
    object.add("personality", personality).add("ja3", seen.ja3).add("ja4", seen.ja4);
    object.add("connection", seen.last.id).add("rule", rule).add("written", context.given("--write"));
    context.terminal().print(object.line());
    return 0;
  }
  context.terminal().print(rule);
  if (context.given("--write"))
    context.terminal().complain(
        "added to firstring.toml; a running server takes it up at SIGHUP (systemctl reload firstring)");
  return 0;
}

}  // namespace

std::vector<Command> personality_commands() {
  return {
      {.name = "personality list",
       .summary = "Lists what the server can be in a handshake, in the order in which it is tried.",
       .description = "Shipped personalities and those of firstring.toml, the server chain that each shows, its TLS "
                      "versions, the listeners here that allow it, and whom it is for.",
       .examples = {"firstring personality list"},
       .arguments = {json_flag()},
       .run = list_personalities},
      {.name = "personality show",
       .summary = "Shows all of one personality: what it offers, whom it is for, which rules lead to it.",
       .description = "The cipher suites are those that OpenSSL makes of it, in the order of preference.",
       .examples = {"firstring personality show legacy-2026-11"},
       .arguments = {{.name = "NAME", .value = {}, .help = "see `personality list`", .presence = Presence::required},
                     json_flag()},
       .run = show_personality},
      {.name = "personality test",
       .summary = "Says which personality a ClientHello would get on each listener, and why.",
       .description =
           "By firstring.toml as it is now. HELLO is hexadecimal text, the number of a connection in the ledger, @FILE "
           "with the bytes or their hexadecimal text, or - for standard input. Of a connection in the ledger, its "
           "address, "
           "model and firmware count as well. What failed or worked before is known to the running server alone, and "
           "does not.",
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
           "Prints a [[rule]] for all that call with the same ClientHello as this device, or address, did last. It "
           "leads to the personality that worked with that hello last, or to the one that you name.\n"
           "With --write it is added to firstring.toml, once the whole file has been found good with it.",
       .examples = {"firstring personality learn 000e08abcdef",
                    "firstring personality learn 192.0.2.7 --use sipura-2026-11 --only-here --write"},
       .arguments = {{.name = "MAC|ADDRESS",
                      .value = {},
                      .help = "a MAC address or an IP address",
                      .presence = Presence::required},
                     {.name = "--use", .value = "NAME", .help = "the personality that they shall get"},
                     {.name = "--only-here", .value = {}, .help = "only from the address that it came from"},
                     {.name = "--write", .value = {}, .help = "add the rule to firstring.toml"},
                     json_flag()},
       .run = learn}};
}

}  // namespace firstring::cli
