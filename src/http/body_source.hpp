#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "base/file.hpp"
#include "base/result.hpp"

namespace firstring::http {

/// The body of an answer that is not in memory as a whole: made, or read, while it is sent. Used by one thread at a
/// time.
class BodySource {
 public:
  virtual ~BodySource() = default;

  /// How many bytes it gives; nullopt if only its end tells. Such a body ends with its connection: phones do not read
  /// chunks (spa-phones.md 2.2).
  virtual std::optional<std::uint64_t> length() const = 0;

  struct Piece {
    std::size_t bytes = 0;
    bool is_end = false;  ///< nothing comes behind it
  };
  /// Puts what comes next at the front of `buffer`, which is not empty. No bytes and no end: there is nothing now, and
  /// on_more tells when there may be. Blocks no longer than reading a file from the page cache does.
  virtual Result<Piece> read(std::span<char> buffer) = 0;

  /// `wake`: called once, from any thread, when read() may give more after it gave nothing.
  virtual void on_more(std::function<void()> wake) = 0;
};

/// `length` bytes of `file` from `begin` on. A file that has become shorter than that fails.
std::unique_ptr<BodySource> file_range(FileDescriptor file, std::uint64_t begin, std::uint64_t length);

}  // namespace firstring::http
