#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/ip_address.hpp"
#include "hello/client_hello.hpp"
#include "tls/personality.hpp"

namespace firstring::policy {

/// The last device that came from an address with a hello: a hint, no proof. Empty fields: unknown.
struct Past {
  std::string model, firmware;
  std::string personality;  ///< the one that worked last
};

/// All that is known of a client when the server chooses a personality.
struct Situation {
  const hello::ClientHello& hello;
  IpAddress address{};
  std::string_view listener{};  ///< the configured address, "0.0.0.0:8443"
  Past past{};
};

/// One [[rule]]: which clients it is for, and the name of the personality that they get if their listener allows it.
struct Rule {
  tls::Match match;
  std::string personality;
};

struct PersonalityChoice {
  const tls::Personality* personality = nullptr;
  std::string_view reason;  ///< stable code for the ledger: which rule matched
};

bool matches(const tls::Match& match, const Situation& situation);

/// Whether client and personality have a protocol version in common.
bool can_meet(const tls::Personality& personality, const hello::ClientHello& hello);

/// Whether a failed handshake may lead such a client to this personality: one that offers TLS 1.3 and knows SHA-256
/// never to one of lower versions, whose chains and groups are for clients that can do no better. An attacker on the
/// path can make any handshake fail.
bool may_lead_to(const tls::Personality& personality, const hello::ClientHello& hello);

/// How strong what the two agree on can be. The higher version counts first.
struct Strength {
  int version = 0;         ///< 0x0303 for TLS 1.2
  int security_level = 0;  ///< Personality::security_level

  friend auto operator<=>(const Strength&, const Strength&) = default;
};
Strength strength_for(const tls::Personality& personality, const hello::ClientHello& hello);

/// The personality for this client, out of `allowed` (in the order of their data) and never any other:
/// 1. the first rule that matches ("rule"),
/// 2. what worked for it last ("worked_last"), unless 3 and 4 lead to something stronger: what the client could not do
///    then it may be able to do now,
/// 3. the first that has a version in common with it and whose own data match, for the reason that they name,
/// 4. the last that has a version in common with it, else the last, so that OpenSSL refuses the handshake with a
///    proper alert ("no_rule_matched").
/// nullptr only if `allowed` is empty. Only the ladder knows what failed before.
PersonalityChoice choose_personality(const Situation& situation, std::span<const tls::Personality* const> allowed,
                                     std::span<const Rule> rules);

}  // namespace firstring::policy
