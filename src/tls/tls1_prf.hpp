#pragma once

#include <cstdint>
#include <span>

#include "base/bytes.hpp"

namespace firstring::tls {

/// What TLS 1.0 to 1.2 make keys and Finished messages with.
enum class PrfHash : std::uint8_t {
  md5_sha1,  ///< TLS 1.0 and 1.1: RFC 2246 section 5
  sha256,    ///< TLS 1.2: RFC 5246 section 5
  sha384,    ///< TLS 1.2 with suites that say so: RFC 5288
};

/// The pseudo-random function of TLS: fills `out`. `seed` begins with the label.
void tls1_prf(PrfHash hash, ByteView secret, ByteView seed, std::span<std::uint8_t> out);

}  // namespace firstring::tls
