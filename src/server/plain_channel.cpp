#include "server/plain_channel.hpp"

#include <sys/socket.h>

#include <cerrno>

#include "base/file.hpp"

namespace firstring::server {

using Status = tls::Channel::Status;

tls::Channel::Io PlainChannel::read(std::span<std::uint8_t> buffer) {
  const auto count = ::recv(socket_, buffer.data(), buffer.size(), 0);
  if (tape_ != nullptr) tape_->received(buffer.data(), count, errno);
  if (count > 0) {
    in_ += static_cast<std::uint64_t>(count);
    return {Status::ok, static_cast<std::size_t>(count)};
  }
  if (count == 0) return {Status::closed, 0};
  if (errno == EAGAIN || errno == EINTR) return {Status::want_read, 0};
  facts_.failure = errno_text(errno);
  return {Status::failed, 0};
}

tls::Channel::Io PlainChannel::write(std::string_view bytes) {
  const auto count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count >= 0) {
    out_ += static_cast<std::uint64_t>(count);
    if (tape_ != nullptr) tape_->sent(bytes.data(), static_cast<std::size_t>(count));
    return {Status::ok, static_cast<std::size_t>(count)};
  }
  if (errno == EAGAIN || errno == EINTR) return {Status::want_write, 0};
  facts_.failure = errno_text(errno);
  return {Status::failed, 0};
}

}  // namespace firstring::server
