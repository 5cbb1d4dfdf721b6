#include "vendor/format.hpp"

#include <algorithm>
#include <array>

namespace firstring::vendor {

const Format* find_format(std::string_view name) {
  static constexpr std::array<const Format*, 2> kFormats{&kFlatProfile, &kKeyValue};
  const auto* const found =
      std::find_if(kFormats.begin(), kFormats.end(), [&](const Format* format) { return format->name == name; });
  return found == kFormats.end() ? nullptr : *found;
}

}  // namespace firstring::vendor
