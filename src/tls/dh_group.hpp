#pragma once

#include "base/result.hpp"
#include "crypto/openssl.hpp"

namespace firstring::tls {

/// The group that DHE personalities use, in handshake_library(): RFC 2409 sections 6.1 and 6.2 for 768 and 1024 bits (a
/// safe prime that phones compute 2.4 times faster than DSA-style parameters), a safe prime of our own for 512, RFC
/// 7919 for 2048, 3072 and 4096. Private exponents are short (dh_provider.hpp): 256 bits up to a group of 1024, else as
/// long as OpenSSL thinks right (225 for 2048).
Result<crypto::PkeyPtr> dh_group(unsigned bits);

}  // namespace firstring::tls
