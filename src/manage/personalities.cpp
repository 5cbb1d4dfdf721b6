#include "manage/personalities.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/file.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"
#include "config/config.hpp"
#include "hello/client_hello.hpp"
#include "hello/suites.hpp"
#include "ledger/cut.hpp"
#include "tls/knobs.hpp"

namespace firstring::manage {
namespace {

std::string text_of(const std::vector<std::string>& conditions) {
  return conditions.empty() ? "everybody" : fmt::format("{}", fmt::join(conditions, ", "));
}

/// The newest connection of that device, or from that address, that brought a hello; and the newest with the same one
/// that got through.
struct Seen {
  store::ConnectionRow last;
  std::string ja3, ja4;  ///< of its hello as it is without a session to take up
  std::string worked;    ///< its personality, or ""
};

Result<Seen> find_seen(store::LedgerStore& ledger, const Whom& whom) {
  store::LedgerQuery query;
  query.mac = whom.mac;
  query.address = whom.address;
  FIRSTRING_TRY(const auto entries, ledger.find(query));
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
    return fail(Errc::not_found,
                fmt::format("the ledger has no ClientHello of {} that is whole: let it connect once, then try again",
                            whom.text()));
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

}  // namespace

std::vector<const tls::Personality*> KnownPersonalities::all() const {
  std::vector<const tls::Personality*> all;
  for (const auto& own : state->own_personalities) all.push_back(&own);
  for (const auto& shipped : tls::shipped_personalities()) all.push_back(&shipped);
  std::stable_sort(all.begin(), all.end(), [](const auto* a, const auto* b) { return a->order < b->order; });
  return all;
}

Result<const tls::Personality*> KnownPersonalities::find(std::string_view name) const {
  if (const auto* found = state->find_personality(name)) return found;
  std::vector<std::string> names;
  for (const auto* known : all()) names.push_back(known->name);
  return fail(Errc::not_found,
              fmt::format("there is no personality '{}'{}", visible(name, 80), did_you_mean(name, names)));
}

std::vector<std::string> KnownPersonalities::listeners_of(const tls::Personality& personality) const {
  std::vector<std::string> addresses;
  for (const auto& listener : state->listeners) {
    const auto& allowed = listener->personalities;
    const bool by_quarantine = personality.quarantine && state->quarantine && listener->config.quarantine;
    if (by_quarantine ||
        std::any_of(allowed.begin(), allowed.end(), [&](const auto* one) { return one->name == personality.name; }))
      addresses.push_back(listener->address);
  }
  return addresses;
}

std::vector<std::string> KnownPersonalities::rules_to(const tls::Personality& personality) const {
  std::vector<std::string> rules;
  for (const auto& rule : state->rules) {
    if (rule.personality == personality.name) rules.push_back(text_of(rule.match.conditions()));
  }
  return rules;
}

KnownPersonalities known_personalities(const std::optional<std::filesystem::path>& dir) {
  KnownPersonalities known{.state = std::make_shared<const server::State>(), .warning = {}};
  if (!dir) return known;
  auto built = server::build_state(*dir);
  if (built.state) {
    known.state = std::move(built.state);
  } else {
    known.warning = "firstring.toml has errors, see `firstring check`: only what is shipped is shown";
  }
  return known;
}

Result<KnownPersonalities> served_personalities(const std::filesystem::path& dir) {
  auto built = server::build_state(dir);
  if (!built.state) {
    return fail(Errc::invalid_input,
                fmt::format("{} has errors; see them with: firstring check", (dir / config::kFileName).string()));
  }
  return KnownPersonalities{.state = std::move(built.state), .warning = {}};
}

std::vector<std::pair<std::string_view, std::string>> knobs_of(const tls::Personality& personality) {
  std::vector<std::pair<std::string_view, std::string>> knobs;
  tls::for_each_knob([&](const auto& knob) {
    if (!knob.label.empty()) knobs.emplace_back(knob.label, knob.text(personality));
  });
  return knobs;
}

std::vector<std::string> matches_of(const tls::Personality& personality) {
  std::vector<std::string> matches;
  for (const auto& match : personality.matches)
    matches.push_back(fmt::format("{}: {}", match.reason, text_of(match.conditions())));
  return matches;
}

std::vector<std::string> suites_of(const tls::Personality& personality) {
  std::vector<std::string> suites;
  for (const auto number : tls::offered_suites(personality)) suites.emplace_back(hello::suite_name(number));
  return suites;
}

Result<HelloOnTrial> hello_of_connection(store::LedgerStore& ledger, std::int64_t connection) {
  store::LedgerQuery query;
  query.id = connection;
  FIRSTRING_TRY(const auto entries, ledger.find(query));
  if (entries.empty())
    return fail(Errc::not_found, fmt::format("the ledger has no connection {}; see `firstring ledger`", connection));
  const auto& row = entries.front().connection;
  if (ledger::is_hello_cut(row)) {
    return fail(Errc::invalid_input, fmt::format("connection {}: its ClientHello is not whole: {}", connection,
                                                 ledger::cut_hello_text(row)));
  }
  HelloOnTrial hello;
  hello.bytes = row.hello;
  hello.past = {.model = row.model, .firmware = row.firmware, .personality = {}};
  if (const auto address = IpAddress::parse(row.address)) hello.address = *address;
  return hello;
}

Result<HelloTrial> try_hello(const KnownPersonalities& known, const HelloOnTrial& tried) {
  hello::Reader reader;
  if (reader.feed(tried.bytes) != hello::Reader::State::complete) {
    return fail(Errc::invalid_input,
                reader.state() == hello::Reader::State::need_more
                    ? "read the ClientHello: it is not whole"
                    : fmt::format("read the ClientHello: {} {}", to_string(reader.reason()), reader.detail()));
  }
  const auto& hello = reader.hello();
  HelloTrial trial{.highest_version = std::string{hello::version_name(hello.highest_version())},
                   .ja3 = hello::ja3(hello).hash,
                   .ja4 = hello::ja4(hello),
                   .choices = {}};
  for (const auto& listener : known.state->listeners) {
    if (listener->personalities.empty()) continue;
    const auto choice = server::usual_choice(
        *known.state, *listener,
        {.hello = hello, .address = tried.address, .listener = listener->address, .past = tried.past});
    trial.choices.push_back(
        {.listener = listener->address, .personality = choice.personality, .reason = std::string{choice.reason}});
  }
  return trial;
}

Result<LearntRule> learn_rule(const KnownPersonalities& known, store::LedgerStore& ledger, const LearnQuery& query) {
  FIRSTRING_TRY(const auto seen, find_seen(ledger, query.whom));
  const auto& personality = query.personality.empty() ? seen.worked : query.personality;
  if (personality.empty()) {
    return fail(Errc::not_found, fmt::format("{} has never completed a handshake with this hello: name its personality "
                                             "with --use NAME; see `firstring personality list`",
                                             query.whom.text()));
  }
  FIRSTRING_CHECK(known.find(personality));
  return LearntRule{.personality = personality,
                    .ja3 = seen.ja3,
                    .ja4 = seen.ja4,
                    .connection = seen.last.id,
                    .text = rule_text(seen, query.whom.text(), personality, query.only_here)};
}

Result<void> add_rule(const std::filesystem::path& dir, const LearntRule& rule) {
  const auto file = dir / config::kFileName;
  FIRSTRING_TRY(auto text, read_file(file));
  if (!text.ends_with('\n')) text += '\n';
  text += '\n' + rule.text;
  const auto built = server::build_state(config::load_text(text, dir, file));
  const auto error = std::find_if(built.diagnostics.begin(), built.diagnostics.end(), [](const auto& diagnostic) {
    return diagnostic.severity == config::Severity::error;
  });
  if (error != built.diagnostics.end())
    return fail(Errc::invalid_input,
                fmt::format("nothing written; the result would be invalid: {}", error->to_string()));
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0)
    return fail(Errc::io, fmt::format("read {}: {}", file.string(), errno_text(errno)));
  return write_file(file, text, status.st_mode & 07777);
}

}  // namespace firstring::manage
