#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace firstring {

/// One character of a UTF-8 text and the number of octets that it takes. RFC 3629 section 4: no overlong forms, no
/// surrogates.
struct Character {
  char32_t code = 0;
  std::size_t size = 1;
};

/// The character that begins at `text[0]`; nothing if the octets there are no UTF-8. `text` must not be empty.
std::optional<Character> first_character(std::string_view text);

/// The text with U+FFFD for each octet that is no UTF-8: what strangers sent, made fit for JSON.
std::string to_utf8(std::string_view text);

}  // namespace firstring
