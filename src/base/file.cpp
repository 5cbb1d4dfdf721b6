#include "base/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/text.hpp"

namespace firstring {
namespace {

Result<FileDescriptor> open_for_reading(const std::filesystem::path& path) {
  FileDescriptor fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd) {
    const auto code = errno == ENOENT ? Errc::not_found : Errc::io;
    return fail(code, fmt::format("read {}: {}", path.string(), errno_text(errno)));
  }
  return fd;
}

Result<std::string> read_all(int fd, const std::filesystem::path& path, std::size_t limit) {
  std::string content;
  for (;;) {
    const auto before = content.size();
    content.resize(before + 65536);
    const auto count = ::read(fd, content.data() + before, 65536);
    if (count < 0) return fail(Errc::io, fmt::format("read {}: {}", path.string(), errno_text(errno)));
    content.resize(before + static_cast<std::size_t>(count));
    if (count == 0) return content;
    if (content.size() > limit) {
      return fail(Errc::limit_exceeded, fmt::format("read {}: larger than the {} bytes allowed", path.string(), limit));
    }
  }
}

}  // namespace

std::string errno_text(int error) {
  auto text = std::generic_category().message(error);
  if (!text.empty()) text[0] = to_lower(text.substr(0, 1))[0];
  return text;
}

void FileDescriptor::reset(int fd) noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit) {
  FIRSTRING_TRY(const auto fd, open_for_reading(path));
  return read_all(fd.get(), path, limit);
}

Result<Secret> read_secret_file(const std::filesystem::path& path, std::size_t limit) {
  FIRSTRING_TRY(const auto fd, open_for_reading(path));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0)
    return fail(Errc::io, fmt::format("read {}: {}", path.string(), errno_text(errno)));
  if ((status.st_mode & 077) != 0) {
    return fail(Errc::denied, fmt::format("read {}: other users can read this secret (mode {:04o}); run: chmod 600 {}",
                                          path.string(), status.st_mode & 07777U, path.string()));
  }
  FIRSTRING_TRY(auto content, read_all(fd.get(), path, limit));
  return Secret{std::move(content)};
}

Result<void> write_file(const std::filesystem::path& path, std::string_view content, mode_t mode) {
  const auto failed = [&](std::string_view step) {
    return fail(Errc::io, fmt::format("write {}: {}: {}", path.string(), step, errno_text(errno)));
  };
  auto temporary = path;
  temporary += fmt::format(".new-{}", ::getpid());
  FileDescriptor fd{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)};
  if (!fd) return failed("create");
  const auto abandon = [&](std::string_view step) {
    auto error = failed(step);
    ::unlink(temporary.c_str());
    return error;
  };
  if (::fchmod(fd.get(), mode) != 0) return abandon("set its mode");
  while (!content.empty()) {
    const auto count = ::write(fd.get(), content.data(), content.size());
    if (count < 0) return abandon("write");
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(fd.get()) != 0) return abandon("sync");
  if (::rename(temporary.c_str(), path.c_str()) != 0) return abandon("rename");
  return {};
}

}  // namespace firstring
