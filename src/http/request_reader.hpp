#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "http/message.hpp"

namespace firstring::http {

struct Limits {
  std::size_t head_bytes = 8192;  ///< request line and headers; more is answered 431 (414 if the line alone is too long)
  std::size_t body_bytes = 65536; ///< more is answered 413
};

/// Collects one request after another from a connection's bytes. Sans-I/O, bounded by its limits. Strict by RFC 9112
/// but for one named leniency: a bare LF ends a line (RFC 9112 section 2.2), since simple clients send it.
class RequestReader {
 public:
  explicit RequestReader(Limits limits);
  RequestReader(RequestReader&&) noexcept;
  RequestReader& operator=(RequestReader&&) noexcept;
  ~RequestReader();

  enum class State : unsigned char { need_more, complete, failed };

  /// Takes bytes; those behind a complete request wait for next().
  State feed(ByteView bytes);
  State state() const;
  bool empty() const;                ///< nothing of a request has come yet: a close now is an ordinary end
  const Request& request() const;    ///< once complete
  const Response& refusal() const;   ///< once failed: the status for this kind of bad request, with a sentence
  std::string_view reason() const;   ///< once failed: stable code for the ledger, "head_too_large", "bad_target", "no_host", ...
  std::string_view target_seen() const;  ///< once failed: as much of method and target as could be read, for the ledger

  /// Forgets the finished request and goes on with the bytes behind it.
  State next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace firstring::http
