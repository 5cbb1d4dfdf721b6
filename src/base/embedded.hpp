#pragma once

#include <span>
#include <string_view>

namespace firstring::base {

/// A file of `data/` that was built into the program (cmake/EmbedData.cmake).
struct EmbeddedFile {
  std::string_view name;  ///< its file name without folders
  std::string_view content;
};

}  // namespace firstring::base
