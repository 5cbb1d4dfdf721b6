#pragma once

#include <openssl/bn.h>

#include <string>
#include <vector>

#include "crypto/openssl.hpp"

namespace firstring::tls::testing {

// Numbers of 1024 bits with which arithmetic by digits of 52 bits is likely to go wrong, if it does.

constexpr int kBits = 1024;

using Numbers = std::vector<crypto::BignumPtr>;

inline crypto::BignumPtr make(int bit = -1) {
  crypto::BignumPtr number{BN_new()};
  BN_zero(number.get());
  if (bit >= 0) BN_set_bit(number.get(), bit);
  return number;
}

inline crypto::BignumPtr copy(const BIGNUM* of, BN_ULONG less = 0) {
  crypto::BignumPtr number{BN_dup(of)};
  BN_sub_word(number.get(), less);
  return number;
}

/// Below 2^bits.
inline crypto::BignumPtr random(int bits = kBits) {
  auto number = make();
  BN_rand(number.get(), bits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
  return number;
}

inline crypto::BignumPtr random_modulus() {
  auto number = make();
  BN_rand(number.get(), kBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
  return number;
}

/// Moduli whose digits are at their limits: least and greatest, all ones but for one digit, -1 and 1 modulo 2^52.
inline Numbers moduli_at_limits() {
  Numbers all;
  all.push_back(make(kBits - 1));
  BN_add_word(all.back().get(), 1);
  all.push_back(copy(make(kBits).get(), 1));
  for (const int bit : {51, 52, 53, 103, 104, 519, 520, 571, 572, 573, 1022}) {
    all.push_back(copy(make(kBits).get(), 1));
    BN_clear_bit(all.back().get(), bit);
    all.push_back(make(kBits - 1));
    BN_set_bit(all.back().get(), bit);
    BN_add_word(all.back().get(), 1);
  }
  return all;
}

inline Numbers numbers_at_limits(const BIGNUM* modulus) {
  Numbers all;
  for (const int word : {0, 1, 2}) {
    all.push_back(make());
    BN_set_word(all.back().get(), static_cast<BN_ULONG>(word));
  }
  all.push_back(copy(modulus));
  all.push_back(copy(modulus, 1));
  all.push_back(copy(make(kBits).get(), 1));
  // Digits that are just balanced, and just not.
  for (const int digit_end : {51, 52}) {
    all.push_back(make());
    for (int place = 0; place * 52 + digit_end < kBits; ++place)
      BN_set_bit(all.back().get(), place * 52 + digit_end - 1);
    all.push_back(copy(all.back().get(), 1));
  }
  return all;
}

inline std::string hex(const BIGNUM* number) {
  char* text = BN_bn2hex(number);
  std::string copied{text};
  OPENSSL_free(text);
  return copied;
}

}  // namespace firstring::tls::testing
