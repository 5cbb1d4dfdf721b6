#include "server/own_personalities.hpp"

#include <fmt/format.h>

namespace firstring::server {
namespace {

std::vector<std::uint16_t> numbers(const std::vector<unsigned>& values) {
  std::vector<std::uint16_t> result;
  result.reserve(values.size());
  for (const auto value : values) result.push_back(static_cast<std::uint16_t>(value));
  return result;
}

std::vector<Prefix> networks(const std::vector<std::string>& texts) {
  std::vector<Prefix> result;
  for (const auto& text : texts) {
    if (const auto network = Prefix::parse(text)) result.push_back(*network);
  }
  return result;
}

}  // namespace

tls::Personality own_personality(const config::Personality& section, const tls::Personality& base) {
  auto result = base;
  result.name = section.name;
  result.description = fmt::format("{} with changes of our own", base.name);
  const auto take = [&](std::string_view key, auto& target, const auto& value) {
    if (section.positions.contains(key)) target = value;
  };
  take("chain", result.chain, section.chain);
  take("min_version", result.min_version, tls::version_number(section.min_version));
  take("max_version", result.max_version, tls::version_number(section.max_version));
  take("security_level", result.security_level, static_cast<int>(section.security_level));
  take("ciphers", result.ciphers, section.ciphers);
  take("suites13", result.suites13, section.suites13);
  take("groups", result.groups, section.groups);
  take("signature_algorithms", result.signature_algorithms, section.signature_algorithms);
  take("dh_bits", result.dh_bits, section.dh_bits);
  take("dh_bits_below_1024", result.dh_bits_below_1024, section.dh_bits_below_1024);
  take("sessions", result.sessions, section.sessions);
  take("send_ca_names", result.send_ca_names, section.send_ca_names);
  take("max_fragment", result.max_fragment, static_cast<unsigned>(section.max_fragment));
  take("alerts", result.alerts, tls::alert_style(section.alerts));
  return result;
}

policy::Rule own_rule(const config::Rule& section) {
  policy::Rule rule{.match = {}, .personality = section.personality};
  auto& match = rule.match;
  match.reason = "rule";
  match.highest_version_at_most = tls::version_number(section.highest_version_at_most);
  match.highest_version_at_least = tls::version_number(section.highest_version_at_least);
  if (!section.format.empty()) match.format = section.format == "sslv2" ? hello::Format::sslv2 : hello::Format::tls;
  match.suites_exactly = numbers(section.suites_exactly);
  match.offers_suites = numbers(section.offers_suites);
  match.lacks_suites = numbers(section.lacks_suites);
  match.has_extensions = numbers(section.has_extensions);
  match.lacks_extensions = numbers(section.lacks_extensions);
  match.no_hash_above_sha1 = section.strongest_signature_hash_at_most == "sha1";
  match.ja3 = section.ja3;
  match.ja4 = section.ja4;
  match.server_names = section.server_names;
  match.networks = networks(section.networks);
  match.listeners = section.listeners;
  match.models = section.models;
  match.firmware_below = section.firmware_below;
  match.firmware_from = section.firmware_from;
  return rule;
}

}  // namespace firstring::server
