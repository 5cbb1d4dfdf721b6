#pragma once

// What certificates and CRLs have in common; internal to this module.

#include <openssl/asn1.h>
#include <openssl/x509.h>

#include <initializer_list>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "crypto/certificate.hpp"

namespace firstring::crypto {

Result<Timestamp> to_timestamp(const ASN1_TIME* time);
DistinguishedName to_name(const X509_NAME* name);

/// The DER of up to `limit` blocks of a PEM text whose kind is one of `kinds`; blocks of other kinds (a key, DH
/// parameters) are passed over.
Result<std::vector<Bytes>> read_pem(std::string_view pem, std::initializer_list<std::string_view> kinds,
                                    std::size_t limit = SIZE_MAX);

}  // namespace firstring::crypto
