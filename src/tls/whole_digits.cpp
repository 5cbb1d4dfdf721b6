#include "tls/whole_digits.hpp"

#include <cstring>

#include "crypto/openssl.hpp"

namespace firstring::tls {
namespace {

/// WholeDigits lie in so many octets; as much more as a word needs that begins in the last of them.
using DigitOctets = std::array<unsigned char, kDigits * kDigitBits / 8 + sizeof(std::uint64_t)>;

constexpr std::size_t kMultipleBytes = (ModulusDigits::kBits + kDigitBits + 7) / 8;  ///< of n'

}  // namespace

bool split(const BIGNUM* number, std::size_t octets, WholeDigits& digits) {
  Wiped<DigitOctets> all{};
  if (BN_is_negative(number) != 0 || BN_bn2lebinpad(number, all.data(), static_cast<int>(octets)) < 0) return false;
  for (std::size_t i = 0; i < kDigits; ++i) {
    std::uint64_t word;
    std::memcpy(&word, all.data() + i * kDigitBits / 8, sizeof word);
    digits[i] = word >> (i * kDigitBits % 8) & kDigitMask;
  }
  return true;
}

bool join(const WholeDigits& digits, BIGNUM* number) {
  Wiped<DigitOctets> all{};
  for (std::size_t i = 0; i < kDigits; ++i) {
    std::uint64_t word;
    std::memcpy(&word, all.data() + i * kDigitBits / 8, sizeof word);
    word |= digits[i] << (i * kDigitBits % 8);
    std::memcpy(all.data() + i * kDigitBits / 8, &word, sizeof word);
  }
  return BN_lebin2bn(all.data(), static_cast<int>(all.size()), number) != nullptr;
}

bool ModulusDigits::fill(const BIGNUM* modulus, BN_MONT_CTX* montgomery) {
  const crypto::BignumContextPtr scratch{BN_CTX_new_ex(crypto::library())};
  const crypto::SecretBignumPtr secret{BN_dup(modulus)}, radix{BN_new()}, factor{BN_new()}, value{BN_new()};
  if (!scratch || !secret || !radix || !factor || !value) return false;
  BN_set_flags(secret.get(), BN_FLG_CONSTTIME);  // so that OpenSSL inverts and divides without branches
  const auto put_power_of_two = [&](int exponent, WholeDigits& to) {
    BN_zero(value.get());
    return BN_set_bit(value.get(), exponent) == 1 &&
           BN_nnmod(value.get(), value.get(), secret.get(), scratch.get()) == 1 && split(value.get(), kBytes, to);
  };
  constexpr int kRadixBits = kDigitBits * static_cast<int>(kDigits);  // of R
  return BN_MONT_CTX_set(montgomery, secret.get(), scratch.get()) == 1 && BN_set_bit(radix.get(), kDigitBits) == 1 &&
         BN_mod_inverse(factor.get(), secret.get(), radix.get(), scratch.get()) != nullptr &&
         BN_sub(factor.get(), radix.get(), factor.get()) == 1 &&
         BN_mul(value.get(), secret.get(), factor.get(), scratch.get()) == 1 &&
         split(value.get(), kMultipleBytes, multiple) && BN_add_word(value.get(), 1) == 1 &&
         BN_rshift(value.get(), value.get(), kDigitBits) == 1 && split(value.get(), kBytes, clearing) &&
         put_power_of_two(2 * kRadixBits, enter) && put_power_of_two(kRadixBits, one) && put_power_of_two(kBits, leave);
}

}  // namespace firstring::tls
