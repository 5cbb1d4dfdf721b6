#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace firstring::hello {

/// The cipher suite's name as OpenSSL writes it, "DHE-RSA-AES256-SHA", also of those that this build of OpenSSL no
/// longer has (RC4, DES, export); of TLS 1.3 and of signalling values the name in their RFCs. Empty for a number that
/// is none (IANA "TLS Cipher Suites").
std::string_view suite_name(std::uint16_t number);

/// The other way; nullopt for a name that suite_name never gives.
std::optional<std::uint16_t> suite_number(std::string_view name);

}  // namespace firstring::hello
