// DH keys through the deprecated DH type, for what its successor cannot say: how long a private exponent shall be. A
// length set on an EVP_PKEY's parameters is lost when OpenSSL 3.0 makes a key from them (seen in its
// providers/.../dh_kmgmt.c, and measured: 1,023 bits). A DH whose method is not the built-in one stays with the old
// code (crypto/dh/dh_pmeth.c), which copies the length. The made key is an ordinary one; only its exponent is short.
#define OPENSSL_SUPPRESS_DEPRECATED

#include <fmt/format.h>
#include <openssl/dh.h>

#include "tls/context.hpp"

namespace firstring::tls {
namespace {

using DhPtr = std::unique_ptr<DH, crypto::Deleter<DH_free>>;

constexpr long kExponentBits = 256;

Result<crypto::PkeyPtr> rfc2409_group_2() {
  static const DH_METHOD* const method = DH_meth_dup(DH_OpenSSL());
  const DhPtr group{DH_new()};
  crypto::BignumPtr prime{BN_get_rfc2409_prime_1024(nullptr)};
  crypto::BignumPtr generator{BN_new()};
  crypto::PkeyPtr key{EVP_PKEY_new()};
  if (method == nullptr || !group || !prime || !generator || !key || BN_set_word(generator.get(), 2) != 1 ||
      DH_set_method(group.get(), method) != 1 || DH_set0_pqg(group.get(), prime.get(), nullptr, generator.get()) != 1) {
    return crypto::openssl_failure("make the DH group of 1024 bits");
  }
  prime.release();
  generator.release();
  if (DH_set_length(group.get(), kExponentBits) != 1 || EVP_PKEY_set1_DH(key.get(), group.get()) != 1) {
    return crypto::openssl_failure("make the DH group of 1024 bits");
  }
  return key;
}

Result<crypto::PkeyPtr> ffdhe2048() {
  const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_name(crypto::library(), "DH", nullptr)};
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_paramgen_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_dh_nid(context.get(), NID_ffdhe2048) != 1 || EVP_PKEY_paramgen(context.get(), &key) != 1) {
    return crypto::openssl_failure("make the DH group of 2048 bits");
  }
  return crypto::PkeyPtr{key};
}

}  // namespace

Result<crypto::PkeyPtr> dh_group(unsigned bits) {
  if (bits == 1024) return rfc2409_group_2();
  if (bits == 2048) return ffdhe2048();
  return fail(Errc::invalid_input, fmt::format("there is no DH group of {} bits", bits));
}

}  // namespace firstring::tls
