#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <span>

#include "base/file.hpp"
#include "config/config.hpp"
#include "crypto/certificate.hpp"
#include "crypto/crl.hpp"

namespace firstring::config {
namespace {

constexpr std::chrono::hours kExpiryNotice = std::chrono::days{30};

std::string date_of(Timestamp time) { return to_iso8601(time).substr(0, 10); }

/// Gathers what is wrong with the files that one section names.
class SectionChecker {
 public:
  SectionChecker(const Config& config, const Section& section, Timestamp at, std::vector<Diagnostic>& diagnostics)
      : config_(config), section_(section), at_(at), diagnostics_(diagnostics) {}

  void error(std::string_view key, std::string what, std::string remedy) {
    add(Severity::error, key, std::move(what), std::move(remedy));
  }
  void warning(std::string_view key, std::string what, std::string remedy) {
    add(Severity::warning, key, std::move(what), std::move(remedy));
  }

  /// The certificates of a PEM file; empty if there is something wrong with it, which is then said.
  std::vector<crypto::Certificate> certificates(std::string_view key, const std::filesystem::path& named) {
    const auto path = config_.resolve(named);
    if (!is_file(key, path)) return {};
    auto chain = crypto::Certificate::chain_from_file(path);
    if (chain) return *std::move(chain);
    error(key, chain.error().what, "it must be a PEM file of certificates (-----BEGIN CERTIFICATE-----)");
    return {};
  }

  /// The same of CRLs.
  std::vector<crypto::Crl> crls(std::string_view key, const std::filesystem::path& named) {
    const auto path = config_.resolve(named);
    if (!is_file(key, path)) return {};
    auto read = crypto::Crl::from_file(path);
    if (read) return *std::move(read);
    error(key, read.error().what, "it must be the maker's whole CRL, PEM (-----BEGIN X509 CRL-----) or DER");
    return {};
  }

  std::optional<crypto::PrivateKey> private_key(std::string_view key, const std::filesystem::path& named) {
    const auto path = config_.resolve(named);
    if (!is_file(key, path)) return std::nullopt;
    auto read = crypto::PrivateKey::from_file(path);
    if (read) return *std::move(read);
    // Errc::denied is a mode that lets others read the key, and says itself what to do.
    error(key, read.error().what,
          read.error().code == Errc::denied ? "" : "it must be a PEM file of one private key without a pass phrase");
    return std::nullopt;
  }

  Timestamp at() const { return at_; }

 private:
  void add(Severity severity, std::string_view key, std::string what, std::string remedy) {
    diagnostics_.push_back({severity, config_.file, section_.position_of(key), std::move(what), std::move(remedy)});
  }

  /// Says so if it is not: a pipe would be waited for forever.
  bool is_file(std::string_view key, const std::filesystem::path& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) {
      const int code = errno;
      error(key, fmt::format("{}: {}", path.string(), errno_text(code)),
            code == ENOENT ? fmt::format("put the file there or correct '{}'", key)
                           : "make it readable for the user that runs firstring");
      return false;
    }
    if (!S_ISREG(status.st_mode)) {
      error(key, fmt::format("{} is not a regular file", path.string()),
            fmt::format("name the file itself in '{}'", key));
      return false;
    }
    return true;
  }

  const Config& config_;
  const Section& section_;
  Timestamp at_;
  std::vector<Diagnostic>& diagnostics_;
};

bool is_ca(const crypto::Certificate& certificate) { return X509_check_ca(certificate.native()) != 0; }

/// "the certificate" for our own, "certificate 2" for the next of its file.
std::string which(std::size_t index) {
  return index == 0 ? "the certificate" : fmt::format("certificate {}", index + 1);
}

/// The keys that a pair of certificate and key stands under.
struct PairKeys {
  std::string_view certificate, key;
};

/// Dates are warnings, all of them: a day that passes must not keep the server from its next start.
void check_server_dates(SectionChecker& checker, std::string_view key, std::span<const crypto::Certificate> chain) {
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const auto who = fmt::format("{} ({})", which(i), chain[i].subject_text());
    if (checker.at() > chain[i].not_after()) {
      checker.warning(key, fmt::format("{} expired on {}", who, date_of(chain[i].not_after())),
                      "phones that know the date refuse it, `firstring expiry` says how many: have it renewed");
    } else if (checker.at() < chain[i].not_before()) {
      checker.warning(key, fmt::format("{} is not valid before {}", who, date_of(chain[i].not_before())),
                      "wait until then, or set this machine's clock right");
    } else if (chain[i].not_after() - checker.at() < kExpiryNotice) {
      checker.warning(key, fmt::format("{} expires on {}", who, date_of(chain[i].not_after())),
                      "have it renewed before then");
    }
  }
}

/// The type of the leaf's key, if it could be read.
std::optional<crypto::KeyType> check_pair(const PairKeys& keys, const std::filesystem::path& certificate_file,
                                          const std::filesystem::path& key_file, SectionChecker& checker) {
  const auto chain = checker.certificates(keys.certificate, certificate_file);
  const auto key = checker.private_key(keys.key, key_file);
  if (chain.empty()) return std::nullopt;
  const auto& leaf = chain.front();
  if (key && !key->matches(leaf)) {
    checker.error(keys.key,
                  fmt::format("the key in {} does not belong to the certificate in {}", key_file.string(),
                              certificate_file.string()),
                  "name the key that the certificate was requested with; the server's own certificate must come first "
                  "in its file");
  }
  check_server_dates(checker, keys.certificate, chain);
  for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
    if (chain[i].issued_by(chain[i + 1])) continue;
    checker.error(
        keys.certificate,
        fmt::format("{} ({}) in {} did not issue {} ({}) before it", which(i + 1), chain[i + 1].subject_text(),
                    certificate_file.string(), which(i), chain[i].subject_text()),
        "put the server's certificate first and then each one's issuer");
  }
  return leaf.key_type();
}

void check_server_chain(const ServerChain& section, SectionChecker checker) {
  const auto type = check_pair({"certificate", "key"}, section.certificate, section.key, checker);
  if (section.name == "legacy" && type && *type != crypto::KeyType::rsa) {
    checker.error("certificate",
                  fmt::format("the chain \"legacy\" has a key of type {}, but old phones know RSA alone",
                              crypto::to_string(*type)),
                  "give it a certificate with an RSA key");
  }
  if (section.ecdsa_certificate.empty() || section.ecdsa_key.empty()) return;
  const auto second =
      check_pair({"ecdsa_certificate", "ecdsa_key"}, section.ecdsa_certificate, section.ecdsa_key, checker);
  if (second && (*second != crypto::KeyType::ec || (type && *type == crypto::KeyType::ec))) {
    checker.error("ecdsa_certificate",
                  fmt::format("the second certificate has a key of type {}, and the first one of type {}",
                              crypto::to_string(*second), type ? crypto::to_string(*type) : "unknown"),
                  "the first must be RSA and the second ECDSA");
  }
}

void check_device_dates(const DeviceCa& section, std::string_view key, const crypto::Certificate& certificate,
                        SectionChecker& checker) {
  if (checker.at() < certificate.not_before()) {
    checker.warning(
        key, fmt::format("{} is not valid before {}", certificate.subject_text(), date_of(certificate.not_before())),
        "phones below it are refused until then: set this machine's clock right");
  }
  if (checker.at() <= certificate.not_after()) return;
  auto what = fmt::format("{} expired on {}", certificate.subject_text(), date_of(certificate.not_after()));
  if (section.accept_expired) {
    checker.warning(key, std::move(what), "phones below it are let in because of accept_expired = true");
  } else if (section.accept_expired_until) {
    checker.warning(key, std::move(what),
                    fmt::format("phones below it {} because of accept_expired_until = {}",
                                checker.at() < section.expired_accepted_before() ? "are let in" : "are refused",
                                date_of(Timestamp{*section.accept_expired_until})));
  } else {
    checker.warning(key, std::move(what),
                    "phones below it are refused, `firstring expiry` says how many: set accept_expired_until = DAY or "
                    "accept_expired = true for this device_ca, or remove the certificate");
  }
}

void check_expiry_rule(const DeviceCa& section, SectionChecker& checker) {
  if (!section.accept_expired_until) return;
  const auto day = date_of(Timestamp{*section.accept_expired_until});
  const auto end = section.expired_accepted_before();
  if (checker.at() >= end) {
    checker.warning("accept_expired_until",
                    fmt::format("{} has passed: phones whose certificate has run out are refused", day),
                    "set a later day if they shall be served still, or remove the key");
  } else if (end - checker.at() < kExpiryNotice) {
    checker.warning("accept_expired_until",
                    fmt::format("phones whose certificate has run out are refused after {}", day),
                    "`firstring expiry` says how many; set a later day if they shall be served still");
  }
}

void check_crls(const DeviceCa& section, std::span<const crypto::Certificate> authorities, SectionChecker& checker) {
  for (auto& crl : checker.crls("crl", section.crl)) {
    const auto who = fmt::format("the CRL of {} in {}", crl.issuer_text(), section.crl.string());
    if (std::none_of(authorities.begin(), authorities.end(),
                     [&](const crypto::Certificate& authority) { return crl.bind(authority); })) {
      checker.error("crl", fmt::format("{} is signed by no certificate in roots or intermediates", who),
                    "get it from the CA that issued the phones' certificates, or add that CA's certificate");
    }
    if (checker.at() < crl.this_update()) {
      checker.warning("crl", fmt::format("{} is of {}, which is to come", who, date_of(crl.this_update())),
                      "set this machine's clock right");
    } else if (crl.next_update() && checker.at() >= *crl.next_update()) {
      checker.warning("crl", fmt::format("{} was due for renewal on {}", who, date_of(*crl.next_update())),
                      "it is still used; get the new one and reload");
    }
  }
}

void check_device_ca(const DeviceCa& section, SectionChecker checker) {
  std::vector<crypto::Certificate> authorities;
  const auto check_file = [&](std::string_view key, const std::filesystem::path& file) {
    const auto certificates = checker.certificates(key, file);
    authorities.insert(authorities.end(), certificates.begin(), certificates.end());
    for (const auto& certificate : certificates) check_device_dates(section, key, certificate, checker);
    if (certificates.empty()) return;
    const auto cas = std::count_if(certificates.begin(), certificates.end(), is_ca);
    if (cas == 0) {
      checker.error(key, fmt::format("{} holds no certificate of a CA", file.string()),
                    "put the maker's CA certificates there; a phone's own certificate is of no use");
    } else if (const auto others = certificates.size() - static_cast<std::size_t>(cas); others > 0) {
      checker.warning(key,
                      fmt::format("{} holds {} certificate{} of no CA, which no phone's chain can lead to",
                                  file.string(), others, others == 1 ? "" : "s"),
                      "remove what is not a CA");
    }
  };
  check_file("roots", section.roots);
  if (!section.intermediates.empty()) check_file("intermediates", section.intermediates);
  check_expiry_rule(section, checker);
  if (!section.crl.empty()) check_crls(section, authorities, checker);
}

void check_quarantine(const Config& config, SectionChecker checker) {
  const auto& section = config.quarantine;
  const auto type = check_pair({"certificate", "key"}, section.certificate, section.key, checker);
  if (!type) return;
  if (*type != crypto::KeyType::rsa) {
    checker.error(
        "certificate",
        fmt::format("its key is of type {}, but clients as old as that know RSA alone", crypto::to_string(*type)),
        "give it a certificate with an RSA key");
  }
  // A key that such old crypto has given away must not open anything else.
  const auto own = checker.certificates("certificate", section.certificate).front().key_fingerprint();
  for (const auto& chain : config.server_chains) {
    const auto other = crypto::Certificate::chain_from_file(config.resolve(chain.certificate));
    if (!other || other->front().key_fingerprint() != own) continue;
    checker.error("key", fmt::format("the quarantine has the same key as [[server_chain]] '{}'", chain.name),
                  "give the quarantine a key and a certificate of its own");
  }
}

}  // namespace

std::vector<Diagnostic> check_files(const Config& config, Timestamp at) {
  std::vector<Diagnostic> diagnostics;
  for (const auto& chain : config.server_chains) check_server_chain(chain, {config, chain, at, diagnostics});
  if (config.quarantine.enabled) check_quarantine(config, {config, config.quarantine, at, diagnostics});
  for (const auto& ca : config.device_cas) check_device_ca(ca, {config, ca, at, diagnostics});
  return diagnostics;
}

}  // namespace firstring::config
