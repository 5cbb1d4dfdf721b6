#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "vendor/cisco/cisco.hpp"

namespace firstring::vendor::cisco {
namespace {

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

Subject unusable(std::string problem) {
  Subject subject;
  subject.problem = std::move(problem);
  return subject;
}

}  // namespace

Subject read_subject(const crypto::DistinguishedName& subject) {
  if (auto fault = fault_of(subject, {"ST", "CN", "L"}); !fault.empty()) return unusable(std::move(fault));
  const auto state = value_of(subject, "ST");
  const auto common_name = value_of(subject, "CN");
  const auto locality = value_of(subject, "L");
  const auto unit = value_of(subject, "OU");  // several are common in X.500; then none of them is the product

  const auto state_mac = to_optional(MacAddress::parse_bare(state));
  if (!state_mac && state.size() >= kSuspiciousDigits && std::all_of(state.begin(), state.end(), is_hex)) {
    return unusable(fmt::format("ST has {} hexadecimal digits where a MAC address has {}", state.size(), kMacDigits));
  }
  const bool multiplatform =
      common_name.starts_with(kMultiplatformPrefix) && common_name.find(',') == std::string_view::npos;
  const auto name = multiplatform ? read_multiplatform(common_name) : read_fields(common_name);
  if (!name.problem.empty()) return unusable(name.problem);
  if (state_mac && name.mac && *state_mac != *name.mac) {
    return unusable(fmt::format("ST names {} and CN names {}", state_mac->bare(), name.mac->bare()));
  }

  Subject found;
  found.mac = state_mac ? state_mac : name.mac;
  // The unit is the product in the documented layout and a domain in the other.
  const bool unit_is_product = unit.find('.') == std::string_view::npos;
  found.product = !name.product.empty() ? name.product : unit_is_product ? std::string{unit} : std::string{};
  // L beside CN=CP-8861-SEP... is documented nowhere: it may well be a town.
  const bool locality_is_serial = is_serial(locality) && (state_mac || !multiplatform);
  found.serial = locality_is_serial ? std::string{locality} : name.serial;
  found.marks = {std::string{state}, std::string{locality}};
  found.nameless = fmt::format("neither ST nor CN of its subject names a MAC address (ST '{}', CN '{}')",
                               printable(state, 40), printable(common_name, 80));
  return found;
}

}  // namespace firstring::vendor::cisco
