#pragma once

#include <openssl/core.h>

namespace firstring::tls {

/// OpenSSL's own key management for DH (provider-keymgmt(7)), given as the default provider has it, but that keys of
/// groups of up to 1024 bits get a private exponent of 256 bits. All functions, contexts and arithmetic stay the
/// default provider's; if it lacks one that is needed here, it is returned as it is and exponents are long.
const OSSL_DISPATCH* dh_key_management(const OSSL_DISPATCH* functions);

}  // namespace firstring::tls
