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
  /// Does not own `fd`. `received`: everything read from the socket so far. `tape`, if there is one, outlives the
  /// stream and takes what goes over the socket from here on, and the secrets.
  static Result<std::unique_ptr<Stream>> accept(std::shared_ptr<const Context> context, int fd, ByteView received,
                                                Tape* tape = nullptr);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() override;

  Status handshake() override;
  Io read(std::span<std::uint8_t> buffer) override;
  Io write(std::string_view bytes) override;
  Status flush() override;
  Status shutdown() override;

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
