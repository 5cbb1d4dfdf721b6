#pragma once

#include <memory>

#include "tls/channel.hpp"
#include "tls/context.hpp"
#include "tls/tape.hpp"

namespace firstring::tls {

/// A Channel on a non-blocking socket. OpenSSL reads and writes the socket itself, through a small BIO that first gives
/// it the bytes that the hello's reader has already taken.
class Stream final : public Channel {
 public:
  struct Options {
    /// If there is one, it outlives the stream and takes what goes over the socket from here on, and the secrets.
    Tape* tape = nullptr;
    /// The highest version that the server would speak with another client of the same listener, if this one offers
    /// none above its personality's; 0: the personality's. The ServerHello then says so (RFC 8446 section 4.1.3,
    /// "downgrade"), which a client that offered more, before somebody changed its hello, takes for the attack it is.
    int highest_version = 0;
  };
  /// Does not own `fd`. `received`: everything read from the socket so far.
  static Result<std::unique_ptr<Stream>> accept(std::shared_ptr<const Context> context, int fd, ByteView received,
                                                const Options& options);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() override;

  Status handshake() override;
  Io read(std::span<std::uint8_t> buffer) override;
  Io write(std::string_view bytes) override;
  Status flush() override;
  Status shutdown() override;
  void keep_session(std::string_view owner) override;

  const TlsFacts& facts() const override;
  std::uint64_t bytes_in() const override;
  std::uint64_t bytes_out() const override;
  const Context& context() const;

 private:
  struct Impl;
  explicit Stream(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace firstring::tls
