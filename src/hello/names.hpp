#pragma once

#include <cstdint>
#include <string_view>

namespace firstring::hello {

/// "P-256", "ffdhe2048": IANA "TLS Supported Groups"; empty for one that has no name here.
std::string_view group_name(std::uint16_t number);
/// "RSA+SHA256": IANA "TLS SignatureScheme", and before TLS 1.3 the pairs of RFC 5246 section 7.4.1.4.1; likewise.
std::string_view signature_name(std::uint16_t number);

}  // namespace firstring::hello
