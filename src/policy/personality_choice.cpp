#include "policy/personality_choice.hpp"

namespace firstring::policy {
namespace {

constexpr std::uint16_t kSignatureAlgorithms = 13;  // RFC 5246 section 7.4.1.4.1

std::string_view matching_rule(const tls::Personality::Match& match, const hello::ClientHello& hello) {
  if (match.highest_version_at_most != 0 && hello.highest_version() <= match.highest_version_at_most)
    return "version_ceiling";
  if (match.without_signature_algorithms && !hello.has_extension(kSignatureAlgorithms))
    return "no_signature_algorithms";
  if (match.any) return "default";
  return {};
}

}  // namespace

PersonalityChoice choose_personality(const hello::ClientHello& hello,
                                     std::span<const tls::Personality* const> allowed) {
  for (const auto* personality : allowed) {
    if (const auto rule = matching_rule(personality->match, hello); !rule.empty()) return {personality, rule};
  }
  if (allowed.empty()) return {};
  return {allowed.back(), "no_rule_matched"};
}

}  // namespace firstring::policy
