// Text of lines `name = value`: other-makers.md 2.
#include <fmt/format.h>

#include "base/utf8.hpp"
#include "vendor/format.hpp"

namespace firstring::vendor {
namespace {

/// A line ends where some reader may think so, and nothing quotes: what could begin another parameter is refused.
bool may_stand_in_line(char32_t code) {
  const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  return !control && code != 0x2028 && code != 0x2029;
}

Result<void> check_line_text(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto character = first_character(text.substr(at));
    if (!character) return fail(Errc::invalid_input, fmt::format("octet {} is no UTF-8", at + 1));
    if (!may_stand_in_line(character->code)) {
      return fail(Errc::invalid_input,
                  fmt::format("the character U+{:04X} at octet {} cannot stand in a text of lines 'name = value'",
                              static_cast<unsigned>(character->code), at + 1));
    }
    at += character->size;
  }
  return {};
}

Result<void> append_line(std::string& document, std::string_view name, std::string_view /*access*/,
                         std::string_view text) {
  FIRSTRING_CHECK(check_line_text(text));
  document.append(name).append(" = ").append(text).append("\n");
  return {};
}

}  // namespace

const Format kKeyValue{.name = "key-value",
                       .content_type = "text/plain; charset=utf-8",
                       .head = "",
                       .tail = "",
                       .append = append_line,
                       .check_text = check_line_text};

}  // namespace firstring::vendor
