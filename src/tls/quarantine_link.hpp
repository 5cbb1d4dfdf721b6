#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>

#include "base/file.hpp"
#include "tls/channel.hpp"
#include "tls/quarantine_record.hpp"

// How the server hands a client to firstring-quarantine and speaks with it through that process.
//
//   server                                         quarantine
//     | -- hand-over: TCP socket, pair, hello ------> |   one SOCK_SEQPACKET message with two descriptors
//     | <- assurance record ------------------------- |   on the pair, once the handshake is over
//     | <- plaintext -------------------------------> |   on the pair, until either end closes
namespace firstring::tls {

/// The descriptor of the quarantine's end of the link, from its first moment on.
constexpr int kQuarantineControl = 3;
/// Its first message, once it is in its sandbox; any other is the reason why it cannot be.
constexpr std::string_view kQuarantineReady = "ready";

/// What one hand-over holds.
struct HandOver {
  FileDescriptor socket;  ///< the client's
  FileDescriptor pair;    ///< the quarantine's end of the stream socket pair
  std::chrono::milliseconds handshake_timeout{};
  Bytes received;  ///< everything read from the socket so far: the hello
};

/// The server's end. Any thread.
class QuarantineLink {
 public:
  /// The control socket of a quarantine that runs; an empty one: there is none now.
  void connect(FileDescriptor control);

  /// Returns our end of the pair; the caller then closes its own copy of `socket`. Does not block. Errors: unavailable
  /// if no quarantine runs; limit_exceeded if the kernel's queue to it is full: try again later.
  Result<FileDescriptor> hand_over(int socket, ByteView received, std::chrono::milliseconds handshake_timeout);

 private:
  std::mutex mutex_;
  std::shared_ptr<const FileDescriptor> control_;
};

/// The quarantine's end: the next hand-over, or nullopt if there is none waiting. Errors: unavailable once the server
/// has closed the link; others for a message that is none, which costs that message alone.
Result<std::optional<HandOver>> take_over(int control);

/// A client that the quarantine speaks TLS with; `fd` (not owned) is our end of the pair. The quarantine is
/// not trusted: its times are clamped to the span since the hand-over, and certificates are judged here.
class QuarantineChannel final : public Channel {
 public:
  explicit QuarantineChannel(int fd) : fd_(fd), handed_over_(std::chrono::steady_clock::now()) {}

  Status handshake() override;
  Io read(std::span<std::uint8_t> buffer) override;
  Io write(std::string_view bytes) override;
  Status flush() override { return Status::ok; }  // nothing is kept here
  Status shutdown() override;
  void keep_session(std::string_view) override {}  // that process keeps none

  const TlsFacts& facts() const override { return facts_; }
  std::uint64_t bytes_in() const override { return in_; }  ///< the handshake's as on the wire, then of the plaintext
  std::uint64_t bytes_out() const override { return out_; }

 private:
  Status record_complete();
  Status failed(std::string what);

  int fd_;
  TlsFacts::TimePoint handed_over_;
  QuarantineRecordReader reader_;
  TlsFacts facts_;
  std::uint64_t in_ = 0, out_ = 0;
};

}  // namespace firstring::tls
