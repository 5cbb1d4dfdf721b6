#pragma once

#include <openssl/types.h>

#include "base/result.hpp"

namespace firstring::tls {

/// The OpenSSL library context of this program's TLS servers: crypto::library()'s algorithms through a provider of our
/// own, which reads a peer's certificate in a third of the time and makes DH keys as dh_group says. Made at the first
/// call; never freed.
OSSL_LIB_CTX* handshake_library();

/// Adds RC4 and its like to it, before the first TLS context is made. For firstring-quarantine, whose OpenSSL has them
/// built in; no other program calls it.
Result<void> load_old_algorithms();

}  // namespace firstring::tls
