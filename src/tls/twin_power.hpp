#pragma once

#include <openssl/bn.h>

#include <array>
#include <cstddef>
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

  TwinPower(TwinPower&&) noexcept;
  ~TwinPower();

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
  TwinPower();
  bool fill(const std::array<const BIGNUM*, 2>& moduli);
  bool agrees_with_openssl(const std::array<const BIGNUM*, 2>& moduli) const;

  struct Constants;
  std::unique_ptr<Constants> constants_;
  std::array<crypto::MontgomeryPtr, 2> montgomery_;
};

}  // namespace firstring::tls
