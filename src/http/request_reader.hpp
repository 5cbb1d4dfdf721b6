#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/codes.hpp"
#include "http/message.hpp"

namespace firstring::http {

struct Limits {
  std::size_t head_bytes = 8192;    ///< request line and headers; more is answered 431
  std::size_t target_bytes = 2048;  ///< of the request line; more is answered 414
};

/// Collects one request after another from a connection's bytes. Sans-I/O, bounded by its limits, linear in the number
/// of bytes however they are split; any split gives the same request or the same refusal. Strict by RFC 9112 but for
/// one named leniency: a bare LF ends a line (RFC 9112 section 2.2), since simple clients send it. Stricter where the
/// RFC leaves it open: folded headers, bodies of unknown length (411) and bodies of other methods than POST and PUT are
/// refused.
///
/// It stops behind each head that announces a body, and takes none of it unless take_body says so: whether a body is
/// wanted depends on who asks for what, which is not for this module to know.
class RequestReader {
 public:
  explicit RequestReader(Limits limits);
  RequestReader(RequestReader&&) noexcept;
  RequestReader& operator=(RequestReader&&) noexcept;
  ~RequestReader();

  enum class State : unsigned char {
    need_more,
    head,      ///< complete but for its body: take_body(), or answer and read no further
    complete,  ///< next() goes on
    failed,
  };

  /// Takes bytes while more are needed, and otherwise ignores them. What is behind the end of a request waits for
  /// next(), and what is behind a head for take_body(), so that as much waits as the caller gives at once.
  State feed(ByteView bytes);
  State state() const;
  bool empty() const;                 ///< nothing of a request has come yet: a close now is an ordinary end
  const Request& request() const;     ///< once complete, and as far as the head goes once that is
  std::uint64_t body_length() const;  ///< in state `head`: the bytes announced, at least 1
  Response refusal() const;           ///< once failed: the status for this kind of bad request, with a sentence
  /// Once failed: head_too_large, bad_target, no_host, ...; README.md lists them.
  Reason reason() const;
  /// Once failed: as much of method and target as could be read, made printable, for the ledger.
  std::string_view target_seen() const;

  /// In state `head`: goes on with the body if it has at most `limit` bytes, and else fails (413). An expectation is
  /// answered 417 at once, so that the client need not wait for "100 Continue".
  State take_body(std::size_t limit);
  /// Forgets the finished request and goes on with the bytes behind it. Only once complete.
  State next();

  std::size_t received() const;  ///< bytes of the request's head so far
  /// Bytes of memory held for the peer: what it sent and was not forgotten, and the request made of it.
  std::size_t held_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace firstring::http
