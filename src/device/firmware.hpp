#pragma once

#include <compare>
#include <string_view>

namespace firstring::device {

/// Orders firmware versions as the phones' own rules do (spa-phones 3.2): numbers by their value, part by part, and a
/// letter behind one is a later patch: 7.5 < 7.5.2 < 7.5.2b < 7.5.10. Letters have no case; other characters separate
/// parts.
std::weak_ordering compare_firmware(std::string_view a, std::string_view b);

}  // namespace firstring::device
