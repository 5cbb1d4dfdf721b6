#include "simulator/phone.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace firstring::simulator {
namespace {

std::optional<std::string> macro(std::string_view name, const Phone& phone) {
  if (name == "MA") return phone.mac.bare();
  if (name == "MAU") return phone.mac.bare_upper();
  if (name == "MAC") return phone.mac.colons();
  if (name == "PN") return phone.model.product;
  if (name == "PSN") return phone.model.psn;
  if (name == "SN") return phone.serial;
  if (name == "SWVER") return firmware_of(phone);
  if (name == "CCERT") return phone.credentials ? "Installed" : "Not Installed";
  return std::nullopt;
}

std::optional<std::size_t> whole_number(std::string_view text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// "NAME", "NAME:p" or "NAME:p:q": what stands in parentheses.
std::optional<std::string> substring_macro(std::string_view inside, const Phone& phone) {
  const auto parts = split(inside, ':');
  auto value = macro(parts[0], phone);
  if (!value || parts.size() > 3) return std::nullopt;
  if (parts.size() == 1) return value;
  const auto from = whole_number(parts[1]);
  const auto length = parts.size() == 3 ? whole_number(parts[2]) : std::string::npos;
  if (!from || !length) return std::nullopt;
  return value->substr(std::min(*from, value->size()), *length);
}

bool is_name_character(char c) { return (c >= 'A' && c <= 'Z') || is_digit(c); }

}  // namespace

std::string firmware_of(const Phone& phone) {
  if (!phone.firmware.empty() || phone.model.firmware.empty()) return phone.firmware;
  return phone.model.firmware.back();
}

std::string user_agent(const Phone& phone) {
  const std::pair<std::string_view, std::string> fields[] = {
      {"{product}", phone.model.product}, {"{version}", firmware_of(phone)}, {"{mac}", phone.mac.bare()},
      {"{MAC}", phone.mac.bare_upper()},  {"{serial}", phone.serial},
  };
  std::string result;
  for (std::string_view rest = phone.model.user_agent; !rest.empty();) {
    const auto* const field = std::find_if(std::begin(fields), std::end(fields),
                                           [&](const auto& candidate) { return rest.starts_with(candidate.first); });
    if (field != std::end(fields)) {
      result += field->second;
      rest.remove_prefix(field->first.size());
    } else {
      result += rest[0];
      rest.remove_prefix(1);
    }
  }
  return result;
}

std::string expand_macros(std::string_view text, const Phone& phone) {
  std::string result;
  while (!text.empty()) {
    std::size_t length = 1;
    std::optional<std::string> value;
    if (text.starts_with("$$")) {
      length = 2;
      value = "$";
    } else if (text.starts_with("$(")) {
      const auto end = text.find(')');
      if (end != std::string_view::npos) {
        length = end + 1;
        value = substring_macro(text.substr(2, end - 2), phone);
      }
    } else if (text[0] == '$') {
      while (length < text.size() && is_name_character(text[length])) ++length;
      value = macro(text.substr(1, length - 1), phone);
    }
    result += value ? *value : text.substr(0, length);
    text.remove_prefix(length);
  }
  return result;
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
