#pragma once

#include <openssl/bn.h>
#include <openssl/crypto.h>

#include <array>
#include <cstddef>
#include <cstdint>
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

/// False if the number is negative or has more than so many octets. Takes the same time for all that have not.
bool split(const BIGNUM* number, std::size_t octets, WholeDigits& digits);
/// False if memory runs out.
bool join(const WholeDigits& digits, BIGNUM* number);

/// What powers modulo an odd number n of 1024 bits need. Of an RSA key's primes it is secret.
///
/// Powers are worked out by Montgomery's multiplication, with R = 2^(52 * 21). Not modulo n but modulo that multiple
/// n' = k * n, k below 2^52, which is -1 modulo 2^52: then the lowest digit of a sum is itself the factor q of n' that
/// clears it, and since n' is m * 2^52 - 1, q * m added one digit higher clears it.
struct ModulusDigits {
  static constexpr int kBits = 1024;
  static constexpr std::size_t kBytes = kBits / 8;

  WholeDigits multiple{};  ///< n'
  WholeDigits clearing{};  ///< m, below 2^1024
  WholeDigits enter{};     ///< R * R mod n: multiplied with, a number comes into the form with R
  WholeDigits one{};       ///< in that form
  WholeDigits leave{};     ///< 2^1024 mod n: multiplied with, it comes into OpenSSL's form

  /// And OpenSSL's form of the same modulus. False if memory runs out.
  bool fill(const BIGNUM* modulus, BN_MONT_CTX* montgomery);
};

/// So many bits of a number, the window that is `index` windows above its lowest. Reads one octet beyond the window's.
template <std::size_t kWindowBits>
unsigned window(std::span<const unsigned char> octets, std::size_t index) {
  const auto at = index * kWindowBits;
  const unsigned two = octets[at / 8] | unsigned{octets[at / 8 + 1]} << 8U;
  return two >> at % 8 & ((1U << kWindowBits) - 1);
}

}  // namespace firstring::tls
