#include "cli/parameter_input.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.hpp"
#include "cli/terminal.hpp"
#include "cli/utf8.hpp"
#include "render/profile.hpp"

namespace firstring::cli {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_character(char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.'; }

/// XML 1.0 section 2.2: Char.
bool is_xml_character(char32_t code) {
  if (code < 0x20) return code == '\t' || code == '\n' || code == '\r';
  return code != 0xfffe && code != 0xffff;
}

}  // namespace

Result<void> check_parameter_name(std::string_view name) {
  if (name.empty()) return fail(Errc::invalid_input, "a parameter's name is empty");
  if (!is_letter(name[0]) || !std::all_of(name.begin(), name.end(), is_name_character)) {
    return fail(
        Errc::invalid_input,
        fmt::format("'{}' cannot be a parameter's name: it has letters, digits, '_', '-' and '.'", visible(name, 60)));
  }
  return {};
}

Result<std::vector<Assignment>> parse_assignments(const std::vector<std::string>& texts) {
  std::vector<Assignment> assignments;
  std::set<std::string_view> names;
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    if (equals == std::string::npos)
      return fail(Errc::invalid_input, fmt::format("'{}' has no '='; write NAME=VALUE", visible(text, 60)));
    Assignment assignment{text.substr(0, equals), text.substr(equals + 1)};
    FIRSTRING_CHECK(check_parameter_name(assignment.name));
    assignments.push_back(std::move(assignment));
  }
  for (const auto& assignment : assignments) {
    if (!names.insert(assignment.name).second)
      return fail(Errc::invalid_input, fmt::format("{} is given twice", assignment.name));
  }
  return assignments;
}

bool is_secret_by_nature(std::string_view parameter) {
  constexpr std::array<std::string_view, 5> kMarks{"passw", "gpp_sa", "gpp_sb", "gpp_sc", "gpp_sd"};
  constexpr std::array<std::string_view, 2> kKeys{"private_key", "ikm_http_encrypt_content"};
  const auto name = to_lower(parameter);
  const auto holds = [&](std::string_view mark) { return name.find(mark) != std::string::npos; };
  return std::any_of(kMarks.begin(), kMarks.end(), holds) || std::any_of(kKeys.begin(), kKeys.end(), holds);
}

Result<void> check_value(std::string_view value) {
  for (std::size_t at = 0; at < value.size();) {
    const auto character = first_character(value.substr(at));
    if (!character) return fail(Errc::invalid_input, fmt::format("the octet {} is no UTF-8", at + 1));
    if (!is_xml_character(character->code)) {
      return fail(Errc::invalid_input, fmt::format("the character U+{:04X} at octet {} cannot stand in XML",
                                                   static_cast<unsigned>(character->code), at + 1));
    }
    at += character->size;
  }
  // Any value will do: only whether the names are known matters here.
  static const std::map<std::string, std::string, std::less<>> variables{
      {"mac", ""}, {"MAC", ""}, {"serial", ""}, {"model", ""}, {"psn", ""}, {"host", ""}, {"profile_url", ""}};
  FIRSTRING_CHECK(render::expand(value, variables));
  return {};
}

}  // namespace firstring::cli
