#include "tls/fixed_base_power.hpp"

#include <openssl/crypto.h>

namespace firstring::tls {
namespace {

using ScratchPtr = std::unique_ptr<BN_CTX, crypto::Deleter<BN_CTX_free>>;

constexpr int kLimbBits = 64;
constexpr std::size_t kStep = 4;  ///< limbs that are picked in one go, which the compiler does with vectors
constexpr int kStepBits = kLimbBits * static_cast<int>(kStep);
constexpr std::size_t kMaxLimbs = 64;

}  // namespace

Result<FixedBasePower> FixedBasePower::make(const BIGNUM* base, const BIGNUM* prime) {
  const int bits = BN_num_bits(prime);
  if (bits == 0 || bits % kStepBits != 0 || bits > static_cast<int>(kMaxLimbs) * kLimbBits)
    return fail(Errc::invalid_input, "a table of powers is for primes of a whole number of 256 bits");
  FixedBasePower made{MontgomeryPtr{BN_MONT_CTX_new()}, static_cast<std::size_t>(bits / kLimbBits)};
  if (!made.montgomery_ || !made.fill(base, prime)) return crypto::openssl_failure("make a table of powers");
  return made;
}

bool FixedBasePower::fill(const BIGNUM* base, const BIGNUM* prime) {
  const ScratchPtr scratch{BN_CTX_new_ex(crypto::library())};
  const crypto::BignumPtr step{BN_new()}, entry{BN_new()};
  auto* const form = montgomery_.get();
  if (!scratch || !step || !entry || BN_MONT_CTX_set(form, prime, scratch.get()) != 1 ||
      BN_to_montgomery(step.get(), base, form, scratch.get()) != 1) {
    return false;
  }
  table_.resize(kRows * kColumns * limbs_);
  auto* at = table_.data();
  for (std::size_t row = 0; row < kRows; ++row) {
    if (BN_to_montgomery(entry.get(), BN_value_one(), form, scratch.get()) != 1) return false;
    for (std::size_t column = 0; column < kColumns; ++column, at += limbs_) {
      const int size = static_cast<int>(limbs_ * sizeof *at);
      if (BN_bn2lebinpad(entry.get(), reinterpret_cast<unsigned char*>(at), size) != size ||
          BN_mod_mul_montgomery(entry.get(), entry.get(), step.get(), form, scratch.get()) != 1) {
        return false;
      }
    }
    if (BN_copy(step.get(), entry.get()) == nullptr) return false;  // base^(16^(row + 1))
  }
  return true;
}

bool FixedBasePower::pick(std::size_t row, unsigned column, BIGNUM* entry) const {
  std::array<std::uint64_t, kMaxLimbs> picked{};
  const auto* from = &table_[row * kColumns * limbs_];
  for (unsigned j = 0; j < kColumns; ++j, from += limbs_) {
    const auto difference = std::uint64_t{j ^ column};
    const auto mask = std::uint64_t{0} - ((difference - 1) >> (kLimbBits - 1));  // all ones where they are the same
    for (std::size_t i = 0; i < limbs_; i += kStep) {
      for (std::size_t k = 0; k < kStep; ++k) picked[i + k] |= from[i + k] & mask;
    }
  }
  const bool taken = BN_lebin2bn(reinterpret_cast<const unsigned char*>(picked.data()),
                                 static_cast<int>(limbs_ * sizeof picked[0]), entry) != nullptr;
  OPENSSL_cleanse(picked.data(), limbs_ * sizeof picked[0]);
  return taken;
}

bool FixedBasePower::power(const Exponent& exponent, BIGNUM* result, BN_CTX* scratch) const {
  const auto digit = [&](std::size_t i) { return (exponent[i / 2] >> (i % 2 * 4)) & 0x0fU; };
  BN_CTX_start(scratch);
  auto* const entry = BN_CTX_get(scratch);
  bool good = entry != nullptr && pick(0, digit(0), result);
  for (std::size_t row = 1; good && row < kRows; ++row) {
    good =
        pick(row, digit(row), entry) && BN_mod_mul_montgomery(result, result, entry, montgomery_.get(), scratch) == 1;
  }
  good = good && BN_from_montgomery(result, result, montgomery_.get(), scratch) == 1;
  if (entry != nullptr) BN_clear(entry);
  BN_CTX_end(scratch);
  return good;
}

}  // namespace firstring::tls
