// Flat-profile XML: spa-phones.md 4.1.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"
#include "vendor/format.hpp"

namespace firstring::vendor {
namespace {

/// XML 1.0 section 2.2: Char ::= #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]
bool is_xml_character(char32_t code) {
  if (code < 0x20) return code == '\t' || code == '\n' || code == '\r';
  return code != 0xfffe && code != 0xffff;
}

/// The octets of the character that begins at `at`.
Result<std::string_view> xml_character(std::string_view text, std::size_t at) {
  const auto character = first_character(text.substr(at));
  if (!character) return fail(Errc::invalid_input, fmt::format("octet {} is no UTF-8", at + 1));
  if (!is_xml_character(character->code)) {
    return fail(Errc::invalid_input, fmt::format("the character U+{:04X} at octet {} cannot stand in XML",
                                                 static_cast<unsigned>(character->code), at + 1));
  }
  return text.substr(at, character->size);
}

/// By octet: whether it stands for itself, as nearly all do.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (unsigned octet = 0x20; octet < 0x7f; ++octet) plain.at(octet) = octet != '&' && octet != '<' && octet != '>';
  return plain;
}();

constexpr std::size_t kBlock = 64;

/// The same for a block, by conditions and without a branch: compilers make vector code of that.
bool is_plain_block(const std::uint8_t* block) {
  unsigned char special = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const auto octet = block[i];
    const bool is_special = (static_cast<std::uint8_t>(octet - 0x20) > 0x7e - 0x20) | (octet == '&') |
                            ((octet | 2) == '>');  // '<' and '>' differ in that bit
    special |= static_cast<unsigned char>(is_special);
  }
  return special == 0;
}

/// Where the next octet is that does not, or the end.
std::size_t end_of_plain(std::string_view text, std::size_t at) {
  const auto octets = as_bytes(text);
  while (octets.size() - at >= kBlock && is_plain_block(octets.data() + at)) at += kBlock;
  const auto* const end = octets.data() + octets.size();
  const auto* const found = std::find_if_not(octets.data() + at, end, [](auto octet) { return kPlain[octet]; });
  return static_cast<std::size_t>(found - octets.data());
}

Result<void> append_escaped(std::string& document, std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto plain = end_of_plain(text, at);
    document += text.substr(at, plain - at);
    if (plain == text.size()) break;
    FIRSTRING_TRY(const auto character, xml_character(text, plain));
    at = plain + character.size();
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
        if (!text.substr(at).starts_with('\n')) document += '\n';
        break;
      default:
        document += character;
    }
  }
  return {};
}

Result<void> check_xml_text(std::string_view text) {
  for (std::size_t at = end_of_plain(text, 0); at < text.size(); at = end_of_plain(text, at)) {
    FIRSTRING_TRY(const auto character, xml_character(text, at));
    at += character.size();
  }
  return {};
}

/// The parameter as an element: its name needs no escaping.
Result<void> append_element(std::string& document, std::string_view name, std::string_view access,
                            std::string_view text) {
  document.append("  <").append(name);
  if (!access.empty()) document.append(" ua=\"").append(access).append("\"");
  document += '>';
  FIRSTRING_CHECK(append_escaped(document, text));
  document.append("</").append(name).append(">\n");
  return {};
}

}  // namespace

const Format kFlatProfile{.name = "flat-profile",
                          .content_type = "text/xml; charset=utf-8",
                          .head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<flat-profile>\n",
                          .tail = "</flat-profile>\n",
                          .append = append_element,
                          .check_text = check_xml_text};

}  // namespace firstring::vendor
