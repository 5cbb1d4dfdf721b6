#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace firstring::vendor {

/// How a document is written. Data names a format (`format` of a family in data/vendors); several makers may share one,
/// and what they differ in (a first line) is data too.
struct Format {
  std::string_view name;          ///< "flat-profile", "key-value"
  std::string_view content_type;  ///< of the HTTP response
  std::string_view head, tail;    ///< before and behind the parameters

  /// Appends one parameter, escaped as the format needs it, so that nothing but this parameter comes of it whatever the
  /// text is. `name` keeps to render::check_parameter_name; `access` is what the phone's user may do ("na", "ro",
  /// "rw"),
  /// "" for not said. Fails as check_text does; then `document` may hold a part of it.
  Result<void> (*append)(std::string& document, std::string_view name, std::string_view access, std::string_view text);

  /// Whether the format can carry the text as a value. The error says what it cannot, and shows nothing of the text.
  Result<void> (*check_text)(std::string_view text);
};

/// XML with an element for each parameter (spa-phones.md 4.1): `<Name ua="ro">value</Name>` in `<flat-profile>`. CR LF
/// and CR in a value become LF, as any XML parser makes them.
extern const Format kFlatProfile;

/// Text with a line for each parameter, `name = value`, without quotes (other-makers.md 2): a value is the rest of its
/// line, so it holds no control character. It says nothing of `access`.
extern const Format kKeyValue;

/// By name; nullptr if there is none.
const Format* find_format(std::string_view name);

}  // namespace firstring::vendor
