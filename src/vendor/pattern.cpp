#include "vendor/pattern.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace firstring::vendor {
namespace {

constexpr std::size_t kMaxValue = 64;

bool is_one_of(char c, std::string_view characters) { return characters.find(c) != std::string_view::npos; }

}  // namespace

Result<Pattern> Pattern::parse(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, Field>, 4> kFields{{{"{mac}", Field::mac},
                                                                              {"{product}", Field::product},
                                                                              {"{version}", Field::version},
                                                                              {"{serial}", Field::serial}}};
  Pattern pattern;
  for (auto rest = text; !rest.empty();) {
    const auto open = rest.find('{');
    if (open != 0) {
      pattern.pieces_.push_back({Field::none, std::string{rest.substr(0, open)}});
      rest.remove_prefix(std::min(open, rest.size()));
      continue;
    }
    const auto* const field =
        std::find_if(kFields.begin(), kFields.end(), [&](const auto& one) { return rest.starts_with(one.first); });
    if (field == kFields.end())
      return fail(Errc::invalid_input, fmt::format("'{}' has a '{{' that begins no field", printable(text, 80)));
    if (!pattern.pieces_.empty() && pattern.pieces_.back().field != Field::none)
      return fail(Errc::invalid_input, fmt::format("'{}' has no text between two fields", printable(text, 80)));
    const bool twice = std::any_of(pattern.pieces_.begin(), pattern.pieces_.end(),
                                   [&](const Piece& piece) { return piece.field == field->second; });
    if (twice) return fail(Errc::invalid_input, fmt::format("'{}' has {} twice", printable(text, 80), field->first));
    pattern.pieces_.push_back({field->second, {}});
    rest.remove_prefix(field->first.size());
  }
  if (pattern.pieces_.empty()) return fail(Errc::invalid_input, "a pattern is not empty");
  return pattern;
}

bool Pattern::fill(Field field, std::string_view value, UserAgent& found) {
  if (value.empty() || value.size() > kMaxValue) return false;
  const auto all = [&](std::string_view others) {
    return std::all_of(value.begin(), value.end(), [&](char c) { return is_alphanumeric(c) || is_one_of(c, others); });
  };
  switch (field) {
    case Field::none:
      return false;
    case Field::mac:
      // Other lengths are not worth the text of an error; 14 would be "000e.08ab.cdef".
      if (value.size() == 12 || value.size() == 17) found.mac = to_optional(MacAddress::parse(value));
      return found.mac.has_value();
    case Field::product:
      found.product = value;
      return all("-_");
    case Field::version:
      found.version = value;
      return is_digit(value.front()) && all(".-_()");
    case Field::serial:
      found.serial = value;
      return all("");
  }
  return false;
}

std::optional<UserAgent> Pattern::match(std::string_view text) const {
  UserAgent found;
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const auto& piece = pieces_[i];
    if (piece.field == Field::none) {
      if (!text.starts_with(piece.text)) return std::nullopt;
      text.remove_prefix(piece.text.size());
      continue;
    }
    const auto end = i + 1 < pieces_.size() ? text.find(pieces_[i + 1].text) : text.size();
    if (end == std::string_view::npos || !fill(piece.field, text.substr(0, end), found)) return std::nullopt;
    text.remove_prefix(end);
  }
  if (!text.empty()) return std::nullopt;
  return found;
}

}  // namespace firstring::vendor
