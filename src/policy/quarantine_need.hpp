#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hello/client_hello.hpp"
#include "tls/personality.hpp"

namespace firstring::policy {

/// What a personality can agree upon.
struct Offer {
  const tls::Personality* personality = nullptr;
  std::vector<std::uint16_t> suites;  ///< tls::offered_suites

  explicit Offer(const tls::Personality& of) : personality(&of), suites(tls::offered_suites(of)) {}
};

/// Whether the two have a protocol version and a suite in common.
bool can_agree(const Offer& offer, const hello::ClientHello& hello);

/// Whether the quarantine can speak with this client, and none of `others` can. Only then may the quarantine be tried.
bool needs_quarantine(const hello::ClientHello& hello, std::span<const Offer> others, const Offer& quarantine);

}  // namespace firstring::policy
