#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/ip_address.hpp"
#include "manage/lookup.hpp"
#include "server/state.hpp"
#include "store/ledger_store.hpp"

namespace firstring::manage {

/// Shipped personalities and those of firstring.toml, as `serve` would have them.
struct KnownPersonalities {
  std::shared_ptr<const server::State> state;
  std::string warning;  ///< "", or why only what is shipped is there

  /// In the order in which they are tried. Pointers into the state, or to what is shipped.
  std::vector<const tls::Personality*> all() const;
  /// not_found with the nearest name.
  Result<const tls::Personality*> find(std::string_view name) const;
  /// The addresses of the listeners that allow it.
  std::vector<std::string> listeners_of(const tls::Personality& personality) const;
  /// The rules of firstring.toml that lead to it, each as its conditions.
  std::vector<std::string> rules_to(const tls::Personality& personality) const;
};

/// Only what is shipped for no folder or one with errors: the shipped ones can be looked at anywhere.
KnownPersonalities known_personalities(const std::optional<std::filesystem::path>& dir);
/// invalid_input if firstring.toml has errors.
Result<KnownPersonalities> served_personalities(const std::filesystem::path& dir);

/// What it has of each knob (tls/knobs.hpp), for people: ("DH group", "1024 bits"). The cipher suites are suites_of.
std::vector<std::pair<std::string_view, std::string>> knobs_of(const tls::Personality& personality);
/// For whom it is by its own rules, each with its reason and conditions.
std::vector<std::string> matches_of(const tls::Personality& personality);
/// The cipher suites that OpenSSL makes of it, in the order of preference.
std::vector<std::string> suites_of(const tls::Personality& personality);

/// A ClientHello to try, and what is known of who sent it.
struct HelloOnTrial {
  Bytes bytes;
  IpAddress address{};
  policy::Past past{};
};
/// Of a connection in the ledger. not_found if there is none, invalid_input if its hello was cut.
Result<HelloOnTrial> hello_of_connection(store::LedgerStore& ledger, std::int64_t connection);

struct HelloTrial {
  struct OnListener {
    std::string listener;
    const tls::Personality* personality = nullptr;
    std::string reason;
  };
  std::string highest_version, ja3, ja4;
  std::vector<OnListener> choices;  ///< one for each listener for phones
};
/// Which personality the hello would get on each listener. invalid_input if it is no whole ClientHello.
Result<HelloTrial> try_hello(const KnownPersonalities& known, const HelloOnTrial& hello);

/// A rule for all that call with the hello that somebody called with last.
struct LearntRule {
  std::string personality, ja3, ja4;
  std::int64_t connection = 0;  ///< whose hello it is
  std::string text;             ///< TOML
};
struct LearnQuery {
  Whom whom;
  std::string personality{};  ///< that they shall get; "": the one that worked with that hello last
  bool only_here = false;     ///< only from the address that it came from
};
Result<LearntRule> learn_rule(const KnownPersonalities& known, store::LedgerStore& ledger, const LearnQuery& query);

/// Appends the rule to firstring.toml, once the whole has been found good with it as `serve` would. A running server
/// takes it up at SIGHUP.
Result<void> add_rule(const std::filesystem::path& dir, const LearntRule& rule);

}  // namespace firstring::manage
