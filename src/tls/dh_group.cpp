#include "tls/dh_group.hpp"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/param_build.h>

#include <array>

#include "tls/handshake_library.hpp"

namespace firstring::tls {
namespace {

using ParamBuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, crypto::Deleter<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, crypto::Deleter<OSSL_PARAM_free>>;

/// A safe prime with the generator 2, made with `openssl dhparam 512` for this program alone. The widely used
/// groups of that size have been broken in advance (CVE-2015-4000); this one would take a week of its own.
constexpr std::array<unsigned char, 64> kPrime512{
    0xb4, 0x32, 0xa2, 0xba, 0xd2, 0x2a, 0x4d, 0xc3, 0x4d, 0x2d, 0x62, 0x2f, 0xa4, 0xa0, 0x36, 0x0f,
    0x8f, 0x4c, 0x08, 0x44, 0xd0, 0x47, 0x0e, 0x31, 0xe0, 0x87, 0x31, 0x41, 0x01, 0x64, 0xfd, 0x5a,
    0x9c, 0x0f, 0xc5, 0x05, 0xd7, 0xb3, 0x26, 0xe2, 0xc1, 0x2c, 0x89, 0x55, 0x84, 0x9e, 0x05, 0xdb,
    0x3a, 0x58, 0xd0, 0x63, 0x75, 0x61, 0x7f, 0x2c, 0x3b, 0x9f, 0xe7, 0xd2, 0x5d, 0xad, 0xb1, 0xef};

/// nullptr for a size that has no such group.
crypto::BignumPtr small_prime(unsigned bits) {
  switch (bits) {
    case 512:
      return crypto::BignumPtr{BN_bin2bn(kPrime512.data(), static_cast<int>(kPrime512.size()), nullptr)};
    case 768:
      return crypto::BignumPtr{BN_get_rfc2409_prime_768(nullptr)};
    case 1024:
      return crypto::BignumPtr{BN_get_rfc2409_prime_1024(nullptr)};
    default:
      return nullptr;
  }
}

crypto::PkeyPtr small_group(const BIGNUM* prime) {
  const ParamBuilderPtr builder{OSSL_PARAM_BLD_new()};
  const crypto::BignumPtr two{BN_new()};
  if (!builder || !two || BN_set_word(two.get(), 2) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_FFC_P, prime) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_FFC_G, two.get()) != 1) {
    return nullptr;
  }
  const ParamsPtr params{OSSL_PARAM_BLD_to_param(builder.get())};
  const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_name(handshake_library(), "DH", nullptr)};
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEY_PARAMETERS, params.get()) != 1) {
    return nullptr;
  }
  return crypto::PkeyPtr{key};
}

crypto::PkeyPtr rfc7919_group(unsigned bits) {
  const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_name(handshake_library(), "DH", nullptr)};
  const int nid = bits == 2048 ? NID_ffdhe2048 : bits == 3072 ? NID_ffdhe3072 : NID_ffdhe4096;
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_paramgen_init(context.get()) != 1 || EVP_PKEY_CTX_set_dh_nid(context.get(), nid) != 1 ||
      EVP_PKEY_paramgen(context.get(), &key) != 1) {
    return nullptr;
  }
  return crypto::PkeyPtr{key};
}

}  // namespace

Result<crypto::PkeyPtr> dh_group(unsigned bits) {
  const auto prime = small_prime(bits);
  if (!prime && bits != 2048 && bits != 3072 && bits != 4096)
    return fail(Errc::invalid_input, fmt::format("there is no DH group of {} bits", bits));
  auto group = prime ? small_group(prime.get()) : rfc7919_group(bits);
  if (!group) return crypto::openssl_failure(fmt::format("make the DH group of {} bits", bits));
  return group;
}

}  // namespace firstring::tls
