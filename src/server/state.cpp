#include "server/state.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace firstring::server {
namespace {

using config::Diagnostic;

class Builder {
 public:
  explicit Builder(config::Loaded loaded)
      : config_(std::move(loaded.config)), diagnostics_(std::move(loaded.diagnostics)) {}

  Built build() {
    auto files = config::check_files(config_);
    diagnostics_.insert(diagnostics_.end(), std::make_move_iterator(files.begin()),
                        std::make_move_iterator(files.end()));
    auto state = std::make_shared<State>();
    add_listeners(*state);
    if (!has_errors()) add_trust(*state);
    if (!has_errors()) add_contexts(*state);
    if (has_errors()) return {nullptr, std::move(diagnostics_)};
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

  void add_listeners(State& state) {
    for (const auto& listener : config_.listeners) {
      auto ready = std::make_shared<ListenerState>();
      ready->config = listener;
      ready->address = listener.address.to_string();
      if (listener.kind == config::ListenerKind::phone) {
        for (const auto& name : listener.personalities) add_personality(*ready, name);
      }
      // The list of a listener says which are allowed; their data says which is tried first.
      std::stable_sort(ready->personalities.begin(), ready->personalities.end(),
                       [](const auto* a, const auto* b) { return a->order < b->order; });
      state.listeners.push_back(std::move(ready));
    }
  }

  void add_personality(ListenerState& listener, const std::string& name) {
    const auto position = listener.config.position_of("personalities");
    const auto* personality = tls::find_personality(name);
    if (personality == nullptr) {
      const auto names = tls::personality_names();
      return error(position, fmt::format("there is no personality '{}'{}", name, did_you_mean(name, names)),
                   fmt::format("use some of: {}", fmt::join(names, ", ")));
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

  void add_trust(State& state) {
    std::vector<tls::DeviceCa> cas;
    for (const auto& section : config_.device_cas) {
      tls::DeviceCa ca;
      ca.name = section.name;
      ca.min_rsa_bits = section.min_rsa_bits;
      ca.weak_hashes = section.weak_hashes;
      ca.accept_expired = section.accept_expired;
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
      cas.push_back(std::move(ca));
    }
    auto trust = tls::DeviceTrust::build(std::move(cas));
    if (!trust) return error({}, trust.error().what, "see the [[device_ca]] sections");
    state.trust = std::make_shared<const tls::DeviceTrust>(*std::move(trust));
  }

  void add_contexts(State& state) {
    for (const auto& listener : state.listeners) {
      for (const auto* personality : listener->personalities) {
        if (state.contexts.contains(personality->name)) continue;
        const auto& section = *chain(personality->chain);
        auto certificates = crypto::Certificate::chain_from_file(config_.resolve(section.certificate));
        auto key = crypto::PrivateKey::from_file(config_.resolve(section.key));
        if (!certificates || !key) {
          const auto& fault = certificates ? key.error() : certificates.error();
          error(section.position_of(certificates ? "key" : "certificate"), fault.what, "put the file there, in PEM");
          continue;
        }
        auto context = tls::Context::build(*personality, {section.name, *std::move(certificates), *std::move(key)},
                                           state.trust->roots());
        if (!context) {
          error(section.position_of("certificate"), context.error().what,
                fmt::format("give personality '{}' a chain that its security level allows", personality->name));
          continue;
        }
        state.contexts.emplace(personality->name, *std::move(context));
      }
    }
  }

  config::Config config_;
  std::vector<Diagnostic> diagnostics_;
};

}  // namespace

Built build_state(const std::filesystem::path& dir) { return Builder{config::load(dir)}.build(); }

}  // namespace firstring::server
