#pragma once

#include <cstddef>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace firstring::simulator {

/// The content of a gzip file with one member (RFC 1952); fails above `limit` bytes, on a wrong checksum or length, and
/// on bytes behind its end.
Result<std::string> gunzip(ByteView file, std::size_t limit);

}  // namespace firstring::simulator
