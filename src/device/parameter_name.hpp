#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace firstring::device {

/// The name of a parameter with its numbers left open, as data/models/*.toml spells it: "Proxy_{n}_",
/// "Unit_{1-2}_Key_{1-32}", "GPP_{A-P}". {n} is a line of the model.
class ParameterName {
 public:
  /// Names hold letters, digits, '_', '-' and '.'.
  static Result<ParameterName> parse(std::string_view text);

  /// Whether `name` is one of the names meant, for a model with so many lines. Numbers have no leading zeros.
  bool matches(std::string_view name, unsigned lines) const;
  /// All the names meant.
  std::vector<std::string> expand(unsigned lines) const;

  /// What key_of gives for the names meant: few, since numbers are left open.
  std::vector<std::string> keys() const;
  /// The name with each number in it as "#": "Proxy_#_". Two makers' parameters are told apart by it.
  static std::string key_of(std::string_view name);

  friend auto operator<=>(const ParameterName&, const ParameterName&) = default;

 private:
  enum class Kind : unsigned char { literal, line, number, letter };
  struct Piece {
    Kind kind = Kind::literal;
    std::string text;              ///< of a literal
    unsigned first = 1, last = 0;  ///< of a range; letters by their code

    friend auto operator<=>(const Piece&, const Piece&) = default;
  };

  std::vector<Piece> pieces_;
};

}  // namespace firstring::device
