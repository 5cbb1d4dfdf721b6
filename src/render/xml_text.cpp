#include "render/xml_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "base/utf8.hpp"
#include "render/profile.hpp"

namespace firstring::render {
namespace {

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
