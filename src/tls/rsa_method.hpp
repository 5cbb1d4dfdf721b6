#pragma once

#include <openssl/types.h>

namespace firstring::tls {

/// OpenSSL's way to work RSA's private keys, but those of 2048 bits by vectors (TwinPower). Padding, blinding and all
/// else stay OpenSSL's. Each result is checked with the public key before it is given out; a key of another size or
/// with more than two primes, and a result that is wrong, is left to OpenSSL. nullptr if the processor has no such
/// vectors. Made at the first call; never freed.
const RSA_METHOD* rsa_method_by_vectors();

/// Lets all RSA keys that are made from now on work so, unless OpenSSL 3.0 has better for this processor. EVP_PKEY_dup
/// refuses such keys. To be called before there are other threads.
void use_vectors_for_rsa();

/// How often a private key worked by vectors, of all threads.
unsigned long rsa_powers_by_vectors();

}  // namespace firstring::tls
