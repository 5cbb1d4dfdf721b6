// What RSA's private operation is: two powers modulo the primes, put together after the Chinese remainder theorem. An
// RSA_METHOD may replace just that (rsa_mod_exp), and the default provider's keys have the default method (OpenSSL's
// rsa_lib.c), so no provider is needed.
#define OPENSSL_SUPPRESS_DEPRECATED  // RSA_METHOD; a provider would have to bring all of signing and decrypting with it
#include "tls/rsa_method.hpp"

#include <openssl/rsa.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

#include "crypto/openssl.hpp"
#include "tls/twin_power.hpp"

namespace firstring::tls {
namespace {

int index_in_keys = -1;
std::atomic<unsigned long> powers_by_vectors = 0;

/// What is worked out once for a key.
struct Prepared {
  const BIGNUM *p, *q, *n, *e;  ///< the key's own
  std::array<const BIGNUM*, 2> exponents;
  TwinPower halves;
  crypto::SecretBignumPtr inverse_in_form;  ///< of q modulo p
  crypto::MontgomeryPtr of_n;

  /// input^d mod n. False if anything went wrong; `result` is nothing then. As OpenSSL's rsa_ossl_mod_exp.
  bool power(BIGNUM* result, const BIGNUM* input, BN_CTX* scratch) const {
    BN_CTX_start(scratch);
    auto* const of_p = BN_CTX_get(scratch);
    auto* const of_q = BN_CTX_get(scratch);
    auto* const check = BN_CTX_get(scratch);
    auto* const form_p = halves.montgomery(0);
    auto* const form_q = halves.montgomery(1);
    const bool good =
        check != nullptr &&
        // input mod p and q; Montgomery's reduction takes the same time for all numbers.
        BN_from_montgomery(of_p, input, form_p, scratch) == 1 && BN_to_montgomery(of_p, of_p, form_p, scratch) == 1 &&
        BN_from_montgomery(of_q, input, form_q, scratch) == 1 && BN_to_montgomery(of_q, of_q, form_q, scratch) == 1 &&
        halves.power({of_p, of_q}, exponents, {of_p, of_q}, scratch) &&
        // ((of_p - of_q) / q mod p) * q + of_q. The subtraction takes an of_q above p, if it is no longer.
        BN_mod_sub_quick(of_p, of_p, of_q, p) == 1 &&
        BN_mod_mul_montgomery(of_p, of_p, inverse_in_form.get(), form_p, scratch) == 1 &&
        BN_mul(result, of_p, q, scratch) == 1 && BN_add(result, result, of_q) == 1 &&
        // A result with a fault in one half gives the key away.
        BN_mod_exp_mont(check, result, e, n, scratch, of_n.get()) == 1 && BN_cmp(check, input) == 0;
    if (check != nullptr) {
      BN_clear(of_p);
      BN_clear(of_q);
    }
    if (!good) BN_clear(result);
    BN_CTX_end(scratch);
    return good;
  }
};

/// nullptr for a key that is left to OpenSSL.
std::unique_ptr<const Prepared> prepare(RSA* key, BN_CTX* scratch) {
  const BIGNUM *p = nullptr, *q = nullptr, *inverse_of_q = nullptr, *n = nullptr, *e = nullptr;
  std::array<const BIGNUM*, 2> exponents{};
  RSA_get0_factors(key, &p, &q);
  RSA_get0_crt_params(key, &exponents[0], &exponents[1], &inverse_of_q);
  RSA_get0_key(key, &n, &e, nullptr);
  if (RSA_get_version(key) != RSA_ASN1_VERSION_DEFAULT || p == nullptr || q == nullptr || exponents[0] == nullptr ||
      exponents[1] == nullptr || inverse_of_q == nullptr) {
    return nullptr;
  }
  auto halves = TwinPower::make({p, q});
  crypto::MontgomeryPtr of_n{BN_MONT_CTX_new()};
  crypto::SecretBignumPtr inverse_in_form{BN_new()};
  if (!halves || !of_n || !inverse_in_form || BN_MONT_CTX_set(of_n.get(), n, scratch) != 1 ||
      BN_to_montgomery(inverse_in_form.get(), inverse_of_q, halves->montgomery(0), scratch) != 1) {
    return nullptr;
  }
  return std::make_unique<Prepared>(p, q, n, e, exponents, *std::move(halves), std::move(inverse_in_form),
                                    std::move(of_n));
}

/// With each key from its beginning, when its numbers are not there yet.
struct Holder {
  std::once_flag made;
  std::unique_ptr<const Prepared> prepared;
};

// ---- called from C ----

void hold(void*, void*, CRYPTO_EX_DATA* data, int index, long, void*) noexcept {
  CRYPTO_set_ex_data(data, index, std::make_unique<Holder>().release());
}

void let_go(void*, void* holder, CRYPTO_EX_DATA*, int, long, void*) noexcept {
  const std::unique_ptr<Holder> mine{static_cast<Holder*>(holder)};
}

int power(BIGNUM* result, const BIGNUM* input, RSA* key, BN_CTX* scratch) noexcept {
  if (auto* const holder = static_cast<Holder*>(RSA_get_ex_data(key, index_in_keys))) {
    std::call_once(holder->made, [&] { holder->prepared = prepare(key, scratch); });
    if (holder->prepared && holder->prepared->power(result, input, scratch)) {
      powers_by_vectors.fetch_add(1, std::memory_order_relaxed);
      return 1;
    }
  }
  return RSA_meth_get_mod_exp(RSA_PKCS1_OpenSSL())(result, input, key, scratch);
}

/// OpenSSL 3.0 has code for AVX-512's multiplication of 52 bits (its rsaz_exp_x2), faster still than ours.
bool has_openssl_better() {
#ifdef __x86_64__
  return __builtin_cpu_supports("avx512ifma") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
         __builtin_cpu_supports("avx512dq") != 0;
#else
  return false;
#endif
}

}  // namespace

const RSA_METHOD* rsa_method_by_vectors() {
  static const RSA_METHOD* const made = []() -> const RSA_METHOD* {
    if (!TwinPower::is_supported()) return nullptr;
    index_in_keys = RSA_get_ex_new_index(0, nullptr, hold, nullptr, let_go);
    RSA_METHOD* const method = RSA_meth_dup(RSA_PKCS1_OpenSSL());
    const bool good = index_in_keys >= 0 && method != nullptr &&
                      RSA_meth_set1_name(method, "Firstring: vectors") == 1 && RSA_meth_set_mod_exp(method, power) == 1;
    return good ? method : nullptr;
  }();
  return made;
}

void use_vectors_for_rsa() {
  if (has_openssl_better()) return;
  if (const auto* method = rsa_method_by_vectors()) RSA_set_default_method(method);
}

unsigned long rsa_powers_by_vectors() { return powers_by_vectors.load(std::memory_order_relaxed); }

}  // namespace firstring::tls
