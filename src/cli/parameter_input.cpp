#include "cli/parameter_input.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.hpp"
#include "cli/terminal.hpp"
#include "render/profile.hpp"

namespace firstring::cli {
Result<std::vector<Assignment>> parse_assignments(const std::vector<std::string>& texts) {
  std::vector<Assignment> assignments;
  std::set<std::string_view> names;
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    if (equals == std::string::npos)
      return fail(Errc::invalid_input, fmt::format("'{}' has no '='; write NAME=VALUE", visible(text, 60)));
    Assignment assignment{text.substr(0, equals), text.substr(equals + 1)};
    FIRSTRING_CHECK(render::check_parameter_name(assignment.name));
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

Result<void> check_secret(std::string_view value) {
  FIRSTRING_CHECK(render::check_text(value));
  if (render::check_value(value)) return {};
  return fail(Errc::invalid_input,
              "holds a '{{' that begins no variable; write {{{{ for two braces that mean themselves");
}

std::string escape_braces(std::string_view text) {
  std::string escaped;
  while (!text.empty()) {
    const bool open = text.starts_with("{{");
    escaped += open ? "{{{{" : text.substr(0, 1);
    text.remove_prefix(open ? 2 : 1);
  }
  return escaped;
}

}  // namespace firstring::cli
