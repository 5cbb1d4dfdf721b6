#pragma once

#include <openssl/core.h>

namespace firstring::tls {

/// The key management of elliptic curves for an OpenSSL provider: what `functions` do (the default provider's, whose
/// context is `provider`), but for NIST's curves over primes it is checked once, not twice, that a peer's point is in
/// the group, and the curve is copied, not made for each key. Called once; the result lives as long as the program.
const OSSL_DISPATCH* ec_key_management(const OSSL_DISPATCH* functions, void* provider);

}  // namespace firstring::tls
