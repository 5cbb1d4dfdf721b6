#include "crypto/demo_pki.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <vector>

#include "base/file.hpp"
#include "base/ip_address.hpp"
#include "base/text.hpp"
#include "crypto/issue.hpp"

namespace firstring::crypto {
namespace {

namespace fs = std::filesystem;

constexpr std::array kPhones{
    DemoPhone{MacAddress{{0x00, 0x0e, 0x08, 0x00, 0x05, 0x04}}, "SPA504G", "CCQ00000504"},
    DemoPhone{MacAddress{{0x00, 0x0e, 0x08, 0x00, 0x05, 0x14}}, "SPA514G", "CCQ00000514"},
    DemoPhone{MacAddress{{0x70, 0x81, 0x05, 0x00, 0x05, 0x25}}, "SPA525G2", "CBT00000525"},
    DemoPhone{MacAddress{{0x00, 0x0e, 0x08, 0x00, 0x88, 0x41}}, "CP-8841-3PCC", "FCH00008841"},
};

constexpr std::chrono::days kLongLife{20 * 365 + 5};
constexpr std::chrono::days kServerLife{825};
constexpr std::size_t kMaxCommonName = 64;  // RFC 5280 appendix A.1, ub-common-name

struct Strength {
  unsigned rsa_bits;
  Hash hash;
};
constexpr Strength kOld{1024, Hash::sha1};
constexpr Strength kModern{2048, Hash::sha256};

struct PkiFile {
  fs::path path;
  std::string content;
  mode_t mode;
};

/// Certificates spell the product with a hyphen where the phone's other names have none (spa-phones.md 1.1).
std::string certificate_product(std::string_view model) {
  return model.starts_with("SPA") ? fmt::format("SPA-{}", model.substr(3)) : std::string{model};
}

DistinguishedName phone_subject(const DemoPhone& phone) {
  const auto product = certificate_product(phone.model);
  const std::string serial{phone.serial};
  if (phone.model != "SPA525G2") return {{"OU", product}, {"L", serial}, {"ST", phone.mac.bare()}};  // as documented
  const auto mac = phone.mac.bare_upper();  // as seen on a real one
  return {{"C", "US"},
          {"ST", mac},
          {"L", serial},
          {"O", "Cisco Systems, Inc."},
          {"OU", "cisco.com"},
          {"CN", fmt::format("{}, MAC: {}, Serial: {}", product, mac, serial)},
          {"emailAddress", "linksys-certadmin@cisco.com"}};
}

CertificateRequest server_request(const std::string& host) {
  CertificateRequest request{.subject = {{"O", "Firstring Demo"}, {"CN", host}},
                             .dns_names = {"localhost"},
                             .ip_addresses = {"127.0.0.1", "::1"},
                             .extended_key_usage = "serverAuth"};
  auto& names = IpAddress::parse(host) ? request.ip_addresses : request.dns_names;
  if (std::find(names.begin(), names.end(), host) == names.end()) names.insert(names.begin(), host);
  return request;
}

CertificateRequest valid_for(std::chrono::days life, CertificateRequest request) {
  request.not_before = now() - std::chrono::days{1};
  request.not_after = request.not_before + life;
  return request;
}

Result<Issued> make(CertificateRequest request, Strength strength, std::chrono::days life, const Issued* issuer) {
  request.hash = strength.hash;
  FIRSTRING_TRY(auto key, PrivateKey::generate_rsa(strength.rsa_bits));
  FIRSTRING_TRY(auto certificate, issue(valid_for(life, std::move(request)), key, issuer));
  return Issued{std::move(certificate), std::move(key)};
}

Result<Issued> make_root(const std::string& name, Strength strength) {
  return make({.subject = {{"O", "Firstring Demo"}, {"CN", name}}, .is_ca = true}, strength, kLongLife, nullptr);
}

Result<std::vector<PkiFile>> make_files(const std::string& host) {
  std::vector<PkiFile> files;
  const auto add = [&](const fs::path& stem, const Issued& issued) {
    files.push_back({stem.string() + ".crt", issued.certificate.to_pem(), 0644});
    files.push_back({stem.string() + ".key", issued.key.to_pem(), 0600});
  };

  // Old phones verify no SHA-256, and OpenSSL before 1.0 checks a root's own signature too: the legacy chain has its
  // own root. Modern clients refuse a root of 1024 bits: neither chain can do with the other's.
  FIRSTRING_TRY(const auto modern_root, make_root("Firstring Demo Server Root", kModern));
  FIRSTRING_TRY(const auto legacy_root, make_root("Firstring Demo Legacy Server Root", kOld));
  FIRSTRING_TRY(const auto modern, make(server_request(host), kModern, kServerLife, &modern_root));
  FIRSTRING_TRY(const auto legacy, make(server_request(host), kOld, kServerLife, &legacy_root));
  files.push_back({"pki/server-root.crt", modern_root.certificate.to_pem() + legacy_root.certificate.to_pem(), 0644});
  add("pki/server-modern", modern);
  add("pki/server-legacy", legacy);
  // The quarantine's key must open nothing else.
  FIRSTRING_TRY(const auto quarantine, make(server_request(host), kOld, kServerLife, &legacy_root));
  add("pki/quarantine", quarantine);

  FIRSTRING_TRY(const auto maker, make_root("Firstring Demo Phone Maker Root", kOld));
  files.push_back({"pki/device-ca-demo.crt", maker.certificate.to_pem(), 0644});
  files.push_back({"demo/maker.key", maker.key.to_pem(), 0600});
  for (const auto& phone : kPhones) {
    FIRSTRING_TRY(auto key, demo_phone_key());
    FIRSTRING_TRY(auto certificate, issue_demo_phone(phone, key, maker));
    add(fs::path{"demo/phones"} / phone.mac.bare(), {std::move(certificate), std::move(key)});
  }
  return files;
}

Result<void> check_host(const std::string& host) {
  const bool plain =
      std::all_of(host.begin(), host.end(), [](char c) { return is_alphanumeric(c) || c == '-' || c == '.'; });
  if (host.empty() || host.size() > kMaxCommonName || (!plain && !IpAddress::parse(host))) {
    return fail(
        Errc::invalid_input,
        fmt::format("make demo certificates: '{}' is no host name or address of at most {} characters; use --host",
                    printable(host), kMaxCommonName));
  }
  return {};
}

Result<void> make_private_folder(const fs::path& path) {
  if ((::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) || ::chmod(path.c_str(), 0700) != 0) {
    return fail(Errc::io, fmt::format("create folder {}: {}", path.string(), errno_text(errno)));
  }
  return {};
}

}  // namespace

std::span<const DemoPhone> demo_phones() { return kPhones; }

Result<PrivateKey> demo_phone_key() { return PrivateKey::generate_rsa(kOld.rsa_bits); }

Result<Certificate> issue_demo_phone(const DemoPhone& phone, const PrivateKey& key, const Issued& maker) {
  const auto request =
      valid_for(kLongLife, {.subject = phone_subject(phone), .hash = kOld.hash, .extended_key_usage = "clientAuth"});
  return issue(request, key, &maker);
}

Result<void> write_demo_pki(const fs::path& dir, const std::string& host) {
  FIRSTRING_CHECK(check_host(host));
  FIRSTRING_TRY(const auto files, make_files(host));
  for (const auto& file : files) {
    std::error_code ignored;
    if (fs::symlink_status(dir / file.path, ignored).type() != fs::file_type::not_found) {
      return fail(Errc::conflict, fmt::format("make demo certificates: {} is there already; choose another folder",
                                              (dir / file.path).string()));
    }
  }
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) return fail(Errc::io, fmt::format("create folder {}: {}", dir.string(), errno_text(error.value())));
  for (const auto* folder : {"pki", "demo", "demo/phones"}) FIRSTRING_CHECK(make_private_folder(dir / folder));
  for (const auto& file : files) FIRSTRING_CHECK(write_file(dir / file.path, file.content, file.mode));
  return {};
}

}  // namespace firstring::crypto
