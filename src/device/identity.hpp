#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/mac_address.hpp"
#include "crypto/certificate.hpp"

namespace firstring::device {

/// How sure we are who asks. Ordered.
enum class Assurance : unsigned char {
  none,         ///< nothing is known
  claimed,      ///< a MAC address in the URL or the User-Agent
  generic,      ///< a verified certificate that many devices of the maker share
  certificate,  ///< a verified maker certificate that names this device
};
std::string_view to_string(Assurance assurance);
std::optional<Assurance> parse_assurance(std::string_view text);

/// What a maker's certificate says about its device: read from the DER attributes of its subject, never from its text.
/// Says nothing about whether the certificate can be believed; that is the chain verdict's.
struct CertificateIdentity {
  enum class Kind : unsigned char {
    device,    ///< names one device: `mac` is set
    generic,   ///< the maker's shared certificate (L or ST is "ciscogeneric")
    unusable,  ///< neither; `problem` says why
  };
  Kind kind = Kind::unusable;
  std::optional<MacAddress> mac;
  std::string serial;   ///< may be empty
  std::string product;  ///< as the certificate spells it, "SPA-525G2"; may be empty
  std::string problem;  ///< "ST names 708105b37234 and CN names 000e08abcdef"
};

/// Both subject layouts of the SPA fact sheet, section 1.1: MAC in ST (12 hexadecimal digits, the whole value) or in
/// CN as "MAC: <12 digits>"; the two must agree when both are there. More than one ST, CN or L, a multi-valued RDN,
/// a malformed or NUL-holding value is unusable.
CertificateIdentity identify(const crypto::DistinguishedName& subject);

}  // namespace firstring::device
