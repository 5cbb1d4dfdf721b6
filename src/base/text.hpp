#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace firstring {

// ASCII only, as all below: no locale changes what a phone's name means.
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_alphanumeric(char c) { return is_digit(c) || is_letter(c); }
constexpr bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// Of a hexadecimal digit of either case; -1 for another character.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string to_lower(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);

/// Without white space at both ends.
std::string_view trim(std::string_view text);

std::vector<std::string_view> split(std::string_view text, char separator);

/// The candidate that a person who wrote `text` most likely meant (edit distance with case folded, at most a third of
/// the length), or nothing.
std::optional<std::string> closest(std::string_view text, std::span<const std::string> candidates);

/// " ; did you mean 'x'?" or "": ready to append to an error text.
std::string did_you_mean(std::string_view text, std::span<const std::string> candidates);

/// Control characters, quotes and bytes outside ASCII as \xNN, cut at `limit` bytes with "..." behind: for untrusted
/// bytes in texts that people read.
std::string printable(std::string_view text, std::size_t limit = 200);

}  // namespace firstring
