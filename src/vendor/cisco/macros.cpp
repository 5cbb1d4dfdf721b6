#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.hpp"
#include "vendor/cisco/cisco.hpp"

namespace firstring::vendor::cisco {
namespace {

std::optional<std::string> macro(std::string_view name, const PhoneFacts& phone) {
  if (name == "MA") return phone.mac.bare();
  if (name == "MAU") return phone.mac.bare_upper();
  if (name == "MAC") return phone.mac.colons();
  if (name == "PN") return std::string{phone.product};
  if (name == "PSN") return std::string{phone.psn};
  if (name == "SN") return std::string{phone.serial};
  if (name == "SWVER") return std::string{phone.version};
  if (name == "CCERT") return phone.has_certificate ? "Installed" : "Not Installed";
  return std::nullopt;
}

std::optional<std::size_t> whole_number(std::string_view text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// "NAME", "NAME:p" or "NAME:p:q": what stands in parentheses.
std::optional<std::string> substring_macro(std::string_view inside, const PhoneFacts& phone) {
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

std::string expand_macros(std::string_view text, const PhoneFacts& phone) {
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

const Code kCode{
    .name = "cisco", .read_subject = read_subject, .read_user_agent = read_user_agent, .expand_macros = expand_macros};

}  // namespace firstring::vendor::cisco
