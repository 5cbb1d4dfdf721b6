#pragma once

#include <openssl/bn.h>

#include <array>
#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "crypto/openssl.hpp"

namespace firstring::tls {

/// Powers of one base modulo one prime, from a table that is made once (Brickell et al., "Fast Exponentiation with
/// Precomputation", EUROCRYPT '92): 63 multiplications for an exponent of 256 bits, where a general power takes 310.
/// The time does not depend on the exponent: of each row every entry is read, whichever is meant. Any thread.
class FixedBasePower {
 public:
  using Exponent = std::array<std::uint8_t, 32>;  ///< the little end first

  /// Takes a millisecond, and 128 KiB for a prime of 1024 bits, whose size must be a multiple of 256 bits.
  static Result<FixedBasePower> make(const BIGNUM* base, const BIGNUM* prime);

  /// base^exponent mod prime, into `result`. False only if memory runs out.
  bool power(const Exponent& exponent, BIGNUM* result, BN_CTX* scratch) const;

  /// For other powers modulo the same prime.
  BN_MONT_CTX* montgomery() const { return montgomery_.get(); }

 private:
  static constexpr std::size_t kRows = sizeof(Exponent) * 2;  ///< one for each 4 bits of the exponent
  static constexpr std::size_t kColumns = 16;
  using MontgomeryPtr = std::unique_ptr<BN_MONT_CTX, crypto::Deleter<BN_MONT_CTX_free>>;

  FixedBasePower(MontgomeryPtr montgomery, std::size_t limbs) : montgomery_(std::move(montgomery)), limbs_(limbs) {}
  bool fill(const BIGNUM* base, const BIGNUM* prime);
  /// base^(column * 16^row), in Montgomery's form.
  bool pick(std::size_t row, unsigned column, BIGNUM* entry) const;

  MontgomeryPtr montgomery_;
  std::size_t limbs_;                 ///< of 64 bits, in one entry
  std::vector<std::uint64_t> table_;  ///< row by row, column by column, the little end first
};

}  // namespace firstring::tls
