#include "device/firmware.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace firstring::device {
namespace {

/// Takes the next run of digits or of letters off the front of `text`; empty at its end.
std::string_view take_part(std::string_view& text) {
  const auto begin = std::find_if(text.begin(), text.end(), is_alphanumeric);
  const auto end = std::find_if_not(begin, text.end(), begin != text.end() && is_digit(*begin) ? is_digit : is_letter);
  const auto part = std::string_view{begin, end};
  text = {end, text.end()};
  return part;
}

std::string_view without_leading_zeros(std::string_view digits) {
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return digits;
}

/// A version that ends here < one that goes on with letters < one that goes on with a number.
int rank(std::string_view part) { return part.empty() ? 0 : is_letter(part.front()) ? 1 : 2; }

std::weak_ordering compare_parts(std::string_view a, std::string_view b) {
  if (rank(a) != rank(b)) return rank(a) <=> rank(b);
  if (rank(a) == 1) return to_lower(a) <=> to_lower(b);
  a = without_leading_zeros(a);
  b = without_leading_zeros(b);
  if (a.size() != b.size()) return a.size() <=> b.size();
  return a <=> b;
}

}  // namespace

std::weak_ordering compare_firmware(std::string_view a, std::string_view b) {
  for (;;) {
    const auto left = take_part(a), right = take_part(b);
    if (const auto order = compare_parts(left, right); order != 0) return order;
    if (left.empty()) return std::weak_ordering::equivalent;
  }
}

}  // namespace firstring::device
