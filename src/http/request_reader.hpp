#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "http/message.hpp"

namespace firstring::http {

struct Limits {
  std::size_t head_bytes = 8192;    ///< request line and headers; more is answered 431
  std::size_t target_bytes = 2048;  ///< of the request line; more is answered 414
  std::size_t body_bytes = 65536;   ///< more is answered 413
};

/// Collects one request after another from a connection's bytes. Sans-I/O, bounded by its limits, linear in the number
/// of bytes however they are split; any split gives the same request or the same refusal. Strict by RFC 9112 but for
/// one named leniency: a bare LF ends a line (RFC 9112 section 2.2), since simple clients send it. Stricter where the
/// RFC leaves it open: folded headers, bodies of unknown length (411) and bodies of other methods than POST and PUT are
/// refused, and an expectation is answered 417 at once, so that the client need not wait for "100 Continue".
class RequestReader {
 public:
  explicit RequestReader(Limits limits);
  RequestReader(RequestReader&&) noexcept;
  RequestReader& operator=(RequestReader&&) noexcept;
  ~RequestReader();

  enum class State : unsigned char { need_more, complete, failed };

  /// Takes bytes; those behind a complete request wait for next(). At most as many wait as one request may have:
  /// with more, next() fails. Once failed, bytes are ignored.
  State feed(ByteView bytes);
  State state() const;
  bool empty() const;               ///< nothing of a request has come yet: a close now is an ordinary end
  const Request& request() const;   ///< once complete
  const Response& refusal() const;  ///< once failed: the status for this kind of bad request, with a sentence
  /// Once failed: stable code for the ledger, "head_too_large", "bad_target", "no_host", ...; README.md lists them.
  std::string_view reason() const;
  /// Once failed: as much of method and target as could be read, made printable, for the ledger.
  std::string_view target_seen() const;

  /// Forgets the finished request and goes on with the bytes behind it. Only once complete.
  State next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace firstring::http
