#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "store/fleet.hpp"

namespace firstring::manage {

/// The version of something that an operator edits, made from its content: 16 hexadecimal digits. REST's ETag. Sealed
/// secrets count as they are sealed, so that a secret that was set anew is another version, whatever it says.
std::string version_of(const store::Device& device);
std::string version_of(const std::vector<store::Parameter>& layer);
std::string version_of(const std::vector<store::Line>& lines);

/// What an operator saw when he decided on a change (REST's If-Match). Nothing: the change is made whatever is there.
using SeenVersion = std::optional<std::string>;

/// Fails with conflict if what is there now is not what was seen. `what`: "the layer base".
Result<void> check_version(const SeenVersion& seen, std::string_view actual, std::string_view what);

}  // namespace firstring::manage
