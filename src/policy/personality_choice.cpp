#include "policy/personality_choice.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "device/firmware.hpp"

namespace firstring::policy {
namespace {

using Numbers = std::vector<std::uint16_t>;

/// TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746 section 3.3), TLS_FALLBACK_SCSV (RFC 7507), GREASE.
bool is_no_suite(std::uint16_t suite) { return suite == 0x00ff || suite == 0x5600 || hello::is_grease(suite); }

bool contains(const Numbers& list, std::uint16_t number) {
  return std::find(list.begin(), list.end(), number) != list.end();
}

bool offers_exactly(const Numbers& offered, const Numbers& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](auto suite) { return contains(offered, suite); }) &&
         std::all_of(offered.begin(), offered.end(),
                     [&](auto suite) { return is_no_suite(suite) || contains(wanted, suite); });
}

bool no_hash_above_sha1(const hello::ClientHello& hello) {
  return std::none_of(hello.signature_algorithms.begin(), hello.signature_algorithms.end(), hello::is_above_sha1);
}

bool hello_matches(const tls::Match& match, const hello::ClientHello& hello) {
  const auto highest = hello.highest_version();
  const auto offers = [&](auto suite) { return contains(hello.suites, suite); };
  const auto has = [&](auto extension) { return hello.has_extension(extension); };
  return (match.highest_version_at_most == 0 || highest <= match.highest_version_at_most) &&
         (match.highest_version_at_least == 0 || highest >= match.highest_version_at_least) &&
         (!match.format || *match.format == hello.format) &&
         (match.suites_exactly.empty() || offers_exactly(hello.suites, match.suites_exactly)) &&
         std::all_of(match.offers_suites.begin(), match.offers_suites.end(), offers) &&
         std::none_of(match.lacks_suites.begin(), match.lacks_suites.end(), offers) &&
         std::all_of(match.has_extensions.begin(), match.has_extensions.end(), has) &&
         std::none_of(match.lacks_extensions.begin(), match.lacks_extensions.end(), has) &&
         (!match.no_hash_above_sha1 || no_hash_above_sha1(hello));
}

bool is_model(std::string_view pattern, std::string_view model) {
  if (!pattern.ends_with('*')) return equals_ignoring_case(pattern, model);
  pattern.remove_suffix(1);
  return equals_ignoring_case(pattern, model.substr(0, pattern.size()));
}

bool past_matches(const tls::Match& match, const Past& past) {
  if (match.firmware_below.empty() && match.firmware_from.empty() && match.models.empty()) return true;
  if (!match.models.empty() && std::none_of(match.models.begin(), match.models.end(),
                                            [&](const auto& one) { return is_model(one, past.model); })) {
    return false;
  }
  if (match.firmware_below.empty() && match.firmware_from.empty()) return true;
  return !past.firmware.empty() &&
         (match.firmware_below.empty() || device::compare_firmware(past.firmware, match.firmware_below) < 0) &&
         (match.firmware_from.empty() || device::compare_firmware(past.firmware, match.firmware_from) >= 0);
}

/// An empty list is no condition.
bool names(const std::vector<std::string>& list, std::string_view text) {
  return list.empty() ||
         std::any_of(list.begin(), list.end(), [&](const auto& one) { return equals_ignoring_case(one, text); });
}

const tls::Personality* find(std::span<const tls::Personality* const> allowed, std::string_view name) {
  const auto found = std::find_if(allowed.begin(), allowed.end(), [&](const auto* one) { return one->name == name; });
  return found != allowed.end() ? *found : nullptr;
}

bool has_fingerprint(const tls::Match& match, const hello::ClientHello& hello) {
  return (match.ja3.empty() || names(match.ja3, hello::ja3(hello).hash)) &&
         (match.ja4.empty() || names(match.ja4, hello::ja4(hello)));
}

PersonalityChoice choose_by_data(const Situation& situation, std::span<const tls::Personality* const> allowed) {
  for (const auto* personality : allowed) {
    if (!can_meet(*personality, situation.hello)) continue;
    for (const auto& match : personality->matches) {
      if (matches(match, situation)) return {personality, match.reason};
    }
  }
  if (allowed.empty()) return {};
  const auto meeting =
      std::find_if(allowed.rbegin(), allowed.rend(), [&](const auto* one) { return can_meet(*one, situation.hello); });
  return {meeting != allowed.rend() ? *meeting : allowed.back(), "no_rule_matched"};
}

}  // namespace

bool matches(const tls::Match& match, const Situation& situation) {
  return hello_matches(match, situation.hello) && names(match.server_names, situation.hello.server_name) &&
         names(match.listeners, situation.listener) && past_matches(match, situation.past) &&
         (match.networks.empty() || std::any_of(match.networks.begin(), match.networks.end(),
                                                [&](const auto& one) { return one.contains(situation.address); })) &&
         // Last, since fingerprints take a while to compute.
         ((match.ja3.empty() && match.ja4.empty()) || has_fingerprint(match, situation.hello) ||
          (situation.hello.offers_psk && has_fingerprint(match, hello::without_session(situation.hello))));
}

bool can_meet(const tls::Personality& personality, const hello::ClientHello& hello) {
  if (hello.supported_versions.empty()) return personality.min_version <= hello.highest_version();
  return std::any_of(hello.supported_versions.begin(), hello.supported_versions.end(), [&](auto version) {
    return version >= personality.min_version && version <= personality.max_version;
  });
}

bool may_lead_to(const tls::Personality& personality, const hello::ClientHello& hello) {
  constexpr std::uint16_t kTls13 = 0x0304;
  const bool is_modern = hello.highest_version() >= kTls13 && !no_hash_above_sha1(hello);
  return !is_modern || personality.max_version >= kTls13;
}

Strength strength_for(const tls::Personality& personality, const hello::ClientHello& hello) {
  return {.version = std::min(personality.max_version, hello.highest_version()),
          .security_level = static_cast<int>(personality.security_level)};
}

PersonalityChoice choose_personality(const Situation& situation, std::span<const tls::Personality* const> allowed,
                                     std::span<const Rule> rules) {
  for (const auto& rule : rules) {
    const auto* personality = find(allowed, rule.personality);
    if (personality != nullptr && matches(rule.match, situation)) return {personality, "rule"};
  }
  const auto choice = choose_by_data(situation, allowed);
  const auto* last = situation.past.personality.empty() ? nullptr : find(allowed, situation.past.personality);
  if (last != nullptr && last != choice.personality &&
      strength_for(*last, situation.hello) >= strength_for(*choice.personality, situation.hello)) {
    return {last, "worked_last"};
  }
  return choice;
}

}  // namespace firstring::policy
