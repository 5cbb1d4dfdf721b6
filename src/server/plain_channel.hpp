#pragma once

#include "tls/channel.hpp"
#include "tls/tape.hpp"

namespace firstring::server {

/// A connection without TLS behind the interface of one with TLS: the socket itself.
class PlainChannel : public tls::Channel {
 public:
  /// `socket` is the caller's, non-blocking. `tape`: nullptr if none runs.
  PlainChannel(int socket, tls::Tape* tape) : socket_(socket), tape_(tape) {}

  Status handshake() override { return Status::ok; }
  Io read(std::span<std::uint8_t> buffer) override;
  Io write(std::string_view bytes) override;
  Status flush() override { return Status::ok; }
  Status shutdown() override { return Status::ok; }
  void keep_session(std::string_view /*owner*/) override {}
  const tls::TlsFacts& facts() const override { return facts_; }
  std::uint64_t bytes_in() const override { return in_; }
  std::uint64_t bytes_out() const override { return out_; }

 private:
  int socket_;
  tls::Tape* tape_;
  tls::TlsFacts facts_;  ///< nothing but `failure`
  std::uint64_t in_ = 0, out_ = 0;
};

}  // namespace firstring::server
