#include "tls/dh_keys.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <array>
#include <memory>
#include <utility>
#include <vector>

namespace firstring::tls {
namespace {

using crypto::BignumPtr;

constexpr unsigned kPhonesBits = 1024;
/// Enough for the phones that come within a tenth of a second; 200 bytes each.
constexpr std::size_t kMostAhead = 256;

/// A safe prime with the generator 2, made with `openssl dhparam 512` for this program alone. Groups of that size that
/// everybody uses have been broken in advance (CVE-2015-4000); this one takes somebody a week of its own.
constexpr std::array<unsigned char, 64> kPrime512{
    0xb4, 0x32, 0xa2, 0xba, 0xd2, 0x2a, 0x4d, 0xc3, 0x4d, 0x2d, 0x62, 0x2f, 0xa4, 0xa0, 0x36, 0x0f,
    0x8f, 0x4c, 0x08, 0x44, 0xd0, 0x47, 0x0e, 0x31, 0xe0, 0x87, 0x31, 0x41, 0x01, 0x64, 0xfd, 0x5a,
    0x9c, 0x0f, 0xc5, 0x05, 0xd7, 0xb3, 0x26, 0xe2, 0xc1, 0x2c, 0x89, 0x55, 0x84, 0x9e, 0x05, 0xdb,
    0x3a, 0x58, 0xd0, 0x63, 0x75, 0x61, 0x7f, 0x2c, 0x3b, 0x9f, 0xe7, 0xd2, 0x5d, 0xad, 0xb1, 0xef};

std::unique_ptr<const ShortExponentGroup> make_group(BIGNUM* prime) {
  BignumPtr owned{prime};
  const BignumPtr two{BN_new()};
  if (!owned || !two || BN_set_word(two.get(), 2) != 1) return nullptr;
  auto powers = FixedBasePower::make(two.get(), owned.get());
  if (!powers) return nullptr;
  std::optional<LaneModulus> lanes;
  if (auto made = LaneModulus::make(owned.get())) lanes.emplace(*std::move(made));
  return std::make_unique<const ShortExponentGroup>(std::move(owned), *std::move(powers), std::move(lanes));
}

BN_CTX* scratch() {
  thread_local const crypto::BignumContextPtr own{BN_CTX_secure_new_ex(crypto::library())};
  return own.get();
}

std::optional<DhKey> make_key(const ShortExponentGroup& group) {
  DhKey key;
  key.public_value.reset(BN_new());
  if (!key.public_value || scratch() == nullptr ||
      RAND_priv_bytes_ex(crypto::library(), key.exponent.data(), key.exponent.size(), 0) != 1 ||
      !group.powers.power(key.exponent, key.public_value.get(), scratch()) || BN_is_one(key.public_value.get()) == 1) {
    return std::nullopt;
  }
  return key;
}

struct KeysAhead {
  bool wanted = false;  ///< this thread has needed one
  std::vector<DhKey> keys;
};
thread_local KeysAhead ahead;

}  // namespace

const ShortExponentGroup* ShortExponentGroup::find(unsigned bits) {
  if (bits == kPhonesBits) {
    static const auto group = make_group(BN_get_rfc2409_prime_1024(nullptr));
    return group.get();
  }
  if (bits == 768) {
    static const auto group = make_group(BN_get_rfc2409_prime_768(nullptr));
    return group.get();
  }
  if (bits == 512) {
    static const auto group = make_group(BN_bin2bn(kPrime512.data(), static_cast<int>(kPrime512.size()), nullptr));
    return group.get();
  }
  return nullptr;
}

DhKey::DhKey(DhKey&& other) noexcept : exponent(other.exponent), public_value(std::move(other.public_value)) {
  OPENSSL_cleanse(other.exponent.data(), other.exponent.size());
}

DhKey::~DhKey() { OPENSSL_cleanse(exponent.data(), exponent.size()); }

std::optional<DhKey> take_dh_key(const ShortExponentGroup& group) {
  if (&group != ShortExponentGroup::find(kPhonesBits)) return make_key(group);
  ahead.wanted = true;
  if (ahead.keys.empty()) return make_key(group);
  std::optional<DhKey> key{std::move(ahead.keys.back())};
  ahead.keys.pop_back();
  return key;
}

bool make_dh_key_ahead() {
  if (!ahead.wanted || ahead.keys.size() >= kMostAhead) return false;
  auto key = make_key(*ShortExponentGroup::find(kPhonesBits));
  if (!key) return false;
  ahead.keys.push_back(*std::move(key));
  return true;
}

std::size_t dh_keys_ahead() { return ahead.keys.size(); }

}  // namespace firstring::tls
