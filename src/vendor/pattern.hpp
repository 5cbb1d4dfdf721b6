#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "vendor/claims.hpp"

namespace firstring::vendor {

/// A text with fields left open, as data writes it: "Yealink {product} {version} {mac}". Fields are {mac} (12
/// hexadecimal digits, bare or in pairs with ':' or '-'), {product} (letters, digits, '-', '_'), {version} (a digit,
/// then letters, digits, '.', '-', '_', parentheses) and {serial} (letters and digits). Between two fields there is
/// text, and a field ends where that text first comes.
class Pattern {
 public:
  /// The error says what is wrong with `text`.
  static Result<Pattern> parse(std::string_view text);

  /// What the fields hold, `vendor` empty, if the whole of `text` is of this form, byte for byte outside of the fields.
  std::optional<UserAgent> match(std::string_view text) const;

 private:
  enum class Field : unsigned char { none, mac, product, version, serial };
  struct Piece {
    Field field = Field::none;
    std::string text;  ///< of no field
  };

  static bool fill(Field field, std::string_view value, UserAgent& found);

  std::vector<Piece> pieces_;
};

}  // namespace firstring::vendor
