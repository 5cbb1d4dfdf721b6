#pragma once

#include <openssl/core.h>

namespace firstring::tls {

/// The key management of elliptic curves for an OpenSSL provider: what `usual` does (the default provider's), but of a
/// peer's point on one of NIST's curves over primes it is checked once, not twice, that it is in the group. Called
/// once; what it gives lives as long as the program.
const OSSL_DISPATCH* ec_key_management(const OSSL_DISPATCH* usual);

}  // namespace firstring::tls
