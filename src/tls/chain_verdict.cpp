#include "tls/chain_verdict.hpp"

#include <fmt/format.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>

namespace firstring::tls {
namespace {

using crypto::Certificate;
using StackPtr = std::unique_ptr<STACK_OF(X509), decltype([](STACK_OF(X509) * stack) { sk_X509_free(stack); })>;

ChainFault fault_of(int error) {
  switch (error) {
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
      return ChainFault::bad_signature;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_SUBJECT_ISSUER_MISMATCH:
    case X509_V_ERR_AKID_SKID_MISMATCH:
    case X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH:
      return ChainFault::unknown_ca;
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
      return ChainFault::chain_too_long;
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
      return ChainFault::not_a_ca;
    case X509_V_ERR_INVALID_PURPOSE:
    case X509_V_ERR_CERT_REJECTED:
      return ChainFault::wrong_purpose;
    case X509_V_ERR_CERT_REVOKED:
      return ChainFault::revoked;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return ChainFault::not_yet_valid;
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return ChainFault::expired;
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
    case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
    case X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY:
    case X509_V_ERR_INVALID_EXTENSION:
      return ChainFault::malformed;
    default:
      return ChainFault::other;
  }
}

std::string where(int depth, X509* certificate) {
  if (certificate == nullptr) return fmt::format("depth {}", depth);
  auto value = Certificate::from_x509(certificate);
  return value ? fmt::format("depth {}, {}", depth, value->subject_text()) : fmt::format("depth {}", depth);
}

/// Keeps every complaint and lets OpenSSL go on: with a callback that says yes, SSL_get_verify_result and
/// X509_STORE_CTX_get_error know only the last one, and a forged certificate that has also expired looks merely
/// expired (tls-facts.md C, "Trap seen").
int collect(int ok, X509_STORE_CTX* context) {
  if (ok == 1) return 1;
  auto& errors = *static_cast<std::vector<ChainError>*>(X509_STORE_CTX_get_app_data(context));
  constexpr std::size_t kEnough = 64;
  if (errors.size() >= kEnough) return 1;
  const int code = X509_STORE_CTX_get_error(context);
  const int depth = X509_STORE_CTX_get_error_depth(context);
  errors.push_back({.fault = fault_of(code),
                    .forgiven = false,
                    .depth = depth,
                    .text = fmt::format("{} ({})", X509_verify_cert_error_string(code),
                                        where(depth, X509_STORE_CTX_get_current_cert(context)))});
  return 1;
}

bool allows_hash(const DeviceCa& ca, std::string_view hash) {
  return std::find(ca.weak_hashes.begin(), ca.weak_hashes.end(), hash) != ca.weak_hashes.end();
}

constexpr unsigned kMinEcBits = 224;

/// What OpenSSL's security level would say, as a rule of the CA instead: the TLS level must not decide how weak a
/// device's chain may be.
void add_weaknesses(const DeviceCa& ca, STACK_OF(X509) * built, std::vector<ChainError>& errors) {
  static constexpr std::array<std::string_view, 7> kStrongHashes{"sha224",   "sha256",   "sha384", "sha512",
                                                                 "sha3-256", "sha3-384", "none"};
  const int count = sk_X509_num(built);
  for (int depth = 0; depth < count; ++depth) {
    auto certificate = Certificate::from_x509(sk_X509_value(built, depth));
    if (!certificate) continue;
    const bool is_anchor = depth == count - 1;
    const auto bits = certificate->key_bits();
    const bool is_rsa = certificate->key_type() == crypto::KeyType::rsa;
    if (is_rsa && bits < 2048) {
      errors.push_back({ChainFault::weak_key, bits >= ca.min_rsa_bits, depth,
                        fmt::format("RSA key of {} bits (depth {}, {})", bits, depth, certificate->subject_text())});
    } else if (is_rsa ? bits < ca.min_rsa_bits : certificate->key_type() == crypto::KeyType::ec && bits < kMinEcBits) {
      errors.push_back({ChainFault::weak_key, false, depth,
                        fmt::format("key of {} bits (depth {}, {})", bits, depth, certificate->subject_text())});
    }
    // Nobody relies on the signature that an anchor carries.
    if (is_anchor && count > 1) continue;
    const auto hash = certificate->signature_hash();
    if (certificate->key_type() == crypto::KeyType::ed25519 && hash == "unknown") continue;
    if (std::find(kStrongHashes.begin(), kStrongHashes.end(), hash) == kStrongHashes.end()) {
      errors.push_back({ChainFault::weak_hash, allows_hash(ca, hash), depth,
                        fmt::format("signed with {} (depth {}, {})", hash, depth, certificate->subject_text())});
    }
  }
}

std::string date_of(Timestamp time) { return to_iso8601(time).substr(0, 10); }

/// What the CA's CRLs say of the chain: looked up here, since OpenSSL would check each CRL's signature again for each
/// chain, which takes as long as the CRL is. An issuer without a CRL is no error, and the anchor itself is nobody's to
/// revoke but the operator's.
void add_revocations(const DeviceCa& ca, STACK_OF(X509) * built, Timestamp at, std::vector<ChainError>& errors) {
  for (int depth = 0; depth + 1 < sk_X509_num(built); ++depth) {
    for (const auto& crl : ca.crls) {
      if (!crl.is_of(sk_X509_value(built, depth + 1))) continue;
      auto* certificate = sk_X509_value(built, depth);
      if (const auto revoked = crl.revoked_at(certificate)) {
        errors.push_back({ChainFault::revoked, false, depth,
                          fmt::format("revoked on {} ({})", date_of(*revoked), where(depth, certificate))});
      }
      if (crl.next_update() && at >= *crl.next_update()) {
        errors.push_back({ChainFault::crl_expired, true, depth,
                          fmt::format("crl_expired: the CRL of {} was due for renewal on {} ({})", crl.issuer_text(),
                                      date_of(*crl.next_update()), where(depth, certificate))});
      }
    }
  }
}

bool all_forgiven(const std::vector<ChainError>& errors) {
  return std::all_of(errors.begin(), errors.end(), [](const ChainError& error) { return error.forgiven; });
}

const ChainError* worst(const std::vector<ChainError>& errors) {
  const ChainError* found = nullptr;
  for (const auto& error : errors) {
    if (!error.forgiven && (found == nullptr || error.fault < found->fault)) found = &error;
  }
  return found;
}

}  // namespace

Reason reason_of(ChainFault fault) {
  switch (fault) {
    case ChainFault::bad_signature:
      return Reason::bad_signature;
    case ChainFault::unknown_ca:
      return Reason::unknown_ca;
    case ChainFault::malformed:
      return Reason::malformed_certificate;
    case ChainFault::chain_too_long:
      return Reason::chain_too_long;
    case ChainFault::not_a_ca:
      return Reason::not_a_ca;
    case ChainFault::wrong_purpose:
      return Reason::wrong_purpose;
    case ChainFault::revoked:
      return Reason::revoked;
    case ChainFault::weak_key:
      return Reason::weak_key;
    case ChainFault::weak_hash:
      return Reason::weak_hash;
    case ChainFault::not_yet_valid:
      return Reason::not_yet_valid;
    case ChainFault::expired:
      return Reason::expired;
    case ChainFault::crl_expired:
      return Reason::crl_expired;
    case ChainFault::other:
      return Reason::bad_certificate;
  }
  return Reason::bad_certificate;
}

Reason ChainVerdict::reason() const {
  if (!present) return Reason::none;
  if (accepted) return Reason::accepted;
  const auto* error = worst(errors);
  return error != nullptr ? reason_of(error->fault) : Reason::bad_certificate;
}

struct DeviceTrust::Anchor {
  DeviceCa ca;
  crypto::X509StorePtr store;

  bool issued_some_of(const std::vector<Certificate>& chain) const {
    const auto is_issuer = [&](const Certificate& authority) {
      return std::any_of(chain.begin(), chain.end(), [&](const Certificate& certificate) {
        return X509_NAME_cmp(X509_get_issuer_name(certificate.native()), X509_get_subject_name(authority.native())) ==
               0;
      });
    };
    return std::any_of(ca.roots.begin(), ca.roots.end(), is_issuer) ||
           std::any_of(ca.intermediates.begin(), ca.intermediates.end(), is_issuer);
  }

  ChainVerdict judge(const std::vector<Certificate>& chain, Timestamp at) const {
    ChainVerdict verdict{.present = true, .accepted = false, .ca = {}, .errors = {}};
    // A leaf sent alone still verifies: our intermediates stand behind the ones that the phone sent.
    const StackPtr untrusted{sk_X509_new_null()};
    for (std::size_t i = 1; i < chain.size(); ++i) sk_X509_push(untrusted.get(), chain[i].native());
    for (const auto& intermediate : ca.intermediates) sk_X509_push(untrusted.get(), intermediate.native());

    const crypto::X509StoreContextPtr context{X509_STORE_CTX_new_ex(crypto::library(), nullptr)};
    if (!context || X509_STORE_CTX_init(context.get(), store.get(), chain[0].native(), untrusted.get()) != 1) {
      verdict.errors.push_back(
          {ChainFault::other, false, 0, fmt::format("could not be checked: {}", crypto::drain_errors())});
      return verdict;
    }
    auto* parameters = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_CLIENT);
    X509_VERIFY_PARAM_set_depth(parameters, static_cast<int>(kMaxDepth));
    X509_VERIFY_PARAM_set_auth_level(parameters, 0);
    X509_VERIFY_PARAM_set_time(parameters, std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count());
    // A maker's issuing CA may be configured as the anchor without the root above it.
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
    X509_STORE_CTX_set_app_data(context.get(), &verdict.errors);
    X509_STORE_CTX_set_verify_cb(context.get(), collect);
    const bool verified = X509_verify_cert(context.get()) == 1;
    crypto::drain_errors();

    auto* built = X509_STORE_CTX_get0_chain(context.get());
    if (built != nullptr && sk_X509_num(built) > 0) {
      const auto last = Certificate::from_x509(sk_X509_value(built, sk_X509_num(built) - 1));
      for (const auto& root : ca.roots) {
        if (last && last->fingerprint() == root.fingerprint()) verdict.ca = ca.name;
      }
      add_weaknesses(ca, built, verdict.errors);
      add_revocations(ca, built, at, verdict.errors);
    }
    for (auto& error : verdict.errors) {
      if (error.fault != ChainFault::expired || at >= ca.expired_accepted_before) continue;
      error.forgiven = true;
      if (ca.expired_accepted_before != Timestamp::max()) {
        // The last moment of the day that accept_expired_until names.
        error.text +=
            fmt::format("; accepted until {}", date_of(ca.expired_accepted_before - std::chrono::microseconds{1}));
      }
    }
    // The callback says yes to everything, so `verified` alone means little; but a no is a no.
    if (verified && verdict.ca.empty() && all_forgiven(verdict.errors)) {
      verdict.errors.push_back({ChainFault::unknown_ca, false, 0, "the chain does not end in a configured device CA"});
    }
    verdict.accepted = verified && !verdict.ca.empty() && all_forgiven(verdict.errors);
    return verdict;
  }
};

/// The moments at which a certificate begins and ceases to be valid; for OpenSSL notAfter itself is too late.
void add_changes(const Certificate& certificate, std::vector<Timestamp>& changes) {
  changes.push_back(certificate.not_before());
  changes.push_back(certificate.not_after());
}

Result<DeviceTrust> DeviceTrust::build(std::vector<DeviceCa> cas) {
  DeviceTrust trust;
  for (auto& ca : cas) {
    for (const auto& certificate : ca.roots) add_changes(certificate, trust.changes_);
    for (const auto& certificate : ca.intermediates) add_changes(certificate, trust.changes_);
    for (const auto& crl : ca.crls) {
      if (crl.next_update()) trust.changes_.push_back(*crl.next_update());
    }
    trust.changes_.push_back(ca.expired_accepted_before);
    auto anchor = std::make_shared<Anchor>();
    anchor->ca = std::move(ca);
    anchor->store.reset(X509_STORE_new());
    if (!anchor->store) return crypto::openssl_failure("make a certificate store");
    for (const auto& root : anchor->ca.roots) {
      if (X509_STORE_add_cert(anchor->store.get(), root.native()) != 1) {
        return crypto::openssl_failure(fmt::format("device CA {}: add {}", anchor->ca.name, root.subject_text()));
      }
      trust.roots_.push_back(root);
    }
    for (auto& crl : anchor->ca.crls) {
      const auto is_issuer = [&](const Certificate& authority) { return crl.bind(authority); };
      if (std::any_of(anchor->ca.roots.begin(), anchor->ca.roots.end(), is_issuer) ||
          std::any_of(anchor->ca.intermediates.begin(), anchor->ca.intermediates.end(), is_issuer))
        continue;
      return fail(Errc::invalid_input, fmt::format("device CA {}: the CRL of {} is signed by none of its certificates",
                                                   anchor->ca.name, crl.issuer_text()));
    }
    trust.anchors_.push_back(std::move(anchor));
  }
  return trust;
}

ChainVerdict DeviceTrust::judge(const std::vector<Certificate>& chain, Timestamp at) const {
  if (chain.empty()) return {};
  const std::vector<Certificate> looked_at{
      chain.begin(), chain.begin() + static_cast<std::ptrdiff_t>(std::min(chain.size(), kMaxDepth))};
  auto verdict = judge_at(looked_at, at);
  auto changes = changes_;
  for (const auto& certificate : looked_at) add_changes(certificate, changes);
  verdict.holds_from = Timestamp::min();
  verdict.holds_until = Timestamp::max();
  for (const auto change : changes) {
    if (change <= at) {
      verdict.holds_from = std::max(verdict.holds_from, change);
    } else {
      verdict.holds_until = std::min(verdict.holds_until, change);
    }
  }
  return verdict;
}

ChainVerdict DeviceTrust::judge_at(const std::vector<Certificate>& looked_at, Timestamp at) const {
  ChainVerdict best{
      .present = true,
      .accepted = false,
      .ca = {},
      .errors = {{ChainFault::unknown_ca, false, 0,
                  fmt::format("issued by {}, which is no configured device CA", looked_at.front().issuer_text())}}};
  bool judged = false;
  // Two CAs may bear one name (a maker that renewed its root): each is asked, and the kindest verdict holds.
  for (const auto& anchor : anchors_) {
    if (!anchor->issued_some_of(looked_at)) continue;
    auto verdict = anchor->judge(looked_at, at);
    if (verdict.accepted) return verdict;
    const auto* now_worst = worst(verdict.errors);
    const auto* best_worst = worst(best.errors);
    if (!judged || (now_worst != nullptr && best_worst != nullptr && now_worst->fault > best_worst->fault))
      best = std::move(verdict);
    judged = true;
  }
  return best;
}

}  // namespace firstring::tls
