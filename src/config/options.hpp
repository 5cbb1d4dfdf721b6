#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "config/config.hpp"
#include "options/option.hpp"

// The tables that everything about firstring.toml is derived from: reading it, its faults, the reference and the
// example. Internal to this module.
namespace firstring::config {

using options::SectionTable;

inline constexpr std::array kListenerKinds{std::pair{std::string_view{"phone"}, ListenerKind::phone},
                                           std::pair{std::string_view{"bootstrap"}, ListenerKind::bootstrap}};

const SectionTable<Server>& server_table();
const SectionTable<Listener>& listener_table();
const SectionTable<ServerChain>& server_chain_table();
const SectionTable<OwnPersonality>& personality_table();
const SectionTable<PersonalityRule>& rule_table();
const SectionTable<DeviceCa>& device_ca_table();
const SectionTable<Policy>& policy_table();
const SectionTable<Quarantine>& quarantine_table();
const SectionTable<Limits>& limits_table();
const SectionTable<Log>& log_table();

/// Calls visit(table, member of Config) for each section in the order of the file.
template <class ConfigType, class Visit>
void for_each_section(ConfigType& config, Visit&& visit) {
  visit(server_table(), config.server);
  visit(listener_table(), config.listeners);
  visit(server_chain_table(), config.server_chains);
  visit(personality_table(), config.personalities);
  visit(rule_table(), config.rules);
  visit(device_ca_table(), config.device_cas);
  visit(policy_table(), config.policy);
  visit(quarantine_table(), config.quarantine);
  visit(limits_table(), config.limits);
  visit(log_table(), config.log);
}

}  // namespace firstring::config
