#define OPENSSL_SUPPRESS_DEPRECATED  // RSA_METHOD
#include "tls/rsa_method.hpp"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <array>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.hpp"
#include "crypto/openssl.hpp"
#include "tls/handshake_library.hpp"
#include "tls/power_queue.hpp"

namespace firstring::tls {
namespace {

using Parts = std::map<std::string, crypto::BignumPtr>;

crypto::PkeyPtr generate(std::size_t bits, std::size_t primes = 2) {
  const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_name(crypto::library(), "RSA", nullptr)};
  EVP_PKEY* key = nullptr;
  EXPECT_EQ(EVP_PKEY_keygen_init(context.get()), 1);
  EXPECT_EQ(EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), static_cast<int>(bits)), 1);
  EXPECT_EQ(EVP_PKEY_CTX_set_rsa_keygen_primes(context.get(), static_cast<int>(primes)), 1);
  EXPECT_EQ(EVP_PKEY_generate(context.get(), &key), 1) << crypto::drain_errors();
  return crypto::PkeyPtr{key};
}

Parts parts_of(EVP_PKEY* key) {
  Parts parts;
  for (const char* name : {OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_D,
                           OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2, OSSL_PKEY_PARAM_RSA_EXPONENT1,
                           OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1}) {
    BIGNUM* value = nullptr;
    EXPECT_EQ(EVP_PKEY_get_bn_param(key, name, &value), 1) << name;
    parts[name].reset(value);
  }
  return parts;
}

crypto::PkeyPtr assemble(const Parts& parts) {
  const std::unique_ptr<OSSL_PARAM_BLD, crypto::Deleter<OSSL_PARAM_BLD_free>> build{OSSL_PARAM_BLD_new()};
  for (const auto& [name, value] : parts) OSSL_PARAM_BLD_push_BN(build.get(), name.c_str(), value.get());
  const std::unique_ptr<OSSL_PARAM, crypto::Deleter<OSSL_PARAM_free>> params{OSSL_PARAM_BLD_to_param(build.get())};
  const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_name(crypto::library(), "RSA", nullptr)};
  EVP_PKEY* key = nullptr;
  EXPECT_EQ(EVP_PKEY_fromdata_init(context.get()), 1);
  EXPECT_EQ(EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params.get()), 1) << crypto::drain_errors();
  return crypto::PkeyPtr{key};
}

/// What libssl signs in TLS 1.0.
const Bytes kHashes(36, 0x5a);

/// As libssl: in the handshakes' context.
Bytes sign(EVP_PKEY* key) {
  const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_pkey(handshake_library(), key, nullptr)};
  Bytes signature(512);
  auto size = signature.size();
  EXPECT_EQ(EVP_PKEY_sign_init(context.get()), 1);
  EXPECT_EQ(EVP_PKEY_sign(context.get(), signature.data(), &size, kHashes.data(), kHashes.size()), 1)
      << crypto::drain_errors();
  signature.resize(size);
  return signature;
}

bool verifies(EVP_PKEY* key, const Bytes& signature) {
  const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_pkey(crypto::library(), key, nullptr)};
  return EVP_PKEY_verify_init(context.get()) == 1 &&
         EVP_PKEY_verify(context.get(), signature.data(), signature.size(), kHashes.data(), kHashes.size()) == 1;
}

/// As a client of TLS up to 1.2, which sends the secret that all keys come from.
Bytes encrypt(EVP_PKEY* key, const Bytes& secret) {
  const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_pkey(crypto::library(), key, nullptr)};
  Bytes output(512);
  auto size = output.size();
  EXPECT_EQ(EVP_PKEY_encrypt_init(context.get()), 1);
  EXPECT_EQ(EVP_PKEY_encrypt(context.get(), output.data(), &size, secret.data(), secret.size()), 1);
  output.resize(size);
  return output;
}

/// As libssl.
Bytes decrypt(EVP_PKEY* key, const Bytes& input) {
  const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_pkey(handshake_library(), key, nullptr)};
  Bytes output(SSL_MAX_MASTER_KEY_LENGTH);
  auto size = output.size();
  unsigned version = TLS1_VERSION;
  const std::array params{OSSL_PARAM_construct_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, &version),
                          OSSL_PARAM_construct_end()};
  EXPECT_EQ(EVP_PKEY_decrypt_init(context.get()), 1);
  EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_WITH_TLS_PADDING), 1);
  EXPECT_EQ(EVP_PKEY_CTX_set_params(context.get(), params.data()), 1);
  EXPECT_EQ(EVP_PKEY_decrypt(context.get(), output.data(), &size, input.data(), input.size()), 1)
      << crypto::drain_errors();
  output.resize(size);
  return output;
}

/// With a queue, for the keys that want company; what is worked on has it: a signature that nobody needs.
class RsaByVectors : public ::testing::TestWithParam<RsaVectors> {
 protected:
  void SetUp() override {
    if (method() == nullptr) GTEST_SKIP() << "this processor has no such vectors";
    RSA_set_default_method(method());
    company_ = generate(2048);
  }
  void TearDown() override { RSA_set_default_method(usual_); }

  static const RSA_METHOD* method() { return rsa_method(GetParam()); }

  /// How many of the private operations of `work` were by vectors.
  unsigned long count(std::function<void()> work) {
    const auto before = rsa_powers_by_vectors();
    if (GetParam() == RsaVectors::twins) {
      work();
      return rsa_powers_by_vectors() - before;
    }
    PowerQueue queue;
    SideStack one, other;
    bool one_ended = one.run(std::move(work));
    bool other_ended = other.run([&] { sign(company_.get()); });
    while (queue.waiting() > 0) {
      queue.work(queue.due_at(), true, 0);
      one_ended = one_ended || one.resume();
      other_ended = other_ended || other.resume();
    }
    EXPECT_TRUE(one_ended && other_ended);
    const auto all = rsa_powers_by_vectors() - before;
    return all > 0 ? all - 1 : 0;  // without company's own
  }

 private:
  const RSA_METHOD* usual_ = (handshake_library(), RSA_get_default_method());  // the first sets one
  crypto::PkeyPtr company_;
};

TEST_P(RsaByVectors, SignsAsOpenSsl) {
  for (int i = 0; i < 3; ++i) {
    const auto key = generate(2048);
    Bytes ours;
    EXPECT_EQ(count([&] { ours = sign(key.get()); }), 1U);
    EXPECT_TRUE(verifies(key.get(), ours));
    // This padding has nothing random in it.
    RSA_set_default_method(RSA_PKCS1_OpenSSL());
    const auto other = assemble(parts_of(key.get()));
    EXPECT_EQ(count([&] { EXPECT_EQ(sign(other.get()), ours); }), 0U);
    RSA_set_default_method(method());
  }
}

TEST_P(RsaByVectors, TakesThePrimesInEitherOrder) {
  auto parts = parts_of(generate(2048).get());
  for (int i = 0; i < 2; ++i) {
    const auto key = assemble(parts);
    EXPECT_EQ(count([&] { EXPECT_TRUE(verifies(key.get(), sign(key.get()))); }), 1U);
    std::swap(parts[OSSL_PKEY_PARAM_RSA_FACTOR1], parts[OSSL_PKEY_PARAM_RSA_FACTOR2]);
    std::swap(parts[OSSL_PKEY_PARAM_RSA_EXPONENT1], parts[OSSL_PKEY_PARAM_RSA_EXPONENT2]);
    const crypto::BignumContextPtr scratch{BN_CTX_new()};
    ASSERT_NE(BN_mod_inverse(parts[OSSL_PKEY_PARAM_RSA_COEFFICIENT1].get(), parts[OSSL_PKEY_PARAM_RSA_FACTOR2].get(),
                             parts[OSSL_PKEY_PARAM_RSA_FACTOR1].get(), scratch.get()),
              nullptr);
  }
}

TEST_P(RsaByVectors, Decrypts) {
  const auto key = generate(2048);
  Bytes secret(SSL_MAX_MASTER_KEY_LENGTH, 0x5a);
  secret[0] = 3;
  secret[1] = 1;
  const auto encrypted = encrypt(key.get(), secret);
  EXPECT_EQ(count([&] { EXPECT_EQ(decrypt(key.get(), encrypted), secret); }), 1U);
  // A wrong one gives other octets, and as many, in place of an error (Bleichenbacher).
  auto wrong = encrypted;
  wrong.back() ^= 1;
  EXPECT_EQ(count([&] {
              const auto other = decrypt(key.get(), wrong);
              EXPECT_EQ(other.size(), secret.size());
              EXPECT_NE(other, secret);
            }),
            1U);
}

TEST_P(RsaByVectors, LeavesOtherKeysToOpenSsl) {
  for (const std::size_t bits : {1024U, 1536U, 2047U, 3072U}) {
    const auto key = generate(bits);
    EXPECT_EQ(count([&] { EXPECT_TRUE(verifies(key.get(), sign(key.get()))); }), 0U) << bits;
  }
  const auto of_three = generate(2048, 3);
  EXPECT_EQ(count([&] { EXPECT_TRUE(verifies(of_three.get(), sign(of_three.get()))); }), 0U);
}

// One signature with a fault in one of its halves would give the primes away (Boneh, DeMillo, Lipton).
TEST_P(RsaByVectors, GivesOutNoFaultyResult) {
  for (const char* part :
       {OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1}) {
    auto parts = parts_of(generate(2048).get());
    BN_sub_word(parts[part].get(), 2);
    const auto key = assemble(parts);
    EXPECT_EQ(count([&] { EXPECT_TRUE(verifies(key.get(), sign(key.get()))); }), 0U) << part;
  }
}

TEST_P(RsaByVectors, SharesAKeyBetweenThreads) {
  const auto key = generate(2048);
  const auto expected = sign(key.get());
  const auto shared = assemble(parts_of(key.get()));
  const auto before = rsa_powers_by_vectors();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 5; ++j) {
        if (GetParam() == RsaVectors::twins) {
          for (int k = 0; k < 2; ++k) EXPECT_EQ(sign(shared.get()), expected);
          continue;
        }
        PowerQueue queue;
        SideStack one, other;
        for (auto* stack : {&one, &other}) EXPECT_FALSE(stack->run([&] { EXPECT_EQ(sign(shared.get()), expected); }));
        EXPECT_TRUE(queue.work(queue.due_at(), true, 0));
        for (auto* stack : {&one, &other}) EXPECT_TRUE(stack->resume());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(rsa_powers_by_vectors() - before, 40U);
}

INSTANTIATE_TEST_SUITE_P(Of, RsaByVectors, ::testing::Values(RsaVectors::twins, RsaVectors::lanes),
                         [](const auto& by) { return by.param == RsaVectors::twins ? "twins" : "lanes"; });

class RsaByLanes : public ::testing::Test {
 protected:
  void SetUp() override {
    if (rsa_method(RsaVectors::lanes) == nullptr) GTEST_SKIP() << "this processor has no AVX-512 IFMA";
  }

  const RSA_METHOD* usual_ = (handshake_library(), RSA_get_default_method());
  PowerQueue queue_;
};

/// Each has blinding of its own: all of them are under way with the same key at once.
TEST_F(RsaByLanes, InterleavesOperationsOfOneKey) {
  const auto key = generate(2048);
  const auto expected = sign(key.get());
  std::vector<SideStack> stacks(9);
  const auto before = rsa_powers_by_vectors();
  // More often than OpenSSL uses one blinding.
  for (int i = 0; i < 10; ++i) {
    for (auto& stack : stacks) EXPECT_FALSE(stack.run([&] { EXPECT_EQ(sign(key.get()), expected); }));
    EXPECT_TRUE(queue_.work(queue_.due_at(), true, 0));
    // And in another order than they began in.
    for (auto stack = stacks.rbegin(); stack != stacks.rend(); ++stack) EXPECT_TRUE(stack->resume());
  }
  EXPECT_EQ(rsa_powers_by_vectors() - before, 80U);  // the ninth was alone each time
}

TEST_F(RsaByLanes, EndsOneThatNobodyWaitsForWithoutASignature) {
  const auto key = generate(2048);
  SideStack stack;
  int signed_well = -1;
  EXPECT_FALSE(stack.run([&] {
    const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_pkey(handshake_library(), key.get(), nullptr)};
    Bytes signature(256);
    auto size = signature.size();
    EVP_PKEY_sign_init(context.get());
    signed_well = EVP_PKEY_sign(context.get(), signature.data(), &size, kHashes.data(), kHashes.size());
  }));
  queue_.cancel(stack);
  EXPECT_EQ(queue_.waiting(), 0U);
  EXPECT_EQ(signed_well, 0);
}

}  // namespace
}  // namespace firstring::tls
