#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace firstring::render {

/// Appends `text` as the content of an element. Fails as check_text does; then `document` may hold a part of it.
Result<void> append_escaped(std::string& document, std::string_view text);

}  // namespace firstring::render
