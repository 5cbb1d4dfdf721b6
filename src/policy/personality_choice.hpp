#pragma once

#include <span>
#include <string_view>

#include "hello/client_hello.hpp"
#include "tls/personality.hpp"

namespace firstring::policy {

struct PersonalityChoice {
  const tls::Personality* personality = nullptr;
  std::string_view reason;  ///< stable code for the ledger: which rule matched
};

/// The first of `allowed` (in the order of their rules) whose rule matches the hello. If none does, the last one, so
/// that OpenSSL refuses the handshake in due form; nullptr only if `allowed` is empty. A listener's list is never left.
PersonalityChoice choose_personality(const hello::ClientHello& hello, std::span<const tls::Personality* const> allowed);

}  // namespace firstring::policy
