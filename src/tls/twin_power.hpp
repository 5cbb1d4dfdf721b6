#pragma once

#include <openssl/bn.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/result.hpp"
#include "crypto/openssl.hpp"

namespace firstring::tls {

/// Powers modulo two odd numbers of 1024 bits at once: the halves of an RSA key of 2048 bits. In two thirds of the time
/// that OpenSSL 3.0 takes on a processor with AVX2 and FMA but without AVX-512's multiplication. Neither time nor
/// addresses depend on bases or exponents. Any thread.
class TwinPower {
 public:
  static constexpr int kBits = 1024;

  /// Whether this processor has AVX2 and FMA.
  static bool is_supported();

  /// Makes the constants of these moduli, and tries them with one power that OpenSSL computes too. Fails for other
  /// moduli than odd ones of exactly 1024 bits, on another processor, and if the trial does.
  static Result<TwinPower> make(const std::array<const BIGNUM*, 2>& moduli);

  /// bases[i]^exponents[i] mod moduli[i], into `results`. False if a base or exponent is below 0 or not below 2^1024,
  /// or if memory runs out.
  bool power(const std::array<const BIGNUM*, 2>& bases, const std::array<const BIGNUM*, 2>& exponents,
             const std::array<BIGNUM*, 2>& results, BN_CTX* scratch) const;

  /// For other arithmetic modulo the same numbers.
  BN_MONT_CTX* montgomery(std::size_t index) const { return montgomery_[index].get(); }

 private:
  /// A pair of numbers is kRows vectors of four doubles: of each number two lanes, each of kRows digits.
  static constexpr std::size_t kRows = 11, kLanes = 2;

  /// Whole numbers.
  struct alignas(32) Digits {
    std::array<double, kRows * 2 * kLanes> doubles;
  };
  template <class Of>
  static auto& at(Of& digits, std::size_t number, std::size_t place) {
    return digits.doubles[place % kRows * 2 * kLanes + number * kLanes + place / kRows];
  }

  using MontgomeryPtr = std::unique_ptr<BN_MONT_CTX, crypto::Deleter<BN_MONT_CTX_free>>;

  TwinPower() = default;
  bool fill(const std::array<const BIGNUM*, 2>& moduli);
  bool agrees_with_openssl(const std::array<const BIGNUM*, 2>& moduli) const;

  /// twin_power.cpp says what n', m and R are. Of an RSA key's primes they are secret.
  struct Constants {
    std::array<std::array<std::uint64_t, 21>, 2> multiple{};  ///< n'
    Digits clearing{};                                        ///< m
    Digits enter{};  ///< R * R mod n: multiplied with, a number comes into the form with R
    Digits one{};    ///< in that form
    Digits leave{};  ///< 2^1024 mod n: multiplied with, it comes into OpenSSL's form
    ~Constants();    ///< wipes them
  };

  std::unique_ptr<Constants> constants_ = std::make_unique<Constants>();
  std::array<MontgomeryPtr, 2> montgomery_;
};

}  // namespace firstring::tls
