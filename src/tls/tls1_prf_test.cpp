#include "tls/tls1_prf.hpp"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include <string>

#include "crypto/openssl.hpp"
#include "tls/handshake_library.hpp"

namespace firstring::tls {
namespace {

using KdfPtr = std::unique_ptr<EVP_KDF, crypto::Deleter<EVP_KDF_free>>;
using KdfContextPtr = std::unique_ptr<EVP_KDF_CTX, crypto::Deleter<EVP_KDF_CTX_free>>;

Bytes octets(std::size_t size, unsigned salt) {
  Bytes made(size);
  for (std::size_t i = 0; i < size; ++i) made[i] = static_cast<std::uint8_t>(i * 7 + i / 256 + salt);
  return made;
}

KdfContextPtr make_context(OSSL_LIB_CTX* library) {
  const KdfPtr kdf{EVP_KDF_fetch(library, "TLS1-PRF", nullptr)};
  return KdfContextPtr{EVP_KDF_CTX_new(kdf.get())};
}

/// By OpenSSL's interface, as libssl does it: the seed in two parts. Empty if it refuses.
Bytes derive(EVP_KDF_CTX* context, const std::string& digest, ByteView secret, ByteView seed, std::size_t size) {
  auto name = digest;
  const auto part = seed.size() / 3;
  const auto octet_string = [](const char* key, ByteView bytes) {
    return OSSL_PARAM_construct_octet_string(key, const_cast<std::uint8_t*>(bytes.data()), bytes.size());
  };
  const std::array params{OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, name.data(), 0),
                          octet_string(OSSL_KDF_PARAM_SECRET, secret),
                          octet_string(OSSL_KDF_PARAM_SEED, seed.first(part)),
                          octet_string(OSSL_KDF_PARAM_SEED, seed.subspan(part)), OSSL_PARAM_construct_end()};
  Bytes out(size, 0xee);
  if (EVP_KDF_derive(context, out.data(), out.size(), params.data()) == 1) return out;
  crypto::drain_errors();
  return {};
}

constexpr std::pair<PrfHash, const char*> kHashes[] = {
    {PrfHash::md5_sha1, "MD5-SHA1"}, {PrfHash::sha256, "SHA2-256"}, {PrfHash::sha384, "SHA2-384"}};

TEST(Tls1Prf, IsOpenSslsOwnForEveryLength) {
  for (const auto& [hash, name] : kHashes) {
    // Around the blocks of 64 and 128 octets and the digests of 16, 20, 32 and 48; an odd secret has a shared middle.
    for (const std::size_t secret : {1, 2, 47, 48, 63, 64, 65, 127, 128, 129, 130, 255, 256, 257, 512, 1024}) {
      for (const std::size_t size : {1, 12, 15, 16, 17, 20, 21, 32, 33, 48, 49, 104, 136, 300}) {
        const auto key = octets(secret, 3), seed = octets(77, 5);
        Bytes ours(size);
        tls1_prf(hash, key, seed, ours);
        ASSERT_EQ(ours, derive(make_context(crypto::library()).get(), name, key, seed, size)) << name << secret << size;
      }
    }
  }
}

// https://mailarchive.ietf.org/arch/msg/tls/fzVCzk-z3FShgGJ6DOXqM1ydxms/: "P_SHA256" test vector.
TEST(Tls1Prf, MatchesThePublishedVector) {
  auto seed = Bytes{as_bytes("test label").begin(), as_bytes("test label").end()};
  const auto random = *from_hex("a0ba9f936cda311827a6f796ffd5198c");
  seed.insert(seed.end(), random.begin(), random.end());
  Bytes out(32);
  tls1_prf(PrfHash::sha256, *from_hex("9bbe436ba940f017b17652849a71db35"), seed, out);
  EXPECT_EQ(to_hex(out), "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a");
}

TEST(Tls1Prf, IsWhatHandshakesUseAndTakesWhatLibsslGives) {
  const auto secret = octets(48, 1), seed = octets(90, 2);
  for (const auto& [hash, name] : kHashes) {
    Bytes ours(100);
    tls1_prf(hash, secret, seed, ours);
    EXPECT_EQ(derive(make_context(handshake_library()).get(), name, secret, seed, ours.size()), ours) << name;
  }
  const KdfPtr kdf{EVP_KDF_fetch(handshake_library(), "TLS1-PRF", nullptr)};
  EXPECT_STREQ(OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(kdf.get())), "firstring");
}

TEST(Tls1Prf, RefusesWhatItCannotDo) {
  const auto secret = octets(48, 1), seed = octets(90, 2);
  const auto fresh = [] { return make_context(handshake_library()); };
  EXPECT_TRUE(derive(fresh().get(), "SHA2-512", secret, seed, 48).empty());
  EXPECT_TRUE(derive(fresh().get(), "", secret, seed, 48).empty());
  EXPECT_TRUE(derive(fresh().get(), "MD5-SHA1", {}, seed, 48).empty());
  EXPECT_TRUE(derive(fresh().get(), "MD5-SHA1", secret, {}, 48).empty());
  EXPECT_TRUE(derive(fresh().get(), "MD5-SHA1", octets(1025, 1), seed, 48).empty());
  EXPECT_TRUE(derive(fresh().get(), "MD5-SHA1", secret, octets(1025, 1), 48).empty());
  Bytes out(48);
  EXPECT_NE(EVP_KDF_derive(fresh().get(), out.data(), out.size(), nullptr), 1);
  crypto::drain_errors();
}

TEST(Tls1Prf, ForgetsWithAReset) {
  const auto secret = octets(48, 1), seed = octets(90, 2);
  const auto context = make_context(handshake_library());
  const auto first = derive(context.get(), "SHA2-256", secret, seed, 48);
  EXPECT_NE(derive(context.get(), "SHA2-256", secret, seed, 48), first) << "seeds add up";
  EVP_KDF_CTX_reset(context.get());
  EXPECT_EQ(derive(context.get(), "SHA2-256", secret, seed, 48), first);
  EXPECT_NE(derive(context.get(), "SHA2-256", octets(48, 9), {}, 48), first) << "the last secret counts";
}

}  // namespace
}  // namespace firstring::tls
