// What RSA's private operation is: two powers modulo the primes, put together after the Chinese remainder theorem.
//
// Where TwinPower computes them, an RSA_METHOD replaces just that (rsa_mod_exp). Where the processor has lanes, OpenSSL
// 3.0 has code for it too (its rsaz_exp_x2), as fast as any for one key alone; then the method replaces the operation
// around it, which may have to wait for its powers. OpenSSL's own would keep its blinding where the next operation of
// the same thread changes it.
//
// The default provider's keys have the default method (OpenSSL's rsa_lib.c), so no provider is needed.
#define OPENSSL_SUPPRESS_DEPRECATED  // RSA_METHOD; a provider would have to bring all of signing and decrypting with it
#include "tls/rsa_method.hpp"

#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "crypto/openssl.hpp"
#include "tls/lane_power.hpp"
#include "tls/power_queue.hpp"
#include "tls/twin_power.hpp"
#include "tls/whole_digits.hpp"

namespace firstring::tls {
namespace {

int index_in_keys = -1;
std::atomic<unsigned long> powers_by_vectors = 0;

using Halves = std::array<BIGNUM*, 2>;  ///< modulo p and q
using BlindingPtr = std::unique_ptr<BN_BLINDING, crypto::Deleter<BN_BLINDING_free>>;

constexpr std::size_t kMostOctets = 2 * LaneModulus::kBits / 8;  ///< of n
using Limbs = std::array<std::uint64_t, kMostOctets / sizeof(std::uint64_t)>;
using Octets = std::array<unsigned char, kMostOctets>;

bool take_limbs(const BIGNUM* number, Limbs& limbs) {
  return BN_bn2lebinpad(number, reinterpret_cast<unsigned char*>(limbs.data()), kMostOctets) == kMostOctets;
}

/// a * b / 2^2048 modulo n, the big end first, for a, b < n. `inverse`: -1 / n modulo 2^64. The time and what is read
/// are the same for all numbers: where OpenSSL's BIGNUM drops zeros in front of a decrypted secret, it shows where they
/// were (CVE-2022-4304).
void multiply_octets(unsigned char* to, const Limbs& a, const Limbs& b, const Limbs& n, std::uint64_t inverse) {
  __extension__ using Wide = unsigned __int128;
  struct Secrets {
    std::array<std::uint64_t, Limbs{}.size() + 1> sum;
    Limbs less;  ///< sum - n
  };
  Wiped<Secrets> secret{};
  auto& [sum, less] = secret;
  const auto add = [&](const Limbs& number, std::uint64_t factor) {
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < number.size(); ++i) {
      const auto wide = Wide{number[i]} * factor + sum[i] + carry;
      sum[i] = static_cast<std::uint64_t>(wide);
      carry = static_cast<std::uint64_t>(wide >> 64);
    }
    const auto top = Wide{sum.back()} + carry;
    sum.back() = static_cast<std::uint64_t>(top);
    return static_cast<std::uint64_t>(top >> 64);
  };
  for (const auto limb : b) {
    auto above = add(a, limb);
    above += add(n, sum[0] * inverse);
    std::copy(sum.begin() + 1, sum.end(), sum.begin());
    sum.back() = above;
  }
  std::uint64_t borrow = 0;
  for (std::size_t i = 0; i < n.size(); ++i) {
    const auto wide = Wide{sum[i]} - n[i] - borrow;
    less[i] = static_cast<std::uint64_t>(wide);
    borrow = static_cast<std::uint64_t>(wide >> 64) & 1;
  }
  // All ones if the sum is below n.
  const auto is_less = std::uint64_t{0} - (borrow & (sum.back() ^ 1));
  for (std::size_t i = 0; i < n.size(); ++i) {
    const auto limb = (sum[i] & is_less) | (less[i] & ~is_less);
    for (std::size_t octet = 0; octet < sizeof limb; ++octet)
      to[kMostOctets - 1 - i * sizeof limb - octet] = static_cast<unsigned char>(limb >> (8 * octet));
  }
}

/// What is worked out once for a key.
struct Prepared {
  const BIGNUM *p = nullptr, *q = nullptr, *n = nullptr, *e = nullptr;  ///< the key's own
  std::array<const BIGNUM*, 2> exponents{};
  std::array<BN_MONT_CTX*, 2> forms{};  ///< of whatever computes the powers
  std::optional<TwinPower> twins;
  std::optional<std::array<LaneModulus, 2>> lanes;
  crypto::SecretBignumPtr inverse_in_form;  ///< of q modulo p
  crypto::MontgomeryPtr of_n;
  Limbs n_limbs{};
  std::uint64_t inverse_of_n = 0;  ///< -1 / n modulo 2^64

  /// input mod p and q; Montgomery's reduction takes the same time for all numbers.
  bool reduce(const Halves& halves, const BIGNUM* input, BN_CTX* scratch) const {
    bool good = true;
    for (std::size_t i = 0; i < 2; ++i) {
      good = good && BN_from_montgomery(halves[i], input, forms[i], scratch) == 1 &&
             BN_to_montgomery(halves[i], halves[i], forms[i], scratch) == 1;
    }
    return good;
  }

  /// input^d mod n, of which `halves` is modulo p and q. False if anything went wrong. As OpenSSL's rsa_ossl_mod_exp.
  bool join(BIGNUM* result, const Halves& halves, const BIGNUM* input, BN_CTX* scratch) const {
    const auto& [of_p, of_q] = halves;
    auto* const check = BN_CTX_get(scratch);
    return check != nullptr &&
           // ((of_p - of_q) / q mod p) * q + of_q. The subtraction takes an of_q above p, if it is no longer.
           BN_mod_sub_quick(of_p, of_p, of_q, p) == 1 &&
           BN_mod_mul_montgomery(of_p, of_p, inverse_in_form.get(), forms[0], scratch) == 1 &&
           BN_mul(result, of_p, q, scratch) == 1 && BN_add(result, result, of_q) == 1 &&
           // A result with a fault in one half gives the key away.
           BN_mod_exp_mont(check, result, e, n, scratch, of_n.get()) == 1 && BN_cmp(check, input) == 0;
  }
};

/// nullptr for a key that is left to OpenSSL.
std::unique_ptr<const Prepared> prepare(RSA* key, RsaVectors by, BN_CTX* scratch) {
  auto made = std::make_unique<Prepared>();
  const BIGNUM* inverse_of_q = nullptr;
  RSA_get0_factors(key, &made->p, &made->q);
  RSA_get0_crt_params(key, &made->exponents[0], &made->exponents[1], &inverse_of_q);
  RSA_get0_key(key, &made->n, &made->e, nullptr);
  if (RSA_get_version(key) != RSA_ASN1_VERSION_DEFAULT || made->p == nullptr || made->q == nullptr ||
      made->exponents[0] == nullptr || made->exponents[1] == nullptr || inverse_of_q == nullptr) {
    return nullptr;
  }
  if (by == RsaVectors::lanes) {
    auto of_p = LaneModulus::make(made->p), of_q = LaneModulus::make(made->q);
    if (!of_p || !of_q) return nullptr;
    made->forms = {of_p->montgomery(), of_q->montgomery()};
    made->lanes.emplace(std::array{*std::move(of_p), *std::move(of_q)});
  } else {
    auto twins = TwinPower::make({made->p, made->q});
    if (!twins) return nullptr;
    made->forms = {twins->montgomery(0), twins->montgomery(1)};
    made->twins.emplace(*std::move(twins));
  }
  made->of_n.reset(BN_MONT_CTX_new());
  made->inverse_in_form.reset(BN_new());
  if (!made->of_n || !made->inverse_in_form || BN_MONT_CTX_set(made->of_n.get(), made->n, scratch) != 1 ||
      BN_to_montgomery(made->inverse_in_form.get(), inverse_of_q, made->forms[0], scratch) != 1 ||
      !take_limbs(made->n, made->n_limbs)) {
    return nullptr;
  }
  std::uint64_t inverse = 1;  // each step doubles how many of its bits are right (Newton)
  for (int bits = 1; bits < 64; bits *= 2) inverse *= 2 - made->n_limbs[0] * inverse;
  made->inverse_of_n = 0 - inverse;
  return made;
}

/// With each key from its beginning, when its numbers are not there yet.
class Holder {
 public:
  /// nullptr for a key that is left to OpenSSL.
  static Holder* of(const RSA* key) { return static_cast<Holder*>(RSA_get_ex_data(key, index_in_keys)); }

  const Prepared* prepared(RSA* key, RsaVectors by, BN_CTX* scratch) {
    std::call_once(made_, [&] { prepared_ = prepare(key, by, scratch); });
    return prepared_.get();
  }

  /// Multiplies `number` with something random, for which `unblind` makes up once it has the key's power.
  bool blind(RSA* key, BIGNUM* number, BIGNUM* unblind, BN_CTX* scratch) {
    const std::lock_guard lock{blinding_mutex_};
    if (!blinding_) blinding_.reset(RSA_setup_blinding(key, scratch));
    return blinding_ && BN_BLINDING_convert_ex(number, unblind, blinding_.get(), scratch) == 1;
  }
  /// Undoes it with a number that has the key's power by now; gives the octets of n's size.
  bool unblind(const BIGNUM* number, BIGNUM* unblind, unsigned char* to, BN_CTX* scratch) {
    Wiped<std::array<Limbs, 2>> limbs{};
    auto* const factor = BN_CTX_get(scratch);
    // OpenSSL keeps the factor in a form of its own, and applies it to 1 as well.
    if (factor == nullptr || BN_one(factor) != 1 ||
        BN_BLINDING_invert_ex(factor, unblind, blinding_.get(), scratch) != 1 ||
        BN_to_montgomery(factor, factor, prepared_->of_n.get(), scratch) != 1 || !take_limbs(number, limbs[0]) ||
        !take_limbs(factor, limbs[1])) {
      return false;
    }
    BN_clear(factor);
    multiply_octets(to, limbs[0], limbs[1], prepared_->n_limbs, prepared_->inverse_of_n);
    return true;
  }

 private:
  std::once_flag made_;
  std::unique_ptr<const Prepared> prepared_;
  std::mutex blinding_mutex_;
  BlindingPtr blinding_;
};

/// Numbers of a BN_CTX that are wiped and given back when this goes.
class Scratch {
 public:
  explicit Scratch(BN_CTX* context) : context_(context) { BN_CTX_start(context); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    for (auto* number : numbers_) {
      if (number != nullptr) BN_clear(number);
    }
    BN_CTX_end(context_);
  }
  /// nullptr if memory runs out; then all that come after are, too.
  template <std::size_t kCount>
  std::array<BIGNUM*, kCount> take() {
    std::array<BIGNUM*, kCount> taken;
    for (auto& number : taken) numbers_.push_back(number = BN_CTX_get(context_));
    return taken;
  }

 private:
  BN_CTX* context_;
  std::vector<BIGNUM*> numbers_;
};

// ---- called from C ----

void hold(void*, void*, CRYPTO_EX_DATA* data, int index, long, void*) noexcept {
  CRYPTO_set_ex_data(data, index, std::make_unique<Holder>().release());
}

void let_go(void*, void* holder, CRYPTO_EX_DATA*, int, long, void*) noexcept {
  const std::unique_ptr<Holder> mine{static_cast<Holder*>(holder)};
}

int power_by_twins(BIGNUM* result, const BIGNUM* input, RSA* key, BN_CTX* context) noexcept {
  auto* const holder = Holder::of(key);
  if (const auto* prepared = holder != nullptr ? holder->prepared(key, RsaVectors::twins, context) : nullptr) {
    Scratch scratch{context};
    const auto halves = scratch.take<2>();
    if (halves.back() != nullptr && prepared->reduce(halves, input, context) &&
        prepared->twins->power({halves[0], halves[1]}, prepared->exponents, halves, context) &&
        prepared->join(result, halves, input, context)) {
      powers_by_vectors.fetch_add(1, std::memory_order_relaxed);
      return 1;
    }
    BN_clear(result);
  }
  return RSA_meth_get_mod_exp(RSA_PKCS1_OpenSSL())(result, input, key, context);
}

/// The octets of block^d mod n, as many as n has. 0: left to OpenSSL; -1: given up.
int power_by_lanes(const unsigned char* block, unsigned char* to, RSA* key) {
  auto* const holder = Holder::of(key);
  if (SideStack::current() == nullptr || holder == nullptr) return 0;
  const crypto::BignumContextPtr context{BN_CTX_secure_new_ex(crypto::library())};
  if (!context) return 0;
  const auto* const prepared = holder->prepared(key, RsaVectors::lanes, context.get());
  if (prepared == nullptr) return 0;
  const int size = RSA_size(key);
  Scratch scratch{context.get()};
  const auto [input, unblind, result] = scratch.take<3>();
  const auto halves = scratch.take<2>();
  if (halves.back() == nullptr || BN_bin2bn(block, size, input) == nullptr || BN_ucmp(input, prepared->n) >= 0 ||
      !holder->blind(key, input, unblind, context.get()) || !prepared->reduce(halves, input, context.get())) {
    return 0;
  }
  PowerRequest request{.count = 2, .exponent_bits = LaneModulus::kBits};
  for (std::size_t i = 0; i < 2; ++i)
    request.powers[i] = {&(*prepared->lanes)[i], halves[i], prepared->exponents[i], halves[i]};
  const auto outcome = PowerQueue::compute(request);
  if (outcome == PowerQueue::Outcome::cancelled) return -1;
  if (outcome == PowerQueue::Outcome::left || !prepared->join(result, halves, input, context.get()) ||
      !holder->unblind(result, unblind, to, context.get())) {
    return 0;
  }
  powers_by_vectors.fetch_add(1, std::memory_order_relaxed);
  return size;
}

/// To sign.
int private_encrypt(int size, const unsigned char* from, unsigned char* to, RSA* key, int padding) noexcept {
  Octets block;
  if (RSA_size(key) == static_cast<int>(block.size()) &&
      (padding == RSA_PKCS1_PADDING
           ? RSA_padding_add_PKCS1_type_1(block.data(), static_cast<int>(block.size()), from, size)
           : padding == RSA_NO_PADDING &&
                 RSA_padding_add_none(block.data(), static_cast<int>(block.size()), from, size)) == 1) {
    if (const int done = power_by_lanes(block.data(), to, key); done != 0) return done;
  }
  return RSA_meth_get_priv_enc(RSA_PKCS1_OpenSSL())(size, from, to, key, padding);
}

/// What libssl asks of RSA is without padding: it looks for that itself, in a time that does not tell.
int private_decrypt(int size, const unsigned char* from, unsigned char* to, RSA* key, int padding) noexcept {
  if (padding == RSA_NO_PADDING && size == RSA_size(key) && size == static_cast<int>(kMostOctets)) {
    if (const int done = power_by_lanes(from, to, key); done != 0) return done;
  }
  return RSA_meth_get_priv_dec(RSA_PKCS1_OpenSSL())(size, from, to, key, padding);
}

}  // namespace

const RSA_METHOD* rsa_method(RsaVectors by) {
  const auto make = [](const char* name, auto&& set) -> const RSA_METHOD* {
    if (index_in_keys < 0) index_in_keys = RSA_get_ex_new_index(0, nullptr, hold, nullptr, let_go);
    RSA_METHOD* const method = RSA_meth_dup(RSA_PKCS1_OpenSSL());
    return index_in_keys >= 0 && method != nullptr && RSA_meth_set1_name(method, name) == 1 && set(method) ? method
                                                                                                           : nullptr;
  };
  static const RSA_METHOD* const twins =
      !TwinPower::is_supported() ? nullptr : make("Firstring: twins", [](RSA_METHOD* method) {
        return RSA_meth_set_mod_exp(method, power_by_twins) == 1;
      });
  static const RSA_METHOD* const lanes = !has_lanes() ? nullptr : make("Firstring: lanes", [](RSA_METHOD* method) {
    return RSA_meth_set_priv_enc(method, private_encrypt) == 1 && RSA_meth_set_priv_dec(method, private_decrypt) == 1;
  });
  return by == RsaVectors::lanes ? lanes : twins;
}

void use_vectors_for_rsa() {
  for (const auto by : {RsaVectors::lanes, RsaVectors::twins}) {
    if (const auto* method = rsa_method(by)) return RSA_set_default_method(method);
  }
}

unsigned long rsa_powers_by_vectors() { return powers_by_vectors.load(std::memory_order_relaxed); }

}  // namespace firstring::tls
