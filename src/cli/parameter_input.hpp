#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace firstring::cli {

/// NAME=VALUE as it is written behind `firstring set`.
struct Assignment {
  std::string name;
  std::string value;
};

/// Each name once, each a name that an XML element may have (letters, digits, '_', '-', '.').
Result<std::vector<Assignment>> parse_assignments(const std::vector<std::string>& texts);
Result<void> check_parameter_name(std::string_view name);

/// Whether a parameter is a password by nature (Password_1_, Admin_Passwd, User_Password, GPP_SA to GPP_SD, private
/// keys), whatever class it has: such a value has no business in a shell's history or in a file that anybody may fetch.
bool is_secret_by_nature(std::string_view parameter);

/// Refuses what can never be rendered: a `{{name}}` that is not known or not closed, and characters that XML 1.0 cannot
/// carry (XML 1.0 section 2.2).
Result<void> check_value(std::string_view value);

}  // namespace firstring::cli
