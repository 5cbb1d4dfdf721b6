// DH keys through the deprecated DH type, for what its successor cannot say: how long a private exponent shall be. A
// length set on an EVP_PKEY's parameters is lost when OpenSSL 3.0 makes a key from them (seen in its
// providers/.../dh_kmgmt.c, and measured: 1,023 bits). A DH whose method is not the built-in one stays with the old
// code (crypto/dh/dh_pmeth.c), which copies the length. The made key is an ordinary one; only its exponent is short.
#define OPENSSL_SUPPRESS_DEPRECATED

#include <fmt/format.h>
#include <openssl/dh.h>

#include <array>

#include "tls/context.hpp"

namespace firstring::tls {
namespace {

using DhPtr = std::unique_ptr<DH, crypto::Deleter<DH_free>>;

constexpr long kExponentBits = 256;

/// A safe prime with the generator 2, made with `openssl dhparam 512` for this program alone. Groups of that size that
/// everybody uses have been broken in advance (CVE-2015-4000); this one takes somebody a week of its own.
constexpr std::array<unsigned char, 64> kPrime512{
    0xb4, 0x32, 0xa2, 0xba, 0xd2, 0x2a, 0x4d, 0xc3, 0x4d, 0x2d, 0x62, 0x2f, 0xa4, 0xa0, 0x36, 0x0f,
    0x8f, 0x4c, 0x08, 0x44, 0xd0, 0x47, 0x0e, 0x31, 0xe0, 0x87, 0x31, 0x41, 0x01, 0x64, 0xfd, 0x5a,
    0x9c, 0x0f, 0xc5, 0x05, 0xd7, 0xb3, 0x26, 0xe2, 0xc1, 0x2c, 0x89, 0x55, 0x84, 0x9e, 0x05, 0xdb,
    0x3a, 0x58, 0xd0, 0x63, 0x75, 0x61, 0x7f, 0x2c, 0x3b, 0x9f, 0xe7, 0xd2, 0x5d, 0xad, 0xb1, 0xef};

crypto::BignumPtr safe_prime(unsigned bits) {
  if (bits == 512) return crypto::BignumPtr{BN_bin2bn(kPrime512.data(), static_cast<int>(kPrime512.size()), nullptr)};
  if (bits == 768) return crypto::BignumPtr{BN_get_rfc2409_prime_768(nullptr)};
  return crypto::BignumPtr{BN_get_rfc2409_prime_1024(nullptr)};
}

Result<crypto::PkeyPtr> group_with_short_exponents(unsigned bits) {
  static const DH_METHOD* const method = DH_meth_dup(DH_OpenSSL());
  const auto failed = [&] { return crypto::openssl_failure(fmt::format("make the DH group of {} bits", bits)); };
  const DhPtr group{DH_new()};
  auto prime = safe_prime(bits);
  crypto::BignumPtr generator{BN_new()};
  crypto::PkeyPtr key{EVP_PKEY_new()};
  if (method == nullptr || !group || !prime || !generator || !key || BN_set_word(generator.get(), 2) != 1 ||
      DH_set_method(group.get(), method) != 1 || DH_set0_pqg(group.get(), prime.get(), nullptr, generator.get()) != 1) {
    return failed();
  }
  prime.release();
  generator.release();
  if (DH_set_length(group.get(), kExponentBits) != 1 || EVP_PKEY_set1_DH(key.get(), group.get()) != 1) return failed();
  return key;
}

Result<crypto::PkeyPtr> rfc7919_group(unsigned bits) {
  const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_name(crypto::library(), "DH", nullptr)};
  const int nid = bits == 2048 ? NID_ffdhe2048 : bits == 3072 ? NID_ffdhe3072 : NID_ffdhe4096;
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_paramgen_init(context.get()) != 1 || EVP_PKEY_CTX_set_dh_nid(context.get(), nid) != 1 ||
      EVP_PKEY_paramgen(context.get(), &key) != 1) {
    return crypto::openssl_failure(fmt::format("make the DH group of {} bits", bits));
  }
  return crypto::PkeyPtr{key};
}

}  // namespace

Result<crypto::PkeyPtr> dh_group(unsigned bits) {
  if (bits == 512 || bits == 768 || bits == 1024) return group_with_short_exponents(bits);
  if (bits == 2048 || bits == 3072 || bits == 4096) return rfc7919_group(bits);
  return fail(Errc::invalid_input, fmt::format("there is no DH group of {} bits", bits));
}

}  // namespace firstring::tls
