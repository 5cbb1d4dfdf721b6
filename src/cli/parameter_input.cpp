#include "cli/parameter_input.hpp"

#include <fmt/format.h>

#include "base/utf8.hpp"
#include "manage/parameter_rules.hpp"

namespace firstring::cli {

Result<std::vector<Assignment>> parse_assignments(const std::vector<std::string>& texts) {
  std::vector<Assignment> assignments;
  std::vector<std::string> names;
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    if (equals == std::string::npos)
      return fail(Errc::invalid_input, fmt::format("'{}' has no '='; write NAME=VALUE", visible(text, 60)));
    names.push_back(text.substr(0, equals));
    assignments.push_back({names.back(), text.substr(equals + 1)});
  }
  FIRSTRING_CHECK(manage::check_parameter_names(names));
  return assignments;
}

}  // namespace firstring::cli
