#pragma once

#include <openssl/bn.h>

#include <array>
#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "crypto/openssl.hpp"

namespace firstring::tls {

/// Powers of one base modulo one prime, from a table that is made once (Lim and Lee, "More Flexible Exponentiation with
/// Precomputation", CRYPTO '94): 63 multiplications for an exponent of 256 bits, where a general power takes 310. The
/// time does not depend on the exponent: of each table every entry is read, whichever is meant. Any thread.
class FixedBasePower {
 public:
  using Exponent = std::array<std::uint8_t, 32>;  ///< the little end first

  /// Takes a fraction of a millisecond, and 16 KiB for a prime of 1024 bits, which stay in a processor's nearest cache.
  /// The prime's size must be a multiple of 256 bits.
  static Result<FixedBasePower> make(const BIGNUM* base, const BIGNUM* prime);

  /// base^exponent mod prime, into `result`. False only if memory runs out.
  bool power(const Exponent& exponent, BIGNUM* result, BN_CTX* scratch) const;

  /// For other powers modulo the same prime.
  BN_MONT_CTX* montgomery() const { return montgomery_.get(); }

 private:
  // The exponent's bits lie in kTeeth rows of kTables * kSteps columns. A column is a number of kTeeth bits, which
  // names an entry of a table; each table serves kSteps columns, one for each squaring.
  static constexpr std::size_t kTeeth = 5, kTables = 4, kSteps = 13;
  static constexpr std::size_t kEntries = 1U << kTeeth;
  static constexpr std::size_t kColumns = kTables * kSteps;
  static_assert(kTeeth * kColumns >= sizeof(Exponent) * 8);

  FixedBasePower(crypto::MontgomeryPtr montgomery, std::size_t limbs)
      : montgomery_(std::move(montgomery)), limbs_(limbs) {}
  bool fill(const BIGNUM* base, const BIGNUM* prime);
  static unsigned column(const Exponent& exponent, std::size_t index);
  /// The product of base^(2^(tooth * kColumns + table * kSteps)) over the bits of `index`, in Montgomery's form.
  bool pick(std::size_t table, unsigned index, BIGNUM* entry) const;

  crypto::MontgomeryPtr montgomery_;
  std::size_t limbs_;                 ///< of 64 bits, in one entry
  std::vector<std::uint64_t> table_;  ///< table by table, entry by entry, the little end first
};

}  // namespace firstring::tls
