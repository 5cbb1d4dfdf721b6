#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace firstring::cli {

/// NAME=VALUE as it is written behind `firstring set`.
struct Assignment {
  std::string name;
  std::string value;
};

/// Each name once, each a name that a parameter may have.
Result<std::vector<Assignment>> parse_assignments(const std::vector<std::string>& texts);

}  // namespace firstring::cli
