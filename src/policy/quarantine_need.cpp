#include "policy/quarantine_need.hpp"

#include <algorithm>

#include "policy/personality_choice.hpp"

namespace firstring::policy {

bool can_agree(const Offer& offer, const hello::ClientHello& hello) {
  return can_meet(*offer.personality, hello) &&
         std::find_first_of(hello.suites.begin(), hello.suites.end(), offer.suites.begin(), offer.suites.end()) !=
             hello.suites.end();
}

bool needs_quarantine(const hello::ClientHello& hello, std::span<const Offer> others, const Offer& quarantine) {
  return std::none_of(others.begin(), others.end(), [&](const auto& offer) { return can_agree(offer, hello); }) &&
         can_agree(quarantine, hello);
}

}  // namespace firstring::policy
