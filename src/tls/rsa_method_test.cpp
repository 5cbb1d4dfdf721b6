#define OPENSSL_SUPPRESS_DEPRECATED  // RSA_METHOD
#include "tls/rsa_method.hpp"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.hpp"
#include "crypto/openssl.hpp"
#include "tls/handshake_library.hpp"

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

Bytes crypt(EVP_PKEY* key, const Bytes& input, decltype(&EVP_PKEY_encrypt_init) init,
            decltype(&EVP_PKEY_encrypt) work) {
  const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_pkey(handshake_library(), key, nullptr)};
  Bytes output(512);
  auto size = output.size();
  EXPECT_EQ(init(context.get()), 1);
  if (work(context.get(), output.data(), &size, input.data(), input.size()) != 1) return {};
  output.resize(size);
  return output;
}

class RsaByVectors : public testing::Test {
 protected:
  void SetUp() override {
    if (rsa_method_by_vectors() == nullptr) GTEST_SKIP() << "this processor has no AVX2 or no FMA";
    RSA_set_default_method(rsa_method_by_vectors());
  }
  void TearDown() override { RSA_set_default_method(usual_); }

  /// How many of the private operations of `work` were by vectors.
  static unsigned long count(const std::function<void()>& work) {
    const auto before = rsa_powers_by_vectors();
    work();
    return rsa_powers_by_vectors() - before;
  }

 private:
  const RSA_METHOD* usual_ = (handshake_library(), RSA_get_default_method());  // the first sets one
};

TEST_F(RsaByVectors, SignsAsOpenSsl) {
  for (int i = 0; i < 3; ++i) {
    const auto key = generate(2048);
    Bytes ours;
    EXPECT_EQ(count([&] { ours = sign(key.get()); }), 1U);
    EXPECT_TRUE(verifies(key.get(), ours));
    // This padding has nothing random in it.
    RSA_set_default_method(RSA_PKCS1_OpenSSL());
    const auto other = assemble(parts_of(key.get()));
    EXPECT_EQ(count([&] { EXPECT_EQ(sign(other.get()), ours); }), 0U);
    RSA_set_default_method(rsa_method_by_vectors());
  }
}

TEST_F(RsaByVectors, TakesThePrimesInEitherOrder) {
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

TEST_F(RsaByVectors, Decrypts) {
  const auto key = generate(2048);
  const Bytes secret(48, 0x03);
  const auto encrypted = crypt(key.get(), secret, EVP_PKEY_encrypt_init, EVP_PKEY_encrypt);
  EXPECT_EQ(count([&] { EXPECT_EQ(crypt(key.get(), encrypted, EVP_PKEY_decrypt_init, EVP_PKEY_decrypt), secret); }),
            1U);
}

TEST_F(RsaByVectors, LeavesOtherKeysToOpenSsl) {
  for (const std::size_t bits : {1024U, 1536U, 2047U, 3072U}) {
    const auto key = generate(bits);
    EXPECT_EQ(count([&] { EXPECT_TRUE(verifies(key.get(), sign(key.get()))); }), 0U) << bits;
  }
  const auto of_three = generate(2048, 3);
  EXPECT_EQ(count([&] { EXPECT_TRUE(verifies(of_three.get(), sign(of_three.get()))); }), 0U);
}

// One signature with a fault in one of its halves would give the primes away (Boneh, DeMillo, Lipton).
TEST_F(RsaByVectors, GivesOutNoFaultyResult) {
  for (const char* part :
       {OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1}) {
    auto parts = parts_of(generate(2048).get());
    BN_sub_word(parts[part].get(), 2);
    const auto key = assemble(parts);
    EXPECT_EQ(count([&] { EXPECT_TRUE(verifies(key.get(), sign(key.get()))); }), 0U) << part;
  }
}

TEST_F(RsaByVectors, SharesAKeyBetweenThreads) {
  const auto key = generate(2048);
  const auto expected = sign(key.get());
  const auto shared = assemble(parts_of(key.get()));
  std::vector<std::thread> threads;
  const auto by_vectors = count([&] {
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 10; ++j) EXPECT_EQ(sign(shared.get()), expected);
      });
    }
    for (auto& thread : threads) thread.join();
  });
  EXPECT_EQ(by_vectors, 40U);
}

}  // namespace
}  // namespace firstring::tls
