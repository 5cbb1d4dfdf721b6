#include "http/target.hpp"

#include <array>
#include <cstdint>
#include <optional>

#include "base/text.hpp"

namespace firstring::http {
namespace {

/// The octet of the "%XX" at the front.
std::optional<char> escape_at(std::string_view text) {
  if (text.size() < 3 || text[0] != '%') return std::nullopt;
  const int high = hex_value(text[1]);
  const int low = hex_value(text[2]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

/// RFC 3629 section 4: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    if (lead < 0x80) continue;
    const std::size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || text.size() - i < more) return false;
    std::uint32_t code = lead & (0x3fU >> more);
    for (std::size_t k = 0; k < more; ++k) {
      const auto next = static_cast<unsigned char>(text[i++]);
      if ((next & 0xc0U) != 0x80) return false;
      code = code << 6 | (next & 0x3fU);
    }
    constexpr std::array<std::uint32_t, 4> kLeast{0, 0x80, 0x800, 0x10000};
    if (code < kLeast[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
  }
  return true;
}

/// "https://host:1/a?b" without scheme and host: "/a?b".
std::optional<std::string> origin_form(std::string_view text) {
  if (text.starts_with('/')) return std::string{text};
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return std::nullopt;
  const auto scheme = text.substr(0, scheme_end);
  if (!equals_ignoring_case(scheme, "http") && !equals_ignoring_case(scheme, "https")) return std::nullopt;
  text.remove_prefix(scheme_end + 3);
  const auto host_end = text.find_first_of("/?");
  if (host_end == 0 || text.empty()) return std::nullopt;
  if (host_end == std::string_view::npos) return "/";
  const auto rest = text.substr(host_end);
  return rest.starts_with('?') ? "/" + std::string{rest} : std::string{rest};
}

}  // namespace

Result<Target> parse_target(std::string_view text) {
  for (const char c : text) {
    if (is_control(c) || c == ' ' || c == '#' || static_cast<unsigned char>(c) >= 0x80) {
      return fail(Errc::invalid_input, "The request target holds a character that must be percent-encoded.");
    }
  }
  const auto origin = origin_form(text);
  if (!origin) {
    return fail(Errc::invalid_input,
                "The request target must be a path that begins with '/', or an http or https URL.");
  }

  Target target;
  const auto question = origin->find('?');
  const auto encoded = std::string_view{*origin}.substr(0, question);
  if (question != std::string::npos) target.query = origin->substr(question + 1);

  for (std::size_t i = 0; i < encoded.size(); ++i) {
    char c = encoded[i];
    if (c == '%') {
      const auto octet = escape_at(encoded.substr(i));
      if (!octet) return fail(Errc::invalid_input, "The path holds a '%' without two hexadecimal digits behind it.");
      c = *octet;
      i += 2;
    }
    if (is_control(c)) return fail(Errc::invalid_input, "The path holds a control character.");
    if (c == '\\') return fail(Errc::invalid_input, "The path holds a backslash.");
    if (c == '/' && target.path.ends_with('/')) continue;
    target.path.push_back(c);
  }
  for (std::size_t i = 0; i < target.path.size(); ++i) {
    if (escape_at(std::string_view{target.path}.substr(i))) {
      return fail(Errc::invalid_input, "The path is percent-encoded twice.");
    }
  }
  if (!is_utf8(target.path)) return fail(Errc::invalid_input, "The path is not valid UTF-8.");
  for (const auto segment : split(target.path, '/')) {
    if (segment == "." || segment == "..") return fail(Errc::invalid_input, "The path holds a '.' or '..' segment.");
  }
  return target;
}

}  // namespace firstring::http
