#include "render/xml_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "render/profile.hpp"

namespace firstring::render {
namespace {

struct Character {
  char32_t code;
  std::size_t size;
};

/// The first character of a text that is not empty; nullopt if its octets are no UTF-8 (RFC 3629 section 4: shortest
/// form, no surrogates).
std::optional<Character> first_character(std::string_view text) {
  const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto first = octet(0);
  if (first < 0x80) return Character{first, 1};
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return std::nullopt;
  char32_t code = first & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((octet(i) & 0xc0) != 0x80) return std::nullopt;
    code = code << 6 | (octet(i) & 0x3f);
  }
  const bool shortest = size == 2 || code >= (size == 3 ? 0x800U : 0x10000U);
  if (!shortest || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return std::nullopt;
  return Character{code, size};
}

/// XML 1.0 section 2.2: Char ::= #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]
bool is_xml_character(char32_t code) {
  if (code < 0x20) return code == '\t' || code == '\n' || code == '\r';
  return code != 0xfffe && code != 0xffff;
}

template <class Take>
Result<void> for_each_character(std::string_view text, Take&& take) {
  for (std::size_t at = 0; at < text.size();) {
    const auto character = first_character(text.substr(at));
    if (!character) return fail(Errc::invalid_input, fmt::format("octet {} is no UTF-8", at + 1));
    if (!is_xml_character(character->code)) {
      return fail(Errc::invalid_input, fmt::format("the character U+{:04X} at octet {} cannot stand in XML",
                                                   static_cast<unsigned>(character->code), at + 1));
    }
    take(text.substr(at, character->size), text.substr(at + character->size));
    at += character->size;
  }
  return {};
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

}  // namespace

Result<void> append_escaped(std::string& document, std::string_view text) {
  return for_each_character(text, [&](std::string_view character, std::string_view rest) {
    switch (character.front()) {
      case '&':
        document += "&amp;";
        break;
      case '<':
        document += "&lt;";
        break;
      case '>':  // needed in "]]>" alone (XML 1.0 section 2.4), simpler always
        document += "&gt;";
        break;
      case '\r':
        if (!rest.starts_with('\n')) document += '\n';
        break;
      default:
        document += character;
    }
  });
}

Result<void> check_text(std::string_view text) {
  return for_each_character(text, [](std::string_view, std::string_view) {});
}

Result<void> check_parameter_name(std::string_view name) {
  const auto is_inner = [](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.'; };
  if (!name.empty() && is_letter(name.front()) && std::all_of(name.begin(), name.end(), is_inner)) return {};
  return fail(
      Errc::invalid_input,
      fmt::format(
          "'{}' cannot be the name of a parameter; it begins with a letter or '_' and goes on with letters, digits, "
          "'_', '-' and '.'",
          printable(name, 60)));
}

}  // namespace firstring::render
