#pragma once

#include <openssl/bn.h>
#include <openssl/crypto.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace firstring::tls {

// Numbers as TwinPower and LanePower take them apart: digits of 52 bits, which are what a double holds and what AVX-512
// multiplies.

constexpr int kDigitBits = 52;
constexpr std::uint64_t kDigitMask = (std::uint64_t{1} << kDigitBits) - 1;
/// Of a number modulo n', a multiple below 2^52 of a modulus n of 1024 bits.
constexpr std::size_t kDigits = 21;

/// The little end first.
using WholeDigits = std::array<std::uint64_t, kDigits>;

/// Wiped when it goes.
template <class T>
struct Wiped : T {
  ~Wiped() { OPENSSL_cleanse(this, sizeof *this); }
};

/// WholeDigits lie in so many octets; as much more as a word needs that begins in the last of them.
using DigitOctets = std::array<unsigned char, kDigits * kDigitBits / 8 + sizeof(std::uint64_t)>;

/// False if the number is negative or has more than so many octets. Takes the same time for all that have not.
inline bool split(const BIGNUM* number, std::size_t octets, WholeDigits& digits) {
  Wiped<DigitOctets> all{};
  if (BN_is_negative(number) != 0 || BN_bn2lebinpad(number, all.data(), static_cast<int>(octets)) < 0) return false;
  for (std::size_t i = 0; i < kDigits; ++i) {
    std::uint64_t word;
    std::memcpy(&word, all.data() + i * kDigitBits / 8, sizeof word);
    digits[i] = word >> (i * kDigitBits % 8) & kDigitMask;
  }
  return true;
}

/// False if memory runs out.
inline bool join(const WholeDigits& digits, BIGNUM* number) {
  Wiped<DigitOctets> all{};
  for (std::size_t i = 0; i < kDigits; ++i) {
    std::uint64_t word;
    std::memcpy(&word, all.data() + i * kDigitBits / 8, sizeof word);
    word |= digits[i] << (i * kDigitBits % 8);
    std::memcpy(all.data() + i * kDigitBits / 8, &word, sizeof word);
  }
  return BN_lebin2bn(all.data(), static_cast<int>(all.size()), number) != nullptr;
}

/// So many bits of a number, the window that is `index` windows above its lowest. Reads one octet beyond the window's.
template <std::size_t kWindowBits>
unsigned window(std::span<const unsigned char> octets, std::size_t index) {
  const auto at = index * kWindowBits;
  const unsigned two = octets[at / 8] | unsigned{octets[at / 8 + 1]} << 8U;
  return two >> at % 8 & ((1U << kWindowBits) - 1);
}

}  // namespace firstring::tls
