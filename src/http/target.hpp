#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace firstring::http {

/// What a request target asks for.
///
/// `path` is percent-decoded once, begins with '/', and can be looked up as a name without further care: it is valid
/// UTF-8 without control characters, backslashes or "." and ".." segments, and holds nothing that a second decoding
/// would change. Runs of '/' are one '/', since phones whose rule ends in a slash ask for "//000e08abcdef.xml".
/// Case is kept.
struct Target {
  std::string path;
  std::string query;  ///< behind the first '?', not decoded
};

/// Reads the origin form ("/a?b") and the absolute form ("https://host/a", whose scheme and host are dropped: RFC 9112
/// section 3.2.2). The error is one sentence for the peer.
Result<Target> parse_target(std::string_view text);

}  // namespace firstring::http
