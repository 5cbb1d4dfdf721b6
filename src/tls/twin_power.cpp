// The idea: a double holds 53 bits, and a fused multiply-add rounds only its result. So with a large constant added, it
// gives the upper half of the product of two numbers of 52 bits, and with the upper half taken off, the lower half:
// four products of 52 bits by five cheap instructions, where integer multiplication of vectors has 32 bits (Emmart,
// Zheng, Weems, "Faster Modular Exponentiation Using Double Precision Floating Point Arithmetic on the GPU", ARITH
// 2018). It wants the processor to round toward zero. Halves are added up as integers: see Product.
//
// How they multiply: see ModulusDigits. Digits are balanced, from -2^51 to 2^51, so numbers have a sign.
//
// A vector holds two digits of each of the two numbers, kRows digits apart: in a sum for place v, lane 0 stands for
// position v and lane 1 for position v + kRows. Once lane 0 of a place is cleared, its lane 1 moves to lane 0 of the
// place kRows further. So no digit ever crosses lanes but there, and nothing is ever shifted.
#include "tls/twin_power.hpp"

#include <openssl/crypto.h>

#include "tls/whole_digits.hpp"

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace firstring::tls {
namespace {

constexpr std::size_t kSteps = kDigits;
constexpr std::size_t kRows = 11;  ///< vectors of a pair of numbers
constexpr std::size_t kLanes = 2;  ///< of one number in a vector

/// Whole numbers, a pair: kRows vectors of four doubles, of each number two lanes, each of kRows digits.
struct alignas(32) Digits {
  std::array<double, kRows * 2 * kLanes> doubles;
};

template <class Of>
auto& at(Of& digits, std::size_t number, std::size_t place) {
  return digits.doubles[place % kRows * 2 * kLanes + number * kLanes + place / kRows];
}

constexpr std::size_t kWindowBits = 5;
constexpr std::size_t kEntries = std::size_t{1} << kWindowBits;

#ifdef __x86_64__
#define FIRSTRING_VECTORS [[gnu::target("avx2,fma")]]
#define FIRSTRING_INLINE_VECTORS FIRSTRING_VECTORS [[gnu::always_inline]] inline

using Doubles = __m256d;
using Integers = __m256i;

FIRSTRING_INLINE_VECTORS Integers all(std::uint64_t value) { return _mm256_set1_epi64x(static_cast<long long>(value)); }
FIRSTRING_INLINE_VECTORS Integers add(Integers a, Integers b) { return _mm256_add_epi64(a, b); }
FIRSTRING_INLINE_VECTORS Integers bits(Doubles a) { return _mm256_castpd_si256(a); }
FIRSTRING_INLINE_VECTORS Doubles from_bits(Integers a) { return _mm256_castsi256_pd(a); }

// Doubles whose last bit weighs 1 and 2^52: adding one and reading the bits as an integer gives a whole number, or a
// multiple of 2^52, and a constant. Those from which to take or to which to add both signs stand in the middle.
constexpr std::uint64_t kOnesBits = 0x4330000000000000, kMiddleOnesBits = 0x4338000000000000;
constexpr double kOnes = 0x1p52, kMiddleOnes = 0x1.8p52;
constexpr std::uint64_t kUpperBits = 0x4678000000000000;
constexpr double kUpper = 0x1.8p104;

/// What a sum has beside its value, so that it is positive when it is cleared, and its lowest digit so much more as to
/// be unbalanced; and what that leaves in the carry.
constexpr std::uint64_t kBias = (std::uint64_t{1} << 62) + (std::uint64_t{1} << (kDigitBits - 1));
constexpr std::uint64_t kCarryBias = std::uint64_t{1} << (62 - kDigitBits);

/// How many of the products of `steps` steps come to a place, from all rows, when that of row 0 of step 0 comes to
/// place `first`.
constexpr std::uint64_t products_at(std::size_t place, std::size_t steps, std::size_t first) {
  std::uint64_t count = 0;
  for (std::size_t step = 0; step < steps; ++step)
    if (place >= step + first && place - step - first < kRows) ++count;
  return count;
}

/// What sums begin with: minus all that the constants in upper and lower halves add up to, and kBias.
struct Beginnings {
  static constexpr std::size_t kPlaces = kSteps + kRows + 1;
  alignas(32) std::array<std::array<std::uint64_t, 4>, kPlaces> sums{};

  constexpr Beginnings() {
    for (std::size_t place = 0; place < kPlaces; ++place) {
      const auto lower = products_at(place, kSteps + 1, 0) + products_at(place, kSteps, 1);
      const auto upper = products_at(place, kSteps + 1, 1) + products_at(place, kSteps, 2);
      for (std::size_t lane = 0; lane < 4; ++lane) {
        auto& sum = sums[place][lane];
        sum = 0 - (lower * kOnesBits + upper * kUpperBits);
        if (lane % 2 != 0) continue;
        if (place < kSteps) sum += kBias;
        if (place > 0 && place <= kSteps) sum -= kCarryBias;
      }
    }
  }
};
constexpr Beginnings kBeginnings{};

FIRSTRING_INLINE_VECTORS Doubles load(const double* row) { return _mm256_load_pd(row); }
FIRSTRING_INLINE_VECTORS Integers load(const std::array<std::uint64_t, 4>& row) {
  return _mm256_load_si256(reinterpret_cast<const Integers*>(row.data()));
}

/// The same digit of each number in both of its lanes.
FIRSTRING_INLINE_VECTORS Doubles digit(const double* number, std::size_t index) {
  const auto* at = number + index % kRows * 4 + index / kRows;
  return _mm256_blend_pd(_mm256_broadcast_sd(at), _mm256_broadcast_sd(at + 2), 0b1100);
}

/// a * b = upper * 2^52 + lower, with 0 <= lower < 2^52, for |a * b| < 2^103: both halves as the bits of a double, so
/// with a constant. The processor must round toward zero, which is down since all is positive with the constant.
struct Product {
  Integers upper, lower;
};

FIRSTRING_INLINE_VECTORS Product multiply(Doubles a, Doubles b) {
  const auto upper = _mm256_fmadd_pd(a, b, _mm256_set1_pd(kUpper));
  // -(upper half) * 2^52 + 2^52: exact.
  const auto rest = _mm256_sub_pd(upper, _mm256_set1_pd(kUpper + kOnes));
  return {bits(upper), bits(_mm256_fmsub_pd(a, b, rest))};
}

/// Stores a row of digits: what it has itself, from 0 to 2^52 and to be balanced, and the carry from the row below. One
/// by one, since together they may be 2^51, which is no more in the middle.
FIRSTRING_INLINE_VECTORS void store_balanced(double* row, Integers own, Integers carry) {
  const auto middle = _mm256_set1_pd(kMiddleOnes);
  const auto balanced = _mm256_sub_pd(from_bits(_mm256_or_si256(own, all(kOnesBits))), middle);
  const auto carried = _mm256_sub_pd(from_bits(add(carry, all(kMiddleOnesBits))), middle);
  _mm256_store_pd(row, _mm256_add_pd(balanced, carried));
}

/// result = a * b / R modulo n', and |result| < 0.51 * n', for |a|, |b| < n'. No digit of a times one of b may reach
/// 2^103; those of the result are at most 2^51 + 2^9, and zero from digit kSteps on, as a's and b's must be. The
/// processor must round toward zero. `result` may be `a` or `b`. A function of its own, so that no compiler moves its
/// arithmetic to where the processor rounds as usual.
FIRSTRING_VECTORS [[gnu::noinline]] void montgomery_product(double* result, const double* a, const double* b,
                                                            const double* modulus) {
  const auto& beginnings = kBeginnings.sums;
  const auto mask = all(kDigitMask);
  const auto lane_0 = _mm256_set_epi64x(0, -1, 0, -1);

  // sums[j] is that of place step + j; the one of place `step`, which all wait for, is `lowest`.
  Integers sums[kRows + 1];
  const auto first = digit(a, 0);
  auto product = multiply(first, load(b));
  auto lowest = add(load(beginnings[0]), product.lower);
  for (std::size_t j = 1; j < kRows; ++j) {
    const auto next = multiply(first, load(b + j * 4));
    sums[j] = add(add(load(beginnings[j]), next.lower), product.upper);
    product = next;
  }
  sums[kRows] = add(load(beginnings[kRows]), product.upper);

  // Each step clears one place, and adds the next digit of a, times b, to those above.
  for (std::size_t step = 0; step < kSteps; ++step) {
    const auto q = _mm256_movedup_pd(_mm256_sub_pd(
        from_bits(_mm256_or_si256(_mm256_and_si256(lowest, mask), all(kOnesBits))), _mm256_set1_pd(kMiddleOnes)));
    const auto carry = _mm256_and_si256(_mm256_srli_epi64(lowest, kDigitBits), lane_0);
    sums[kRows] = add(sums[kRows], _mm256_srli_si256(lowest, 8));
    const auto factor = digit(a, step + 1);
    product = multiply(factor, load(b));
    auto clearing = multiply(q, load(modulus));
    lowest = add(add(add(sums[1], carry), product.lower), clearing.lower);
#pragma GCC unroll 16  // with jumps it takes half as long again
    for (std::size_t j = 1; j < kRows; ++j) {
      const auto next = multiply(factor, load(b + j * 4)), next_clearing = multiply(q, load(modulus + j * 4));
      sums[j] = add(add(add(sums[j + 1], product.upper), add(next.lower, clearing.upper)), next_clearing.lower);
      product = next;
      clearing = next_clearing;
    }
    sums[kRows] = add(add(load(beginnings[step + kRows + 1]), product.upper), clearing.upper);
  }
  sums[0] = add(lowest, _mm256_slli_si256(sums[kRows], 8));

  // Each digit hands what is too much to the next one, once.
  auto carry = _mm256_setzero_si256();
  auto lowest_digits = carry;
  for (std::size_t j = 0; j < kRows; ++j) {
    const auto sum = add(sums[j], all(kBias));
    const auto own = _mm256_and_si256(sum, mask);
    if (j == 0) {
      lowest_digits = own;
    } else {
      store_balanced(result + j * 4, own, carry);
    }
    carry = _mm256_sub_epi64(_mm256_srli_epi64(sum, kDigitBits), all(kCarryBias));
  }
  store_balanced(result, lowest_digits, _mm256_slli_si256(carry, 8));
}

/// The entry that `wanted` names in each lane. Reads all of them.
FIRSTRING_VECTORS void pick(double* result, const double* entries, const std::array<std::uint64_t, 4>& wanted) {
  const auto index = _mm256_loadu_si256(reinterpret_cast<const Integers*>(wanted.data()));
  Doubles picked[kRows]{};
  for (std::size_t entry = 0; entry < kEntries; ++entry) {
    const auto is_wanted = from_bits(_mm256_cmpeq_epi64(index, all(entry)));
    for (auto& row : picked) {
      row = _mm256_blendv_pd(row, load(entries), is_wanted);
      entries += 4;
    }
  }
  for (const auto& row : picked) {
    _mm256_store_pd(result, row);
    result += 4;
  }
}

/// While it lives, this thread's vectors round toward zero.
class RoundingTowardZero {
 public:
  RoundingTowardZero() { _mm_setcsr(before_ | _MM_ROUND_TOWARD_ZERO); }
  ~RoundingTowardZero() { _mm_setcsr(before_); }
  RoundingTowardZero(const RoundingTowardZero&) = delete;
  RoundingTowardZero& operator=(const RoundingTowardZero&) = delete;

 private:
  unsigned before_ = _mm_getcsr();
};

#endif

}  // namespace

/// ModulusDigits of both.
struct TwinPower::Constants {
  std::array<WholeDigits, 2> multiple{};
  Digits clearing{}, enter{}, one{}, leave{};
};

TwinPower::TwinPower() : constants_(std::make_unique<Constants>()) {}
TwinPower::TwinPower(TwinPower&&) noexcept = default;
TwinPower::~TwinPower() {
  if (constants_) OPENSSL_cleanse(constants_.get(), sizeof *constants_);
}

bool TwinPower::is_supported() {
#ifdef __x86_64__
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
#else
  return false;
#endif
}

auto TwinPower::make(const std::array<const BIGNUM*, 2>& moduli) -> Result<TwinPower> {
  if (!is_supported()) return fail(Errc::unavailable, "this processor has no AVX2 or no FMA");
  for (const auto* modulus : moduli) {
    if (BN_num_bits(modulus) != kBits || BN_is_odd(modulus) == 0)
      return fail(Errc::invalid_input, "vectors compute powers modulo odd numbers of 1024 bits");
  }
  TwinPower made;
  if (!made.fill(moduli)) return crypto::openssl_failure("prepare powers by vectors");
  if (!made.agrees_with_openssl(moduli)) return fail(Errc::crypto, "powers by vectors are not what OpenSSL computes");
  return made;
}

bool TwinPower::fill(const std::array<const BIGNUM*, 2>& moduli) {
  auto& constants = *constants_;
  for (std::size_t i = 0; i < 2; ++i) {
    Wiped<ModulusDigits> digits;
    montgomery_[i].reset(BN_MONT_CTX_new());
    if (!montgomery_[i] || !digits.fill(moduli[i], montgomery_[i].get())) return false;
    const auto balance = [i](const WholeDigits& whole, Digits& to) {
      std::uint64_t carry = 0;
      for (std::size_t place = 0; place < kSteps; ++place) {
        const auto digit = whole[place] + carry;
        carry = (digit + (std::uint64_t{1} << (kDigitBits - 1))) >> kDigitBits;
        at(to, i, place) = static_cast<double>(static_cast<std::int64_t>(digit - (carry << kDigitBits)));
      }
    };
    constants.multiple[i] = digits.multiple;
    balance(digits.clearing, constants.clearing);
    balance(digits.enter, constants.enter);
    balance(digits.one, constants.one);
    balance(digits.leave, constants.leave);
  }
  return true;
}

bool TwinPower::agrees_with_openssl(const std::array<const BIGNUM*, 2>& moduli) const {
  const crypto::BignumContextPtr scratch{BN_CTX_new_ex(crypto::library())};
  const crypto::BignumPtr number{BN_new()}, expected{BN_new()};
  std::array<crypto::BignumPtr, 2> powers;
  std::array<const BIGNUM*, 2> numbers{};
  std::array<BIGNUM*, 2> results{};
  // All bits set, as base and as exponent.
  if (!scratch || !number || !expected || BN_set_bit(number.get(), kBits) != 1 || BN_sub_word(number.get(), 1) != 1)
    return false;
  for (std::size_t i = 0; i < 2; ++i) {
    powers[i].reset(BN_new());
    if (!powers[i]) return false;
    numbers[i] = number.get();
    results[i] = powers[i].get();
  }
  bool agrees = power(numbers, numbers, results, scratch.get());
  for (std::size_t i = 0; i < 2; ++i) {
    agrees = agrees && BN_mod_exp(expected.get(), number.get(), number.get(), moduli[i], scratch.get()) == 1 &&
             BN_cmp(expected.get(), results[i]) == 0;
  }
  return agrees;
}

bool TwinPower::power([[maybe_unused]] const std::array<const BIGNUM*, 2>& bases,
                      [[maybe_unused]] const std::array<const BIGNUM*, 2>& exponents,
                      [[maybe_unused]] const std::array<BIGNUM*, 2>& results, [[maybe_unused]] BN_CTX* scratch) const {
#ifdef __x86_64__
  struct Secrets {
    Digits value, picked;
    std::array<Digits, kEntries> powers;
    std::array<std::array<unsigned char, ModulusDigits::kBytes + 1>, 2> exponents;  // and one that window() may read
    WholeDigits digits;
  };
  const auto& constants = *constants_;
  Wiped<Secrets> secret;
  secret.value = {};
  secret.exponents = {};
  for (std::size_t i = 0; i < 2; ++i) {
    if (BN_is_negative(exponents[i]) != 0 || !split(bases[i], ModulusDigits::kBytes, secret.digits) ||
        BN_bn2lebinpad(exponents[i], secret.exponents[i].data(), ModulusDigits::kBytes) < 0) {
      return false;
    }
    for (std::size_t place = 0; place < kSteps; ++place)
      at(secret.value, i, place) = static_cast<double>(static_cast<std::int64_t>(secret.digits[place]));
  }
  {
    const RoundingTowardZero rounding;
    const auto multiply_into = [&constants](Digits& result, const Digits& a, const Digits& b) {
      montgomery_product(result.doubles.data(), a.doubles.data(), b.doubles.data(), constants.clearing.doubles.data());
    };
    const auto pick_window = [&](Digits& result, std::size_t index) {
      std::array<std::uint64_t, 4> wanted;
      for (std::size_t lane = 0; lane < wanted.size(); ++lane)
        wanted[lane] = window<kWindowBits>(secret.exponents[lane / 2], index);
      pick(result.doubles.data(), secret.powers[0].doubles.data(), wanted);
    };
    secret.powers[0] = constants.one;
    multiply_into(secret.powers[1], secret.value, constants.enter);
    for (std::size_t i = 2; i < kEntries; ++i)
      multiply_into(secret.powers[i], secret.powers[i / 2], secret.powers[i - i / 2]);
    auto windows = (kBits + kWindowBits - 1) / kWindowBits;
    pick_window(secret.value, --windows);
    while (windows > 0) {
      for (std::size_t i = 0; i < kWindowBits; ++i) multiply_into(secret.value, secret.value, secret.value);
      pick_window(secret.picked, --windows);
      multiply_into(secret.value, secret.value, secret.picked);
    }
    multiply_into(secret.value, secret.value, constants.leave);
  }
  // Now it is the power in the form of OpenSSL's Montgomery, but modulo n', and may be negative.
  for (std::size_t i = 0; i < 2; ++i) {
    std::int64_t carry = 0;
    for (std::size_t place = 0; place < kSteps; ++place) {
      const auto sum = static_cast<std::int64_t>(at(secret.value, i, place)) +
                       static_cast<std::int64_t>(constants.multiple[i][place]) + carry;
      carry = sum >> kDigitBits;
      secret.digits[place] = static_cast<std::uint64_t>(sum) & kDigitMask;
    }
    if (!join(secret.digits, results[i]) ||
        BN_from_montgomery(results[i], results[i], montgomery_[i].get(), scratch) != 1) {
      return false;
    }
  }
  return true;
#else
  return false;
#endif
}

}  // namespace firstring::tls
