#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "base/file.hpp"
#include "base/ip_address.hpp"
#include "base/result.hpp"
#include "crypto/openssl.hpp"
#include "simulator/address.hpp"
#include "simulator/client_traits.hpp"
#include "simulator/simulator.hpp"

namespace firstring::simulator {

using Deadline = std::chrono::steady_clock::time_point;

/// A connected TCP socket whose every wait ends at the deadline.
class Socket {
 public:
  static Result<Socket> connect(const Endpoint& to, Deadline deadline);

  Result<void> send(ByteView bytes);
  /// At least one byte; 0 at the end of the stream.
  Result<std::size_t> receive(std::span<std::uint8_t> into);

 private:
  Socket(FileDescriptor fd, Deadline deadline) : fd_(std::move(fd)), deadline_(deadline) {}
  Result<void> wait(short events) const;

  FileDescriptor fd_;
  Deadline deadline_;
};

/// The client's side of TLS over a Socket. Both must outlive it: `socket`, and `facts`, which it keeps filling in.
class TlsClient {
 public:
  static Result<TlsClient> create(const ClientTraits& traits, const Phone& phone, const Attempt& attempt,
                                  const std::string& server_name, Socket& socket, TlsFacts& facts);

  Result<void> handshake();
  Result<void> send(ByteView bytes);
  Result<std::size_t> receive(std::span<std::uint8_t> into);
  /// Says goodbye; a peer that is gone already is no matter.
  void close();

 private:
  TlsClient(crypto::SslContextPtr context, crypto::SslPtr ssl, Socket& socket, TlsFacts& facts);

  template <class Call>
  Result<std::size_t> drive(std::string_view doing, Call call);
  Result<void> flush();
  void note_handshake();

  crypto::SslContextPtr context_;
  crypto::SslPtr ssl_;
  Socket* socket_;
  TlsFacts* facts_;
};

}  // namespace firstring::simulator
