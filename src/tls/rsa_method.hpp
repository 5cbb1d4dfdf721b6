#pragma once

#include <openssl/types.h>

namespace firstring::tls {

/// What works RSA's private keys of 2048 bits.
enum class RsaVectors : unsigned char {
  twins,  ///< TwinPower
  lanes,  ///< PowerQueue, for handshakes that have company; others are left to OpenSSL, which has code of its own for
          ///< them
};

/// OpenSSL's way to work RSA's private keys, but those of 2048 bits by vectors. Padding, blinding and all else stay
/// OpenSSL's. Each result is checked with the public key before it is given out; a key of another size or with more
/// than two primes, and a result that is wrong, is left to OpenSSL. nullptr if the processor has no such vectors. Made
/// at the first call, which must come before there are other threads; never freed.
const RSA_METHOD* rsa_method(RsaVectors by);

/// Lets all RSA keys that are made from now on work by the best vectors that the processor has. EVP_PKEY_dup refuses
/// such keys. To be called before there are other threads.
void use_vectors_for_rsa();

/// How often a private key worked by vectors, of all threads.
unsigned long rsa_powers_by_vectors();

}  // namespace firstring::tls
