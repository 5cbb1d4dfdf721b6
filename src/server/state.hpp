#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "policy/device_watch.hpp"
#include "policy/personality_choice.hpp"
#include "policy/quarantine_need.hpp"
#include "server/quarantine_keeper.hpp"
#include "tls/chain_verdict.hpp"
#include "tls/context.hpp"
#include "tls/personality.hpp"

namespace firstring::server {

/// One [[listener]], ready.
struct ListenerState {
  config::Listener config;
  std::string address;                                 ///< as configured, in text
  std::vector<Prefix> networks;                        ///< that may connect; empty: all
  std::vector<const tls::Personality*> personalities;  ///< allowed here, in the order of their rules
  std::vector<policy::Offer> offers;                   ///< theirs, in the same order
  int highest_version = 0;                             ///< that one of them speaks: 0x0304 for TLS 1.3
};

/// [quarantine] where it is enabled, ready.
struct Quarantine {
  QuarantineProcess process;
  tls::ShownChain shown;
};

/// Everything that firstring.toml and the files it names come to, built and checked. Immutable: a reload makes a new
/// one, and connections keep the one that they began with.
struct State {
  config::Config config;
  std::vector<std::shared_ptr<const ListenerState>> listeners;
  std::deque<tls::Personality> own_personalities;                                    ///< [[personality]]
  std::map<std::string, std::shared_ptr<const tls::Context>, std::less<>> contexts;  ///< by personality
  std::vector<policy::Rule> rules;                                                   ///< of the operator, in order
  std::shared_ptr<const tls::DeviceTrust> trust;
  policy::WatchSettings watch;
  policy::Offer quarantine_offer{tls::quarantine_personality()};  ///< also where there is no quarantine
  std::optional<Quarantine> quarantine;

  /// Own or shipped; nullptr if there is none of that name.
  const tls::Personality* find_personality(std::string_view name) const;
};

/// What a client in this situation gets from this listener of the state, as far as that does not depend on what failed
/// before.
policy::PersonalityChoice usual_choice(const State& state, const ListenerState& listener,
                                       const policy::Situation& situation);

/// `state` is set unless a diagnostic is an error.
struct Built {
  std::shared_ptr<const State> state;
  std::vector<config::Diagnostic> diagnostics;
};

/// Reads dir/firstring.toml and builds all of it, collecting every fault.
///
/// `sessions`: where the TLS sessions of its connections are kept; nullptr: nowhere, for a state that is not served.
Built build_state(const std::filesystem::path& dir, std::shared_ptr<tls::SessionCache> sessions = {});
/// The same of a text that is not in the file yet.
Built build_state(config::Loaded loaded, std::shared_ptr<tls::SessionCache> sessions = {});

}  // namespace firstring::server
