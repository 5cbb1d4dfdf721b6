#include "http/body_source.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace firstring::http {
namespace {

class FileRange : public BodySource {
 public:
  FileRange(FileDescriptor file, std::uint64_t begin, std::uint64_t length)
      : file_(std::move(file)), at_(begin), length_(length), left_(length) {}

  std::optional<std::uint64_t> length() const override { return length_; }

  Result<Piece> read(std::span<char> buffer) override {
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left_));
    if (most == 0) return Piece{.bytes = 0, .is_end = true};
    ssize_t count = -1;
    do {
      count = ::pread(file_.get(), buffer.data(), most, static_cast<off_t>(at_));
    } while (count < 0 && errno == EINTR);
    if (count < 0) return fail(Errc::io, fmt::format("read the file that is sent: {}", errno_text(errno)));
    if (count == 0)
      return fail(Errc::io, fmt::format("read the file that is sent: it has become {} bytes shorter", left_));
    at_ += static_cast<std::uint64_t>(count);
    left_ -= static_cast<std::uint64_t>(count);
    return Piece{.bytes = static_cast<std::size_t>(count), .is_end = left_ == 0};
  }

  void on_more(std::function<void()> wake) override { wake(); }

 private:
  FileDescriptor file_;
  std::uint64_t at_, length_, left_;
};

}  // namespace

std::unique_ptr<BodySource> file_range(FileDescriptor file, std::uint64_t begin, std::uint64_t length) {
  return std::make_unique<FileRange>(std::move(file), begin, length);
}

}  // namespace firstring::http
