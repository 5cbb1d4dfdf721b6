// Where TwinPower has the digits of one number side by side in a vector, here each number has a lane for itself, and
// the digits stand one below the other. So nothing ever crosses lanes, and a product costs an eighth; but eight powers
// must be there to be computed.
//
// How they multiply: see ModulusDigits. Numbers are below 2n', which R exceeds by so much that they stay it.
#include "tls/lane_power.hpp"

#include <openssl/crypto.h>

#include <array>
#include <cstdint>

#include "tls/whole_digits.hpp"

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace firstring::tls {

namespace {

constexpr std::size_t kClearingDigits = 20;  ///< of m, which is below 2^1024
constexpr std::size_t kWindowBits = 4;
constexpr std::size_t kEntries = std::size_t{1} << kWindowBits;

/// A number in each lane: digit d of lane l is word d * kLanes + l.
struct alignas(64) Numbers {
  std::array<std::uint64_t, kDigits * kLanes> words;

  void put(std::size_t lane, const WholeDigits& digits) {
    for (std::size_t i = 0; i < kDigits; ++i) words[i * kLanes + lane] = digits[i];
  }
  void take(std::size_t lane, WholeDigits& digits) const {
    for (std::size_t i = 0; i < kDigits; ++i) digits[i] = words[i * kLanes + lane];
  }
};

#ifdef __x86_64__
#define FIRSTRING_LANES [[gnu::target("avx512f,avx512dq,avx512vl,avx512ifma")]]

using Vector = __m512i;
using Words = unsigned long long __attribute__((vector_size(64)));

FIRSTRING_LANES [[gnu::always_inline]] inline Vector load(const std::uint64_t* words) {
  return _mm512_load_si512(words);
}

FIRSTRING_LANES [[gnu::always_inline]] inline Vector carry_of(Vector sum) {
  return reinterpret_cast<Vector>(reinterpret_cast<Words>(sum) >> kDigitBits);
}

/// result = a * b / R modulo n'. `result` may be `a` or `b`.
FIRSTRING_LANES void multiply(Numbers& result, const Numbers& a, const Numbers& b, const Numbers& clearing) {
  const auto* const b_words = b.words.data();
  const auto* const m_words = clearing.words.data();
  const auto zero = _mm512_set1_epi64(0);
  Vector sums[kDigits];  // sums[j] is that of place step + j
  for (auto& sum : sums) sum = zero;
#pragma GCC unroll 1
  for (std::size_t step = 0; step < kDigits; ++step) {
    const auto digit = load(a.words.data() + step * kLanes);
    auto b_digit = load(b_words), m_digit = load(m_words);
    const auto lowest = _mm512_madd52lo_epu64(sums[0], digit, b_digit);  // it is q: products take 52 bits of it
    const auto carry = carry_of(lowest);
#pragma GCC unroll 32
    for (std::size_t j = 0; j < kDigits; ++j) {
      auto sum = j + 1 < kDigits ? sums[j + 1] : zero;
      if (j == 0) sum = _mm512_add_epi64(sum, carry);
      sum = _mm512_madd52hi_epu64(sum, digit, b_digit);
      if (j + 1 < kDigits) {
        b_digit = load(b_words + (j + 1) * kLanes);
        sum = _mm512_madd52lo_epu64(sum, digit, b_digit);
      }
      if (j > 0) sum = _mm512_madd52hi_epu64(sum, lowest, m_digit);
      if (j < kClearingDigits) {
        m_digit = load(m_words + j * kLanes);
        sum = _mm512_madd52lo_epu64(sum, lowest, m_digit);
      }
      sums[j] = sum;
    }
  }
  // Each digit hands what is too much to the next one.
  const auto mask = _mm512_set1_epi64(static_cast<long long>(kDigitMask));
  auto carry = zero;
  for (std::size_t j = 0; j < kDigits; ++j) {
    const auto sum = _mm512_add_epi64(sums[j], carry);
    _mm512_store_si512(result.words.data() + j * kLanes, _mm512_and_si512(sum, mask));
    carry = carry_of(sum);
  }
}

/// In each lane the entry that is wanted there. Reads all of them.
FIRSTRING_LANES void pick(Numbers& result, const std::array<Numbers, kEntries>& entries,
                          const std::array<std::uint64_t, kLanes>& wanted) {
  const auto index = _mm512_loadu_si512(wanted.data());
  Vector picked[kDigits];
  for (auto& digit : picked) digit = _mm512_set1_epi64(0);
  for (std::size_t entry = 0; entry < kEntries; ++entry) {
    const auto is_wanted = _mm512_cmpeq_epi64_mask(index, _mm512_set1_epi64(static_cast<long long>(entry)));
#pragma GCC unroll 32
    for (std::size_t j = 0; j < kDigits; ++j)
      picked[j] = _mm512_mask_mov_epi64(picked[j], is_wanted, load(entries[entry].words.data() + j * kLanes));
  }
  for (std::size_t j = 0; j < kDigits; ++j) _mm512_store_si512(result.words.data() + j * kLanes, picked[j]);
}
#else
void multiply(Numbers&, const Numbers&, const Numbers&, const Numbers&) {}
void pick(Numbers&, const std::array<Numbers, kEntries>&, const std::array<std::uint64_t, kLanes>&) {}
#endif

}  // namespace

bool has_lanes() {
#ifdef __x86_64__
  static const bool has = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
                          __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512ifma") != 0;
  return has;
#else
  return false;
#endif
}

LaneModulus::LaneModulus() : digits_(std::make_unique<Wiped<ModulusDigits>>()), montgomery_(BN_MONT_CTX_new()) {}

Result<LaneModulus> LaneModulus::make(const BIGNUM* modulus) {
  if (!has_lanes()) return fail(Errc::unavailable, "this processor has no AVX-512 IFMA");
  if (BN_num_bits(modulus) != kBits || BN_is_odd(modulus) == 0)
    return fail(Errc::invalid_input, "lanes compute powers modulo odd numbers of 1024 bits");
  LaneModulus made;
  if (!made.montgomery_ || !made.digits_->fill(modulus, made.montgomery_.get()))
    return crypto::openssl_failure("prepare powers by lanes");
  if (!made.agrees_with_openssl(modulus)) return fail(Errc::crypto, "powers by lanes are not what OpenSSL computes");
  return made;
}

bool LaneModulus::agrees_with_openssl(const BIGNUM* modulus) const {
  const crypto::BignumContextPtr scratch{BN_CTX_new_ex(crypto::library())};
  const crypto::BignumPtr number{BN_new()}, expected{BN_new()}, result{BN_new()};
  // All bits set, as base and as exponent.
  return scratch && number && expected && result && BN_set_bit(number.get(), kBits) == 1 &&
         BN_sub_word(number.get(), 1) == 1 &&
         lane_powers({{{this, number.get(), number.get(), result.get()}}}, kBits, scratch.get()) &&
         BN_mod_exp(expected.get(), number.get(), number.get(), modulus, scratch.get()) == 1 &&
         BN_cmp(expected.get(), result.get()) == 0;
}

bool lane_powers(std::span<const LanePower> powers, int exponent_bits, BN_CTX* scratch) {
  struct Secrets {
    Numbers value, picked, constant, clearing;  // the latter two are secret if a modulus is
    std::array<Numbers, kEntries> table;
    // With one octet more that window() may read.
    std::array<std::array<unsigned char, ModulusDigits::kBytes + 1>, kLanes> exponents;
    WholeDigits digits;
  };
  if (!has_lanes() || powers.empty() || powers.size() > kLanes) return false;
  Wiped<Secrets> secret;
  secret.exponents = {};
  // Lanes that nobody needs repeat the first.
  const auto of_lane = [&](std::size_t lane) -> const LanePower& { return powers[lane < powers.size() ? lane : 0]; };
  const auto put = [&](Numbers& numbers, WholeDigits ModulusDigits::* part) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) numbers.put(lane, of_lane(lane).modulus->digits().*part);
  };
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    const auto& power = of_lane(lane);
    if (BN_is_negative(power.exponent) != 0 || !split(power.base, ModulusDigits::kBytes, secret.digits) ||
        BN_bn2lebinpad(power.exponent, secret.exponents[lane].data(), exponent_bits / 8) < 0) {
      return false;
    }
    secret.value.put(lane, secret.digits);
  }
  put(secret.clearing, &ModulusDigits::clearing);
  const auto multiply_into = [&](Numbers& result, const Numbers& a, const Numbers& b) {
    multiply(result, a, b, secret.clearing);
  };
  const auto pick_window = [&](Numbers& result, std::size_t index) {
    std::array<std::uint64_t, kLanes> wanted;
    for (std::size_t lane = 0; lane < kLanes; ++lane) wanted[lane] = window<kWindowBits>(secret.exponents[lane], index);
    pick(result, secret.table, wanted);
    OPENSSL_cleanse(wanted.data(), sizeof wanted);
  };
  put(secret.table[0], &ModulusDigits::one);
  put(secret.constant, &ModulusDigits::enter);
  multiply_into(secret.table[1], secret.value, secret.constant);
  for (std::size_t i = 2; i < kEntries; ++i) multiply_into(secret.table[i], secret.table[i - 1], secret.table[1]);
  auto windows = static_cast<std::size_t>(exponent_bits) / kWindowBits;
  pick_window(secret.value, --windows);
  while (windows > 0) {
    for (std::size_t i = 0; i < kWindowBits; ++i) multiply_into(secret.value, secret.value, secret.value);
    pick_window(secret.picked, --windows);
    multiply_into(secret.value, secret.value, secret.picked);
  }
  put(secret.constant, &ModulusDigits::leave);
  multiply_into(secret.value, secret.value, secret.constant);
  // Now it is the power in the form of OpenSSL's Montgomery, but below 2n'.
  for (std::size_t lane = 0; lane < powers.size(); ++lane) {
    const auto& power = powers[lane];
    secret.value.take(lane, secret.digits);
    if (!join(secret.digits, power.result) ||
        BN_from_montgomery(power.result, power.result, power.modulus->montgomery(), scratch) != 1) {
      return false;
    }
  }
  return true;
}

}  // namespace firstring::tls
