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

/// Whether a terminal or a reader may take the character for an order: control characters (C0, DEL, C1), and those that
/// turn the direction of text or are line ends to some (Unicode's bidirectional controls, U+2028, U+2029).
bool is_order(char32_t code);

/// JSON text (valid UTF-8, in which such characters stand in strings alone) with \uXXXX for each that is_order but the
/// line feed.
std::string without_orders(std::string_view json);

/// Text as it may be shown on a terminal: control characters and what is no UTF-8 as \xNN, cut behind `limit` octets.
/// Much of what we print was sent by strangers.
std::string visible(std::string_view text, std::size_t limit = std::string_view::npos);

}  // namespace firstring
