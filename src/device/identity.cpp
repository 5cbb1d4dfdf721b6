#include "device/identity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "device/known_bad.hpp"

namespace firstring::device {
namespace {

constexpr std::array<std::string_view, 4> kAssurances{"none", "claimed", "generic", "certificate"};

constexpr std::string_view kMacField = "MAC: ";
constexpr std::string_view kSerialField = "Serial: ";
constexpr std::string_view kMultiplatformPrefix = "CP-";
constexpr std::string_view kMultiplatformMac = "-SEP";
constexpr std::size_t kMacDigits = 12;

// State names of two letters can be hexadecimal too ("DE"); this many digits are a damaged MAC address.
constexpr std::size_t kSuspiciousDigits = 10;

bool is_hex(char c) { return hex_value(c) >= 0; }
bool is_model_character(char c) { return is_digit(c) || (c >= 'A' && c <= 'Z') || c == '-'; }

/// A serial number as makers print it; a town in L is none.
bool is_serial(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text.find(' ') == std::string_view::npos;
}

/// What a subject says, attribute by attribute; "" for one that is not there.
struct Attributes {
  std::string_view state, common_name, locality, unit;
  std::string problem;
};

Attributes read_attributes(const crypto::DistinguishedName& subject) {
  Attributes found;
  if (subject.empty()) found.problem = "its subject is empty";
  const std::array<std::pair<std::string_view, std::string_view*>, 4> wanted{
      {{"ST", &found.state}, {"CN", &found.common_name}, {"L", &found.locality}, {"OU", &found.unit}}};
  std::array<unsigned, wanted.size()> counts{};
  const crypto::NameAttribute* before = nullptr;
  for (const auto& attribute : subject) {
    if (before != nullptr && before->rdn == attribute.rdn) {
      found.problem = fmt::format("{} and {} share one RDN of its subject", before->type, attribute.type);
    } else if (!attribute.well_formed) {
      found.problem = fmt::format("{} is no valid string of its type", attribute.type);
    } else if (std::any_of(attribute.value.begin(), attribute.value.end(), is_control)) {
      found.problem = fmt::format("{} holds a control character: '{}'", attribute.type, printable(attribute.value, 60));
    }
    before = &attribute;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (attribute.type != wanted[i].first) continue;
      // Several OU are common in X.500; then none of them is the product.
      if (++counts[i] > 1 && attribute.type != "OU") {
        found.problem = fmt::format("its subject has more than one {}", attribute.type);
      }
      *wanted[i].second = counts[i] == 1 ? std::string_view{attribute.value} : std::string_view{};
    }
  }
  return found;
}

/// What a CN of one of the layouts says; all empty for any other CN.
struct CommonName {
  std::optional<MacAddress> mac;
  std::string product, serial, problem;
};

/// "SPA-525G2, MAC: 708105B37234, Serial: CBT153908BX"
CommonName read_fields(std::string_view text) {
  CommonName found;
  const auto fields = split(text, ',');
  found.product = trim(fields.front());
  for (std::size_t i = 1; i < fields.size(); ++i) {
    const auto field = trim(fields[i]);
    if (field.starts_with(kMacField)) {
      const auto mac = to_optional(MacAddress::parse_bare(field.substr(kMacField.size())));
      if (!mac || found.mac)
        found.problem = fmt::format("the MAC in CN is not 12 hexadecimal digits, once: '{}'", printable(text, 80));
      found.mac = mac;
    } else if (field.starts_with(kSerialField)) {
      found.serial = field.substr(kSerialField.size());
    }
  }
  if (!found.mac && found.problem.empty()) return {};
  return found;
}

/// "CP-8861-SEP00562B043615"
CommonName read_multiplatform(std::string_view text) {
  const auto rest = text.substr(kMultiplatformPrefix.size());
  const auto at = rest.rfind(kMultiplatformMac);
  if (at == std::string_view::npos || at == 0) return {};
  const auto model = rest.substr(0, at);
  CommonName found;
  found.mac = to_optional(MacAddress::parse_bare(rest.substr(at + kMultiplatformMac.size())));
  if (!found.mac || !std::all_of(model.begin(), model.end(), is_model_character)) {
    found.problem =
        fmt::format("CN is not of the form CP-<model>-SEP<12 hexadecimal digits>: '{}'", printable(text, 80));
  }
  found.product = fmt::format("{}{}", kMultiplatformPrefix, model);
  return found;
}

CertificateIdentity unusable(std::string problem) {
  CertificateIdentity identity;
  identity.problem = std::move(problem);
  return identity;
}

}  // namespace

std::string_view to_string(Assurance assurance) { return kAssurances.at(static_cast<std::size_t>(assurance)); }

std::optional<Assurance> parse_assurance(std::string_view text) {
  const auto found = std::find(kAssurances.begin(), kAssurances.end(), text);
  if (found == kAssurances.end()) return std::nullopt;
  return static_cast<Assurance>(found - kAssurances.begin());
}

CertificateIdentity identify(const crypto::DistinguishedName& subject) {
  const auto attributes = read_attributes(subject);
  if (!attributes.problem.empty()) return unusable(attributes.problem);

  const auto& state = attributes.state;
  const auto state_mac = to_optional(MacAddress::parse_bare(state));
  if (!state_mac && state.size() >= kSuspiciousDigits && std::all_of(state.begin(), state.end(), is_hex)) {
    return unusable(fmt::format("ST has {} hexadecimal digits where a MAC address has {}", state.size(), kMacDigits));
  }
  const bool multiplatform = attributes.common_name.starts_with(kMultiplatformPrefix) &&
                             attributes.common_name.find(',') == std::string_view::npos;
  const auto name = multiplatform ? read_multiplatform(attributes.common_name) : read_fields(attributes.common_name);
  if (!name.problem.empty()) return unusable(name.problem);
  if (state_mac && name.mac && *state_mac != *name.mac) {
    return unusable(fmt::format("ST names {} and CN names {}", state_mac->bare(), name.mac->bare()));
  }

  CertificateIdentity identity;
  identity.mac = state_mac ? state_mac : name.mac;
  // The unit is the product in the documented layout and a domain in the other.
  const bool unit_is_product = attributes.unit.find('.') == std::string_view::npos;
  identity.product = !name.product.empty() ? name.product
                     : unit_is_product     ? std::string{attributes.unit}
                                           : std::string{};

  identity.known_bad = find_known_bad_subject(state);
  if (identity.known_bad == nullptr) identity.known_bad = find_known_bad_subject(attributes.locality);
  if (identity.known_bad != nullptr && identity.known_bad->certificate == KnownBad::Certificate::shared) {
    if (identity.mac)
      return unusable(fmt::format("it is the generic certificate and yet names {}", identity.mac->bare()));
    identity.kind = CertificateIdentity::Kind::generic;
    return identity;
  }
  if (!identity.mac) {
    return unusable(fmt::format("neither ST nor CN of its subject names a MAC address (ST '{}', CN '{}')",
                                printable(state, 40), printable(attributes.common_name, 80)));
  }
  identity.kind = CertificateIdentity::Kind::device;
  // L beside CN=CP-8861-SEP... is documented nowhere: it may well be a town.
  const bool locality_is_serial = is_serial(attributes.locality) && (state_mac || !multiplatform);
  identity.serial = locality_is_serial ? std::string{attributes.locality} : name.serial;
  if (identity.known_bad == nullptr) identity.known_bad = find_known_bad(identity.product, identity.serial);
  return identity;
}

Assurance CertificateIdentity::best_assurance() const {
  const auto by_kind = kind == Kind::device    ? Assurance::certificate
                       : kind == Kind::generic ? Assurance::generic
                                               : Assurance::none;
  return known_bad == nullptr ? by_kind : std::min(by_kind, known_bad->assurance_at_most);
}

}  // namespace firstring::device
