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

struct KnownBad;
struct Maker;

/// What a maker's certificate says about its device: read from the DER attributes of its subject, never from its text.
/// Says nothing about whether the certificate can be believed; that is the chain verdict's.
struct CertificateIdentity {
  enum class Kind : unsigned char {
    device,    ///< names one device: `mac` is set
    generic,   ///< a certificate that many devices share: KnownBad::Certificate::shared, "ciscogeneric" in L or ST
    unusable,  ///< neither; `problem` says why
  };
  Kind kind = Kind::unusable;
  std::optional<MacAddress> mac;  ///< of kind `device` alone
  std::string serial;             ///< may be empty
  std::string product;            ///< as the certificate spells it, "SPA-525G2"; may be empty
  std::string problem;            ///< "ST names 708105b37234 and CN names 000e08abcdef"
  /// The fault that the maker is known to have made with this certificate or device, of shipped data; nullptr for none.
  const KnownBad* known_bad = nullptr;
  /// Whose CA issued it; nullptr if no maker names the issuer among its own.
  const Maker* maker = nullptr;

  /// The most that this certificate can prove, if its chain is accepted.
  Assurance best_assurance() const;
};

/// What the certificate's subject says of its device, read as the maker whose CA issued it writes subjects
/// (Catalogue::maker_of_issuer): a layout of one maker's means nothing in a certificate of another's. Whether the
/// issuer did sign it is the chain verdict's.
CertificateIdentity identify(const crypto::DistinguishedName& subject, const crypto::DistinguishedName& issuer);

}  // namespace firstring::device
