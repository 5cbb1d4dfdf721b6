#include "simulator/phone.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.hpp"

namespace firstring::simulator {
namespace {

/// Puts what the phone is for the placeholders of data (maker.toml), once.
std::string fill(std::string_view text, const Phone& phone) {
  const std::pair<std::string_view, std::string> fields[] = {
      {"{product}", phone.model.product}, {"{version}", firmware_of(phone)},    {"{mac}", phone.mac.bare()},
      {"{MAC}", phone.mac.bare_upper()},  {"{mac_colons}", phone.mac.colons()}, {"{serial}", phone.serial},
  };
  std::string result;
  while (!text.empty()) {
    const auto* const field = std::find_if(std::begin(fields), std::end(fields),
                                           [&](const auto& candidate) { return text.starts_with(candidate.first); });
    if (field != std::end(fields)) {
      result += field->second;
      text.remove_prefix(field->first.size());
    } else {
      result += text[0];
      text.remove_prefix(1);
    }
  }
  return result;
}

}  // namespace

std::string firmware_of(const Phone& phone) {
  if (!phone.firmware.empty() || phone.model.firmware.empty()) return phone.firmware;
  return phone.model.firmware.back();
}

std::string user_agent(const Phone& phone) { return fill(phone.model.user_agent, phone); }

std::string expand_macros(std::string_view text, const Phone& phone) {
  const auto* code = phone.model.maker != nullptr ? phone.model.maker->code : nullptr;
  if (code == nullptr) return fill(text, phone);
  const auto version = firmware_of(phone);
  return code->expand_macros(text, {.mac = phone.mac,
                                    .product = phone.model.product,
                                    .psn = phone.model.psn,
                                    .serial = phone.serial,
                                    .version = version,
                                    .has_certificate = phone.credentials.has_value()});
}

Result<std::string> own_profile_path(const Phone& phone) {
  if (phone.model.own_profile.empty()) {
    return fail(
        Errc::invalid_input,
        fmt::format("choose the profile of a {}: its model data name no own_profile; give a path", phone.model.name));
  }
  return expand_macros(phone.model.own_profile, phone);
}

bool stands_in_request(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return is_control(c) || c == ' '; });
}

Result<std::string> request_path(const Phone& phone, std::string_view path) {
  if (path.empty()) return own_profile_path(phone);
  auto expanded = expand_macros(path, phone);
  if (!expanded.starts_with('/') || !stands_in_request(expanded)) {
    return fail(Errc::invalid_input,
                fmt::format("use the path '{}': it must begin with '/' and hold no spaces", printable(expanded)));
  }
  return expanded;
}

}  // namespace firstring::simulator
