#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mac_address.hpp"
#include "crypto/certificate.hpp"

namespace firstring::vendor {

/// What a User-Agent claims. Never identity.
struct UserAgent {
  std::string vendor, product, version, serial;
  std::optional<MacAddress> mac;
};

/// What the subject of a certificate says of its device, as its maker writes subjects. Says nothing about whether the
/// certificate can be believed.
struct Subject {
  std::optional<MacAddress> mac;
  std::string serial, product;     ///< as the certificate spells them; may be empty
  std::vector<std::string> marks;  ///< by which a certificate that many devices share is known: values of attributes
  std::string problem;             ///< why nothing of it can be used; else empty
  std::string nameless;            ///< without a MAC address: where none was found
};

/// What is odd about the attributes of a subject, whoever made it: an attribute that is no valid string of its type or
/// holds a control character (NUL above all), an RDN of several values, two of a type in `single`. "" if nothing is.
std::string fault_of(const crypto::DistinguishedName& subject, const std::vector<std::string_view>& single);

/// The value of the one attribute of that type ("CN"); "" if there is none, or several.
std::string_view value_of(const crypto::DistinguishedName& name, std::string_view type);

}  // namespace firstring::vendor
