#include "tls/ec_provider.hpp"

#include <gtest/gtest.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>

#include <array>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.hpp"
#include "crypto/openssl.hpp"
#include "tls/dispatch.hpp"
#include "tls/handshake_library.hpp"

namespace firstring::tls {
namespace {

crypto::PkeyPtr make_key(OSSL_LIB_CTX* library, const char* curve) {
  return crypto::PkeyPtr{EVP_PKEY_Q_keygen(library, nullptr, "EC", curve)};
}

Bytes point_of(EVP_PKEY* key) {
  unsigned char* octets = nullptr;
  const auto size = EVP_PKEY_get1_encoded_public_key(key, &octets);
  Bytes point{octets, octets + size};
  OPENSSL_free(octets);
  return point;
}

/// What libssl does with a client's point; empty if OpenSSL refuses it.
Bytes derive(OSSL_LIB_CTX* library, EVP_PKEY* own, ByteView point) {
  const crypto::PkeyPtr peer{EVP_PKEY_new()};
  const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_pkey(library, own, nullptr)};
  Bytes secret(66);
  auto size = secret.size();
  const bool good = EVP_PKEY_copy_parameters(peer.get(), own) == 1 &&
                    EVP_PKEY_set1_encoded_public_key(peer.get(), point.data(), point.size()) == 1 &&
                    EVP_PKEY_derive_init(context.get()) == 1 &&
                    EVP_PKEY_derive_set_peer(context.get(), peer.get()) == 1 &&
                    EVP_PKEY_derive(context.get(), secret.data(), &size) == 1;
  crypto::drain_errors();
  secret.resize(good ? size : 0);
  return secret;
}

TEST(EcProvider, AgreesWithOpenSslsOwn) {
  for (const auto* curve : {"P-256", "P-384", "P-521", "brainpoolP256r1"}) {
    const auto ours = make_key(handshake_library(), curve);
    const auto theirs = make_key(crypto::library(), curve);
    ASSERT_TRUE(ours) << curve;
    const auto secret = derive(handshake_library(), ours.get(), point_of(theirs.get()));
    EXPECT_FALSE(secret.empty()) << curve;
    EXPECT_EQ(secret, derive(crypto::library(), theirs.get(), point_of(ours.get()))) << curve;
  }
}

TEST(EcProvider, MakesKeysOfTheCurveThatWasAskedForByAnyThread) {
  std::vector<std::thread> threads;
  for (const auto* curve : {"prime256v1", "secp384r1", "secp521r1", "brainpoolP384r1"}) {
    threads.emplace_back([curve] {
      Bytes last;
      for (int i = 0; i < 5; ++i) {
        const auto key = make_key(handshake_library(), curve);
        ASSERT_TRUE(key) << curve;
        std::array<char, 32> name{};
        std::size_t size = 0;
        EXPECT_EQ(EVP_PKEY_get_group_name(key.get(), name.data(), name.size(), &size), 1);
        EXPECT_STREQ(name.data(), curve);
        const auto point = point_of(key.get());
        EXPECT_NE(point, last);
        last = point;
        const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_pkey(handshake_library(), key.get(), nullptr)};
        EXPECT_EQ(EVP_PKEY_check(context.get()), 1) << curve;
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(EcProvider, RefusesAPointThatIsNotOnTheCurve) {
  for (const auto* curve : {"P-256", "P-384", "P-521"}) {
    const auto own = make_key(handshake_library(), curve);
    const auto good = point_of(make_key(crypto::library(), curve).get());
    ASSERT_FALSE(derive(handshake_library(), own.get(), good).empty());
    // Any octet of either coordinate; the first is 4, for "not compressed".
    for (std::size_t i = 0; i < good.size(); ++i) {
      auto bad = good;
      bad[i] ^= 1U;
      EXPECT_TRUE(derive(handshake_library(), own.get(), bad).empty()) << curve << " " << i;
    }
    EXPECT_TRUE(derive(handshake_library(), own.get(), Bytes{0}).empty()) << "the point at infinity";
    EXPECT_TRUE(derive(handshake_library(), own.get(), Bytes(good.size(), 0)).empty());
    auto out_of_range = Bytes(good.size(), 0xff);
    out_of_range[0] = 4;
    EXPECT_TRUE(derive(handshake_library(), own.get(), out_of_range).empty());
    // (0, y) with y of another curve, as attacks with invalid curves send it.
    auto invalid = Bytes(good.size(), 0);
    invalid[0] = 4;
    invalid.back() = 1;
    EXPECT_TRUE(derive(handshake_library(), own.get(), invalid).empty());
  }
}

// ---- another OpenSSL than the real one, which says what it is asked ----

std::string curve_of_all;
int asked_for = -1;
int fake_get_params(void*, OSSL_PARAM params[]) { return OSSL_PARAM_set_utf8_string(params, curve_of_all.c_str()); }
int fake_validate(const void*, int, int check) {
  asked_for = check;
  return 1;
}

/// How OpenSSL is asked to check a key of that curve.
int check_of(const char* curve, int selection, int check) {
  const std::array fake{dispatch(OSSL_FUNC_KEYMGMT_GET_PARAMS, fake_get_params),
                        dispatch(OSSL_FUNC_KEYMGMT_VALIDATE, fake_validate), OSSL_DISPATCH{0, nullptr}};
  curve_of_all = curve;
  const auto* ours = ec_key_management(fake.data(), nullptr);
  EXPECT_EQ(ours[1].function_id, OSSL_FUNC_KEYMGMT_VALIDATE);
  reinterpret_cast<OSSL_FUNC_keymgmt_validate_fn*>(ours[1].function)(nullptr, selection, check);
  return asked_for;
}

TEST(EcProvider, ChecksAPeersPointOnceWhereTheCofactorIsOne) {
  // In a process of its own, since the functions of the real one are kept once.
  const auto all = [] {
    constexpr int kPublic = OSSL_KEYMGMT_SELECT_PUBLIC_KEY, kPair = OSSL_KEYMGMT_SELECT_KEYPAIR;
    constexpr int kFull = OSSL_KEYMGMT_VALIDATE_FULL_CHECK, kQuick = OSSL_KEYMGMT_VALIDATE_QUICK_CHECK;
    const bool good =
        check_of("prime256v1", kPublic, kFull) == kQuick && check_of("secp384r1", kPublic, kFull) == kQuick &&
        check_of("secp521r1", kPublic, kFull) == kQuick && check_of("sect163k1", kPublic, kFull) == kFull &&
        check_of("", kPublic, kFull) == kFull && check_of("prime256v1", kPair, kFull) == kFull &&
        check_of("prime256v1", kPublic, kQuick) == kQuick;
    std::exit(good ? 0 : 1);
  };
  EXPECT_EXIT(all(), ::testing::ExitedWithCode(0), "");
}

TEST(EcProvider, LeavesTheCheckOfAPrivateKeyWhole) {
  const auto key = make_key(handshake_library(), "P-256");
  const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_pkey(handshake_library(), key.get(), nullptr)};
  EXPECT_EQ(EVP_PKEY_check(context.get()), 1);
  EXPECT_EQ(EVP_PKEY_public_check(context.get()), 1);
  EXPECT_EQ(EVP_PKEY_pairwise_check(context.get()), 1);
}

}  // namespace
}  // namespace firstring::tls
