#pragma once

#include <openssl/core.h>

namespace firstring::tls {

/// The key management of DH for an OpenSSL provider: what `usual` does (the default provider's), but keys of a
/// ShortExponentGroup are take_dh_key's. Everything else of such a key, the check of the peer's value above all, stays
/// OpenSSL's. Called once; what it gives lives as long as the program.
const OSSL_DISPATCH* dh_key_management(const OSSL_DISPATCH* usual);

/// The key exchange of DH: what `usual` does, but secrets of handshakes that have company (PowerQueue) are computed
/// together, in the group of 1024 bits. Called once, after dh_key_management.
const OSSL_DISPATCH* dh_key_exchange(const OSSL_DISPATCH* usual);

}  // namespace firstring::tls
