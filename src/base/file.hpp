#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace firstring {

/// The whole file; fails above `limit` bytes.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit = 16U << 20);

/// The same for key material: also refuses a file that others than its owner can read.
Result<Secret> read_secret_file(const std::filesystem::path& path, std::size_t limit = 1U << 20);

/// Writes beside the target, syncs, then renames: a reader, a crash or a full disk sees the old file or the new, never
/// half.
Result<void> write_file(const std::filesystem::path& path, std::string_view content, mode_t mode = 0644);

/// Closes a file descriptor when it goes.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~FileDescriptor() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept;

 private:
  int fd_ = -1;
};

/// "permission denied" for EACCES, in lower case as our error texts are.
std::string errno_text(int error);

}  // namespace firstring
