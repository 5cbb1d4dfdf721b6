#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/codes.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "crypto/certificate.hpp"
#include "crypto/crl.hpp"

namespace firstring::tls {

/// A maker's CA, loaded: config::DeviceCa with its certificates.
struct DeviceCa {
  std::string name;
  std::vector<crypto::Certificate> roots;
  std::vector<crypto::Certificate> intermediates;
  unsigned min_rsa_bits = 2048;
  std::vector<std::string> weak_hashes;
  Timestamp expired_accepted_before = Timestamp::min();  ///< an expired chain is forgiven until then
  std::vector<crypto::Crl> crls;
};

/// What is wrong with a chain, in order of how much it matters: the first that applies is the verdict's reason.
enum class ChainFault : unsigned char {
  bad_signature,
  unknown_ca,
  malformed,
  chain_too_long,
  not_a_ca,
  wrong_purpose,
  revoked,
  weak_key,
  weak_hash,
  not_yet_valid,
  expired,
  crl_expired,  ///< a CRL is past its next update; always forgiven
  other,
};
Reason reason_of(ChainFault fault);

struct ChainError {
  ChainFault fault;
  bool forgiven = false;  ///< by the CA's rule
  int depth = 0;          ///< 0: the device's own certificate
  std::string text;       ///< "certificate has expired on 2016-05-01 (depth 0, CN=...)"
};

/// The verdict on a device's chain: every error found, not the last one. Empty: no certificate was sent.
struct ChainVerdict {
  bool present = false;
  bool accepted = false;
  std::string ca;                  ///< DeviceCa::name that the chain leads to; "" if to none
  std::vector<ChainError> errors;  ///< forgiven ones too
  /// The verdict holds from the first time on and before the second, as long as the DeviceTrust is the same.
  Timestamp holds_from = Timestamp::max(), holds_until = Timestamp::min();

  /// none, accepted, or that of the worst error that is not forgiven.
  Reason reason() const;
};

/// The configured device CAs, ready to judge chains. Immutable; any thread.
class DeviceTrust {
 public:
  /// Fails if a CRL is signed by none of its CA's certificates.
  static Result<DeviceTrust> build(std::vector<DeviceCa> cas);

  /// The verdict at time `at` on `chain` as the peer sent it, its own certificate first. Only the first
  /// kMaxDepth certificates are read.
  static constexpr std::size_t kMaxDepth = 8;
  ChainVerdict judge(const std::vector<crypto::Certificate>& chain, Timestamp at) const;

  /// The subject names to send in a CertificateRequest.
  const std::vector<crypto::Certificate>& roots() const { return roots_; }

 private:
  struct Anchor;
  ChainVerdict judge_at(const std::vector<crypto::Certificate>& chain, Timestamp at) const;

  std::vector<std::shared_ptr<const Anchor>> anchors_;
  std::vector<crypto::Certificate> roots_;
  std::vector<Timestamp> changes_;  ///< moments at which a verdict may change, whatever the chain
};

}  // namespace firstring::tls
