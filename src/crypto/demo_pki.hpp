#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/mac_address.hpp"
#include "base/result.hpp"
#include "crypto/issue.hpp"

namespace firstring::crypto {

/// A phone of the demonstration, which exists only as a certificate.
struct DemoPhone {
  MacAddress mac;
  std::string_view model;  ///< as data/models names it: "SPA504G"
  std::string_view serial;
};

/// Four phones; between them both subject layouts of spa-phones.md 1.1.
std::span<const DemoPhone> demo_phones();

/// A key such as old phones have: RSA-1024.
Result<PrivateKey> demo_phone_key();

/// The certificate that a maker puts into a phone, for `key`: SHA-1, valid from a day ago for 20 years.
Result<Certificate> issue_demo_phone(const DemoPhone& phone, const PrivateKey& key, const Issued& maker);

/// Makes the throwaway certificates of `firstring init --demo` below the state folder `dir`:
///
///   pki/device-ca-demo.crt         root of the phones' maker, RSA-1024, SHA-1
///   pki/server-legacy.crt|.key     for old phones: RSA-1024, SHA-1, from the root on
///   pki/server-modern.crt|.key     for the others: RSA-2048, SHA-256
///   pki/quarantine.crt|.key        the same once more, with a key of its own, for firstring-quarantine
///   pki/server-root.crt            the roots of both server chains, modern first: whoever trusts this file trusts
///   either demo/phones/<mac>.crt|.key     a certificate for each of demo_phones(), RSA-1024, SHA-1 demo/maker.key the
///   maker's key, kept so that more demonstration phones can be made with it
///
/// The keys of the server roots are not kept. `host` becomes CN and, beside "localhost", 127.0.0.1 and ::1, a
/// subjectAltName of both server certificates: a host name or an address, at most 64 characters.
/// Valid from a day ago: roots and phones for 20 years, server certificates for 825 days.
/// Errors: invalid_input for `host`; conflict if one of the files is there already (nothing is written then); io.
Result<void> write_demo_pki(const std::filesystem::path& dir, const std::string& host);

}  // namespace firstring::crypto
