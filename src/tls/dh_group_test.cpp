#include "tls/dh_group.hpp"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "base/bytes.hpp"
#include "tls/handshake_library.hpp"

namespace firstring::tls {
namespace {

crypto::PkeyPtr make_key(EVP_PKEY* group, OSSL_LIB_CTX* library = handshake_library()) {
  const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_pkey(library, group, nullptr)};
  EVP_PKEY* key = nullptr;
  EXPECT_EQ(EVP_PKEY_keygen_init(context.get()), 1);
  EXPECT_EQ(EVP_PKEY_keygen(context.get(), &key), 1) << crypto::drain_errors();
  return crypto::PkeyPtr{key};
}

crypto::BignumPtr number(EVP_PKEY* key, const char* name) {
  BIGNUM* value = nullptr;
  EXPECT_EQ(EVP_PKEY_get_bn_param(key, name, &value), 1);
  return crypto::BignumPtr{value};
}

/// Empty if OpenSSL refuses.
Bytes derive(EVP_PKEY* own, EVP_PKEY* peer) {
  if (peer == nullptr) return {};
  const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_pkey(handshake_library(), own, nullptr)};
  Bytes secret(128);
  auto size = secret.size();
  if (EVP_PKEY_derive_init(context.get()) != 1 || EVP_PKEY_derive_set_peer(context.get(), peer) != 1 ||
      EVP_PKEY_derive(context.get(), secret.data(), &size) != 1) {
    crypto::drain_errors();
    return {};
  }
  secret.resize(size);
  return secret;
}

/// A peer's key as TLS gives it to OpenSSL: with the group of `own`, and any value. nullptr if that is refused already.
crypto::PkeyPtr peer_with(EVP_PKEY* own, const BIGNUM* value) {
  crypto::PkeyPtr peer{EVP_PKEY_new()};
  EVP_PKEY_copy_parameters(peer.get(), own);
  Bytes octets(128);
  BN_bn2binpad(value, octets.data(), static_cast<int>(octets.size()));
  if (EVP_PKEY_set1_encoded_public_key(peer.get(), octets.data(), octets.size()) == 1) return peer;
  crypto::drain_errors();
  return nullptr;
}

TEST(DhGroup, IsTheWellKnownOne) {
  const auto group = dh_group(1024);
  EXPECT_EQ(EVP_PKEY_get_bits(group->get()), 1024);
  const crypto::BignumPtr prime{BN_get_rfc2409_prime_1024(nullptr)};
  EXPECT_EQ(BN_cmp(number(group->get(), "p").get(), prime.get()), 0);
  EXPECT_TRUE(BN_is_word(number(group->get(), "g").get(), 2));
  EXPECT_EQ(EVP_PKEY_get_bits(dh_group(2048)->get()), 2048);
  EXPECT_FALSE(dh_group(1000));
}

TEST(DhGroup, HasTheSizeThatWasAskedForAndASafePrime) {
  const crypto::BignumContextPtr scratch{BN_CTX_new()};
  for (const unsigned bits : {512U, 768U, 1024U, 2048U, 3072U, 4096U}) {
    const auto group = dh_group(bits);
    ASSERT_TRUE(group) << bits;
    EXPECT_EQ(EVP_PKEY_get_bits(group->get()), static_cast<int>(bits));
    if (bits > 1024) continue;  // of an RFC, and slow to test
    const auto prime = number(group->get(), "p");
    EXPECT_EQ(BN_check_prime(prime.get(), scratch.get(), nullptr), 1) << bits;
    const crypto::BignumPtr half{BN_new()};
    BN_rshift1(half.get(), prime.get());
    EXPECT_EQ(BN_check_prime(half.get(), scratch.get(), nullptr), 1) << bits;
  }
}

TEST(DhGroup, MakesAFreshKeyEachTimeWithAShortExponentAndTheRightPublicValue) {
  const auto group = dh_group(1024);
  const auto first = make_key(group->get());
  const auto second = make_key(group->get());
  const auto exponent = number(first.get(), "priv");
  EXPECT_LE(BN_num_bits(exponent.get()), 256);
  EXPECT_GE(BN_num_bits(exponent.get()), 250);
  EXPECT_NE(BN_cmp(exponent.get(), number(second.get(), "priv").get()), 0);
  const crypto::BignumPtr power{BN_new()};
  const crypto::BignumContextPtr scratch{BN_CTX_new()};
  BN_mod_exp(power.get(), number(first.get(), "g").get(), exponent.get(), number(first.get(), "p").get(),
             scratch.get());
  EXPECT_EQ(BN_cmp(power.get(), number(first.get(), "pub").get()), 0);
}

TEST(DhGroup, AgreesWithOpenSslsOwnDh) {
  // The peer's key is made by OpenSSL's provider, with its long exponent.
  const auto our_group = dh_group(1024);
  const auto ours = make_key(our_group->get());
  const crypto::PkeyContextPtr maker{EVP_PKEY_CTX_new_from_name(crypto::library(), "DH", nullptr)};
  const auto prime = number(ours.get(), "p"), generator = number(ours.get(), "g");
  const std::unique_ptr<OSSL_PARAM_BLD, crypto::Deleter<OSSL_PARAM_BLD_free>> builder{OSSL_PARAM_BLD_new()};
  OSSL_PARAM_BLD_push_BN(builder.get(), "p", prime.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), "g", generator.get());
  const std::unique_ptr<OSSL_PARAM, crypto::Deleter<OSSL_PARAM_free>> params{OSSL_PARAM_BLD_to_param(builder.get())};
  EVP_PKEY* made = nullptr;
  ASSERT_EQ(EVP_PKEY_fromdata_init(maker.get()), 1);
  ASSERT_EQ(EVP_PKEY_fromdata(maker.get(), &made, EVP_PKEY_KEY_PARAMETERS, params.get()), 1);
  const crypto::PkeyPtr their_group{made};
  const auto theirs = make_key(their_group.get(), crypto::library());
  EXPECT_GT(BN_num_bits(number(theirs.get(), "priv").get()), 900);

  // Often enough that a secret with leading zeros is among them.
  for (int i = 0; i < 600; ++i) {
    const auto another = make_key(our_group->get());
    const auto secret = derive(another.get(), theirs.get());
    ASSERT_FALSE(secret.empty());
    ASSERT_EQ(secret, derive(theirs.get(), another.get()));
  }
}

TEST(DhGroup, RefusesAPeersValueThatLiesInASmallSubgroupOrOutsideOfTheGroup) {
  const auto group = dh_group(1024);
  const auto own = make_key(group->get());
  const auto prime = number(own.get(), "p");
  const auto with = [&](BN_ULONG less) {
    crypto::BignumPtr value{BN_dup(prime.get())};
    BN_sub_word(value.get(), less);
    return derive(own.get(), peer_with(own.get(), value.get()).get());
  };
  EXPECT_TRUE(with(0).empty()) << "p";
  EXPECT_TRUE(with(1).empty()) << "p - 1";
  EXPECT_FALSE(with(2).empty()) << "p - 2 is as good as any";
  const crypto::BignumPtr small{BN_new()};
  for (const BN_ULONG value : {0U, 1U}) {
    BN_set_word(small.get(), value);
    EXPECT_TRUE(derive(own.get(), peer_with(own.get(), small.get()).get()).empty()) << value;
  }
  BN_set_word(small.get(), 2);
  EXPECT_FALSE(derive(own.get(), peer_with(own.get(), small.get()).get()).empty());
  BN_lshift(small.get(), BN_value_one(), 1023);
  BN_lshift1(small.get(), small.get());
  BN_sub_word(small.get(), 1);
  EXPECT_TRUE(derive(own.get(), peer_with(own.get(), small.get()).get()).empty()) << "2^1024 - 1";
}

TEST(DhGroup, LeavesOtherGroupsToOpenSsl) {
  ASSERT_TRUE(dh_group(1024));
  for (const unsigned bits : {512U, 768U, 2048U}) {
    const auto group = dh_group(bits);
    const auto one = make_key(group->get()), other = make_key(group->get());
    const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_pkey(handshake_library(), one.get(), nullptr)};
    Bytes secret(bits / 8);
    auto size = secret.size();
    ASSERT_EQ(EVP_PKEY_derive_init(context.get()), 1);
    ASSERT_EQ(EVP_PKEY_derive_set_peer(context.get(), other.get()), 1);
    EXPECT_EQ(EVP_PKEY_derive(context.get(), secret.data(), &size), 1) << bits << crypto::drain_errors();
    crypto::BignumPtr power{BN_new()};
    const crypto::BignumContextPtr scratch{BN_CTX_new()};
    BN_mod_exp(power.get(), number(other.get(), "pub").get(), number(one.get(), "priv").get(),
               number(one.get(), "p").get(), scratch.get());
    crypto::BignumPtr made{BN_bin2bn(secret.data(), static_cast<int>(size), nullptr)};
    EXPECT_EQ(BN_cmp(power.get(), made.get()), 0) << bits;
  }
}

}  // namespace
}  // namespace firstring::tls
