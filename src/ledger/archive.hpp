#pragma once

#include <span>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"

namespace firstring::ledger {

struct ArchiveFile {
  std::string name;  ///< with the folders that it lies in; at most 100 bytes
  std::string content;
};

/// A .tar.gz (POSIX.1-1988 ustar, RFC 1952) of plain files with mode 0600 that belong to nobody in particular.
Result<std::string> tar_gz(std::span<const ArchiveFile> files, Timestamp time);

}  // namespace firstring::ledger
