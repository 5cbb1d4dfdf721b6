#include "server/state.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/file.hpp"
#include "base/text.hpp"

namespace firstring::server {
namespace {

using config::Diagnostic;

class Builder {
 public:
  Builder(config::Loaded loaded, std::shared_ptr<tls::SessionCache> sessions)
      : config_(std::move(loaded.config)),
        diagnostics_(std::move(loaded.diagnostics)),
        sessions_(std::move(sessions)) {}

  Built build() {
    auto files = config::check_files(config_);
    diagnostics_.insert(diagnostics_.end(), std::make_move_iterator(files.begin()),
                        std::make_move_iterator(files.end()));
    auto state = std::make_shared<State>();
    add_own_personalities(*state);
    add_listeners(*state);
    add_rules(*state);
    if (!has_errors()) add_trust(*state);
    if (!has_errors()) add_contexts(*state);
    if (!has_errors() && config_.quarantine.enabled) add_quarantine(*state);
    if (has_errors()) return {nullptr, std::move(diagnostics_)};
    // The configuration lets no other words in.
    state->watch = {.pin = *policy::parse_strictness(config_.policy.pin),
                    .ratchet = *policy::parse_strictness(config_.policy.ratchet),
                    .resync_period = config_.policy.resync_period};
    state->config = std::move(config_);
    return {std::move(state), std::move(diagnostics_)};
  }

 private:
  bool has_errors() const {
    return std::any_of(diagnostics_.begin(), diagnostics_.end(),
                       [](const auto& diagnostic) { return diagnostic.severity == config::Severity::error; });
  }

  void error(config::Position position, std::string what, std::string remedy) {
    diagnostics_.push_back({config::Severity::error, config_.file, position, std::move(what), std::move(remedy)});
  }

  const config::ServerChain* chain(std::string_view name) const {
    const auto found = std::find_if(config_.server_chains.begin(), config_.server_chains.end(),
                                    [&](const auto& chain) { return chain.name == name; });
    return found != config_.server_chains.end() ? &*found : nullptr;
  }

  static constexpr std::uint16_t kTls12 = 0x0303;
  static constexpr std::string_view kQuarantineProgram = "firstring-quarantine";

  void add_own_personalities(State& state) {
    for (const auto& section : config_.personalities) {
      if (tls::find_personality(section.name) != nullptr) {
        error(section.position_of("name"), fmt::format("there is a shipped personality '{}'", section.name),
              "give yours another name: a shipped one keeps its meaning");
        continue;
      }
      const auto* base = tls::find_personality(section.based_on);
      if (base == nullptr) {
        unknown_personality(section.position_of("based_on"), section.based_on, tls::personality_names());
        continue;
      }
      if (base->quarantine) {
        error(section.position_of("based_on"), "only firstring-quarantine can be that personality",
              "base yours on another");
        continue;
      }
      auto own = section.over(*base);
      if (const auto fault = tls::fault_of(own); !fault.empty()) {
        error(section.position_of(""), fmt::format("personality '{}': {}", section.name, fault), "correct these keys");
        continue;
      }
      state.own_personalities.push_back(std::move(own));
    }
  }

  void unknown_personality(config::Position position, const std::string& name, const std::vector<std::string>& names) {
    if (name.empty()) return;  // said already that it is missing
    error(position, fmt::format("there is no personality '{}'{}", name, did_you_mean(name, names)),
          fmt::format("use some of: {}", fmt::join(names, ", ")));
  }

  static std::vector<std::string> all_names(const State& state) {
    auto names = tls::personality_names();
    for (const auto& own : state.own_personalities) names.push_back(own.name);
    return names;
  }

  void add_rules(State& state) {
    for (const auto& section : config_.rules) {
      state.rules.push_back({.match = section, .personality = section.personality});
      state.rules.back().match.reason = "rule";
      const auto& [match, name] = state.rules.back();
      const auto position = section.position_of("personality");
      if (state.find_personality(name) == nullptr) {
        unknown_personality(position, name, all_names(state));
        continue;
      }
      const auto meant = [&, &listeners = match.listeners](const auto& listener) {
        return listeners.empty() || std::find(listeners.begin(), listeners.end(), listener->address) != listeners.end();
      };
      const auto allows = [&, &wanted = name](const auto& listener) {
        return std::any_of(listener->personalities.begin(), listener->personalities.end(),
                           [&](const auto* one) { return one->name == wanted; });
      };
      if (std::none_of(state.listeners.begin(), state.listeners.end(), meant)) {
        error(section.position_of("listeners"), "there is no [[listener]] with such an address",
              "write the addresses as in their sections");
      } else if (std::none_of(state.listeners.begin(), state.listeners.end(),
                              [&](const auto& listener) { return meant(listener) && allows(listener); })) {
        error(position, fmt::format("no listener that this rule is for allows the personality '{}'", name),
              fmt::format("add \"{}\" to the personalities of the listener, or remove the rule", name));
      }
    }
  }

  void add_listeners(State& state) {
    for (const auto& listener : config_.listeners) {
      auto ready = std::make_shared<ListenerState>();
      ready->config = listener;
      ready->address = listener.address.to_string();
      ready->networks = listener.networks;
      if (listener.kind == config::ListenerKind::phone) {
        for (const auto& name : listener.personalities) add_personality(state, *ready, name);
      }
      // The list of a listener says which are allowed; their data says which is tried first.
      std::stable_sort(ready->personalities.begin(), ready->personalities.end(),
                       [](const auto* a, const auto* b) { return a->order < b->order; });
      for (const auto* personality : ready->personalities) {
        ready->offers.emplace_back(*personality);
        ready->highest_version = std::max<int>(ready->highest_version, personality->max_version);
      }
      warn_of_strangers(*ready);
      state.listeners.push_back(std::move(ready));
    }
  }

  /// What is not made for the open internet should not be reachable from there.
  void warn_of_strangers(const ListenerState& listener) {
    const auto& section = listener.config;
    if (!section.networks.empty() || is_internal(section.address.address)) return;
    const auto old = std::find_if(listener.personalities.begin(), listener.personalities.end(),
                                  [](const auto* one) { return one->min_version < kTls12; });
    std::string what;
    if (section.kind == config::ListenerKind::bootstrap) {
      what = "speaks plain HTTP";
    } else if (config_.quarantine.enabled && section.quarantine) {
      what = "hands clients to the quarantine (SSL 3.0, RC4, 3DES)";
    } else if (old != listener.personalities.end()) {
      what = fmt::format("speaks TLS below 1.2 (personality '{}')", (*old)->name);
    } else {
      return;
    }
    diagnostics_.push_back(
        {config::Severity::warning, config_.file, section.position_of("address"),
         fmt::format("the listener on {} {}, and anybody who reaches that address may connect", listener.address, what),
         "name your phones' networks: networks = [\"10.0.0.0/8\"], or listen on a private address; see "
         "docs/closed-networks.md"});
  }

  void add_personality(const State& state, ListenerState& listener, const std::string& name) {
    const auto position = listener.config.position_of("personalities");
    const auto* personality = state.find_personality(name);
    if (personality == nullptr) return unknown_personality(position, name, all_names(state));
    if (personality->quarantine) {
      return error(position, fmt::format("a listener cannot use the personality '{}' itself", name),
                   "remove it here, and write enabled = true in [quarantine]");
    }
    if (chain(personality->chain) == nullptr) {
      return error(
          position,
          fmt::format("personality '{}' shows the server chain '{}', which is not configured", name,
                      personality->chain),
          fmt::format("add a [[server_chain]] with name = \"{}\", or take '{}' out of this listener's personalities",
                      personality->chain, name));
    }
    listener.personalities.push_back(personality);
  }

  void add_quarantine(State& state) {
    const auto& section = config_.quarantine;
    QuarantineProcess process;
    process.program = section.program.empty()
                          ? std::filesystem::read_symlink("/proc/self/exe").parent_path() / kQuarantineProgram
                          : config_.resolve(section.program);
    if (::access(process.program.c_str(), X_OK) != 0) {
      return error(section.position_of(section.program.empty() ? "enabled" : "program"),
                   fmt::format("{}: {}", process.program.string(), errno_text(errno)),
                   "build it with ./dev sslv3 and put it there, or name it in [quarantine] program");
    }
    process.arguments = {"--certificate", config_.resolve(section.certificate).string(),
                         "--key",         config_.resolve(section.key).string(),
                         "--user",        section.user,
                         "--connections", std::to_string(section.max_connections)};
    for (const auto& ca : config_.device_cas) {
      process.arguments.emplace_back("--device-roots");
      process.arguments.push_back(config_.resolve(ca.roots).string());
    }
    const auto chain = crypto::Certificate::chain_from_file(config_.resolve(section.certificate));
    if (!chain) return error(section.position_of("certificate"), chain.error().what, "put the file there, in PEM");
    for (const auto& certificate : *chain) process.files += certificate.fingerprint_hex();
    for (const auto& root : state.trust->roots()) process.files += root.fingerprint_hex();
    state.quarantine = Quarantine{std::move(process), tls::describe_chain(*chain)};
  }

  void add_trust(State& state) {
    std::vector<tls::DeviceCa> cas;
    for (const auto& section : config_.device_cas) {
      tls::DeviceCa ca;
      ca.name = section.name;
      ca.min_rsa_bits = section.min_rsa_bits;
      ca.weak_hashes = section.weak_hashes;
      ca.expired_accepted_before = section.expired_accepted_before();
      auto roots = crypto::Certificate::chain_from_file(config_.resolve(section.roots));
      if (!roots)
        return error(section.position_of("roots"), roots.error().what, "put the maker's client root there, in PEM");
      ca.roots = *std::move(roots);
      if (!section.intermediates.empty()) {
        auto intermediates = crypto::Certificate::chain_from_file(config_.resolve(section.intermediates));
        if (!intermediates)
          return error(section.position_of("intermediates"), intermediates.error().what,
                       "put the maker's issuing CAs there, in PEM");
        ca.intermediates = *std::move(intermediates);
      }
      if (!section.crl.empty()) {
        auto crls = crypto::Crl::from_file(config_.resolve(section.crl));
        if (!crls) return error(section.position_of("crl"), crls.error().what, "put the maker's CRL there, PEM or DER");
        ca.crls = *std::move(crls);
      }
      cas.push_back(std::move(ca));
    }
    auto trust = tls::DeviceTrust::build(std::move(cas));
    if (!trust) return error({}, trust.error().what, "see the [[device_ca]] sections");
    state.trust = std::make_shared<const tls::DeviceTrust>(*std::move(trust));
  }

  /// The chain's files, which check_files has found good a moment ago.
  std::optional<tls::ServerChain> load_chain(const config::ServerChain& section) {
    const auto certificates = [&](std::string_view key, const std::filesystem::path& file) {
      auto read = crypto::Certificate::chain_from_file(config_.resolve(file));
      if (!read) error(section.position_of(key), read.error().what, "put the file there, in PEM");
      return read ? *std::move(read) : std::vector<crypto::Certificate>{};
    };
    const auto private_key = [&](std::string_view key, const std::filesystem::path& file) {
      auto read = crypto::PrivateKey::from_file(config_.resolve(file));
      if (!read) error(section.position_of(key), read.error().what, "put the file there, in PEM");
      return to_optional(std::move(read));
    };
    auto leaf_and_more = certificates("certificate", section.certificate);
    auto key = private_key("key", section.key);
    if (leaf_and_more.empty() || !key) return std::nullopt;
    tls::ServerChain loaded{.name = section.name, .certificates = std::move(leaf_and_more), .key = *std::move(key)};
    if (!section.ecdsa_certificate.empty()) {
      loaded.ecdsa_certificates = certificates("ecdsa_certificate", section.ecdsa_certificate);
      loaded.ecdsa_key = private_key("ecdsa_key", section.ecdsa_key);
    }
    return loaded;
  }

  void add_contexts(State& state) {
    std::map<std::string_view, std::optional<tls::ServerChain>> loaded;
    for (const auto& listener : state.listeners) {
      for (const auto* personality : listener->personalities) {
        if (state.contexts.contains(personality->name)) continue;
        const auto& section = *chain(personality->chain);
        const auto [found, is_new] = loaded.try_emplace(section.name);
        if (is_new) found->second = load_chain(section);
        if (!found->second) continue;
        auto context = tls::Context::build(*personality, *found->second, state.trust->roots(), sessions_);
        if (!context) {
          const auto own = std::find_if(config_.personalities.begin(), config_.personalities.end(),
                                        [&](const auto& one) { return one.name == personality->name; });
          error(own != config_.personalities.end() ? own->position_of("") : section.position_of("certificate"),
                context.error().what,
                fmt::format("give personality '{}' a chain and ciphers that its security level allows",
                            personality->name));
          continue;
        }
        state.contexts.emplace(personality->name, *std::move(context));
      }
    }
  }

  config::Config config_;
  std::vector<Diagnostic> diagnostics_;
  std::shared_ptr<tls::SessionCache> sessions_;
};

}  // namespace

const tls::Personality* State::find_personality(std::string_view name) const {
  const auto own = std::find_if(own_personalities.begin(), own_personalities.end(),
                                [&](const auto& one) { return one.name == name; });
  return own != own_personalities.end() ? &*own : tls::find_personality(name);
}

policy::PersonalityChoice usual_choice(const State& state, const ListenerState& listener,
                                       const policy::Situation& situation) {
  const auto usual = policy::choose_personality(situation, listener.personalities, state.rules);
  if (!policy::needs_quarantine(situation.hello, listener.offers, state.quarantine_offer)) return usual;
  const bool may_be_tried = state.quarantine && listener.config.quarantine;
  return {may_be_tried ? state.quarantine_offer.personality : usual.personality, "needs_quarantine"};
}

Built build_state(const std::filesystem::path& dir, std::shared_ptr<tls::SessionCache> sessions) {
  return build_state(config::load(dir), std::move(sessions));
}
Built build_state(config::Loaded loaded, std::shared_ptr<tls::SessionCache> sessions) {
  return Builder{std::move(loaded), std::move(sessions)}.build();
}

}  // namespace firstring::server
