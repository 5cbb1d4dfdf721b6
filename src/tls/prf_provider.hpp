#pragma once

#include <openssl/core.h>

namespace firstring::tls {

/// The key derivation "TLS1-PRF" for an OpenSSL provider (provider-kdf(7), EVP_KDF-TLS1_PRF(7)) by tls1_prf(), for the
/// hashes that TLS uses. Anything else fails like an unknown algorithm.
const OSSL_DISPATCH* tls1_prf_functions();

}  // namespace firstring::tls
