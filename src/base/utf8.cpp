#include "base/utf8.hpp"

#include <fmt/format.h>

namespace firstring {

std::optional<Character> first_character(std::string_view text) {
  const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto lead = octet(0);
  if (lead < 0x80) return Character{lead, 1};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return std::nullopt;
  char32_t code = lead & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((octet(i) & 0xc0U) != 0x80) return std::nullopt;
    code = (code << 6U) | (octet(i) & 0x3fU);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kSmallest[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return std::nullopt;
  return Character{code, size};
}

std::string to_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const auto character = first_character(text);
    const std::size_t size = character ? character->size : 1;
    valid += character ? text.substr(0, size) : "\xef\xbf\xbd";
    text.remove_prefix(size);
  }
  return valid;
}

bool is_order(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0x200e || code == 0x200f ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

std::string without_orders(std::string_view json) {
  std::string safe;
  safe.reserve(json.size());
  while (!json.empty()) {
    const auto character = first_character(json);
    const auto size = character ? character->size : 1;
    if (character && character->code != '\n' && is_order(character->code)) {
      safe += fmt::format("\\u{:04x}", static_cast<unsigned>(character->code));
    } else {
      safe += json.substr(0, size);
    }
    json.remove_prefix(size);
  }
  return safe;
}

std::string visible(std::string_view text, std::size_t limit) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    if (at >= limit) return result + "...";
    const auto character = first_character(text.substr(at));
    const bool control = character && is_order(character->code);
    const std::size_t size = character ? character->size : 1;
    for (const char c : text.substr(at, size)) {
      if (!character || control) {
        result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      } else {
        result += c;
      }
    }
    at += size;
  }
  return result;
}

}  // namespace firstring
