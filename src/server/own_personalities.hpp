#pragma once

#include "config/config.hpp"
#include "policy/personality_choice.hpp"
#include "tls/personality.hpp"

// From the words of firstring.toml to what tls and policy work with. The texts are checked already.
namespace firstring::server {

/// `base` with what the section says otherwise. tls::fault_of may still find fault with it.
tls::Personality own_personality(const config::Personality& section, const tls::Personality& base);

policy::Rule own_rule(const config::Rule& section);

}  // namespace firstring::server
