#include "tls/fixed_base_power.hpp"

#include <openssl/crypto.h>

#include <cstring>

namespace firstring::tls {
namespace {

constexpr int kLimbBits = 64;
constexpr std::size_t kMaxLimbs = 64;

/// As much as every processor has a vector for. Two are picked in one go.
constexpr std::size_t kLanes = 2;
using Lanes = std::uint64_t __attribute__((vector_size(kLanes * sizeof(std::uint64_t))));
constexpr std::size_t kStride = 2 * kLanes;
constexpr int kStrideBits = kLimbBits * static_cast<int>(kStride);

Lanes load(const std::uint64_t* limbs) {
  Lanes lanes;
  std::memcpy(&lanes, limbs, sizeof lanes);
  return lanes;
}

void store(std::uint64_t* limbs, Lanes lanes) { std::memcpy(limbs, &lanes, sizeof lanes); }

}  // namespace

Result<FixedBasePower> FixedBasePower::make(const BIGNUM* base, const BIGNUM* prime) {
  const int bits = BN_num_bits(prime);
  if (bits == 0 || bits % kStrideBits != 0 || bits > static_cast<int>(kMaxLimbs) * kLimbBits)
    return fail(Errc::invalid_input, "a table of powers is for primes of a whole number of 256 bits");
  FixedBasePower made{crypto::MontgomeryPtr{BN_MONT_CTX_new()}, static_cast<std::size_t>(bits / kLimbBits)};
  if (!made.montgomery_ || !made.fill(base, prime)) return crypto::openssl_failure("make a table of powers");
  return made;
}

bool FixedBasePower::fill(const BIGNUM* base, const BIGNUM* prime) {
  const crypto::BignumContextPtr scratch{BN_CTX_new_ex(crypto::library())};
  const crypto::BignumPtr power{BN_new()};  // base^(2^i)
  auto* const form = montgomery_.get();
  if (!scratch || !power || BN_MONT_CTX_set(form, prime, scratch.get()) != 1 ||
      BN_to_montgomery(power.get(), base, form, scratch.get()) != 1) {
    return false;
  }
  std::array<std::array<crypto::BignumPtr, kEntries>, kTables> entries;
  for (auto& table : entries) {
    for (auto& entry : table) entry.reset(BN_new());
    if (!table[0] || BN_to_montgomery(table[0].get(), BN_value_one(), form, scratch.get()) != 1) return false;
  }
  // The entries of one tooth, as the squarings come by.
  for (std::size_t i = 0; i < kTeeth * kColumns; ++i) {
    const auto tooth = i / kColumns, table = i % kColumns / kSteps;
    if (i % kSteps == 0 && BN_copy(entries[table][std::size_t{1} << tooth].get(), power.get()) == nullptr) return false;
    if (BN_mod_mul_montgomery(power.get(), power.get(), power.get(), form, scratch.get()) != 1) return false;
  }
  table_.resize(kTables * kEntries * limbs_);
  auto* at = table_.data();
  const int size = static_cast<int>(limbs_ * sizeof *at);
  for (auto& table : entries) {
    for (std::size_t i = 0; i < kEntries; ++i, at += limbs_) {
      const auto lowest = i & (~i + 1);
      if (i != lowest && BN_mod_mul_montgomery(table[i].get(), table[i - lowest].get(), table[lowest].get(), form,
                                               scratch.get()) != 1) {
        return false;
      }
      if (BN_bn2lebinpad(table[i].get(), reinterpret_cast<unsigned char*>(at), size) != size) return false;
    }
  }
  return true;
}

unsigned FixedBasePower::column(const Exponent& exponent, std::size_t index) {
  unsigned bits = 0;
  for (std::size_t tooth = 0; tooth < kTeeth; ++tooth) {
    const auto at = tooth * kColumns + index;
    if (at < exponent.size() * 8) bits |= (unsigned{exponent[at / 8]} >> (at % 8) & 1U) << tooth;
  }
  return bits;
}

bool FixedBasePower::pick(std::size_t table, unsigned index, BIGNUM* entry) const {
  std::array<std::uint64_t, kEntries> masks;  // all ones for the entry that is meant
  for (unsigned j = 0; j < kEntries; ++j)
    masks[j] = std::uint64_t{0} - ((std::uint64_t{j ^ index} - 1) >> (kLimbBits - 1));
  std::array<std::uint64_t, kMaxLimbs> picked;
  const auto* const from = &table_[table * kEntries * limbs_];
  for (std::size_t i = 0; i < limbs_; i += kStride) {
    Lanes low{}, high{};
    const auto* at = from + i;
    for (const auto mask : masks) {
      low |= load(at) & mask;
      high |= load(at + kLanes) & mask;
      at += limbs_;
    }
    store(&picked[i], low);
    store(&picked[i + kLanes], high);
  }
  const bool taken = BN_lebin2bn(reinterpret_cast<const unsigned char*>(picked.data()),
                                 static_cast<int>(limbs_ * sizeof picked[0]), entry) != nullptr;
  OPENSSL_cleanse(picked.data(), limbs_ * sizeof picked[0]);
  return taken;
}

bool FixedBasePower::power(const Exponent& exponent, BIGNUM* result, BN_CTX* scratch) const {
  auto* const form = montgomery_.get();
  BN_CTX_start(scratch);
  auto* const entry = BN_CTX_get(scratch);
  bool good = entry != nullptr && pick(0, column(exponent, kSteps - 1), result);
  for (std::size_t step = kSteps; step-- > 0;) {
    const bool is_first = step == kSteps - 1;
    if (!is_first) good = good && BN_mod_mul_montgomery(result, result, result, form, scratch) == 1;
    for (std::size_t table = is_first ? 1 : 0; table < kTables; ++table) {
      good = good && pick(table, column(exponent, table * kSteps + step), entry) &&
             BN_mod_mul_montgomery(result, result, entry, form, scratch) == 1;
    }
  }
  good = good && BN_from_montgomery(result, result, form, scratch) == 1;
  if (entry != nullptr) BN_clear(entry);
  BN_CTX_end(scratch);
  return good;
}

}  // namespace firstring::tls
