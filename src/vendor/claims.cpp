#include "vendor/claims.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace firstring::vendor {

std::string fault_of(const crypto::DistinguishedName& subject, const std::vector<std::string_view>& single) {
  std::string fault;
  if (subject.empty()) fault = "its subject is empty";
  const crypto::NameAttribute* before = nullptr;
  for (const auto& attribute : subject) {
    if (before != nullptr && before->rdn == attribute.rdn) {
      fault = fmt::format("{} and {} share one RDN of its subject", before->type, attribute.type);
    } else if (!attribute.well_formed) {
      fault = fmt::format("{} is no valid string of its type", attribute.type);
    } else if (std::any_of(attribute.value.begin(), attribute.value.end(), is_control)) {
      fault = fmt::format("{} holds a control character: '{}'", attribute.type, printable(attribute.value, 60));
    }
    before = &attribute;
  }
  for (const auto type : single) {
    const auto count = std::count_if(subject.begin(), subject.end(), [&](const auto& one) { return one.type == type; });
    if (count > 1) fault = fmt::format("its subject has more than one {}", type);
  }
  return fault;
}

std::string_view value_of(const crypto::DistinguishedName& name, std::string_view type) {
  const auto is_of_type = [&](const crypto::NameAttribute& attribute) { return attribute.type == type; };
  const auto first = std::find_if(name.begin(), name.end(), is_of_type);
  if (first == name.end() || std::any_of(std::next(first), name.end(), is_of_type)) return {};
  return first->value;
}

}  // namespace firstring::vendor
