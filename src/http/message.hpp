#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "http/body_source.hpp"

namespace firstring::http {

/// A request as phones send it. Header names keep their case; `header` looks them up without it.
struct Request {
  std::string method;
  std::string target;       ///< as it stood in the request line
  std::string path;         ///< see Target (http/target.hpp): safe to look up as a name below a folder
  std::string query;        ///< not decoded
  unsigned version = 11;    ///< 10 or 11
  bool keep_alive = false;  ///< what the client wants, by version and Connection header
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;  ///< of POST and PUT

  std::string_view header(std::string_view name) const;  ///< the first of that name, or ""

  friend bool operator==(const Request&, const Request&) = default;
};

struct Response {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::unique_ptr<BodySource> source;  ///< in the place of `body`, for what is not in memory as a whole; or nullptr
  std::vector<std::pair<std::string, std::string>> headers;  ///< further ones

  /// Of its body; nullopt: only its end tells, and the connection ends with it.
  std::optional<std::uint64_t> length() const;
};

enum class Body : unsigned char { with, without };

/// The bytes of a response, its source's left out: with Content-Length where the length is known, never chunked
/// (spa-phones.md 2.2), and Date. `without` for HEAD: the length is that of the body left out. Answers in HTTP/1.1
/// to 1.1 and in HTTP/1.0 to 1.0; `version` is Request::version, 11 for a request that could not be read. Control
/// characters in header values become spaces. Takes the body: nothing of it is left in memory but in what is returned.
std::string serialize(Response&& response, unsigned version, bool keep_alive, Body body = Body::with,
                      Timestamp date = now());

/// A short plain answer whose body is the sentence and a newline.
Response plain(unsigned status, std::string_view sentence);

/// "Not Found"; "Status" for a number without a name of its own.
std::string_view reason_phrase(unsigned status);

}  // namespace firstring::http
