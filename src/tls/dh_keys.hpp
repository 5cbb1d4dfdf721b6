#pragma once

#include <openssl/bn.h>

#include <optional>

#include "crypto/openssl.hpp"
#include "tls/fixed_base_power.hpp"
#include "tls/lane_power.hpp"

namespace firstring::tls {

/// A group whose keys have short exponents: a safe prime, and 2 as its generator. See dh_group.
struct ShortExponentGroup {
  crypto::BignumPtr prime;
  FixedBasePower powers;             ///< of 2
  std::optional<LaneModulus> lanes;  ///< of 1024 bits, where the processor has them

  /// Of 512, 768 or 1024 bits; nullptr for another size. Made at the first call; never freed.
  static const ShortExponentGroup* find(unsigned bits);
};

/// A private exponent, wiped when it goes, and 2 to its power.
struct DhKey {
  FixedBasePower::Exponent exponent{};
  crypto::BignumPtr public_value;

  DhKey() = default;
  DhKey(DhKey&& other) noexcept;
  DhKey& operator=(DhKey&&) = delete;
  ~DhKey();
};

/// A key that nobody has had yet; nothing if OpenSSL's random numbers or memory fail.
std::optional<DhKey> take_dh_key(const ShortExponentGroup& group);

/// Makes one key of the group of 1024 bits, the phones' own, for a later take_dh_key of this thread. For a thread that
/// has nothing else to do. False if there is nothing to make: enough are waiting, or this thread has needed none so
/// far.
bool make_dh_key_ahead();
/// How many wait on this thread.
std::size_t dh_keys_ahead();

}  // namespace firstring::tls
