#include "tls/quarantine_link.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "hello/client_hello.hpp"

namespace firstring::tls {
namespace {

/// Two descriptors go with each hand-over.
constexpr std::size_t kDescriptors = 2;
/// A hello, and what hello::Reader may have been fed beyond it.
constexpr std::size_t kMaxReceived = hello::Reader::kMaxBytes + std::size_t{16} * 1024;
constexpr std::string_view kEnded = "the quarantine ended in the middle of it; the server's log says more";

/// Room for the descriptors that travel with a message.
union Ancillary {
  std::array<char, CMSG_SPACE(kDescriptors * sizeof(int))> bytes;
  cmsghdr alignment;
};

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

/// The descriptors that came with a message, owned at once.
std::vector<FileDescriptor> descriptors_of(msghdr& message) {
  std::vector<FileDescriptor> owned;
  for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    std::array<int, kDescriptors> fds{};
    const auto count = std::min(fds.size(), (header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(fds.data(), CMSG_DATA(header), count * sizeof(int));
    for (std::size_t i = 0; i < count; ++i) owned.emplace_back(fds[i]);
  }
  return owned;
}

}  // namespace

void QuarantineLink::connect(FileDescriptor control) {
  auto fresh = control ? std::make_shared<const FileDescriptor>(std::move(control)) : nullptr;
  const std::lock_guard lock{mutex_};
  control_ = std::move(fresh);
}

Result<FileDescriptor> QuarantineLink::hand_over(int socket, ByteView received,
                                                 std::chrono::milliseconds handshake_timeout) {
  std::shared_ptr<const FileDescriptor> control;
  {
    const std::lock_guard lock{mutex_};
    control = control_;
  }
  if (!control) return fail(Errc::unavailable, "the quarantine does not run now; the server's log says why");
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()) != 0)
    return fail(Errc::io, fmt::format("make a socket pair: {}", errno_text(errno)));
  FileDescriptor ours{pair[0]};
  const FileDescriptor theirs{pair[1]};

  auto timeout = static_cast<std::uint32_t>(handshake_timeout.count());
  std::array<iovec, 2> parts{
      {{&timeout, sizeof timeout}, {const_cast<std::uint8_t*>(received.data()), received.size()}}};
  Ancillary ancillary{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = ancillary.bytes.data();
  message.msg_controllen = ancillary.bytes.size();
  auto* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(kDescriptors * sizeof(int));
  const std::array<int, kDescriptors> fds{socket, theirs.get()};
  std::memcpy(CMSG_DATA(header), fds.data(), sizeof fds);
  if (::sendmsg(control->get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return ours;
  if (would_block(errno) || errno == ETOOMANYREFS)
    return fail(Errc::limit_exceeded, "the quarantine has as many clients as it may");
  return fail(Errc::unavailable, fmt::format("hand a client to the quarantine: {}", errno_text(errno)));
}

Result<std::optional<HandOver>> take_over(int control) {
  HandOver result;
  std::uint32_t timeout = 0;
  result.received.resize(kMaxReceived);
  std::array<iovec, 2> parts{{{&timeout, sizeof timeout}, {result.received.data(), result.received.size()}}};
  Ancillary ancillary{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = ancillary.bytes.data();
  message.msg_controllen = ancillary.bytes.size();
  const auto count = ::recvmsg(control, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (count < 0 && would_block(errno)) return std::nullopt;
  if (count <= 0) return fail(Errc::unavailable, "the server has closed the link");
  auto descriptors = descriptors_of(message);
  if (descriptors.size() != kDescriptors || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
      static_cast<std::size_t>(count) < sizeof timeout) {
    return fail(Errc::invalid_input, "a hand-over is not whole");
  }
  result.received.resize(static_cast<std::size_t>(count) - sizeof timeout);
  result.received.shrink_to_fit();
  result.socket = std::move(descriptors[0]);
  result.pair = std::move(descriptors[1]);
  result.handshake_timeout = std::chrono::milliseconds{timeout};
  return result;
}

Channel::Status QuarantineChannel::failed(std::string what) {
  facts_.failure = std::move(what);
  return Status::failed;
}

Channel::Status QuarantineChannel::handshake() {
  std::array<std::uint8_t, 4096> buffer;
  while (const auto wanted = reader_.wanted()) {
    const auto count = ::recv(fd_, buffer.data(), std::min(wanted, buffer.size()), 0);
    if (count < 0 && would_block(errno)) return Status::want_read;
    if (count <= 0) return failed(std::string{kEnded});
    if (const auto fed = reader_.feed({buffer.data(), static_cast<std::size_t>(count)}); !fed)
      return failed(fed.error().what);
  }
  return record_complete();
}

Channel::Status QuarantineChannel::record_complete() {
  const auto& record = reader_.record();
  const auto at = [&](std::int64_t micros) -> TlsFacts::TimePoint {
    if (micros < 0) return {};
    const auto most = std::chrono::steady_clock::now() - handed_over_;
    return handed_over_ + std::min<TlsFacts::TimePoint::duration>(
                              std::chrono::microseconds{std::min<std::int64_t>(micros, 1'000'000'000'000)}, most);
  };
  std::vector<crypto::Certificate> chain;
  for (const auto& der : record.client_chain) {
    auto certificate = crypto::Certificate::from_der(der);
    if (!certificate) return failed("the quarantine's record holds something that is no certificate");
    chain.push_back(*std::move(certificate));
  }
  facts_.client_chain = std::move(chain);
  facts_.stage = record.stage;
  facts_.server_flight_at = at(record.server_flight_us);
  facts_.client_flight_at = at(record.client_flight_us);
  facts_.finished_at = at(record.finished_us);
  facts_.rtt_us = record.rtt_us;
  facts_.alert = record.alert;
  facts_.failure = record.failure;
  facts_.version = record.version;
  facts_.cipher = record.cipher;
  facts_.key_exchange = record.key_exchange;
  facts_.key_exchange_bits = record.key_exchange_bits;
  facts_.resumed = record.resumed;
  facts_.timed_out = record.result == QuarantineRecord::Result::timed_out;
  in_ = record.bytes_in;
  out_ = record.bytes_out;
  switch (record.result) {
    case QuarantineRecord::Result::ok:
      return Status::ok;
    case QuarantineRecord::Result::closed:
      return Status::closed;
    case QuarantineRecord::Result::failed:
    case QuarantineRecord::Result::timed_out:
      break;
  }
  return Status::failed;
}

Channel::Io QuarantineChannel::read(std::span<std::uint8_t> buffer) {
  const auto count = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (count > 0) {
    in_ += static_cast<std::size_t>(count);
    return {Status::ok, static_cast<std::size_t>(count)};
  }
  if (count == 0) return {Status::closed, 0};
  return {would_block(errno) ? Status::want_read : failed(std::string{kEnded}), 0};
}

Channel::Io QuarantineChannel::write(std::string_view bytes) {
  const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count >= 0) {
    out_ += static_cast<std::size_t>(count);
    return {Status::ok, static_cast<std::size_t>(count)};
  }
  return {would_block(errno) ? Status::want_write : failed(std::string{kEnded}), 0};
}

Channel::Status QuarantineChannel::shutdown() {
  return ::shutdown(fd_, SHUT_WR) == 0 ? Status::ok : failed(errno_text(errno));
}

}  // namespace firstring::tls
