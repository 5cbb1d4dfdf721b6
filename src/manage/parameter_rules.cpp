#include "manage/parameter_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.hpp"
#include "render/profile.hpp"

namespace firstring::manage {

bool is_secret_by_nature(std::string_view parameter) {
  constexpr std::array<std::string_view, 7> kMarks{
      "passw", "gpp_sa", "gpp_sb", "gpp_sc", "gpp_sd", "private_key", "ikm_http_encrypt_content"};
  const auto name = to_lower(parameter);
  return std::any_of(kMarks.begin(), kMarks.end(),
                     [&](std::string_view mark) { return name.find(mark) != std::string::npos; });
}

Result<void> check_parameter_names(const std::vector<std::string>& names) {
  for (const auto& name : names) FIRSTRING_CHECK(render::check_parameter_name(name));
  std::set<std::string_view> seen;
  for (const auto& name : names) {
    if (!seen.insert(name).second) return fail(Errc::invalid_input, fmt::format("{} is given twice", name));
  }
  return {};
}

Result<void> check_secret(std::string_view value, const device::Model* model) {
  FIRSTRING_CHECK(render::check_text(value, model));
  if (render::check_value(value, model)) return {};
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

}  // namespace firstring::manage
