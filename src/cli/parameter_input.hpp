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

/// Whether a parameter is a password by nature (Password_1_, Admin_Passwd, User_Password, GPP_SA to GPP_SD, private
/// keys), whatever class it has: such a value has no business in a shell's history or in a file that anybody may fetch.
bool is_secret_by_nature(std::string_view parameter);

/// render::check_value with errors that show nothing of the value.
Result<void> check_secret(std::string_view value);

/// The text as a value that is rendered as this text, whatever braces it holds.
std::string escape_braces(std::string_view text);

}  // namespace firstring::cli
