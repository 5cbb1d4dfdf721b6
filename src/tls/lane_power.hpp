#pragma once

#include <openssl/bn.h>

#include <cstddef>
#include <memory>
#include <span>

#include "base/result.hpp"
#include "crypto/openssl.hpp"
#include "tls/whole_digits.hpp"

namespace firstring::tls {

/// How many powers lane_powers computes at once. It takes the same time for one as for all.
constexpr std::size_t kLanes = 8;

/// Whether this processor has AVX-512's multiplication of 52 bits (IFMA): servers since 2019 (Intel) and 2022 (AMD).
bool has_lanes();

/// A modulus for lane_powers: odd, of 1024 bits. Any thread.
class LaneModulus {
 public:
  static constexpr int kBits = ModulusDigits::kBits;

  /// Works out its constants, and tries them with one power that OpenSSL computes too. Fails for other moduli, on
  /// another processor, and if the trial does.
  static Result<LaneModulus> make(const BIGNUM* modulus);

  /// For other arithmetic modulo the same number.
  BN_MONT_CTX* montgomery() const { return montgomery_.get(); }

  const ModulusDigits& digits() const { return *digits_; }

 private:
  LaneModulus();
  bool agrees_with_openssl(const BIGNUM* modulus) const;

  std::unique_ptr<Wiped<ModulusDigits>> digits_;
  crypto::MontgomeryPtr montgomery_;
};

/// base^exponent modulo modulus, into result.
struct LanePower {
  const LaneModulus* modulus = nullptr;
  const BIGNUM* base = nullptr;
  const BIGNUM* exponent = nullptr;
  BIGNUM* result = nullptr;
};

/// At most kLanes powers, whose exponents are below 2^exponent_bits; the time depends on that and on nothing else, nor
/// do addresses. `exponent_bits`: a multiple of 8, at most LaneModulus::kBits. False if a base or exponent is below 0,
/// a base not below 2^1024, or if memory runs out: no result is worth anything then.
bool lane_powers(std::span<const LanePower> powers, int exponent_bits, BN_CTX* scratch);

}  // namespace firstring::tls
