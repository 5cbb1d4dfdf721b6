#include "device/maker.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace firstring::device {

vendor::Subject Maker::read_subject(const crypto::DistinguishedName& subject) const {
  if (code != nullptr) return code->read_subject(subject);
  vendor::Subject found;
  std::vector<std::string_view> single;
  for (const auto& [attribute, form] : subjects) single.push_back(attribute);
  found.problem = vendor::fault_of(subject, single);
  if (!found.problem.empty()) return found;

  found.nameless = "no attribute of its subject names a MAC address where a phone of " + name + " has it";
  for (const auto& [attribute, form] : subjects) {
    const auto value = vendor::value_of(subject, attribute);
    auto read = form.match(value);
    if (!read || !read->mac) continue;
    if (found.mac && found.mac != read->mac) {
      found.problem =
          fmt::format("its subject names {} and, in {}, {}", found.mac->bare(), attribute, read->mac->bare());
      return found;
    }
    found.mac = read->mac;
    if (found.product.empty()) found.product = std::move(read->product);
    if (found.serial.empty()) found.serial = std::move(read->serial);
  }
  return found;
}

std::optional<vendor::UserAgent> Maker::read_user_agent(std::string_view text) const {
  if (code != nullptr) return code->read_user_agent(text);
  for (const auto& form : user_agents) {
    if (auto read = form.match(text)) {
      read->vendor = name;
      return read;
    }
  }
  return std::nullopt;
}

}  // namespace firstring::device
