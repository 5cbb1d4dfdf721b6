#include "device/parameter_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.hpp"

namespace firstring::device {
namespace {

constexpr std::size_t kMaxDigits = 3;

bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }
bool is_name_character(char c) {
  return is_digit(c) || is_capital(c) || (c >= 'a' && c <= 'z') || c == '_' || c == '-' || c == '.';
}

/// Takes a decimal number without leading zeros off the front.
std::optional<unsigned> take_number(std::string_view& text) {
  const auto* const end = std::find_if_not(text.begin(), text.end(), is_digit);
  const auto digits = static_cast<std::size_t>(end - text.begin());
  if (digits == 0 || digits > kMaxDigits || (digits > 1 && text.front() == '0')) return std::nullopt;
  unsigned number = 0;
  std::from_chars(text.data(), text.data() + digits, number);
  text.remove_prefix(digits);
  return number;
}

}  // namespace

Result<ParameterName> ParameterName::parse(std::string_view text) {
  const auto bad = [whole = text](std::string_view why) {
    return fail(Errc::invalid_input, fmt::format("'{}' is no name of a parameter: {}", whole, why));
  };
  ParameterName name;
  while (!text.empty()) {
    if (text.front() != '{') {
      const auto literal = text.substr(0, text.find('{'));
      if (!std::all_of(literal.begin(), literal.end(), is_name_character))
        return bad("it holds another character than letters, digits, '_', '-' and '.'");
      // Numbers are read to their end when names are compared.
      if (is_digit(literal.front()) && !name.pieces_.empty()) return bad("a digit follows a range");
      name.pieces_.push_back({Kind::literal, std::string{literal}});
      text.remove_prefix(literal.size());
      continue;
    }
    const auto end = text.find('}');
    if (end == std::string_view::npos) return bad("'{' has no '}'");
    auto range = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    if (!name.pieces_.empty() && name.pieces_.back().kind != Kind::literal) return bad("two ranges touch");
    if (range == "n") {
      name.pieces_.push_back({Kind::line, {}});
    } else if (range.size() == 3 && is_capital(range[0]) && range[1] == '-' && range[2] > range[0] &&
               is_capital(range[2])) {
      name.pieces_.push_back({Kind::letter, {}, static_cast<unsigned>(range[0]), static_cast<unsigned>(range[2])});
    } else {
      const auto first = take_number(range);
      if (!first || !range.starts_with('-')) return bad("a range is {n}, {2-9} or {A-P}");
      range.remove_prefix(1);
      const auto last = take_number(range);
      if (!last || !range.empty() || *last < *first) return bad("a range is {n}, {2-9} or {A-P}");
      name.pieces_.push_back({Kind::number, {}, *first, *last});
    }
  }
  if (name.pieces_.empty()) return bad("it is empty");
  return name;
}

bool ParameterName::matches(std::string_view name, unsigned lines) const {
  for (const auto& piece : pieces_) {
    switch (piece.kind) {
      case Kind::literal:
        if (!name.starts_with(piece.text)) return false;
        name.remove_prefix(piece.text.size());
        break;
      case Kind::letter: {
        if (name.empty()) return false;
        const auto letter = static_cast<unsigned char>(name.front());
        if (letter < piece.first || letter > piece.last) return false;
        name.remove_prefix(1);
        break;
      }
      case Kind::line:
      case Kind::number: {
        const auto number = take_number(name);
        const auto last = piece.kind == Kind::line ? lines : piece.last;
        if (!number || *number < piece.first || *number > last) return false;
        break;
      }
    }
  }
  return name.empty();
}

std::vector<std::string> ParameterName::keys() const {
  auto open = *this;
  for (auto& piece : open.pieces_) {
    if (piece.kind == Kind::line || piece.kind == Kind::number) piece = {Kind::literal, "0"};
  }
  auto keys = open.expand(1);
  for (auto& key : keys) key = key_of(key);
  return keys;
}

std::string ParameterName::key_of(std::string_view name) {
  std::string key;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (!is_digit(name[i])) {
      key += name[i];
    } else if (i == 0 || !is_digit(name[i - 1])) {
      key += '#';
    }
  }
  return key;
}

std::vector<std::string> ParameterName::expand(unsigned lines) const {
  std::vector<std::string> names{""};
  for (const auto& piece : pieces_) {
    if (piece.kind == Kind::literal) {
      for (auto& name : names) name += piece.text;
      continue;
    }
    std::vector<std::string> longer;
    for (const auto& name : names) {
      for (auto i = piece.first; i <= (piece.kind == Kind::line ? lines : piece.last); ++i) {
        longer.push_back(piece.kind == Kind::letter ? name + static_cast<char>(i) : name + std::to_string(i));
      }
    }
    names = std::move(longer);
  }
  return names;
}

}  // namespace firstring::device
