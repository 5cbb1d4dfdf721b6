#pragma once

#include <span>
#include <string_view>

namespace firstring::base {

/// A file of `data/` that was built into the program (cmake/EmbedData.cmake).
struct EmbeddedFile {
  std::string_view name;  ///< its path below the folder that firstring_embed names, or its name
  std::string_view content;
};

}  // namespace firstring::base
