#pragma once

#include <openssl/types.h>

#include "base/result.hpp"

namespace firstring::tls {

/// The OpenSSL library context of this program's TLS servers: crypto::library()'s algorithms, as far as TLS can need
/// them, through a provider of our own: a peer's certificate is parsed in a quarter of the time. The
/// length of DH exponents (dh_group) and the pseudo-random function (tls1_prf) are ours. Made at the first call; never
/// freed.
OSSL_LIB_CTX* handshake_library();

/// Adds RC4 and its like to it, before the first TLS context is made. For firstring-quarantine, whose OpenSSL has them
/// built in; no other program calls it.
Result<void> load_old_algorithms();

}  // namespace firstring::tls
