#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "device/model.hpp"

namespace firstring::manage {

/// Whether a parameter is a password by nature (Password_1_, Admin_Passwd, User_Password, GPP_SA to GPP_SD, private
/// keys), whatever class it has: such a value has no business in a shell's history or in a file that anybody may fetch.
bool is_secret_by_nature(std::string_view parameter);

/// Each name once, each a name that an XML element may have (letters, digits, '_', '-', '.').
Result<void> check_parameter_names(const std::vector<std::string>& names);

/// render::check_value with errors that show nothing of the value. `model`: whose documents it will stand in, if of
/// one.
Result<void> check_secret(std::string_view value, const device::Model* model = nullptr);

/// The text as a value that is rendered as this text, whatever braces it holds.
std::string escape_braces(std::string_view text);

}  // namespace firstring::manage
