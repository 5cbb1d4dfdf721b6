#include "tls/dh_group.hpp"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>

#include <array>
#include <set>
#include <string_view>
#include <thread>

#include "base/bytes.hpp"
#include "tls/dh_keys.hpp"
#include "tls/fixed_base_power.hpp"
#include "tls/handshake_library.hpp"
#include "tls/power_queue.hpp"

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

/// A peer's value for which the secret of `own` begins with a zero.
crypto::BignumPtr value_for_short_secret(EVP_PKEY* own) {
  const crypto::BignumContextPtr scratch{BN_CTX_new()};
  const auto prime = number(own, "p"), exponent = number(own, "priv");
  const crypto::BignumPtr value{BN_new()}, secret{BN_new()};
  do {
    BN_rand_range(value.get(), prime.get());
    BN_mod_exp(secret.get(), value.get(), exponent.get(), prime.get(), scratch.get());
  } while (BN_num_bytes(secret.get()) > 127);
  return crypto::BignumPtr{BN_dup(value.get())};
}

TEST(DhGroup, AgreesInCompanyOnTheSameSecrets) {
  if (!has_lanes()) GTEST_SKIP() << "this processor has no AVX-512 IFMA";
  const auto group = dh_group(1024);
  PowerQueue queue;
  std::vector<SideStack> stacks(10);
  std::vector<crypto::PkeyPtr> own, peers;
  std::vector<Bytes> expected, found(stacks.size());
  for (std::size_t i = 0; i < stacks.size(); ++i) {
    own.push_back(make_key(group->get()));
    peers.push_back(i % 2 == 0 ? make_key(group->get())
                               : peer_with(own[i].get(), value_for_short_secret(own[i].get()).get()));
    expected.push_back(derive(own[i].get(), peers[i].get()));
    EXPECT_FALSE(stacks[i].run([&, i] { found[i] = derive(own[i].get(), peers[i].get()); }));
  }
  EXPECT_TRUE(queue.work(queue.due_at(), true, 0));
  for (auto& stack : stacks) EXPECT_TRUE(stack.resume());
  EXPECT_EQ(found, expected);
  EXPECT_LT(expected[1].size(), 128U);
}

TEST(DhGroup, RefusesBadValuesInCompanyToo) {
  if (!has_lanes()) GTEST_SKIP() << "this processor has no AVX-512 IFMA";
  const auto group = dh_group(1024);
  const auto own = make_key(group->get());
  const auto prime = number(own.get(), "p");
  PowerQueue queue;
  for (const int below : {0, 1, -1}) {
    const crypto::BignumPtr value{BN_dup(prime.get())};
    below < 0 ? BN_add_word(value.get(), 1) : BN_sub_word(value.get(), static_cast<BN_ULONG>(below));
    SideStack stack;
    EXPECT_TRUE(stack.run([&] { EXPECT_TRUE(derive(own.get(), peer_with(own.get(), value.get()).get()).empty()); }));
  }
  for (const BN_ULONG word : {0U, 1U}) {
    const crypto::BignumPtr value{BN_new()};
    BN_set_word(value.get(), word);
    SideStack stack;
    EXPECT_TRUE(stack.run([&] { EXPECT_TRUE(derive(own.get(), peer_with(own.get(), value.get()).get()).empty()); }));
  }
}

/// TLS 1.3 and others want it with its zeros, or more than the secret: that is OpenSSL's.
TEST(DhGroup, LeavesOtherWaysOfAgreeingToOpenSsl) {
  const auto group = dh_group(1024);
  const auto own = make_key(group->get());
  const auto peer = peer_with(own.get(), value_for_short_secret(own.get()).get());
  PowerQueue queue;
  SideStack stack;
  EXPECT_TRUE(stack.run([&] {
    const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_pkey(handshake_library(), own.get(), nullptr)};
    EXPECT_EQ(EVP_PKEY_derive_init(context.get()), 1);
    EXPECT_EQ(EVP_PKEY_CTX_set_dh_pad(context.get(), 1), 1);
    EXPECT_EQ(EVP_PKEY_derive_set_peer(context.get(), peer.get()), 1);
    const crypto::PkeyContextPtr copy{EVP_PKEY_CTX_dup(context.get())};
    for (auto* one : {context.get(), copy.get()}) {
      Bytes secret(128, 0xee);
      auto size = secret.size();
      EXPECT_EQ(EVP_PKEY_derive(one, secret.data(), &size), 1);
      EXPECT_EQ(size, 128U);
      EXPECT_EQ(secret[0], 0);
    }
  }));
}

/// However large the room for it is.
TEST(DhGroup, TellsItsNumbers) {
  const auto group = dh_group(1024);
  const auto key = make_key(group->get());
  const auto large = dh_group(2048);
  for (const std::size_t room : {128U, 129U, 256U, 2048U}) {
    for (const auto* const from : {key.get(), large->get()}) {
      for (const auto* name : {"p", "g", "pub"}) {
        if (from == large->get() && std::string_view{name} == "pub") continue;
        Bytes octets(room, 0xee);
        std::array params{OSSL_PARAM_construct_BN(name, octets.data(), octets.size()), OSSL_PARAM_construct_end()};
        const bool fits = from == key.get() || std::string_view{name} == "g" || room >= 256;
        ASSERT_EQ(EVP_PKEY_get_params(from, params.data()) == 1, fits) << name << room;
        crypto::drain_errors();
        if (!fits) continue;
        EXPECT_EQ(params[0].return_size, room);
        const crypto::BignumPtr value{BN_native2bn(octets.data(), static_cast<int>(room), nullptr)};
        EXPECT_EQ(BN_cmp(value.get(), number(const_cast<EVP_PKEY*>(from), name).get()), 0) << name << room;
      }
    }
  }
  const auto prime = number(key.get(), "p");
  EXPECT_EQ(BN_cmp(prime.get(), number(group->get(), "p").get()), 0);
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

TEST(DhKeysAhead, AreMadeOnlyWhereOneWasNeededUpToABound) {
  std::thread{[] {
    EXPECT_FALSE(make_dh_key_ahead()) << "nobody has needed one on this thread";
    const auto group = dh_group(1024);
    make_key(group->get());
    std::size_t made = 0;
    while (make_dh_key_ahead()) ASSERT_LT(++made, 10'000U);
    EXPECT_EQ(dh_keys_ahead(), made);
    EXPECT_GT(made, 100U);
  }}.join();
}

TEST(DhKeysAhead, AreUsedOnceEach) {
  std::thread{[] {
    const auto group = dh_group(1024);
    make_key(group->get());
    for (int i = 0; i < 20; ++i) make_dh_key_ahead();
    std::set<std::string> seen;
    for (int i = 0; i < 30; ++i) {  // ten more than there are
      const auto key = make_key(group->get());
      const auto exponent = number(key.get(), "priv");
      Bytes octets(32);
      ASSERT_EQ(BN_bn2binpad(exponent.get(), octets.data(), 32), 32);
      EXPECT_TRUE(seen.insert(to_hex(octets)).second) << i;
      EXPECT_EQ(dh_keys_ahead(), i < 20 ? 19U - static_cast<unsigned>(i) : 0U);
    }
  }}.join();
}

class PowersOfTwo : public ::testing::Test {
 protected:
  void expect_right(const FixedBasePower::Exponent& exponent) {
    const crypto::BignumPtr plain{BN_lebin2bn(exponent.data(), static_cast<int>(exponent.size()), nullptr)};
    const crypto::BignumPtr ours{BN_new()}, theirs{BN_new()};
    ASSERT_TRUE(table_.power(exponent, ours.get(), scratch_.get()));
    BN_mod_exp(theirs.get(), two_.get(), plain.get(), prime_.get(), scratch_.get());
    EXPECT_EQ(BN_cmp(ours.get(), theirs.get()), 0) << to_hex(exponent);
  }

  static crypto::BignumPtr two() {
    crypto::BignumPtr made{BN_new()};
    BN_set_word(made.get(), 2);
    return made;
  }

  const crypto::BignumPtr prime_{BN_get_rfc2409_prime_1024(nullptr)}, two_ = two();
  const FixedBasePower table_ = *FixedBasePower::make(two_.get(), prime_.get());
  const crypto::BignumContextPtr scratch_{BN_CTX_new()};
};

TEST_F(PowersOfTwo, AreOpenSslsForExponentsAtTheEdges) {
  FixedBasePower::Exponent exponent{};
  expect_right(exponent);
  for (std::size_t bit = 0; bit < 256; ++bit) {
    exponent = {};
    exponent[bit / 8] = static_cast<std::uint8_t>(1U << bit % 8);
    expect_right(exponent);
  }
  exponent.fill(0xff);
  expect_right(exponent);
}

TEST_F(PowersOfTwo, AreOpenSslsForAnyExponent) {
  for (int i = 0; i < 200; ++i) {
    FixedBasePower::Exponent exponent{};
    ASSERT_EQ(RAND_bytes(exponent.data(), static_cast<int>(exponent.size())), 1);
    expect_right(exponent);
  }
}

TEST_F(PowersOfTwo, NeedAPrimeOfWholeLimbs) {
  const crypto::BignumPtr odd{BN_new()};
  BN_set_word(odd.get(), 1009);
  EXPECT_FALSE(FixedBasePower::make(two_.get(), odd.get()));
}

}  // namespace
}  // namespace firstring::tls
