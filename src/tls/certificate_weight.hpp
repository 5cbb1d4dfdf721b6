#pragma once

#include <cstddef>
#include <string>

#include "base/bytes.hpp"

namespace firstring::tls {

/// What a client's Certificate message would cost to parse. OpenSSL makes an object or more of each ASN.1 element: a
/// chain of 31 KiB whose names have 4,400 attributes takes 0.7 MiB.
struct CertificateWeight {
  std::size_t certificates = 0;
  std::size_t elements = 0;  ///< of all certificates: tags, also those inside of extensions
};

/// Which Certificate message: RFC 5246 section 7.4.2, or RFC 8446 section 4.4.2.
enum class CertificateFormat : unsigned char { tls12, tls13 };

/// A maker's chain is two or three certificates of about 1 KiB and 150 elements each.
inline constexpr std::size_t kMaxCertificateOctets = 16U << 10;  ///< the whole message
inline constexpr std::size_t kMaxCertificates = 10;
inline constexpr std::size_t kMaxCertificateElements = 1000;

/// Counts without parsing: sans-I/O, in one pass, and in no more work than the message has octets. `message`: with its
/// header of 4 octets. What is malformed is counted as far as it goes, and left for OpenSSL to refuse.
CertificateWeight weigh_certificates(ByteView message, CertificateFormat format);

/// Which bound it exceeds, as a text for the ledger that begins with kTooComplex; "" if none.
std::string excess_of(const CertificateWeight& weight);
inline constexpr const char* kTooComplex = "the client's certificates are too complex";

}  // namespace firstring::tls
