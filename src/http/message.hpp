#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace firstring::http {

/// A request head as phones send it. Header names keep their case; `header` looks them up without it.
struct Request {
  std::string method;
  std::string target;       ///< as it stood in the request line
  std::string path;         ///< percent-decoded, without the query; begins with '/', holds no "." or ".." part and no NUL
  std::string query;        ///< not decoded
  unsigned version = 11;    ///< 10 or 11
  bool keep_alive = false;  ///< what the client wants, by version and Connection header
  std::vector<std::pair<std::string, std::string>> headers;

  std::string_view header(std::string_view name) const;  ///< the first of that name, or ""
};

struct Response {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  ///< further ones
};

/// The bytes of a response: always Content-Length, never chunked (SPA phones, fact sheet 2.2). `head_only` for HEAD.
/// Answers in HTTP/1.1 to 1.1 and in HTTP/1.0 to 1.0.
enum class Body : unsigned char { with, without };
std::string serialize(const Response& response, unsigned version, bool keep_alive, Body body = Body::with);

/// A short plain answer whose body is the sentence.
Response plain(unsigned status, std::string_view sentence);
std::string_view reason_phrase(unsigned status);

}  // namespace firstring::http
