#include "http/message.hpp"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"

namespace firstring::http {
namespace {

struct Phrase {
  unsigned status;
  std::string_view text;
};

// RFC 9110 section 15.
constexpr std::array kPhrases{
    Phrase{200, "OK"},
    Phrase{204, "No Content"},
    Phrase{206, "Partial Content"},
    Phrase{301, "Moved Permanently"},
    Phrase{302, "Found"},
    Phrase{304, "Not Modified"},
    Phrase{400, "Bad Request"},
    Phrase{401, "Unauthorized"},
    Phrase{403, "Forbidden"},
    Phrase{404, "Not Found"},
    Phrase{405, "Method Not Allowed"},
    Phrase{408, "Request Timeout"},
    Phrase{411, "Length Required"},
    Phrase{413, "Content Too Large"},
    Phrase{414, "URI Too Long"},
    Phrase{416, "Range Not Satisfiable"},
    Phrase{417, "Expectation Failed"},
    Phrase{429, "Too Many Requests"},
    Phrase{431, "Request Header Fields Too Large"},
    Phrase{500, "Internal Server Error"},
    Phrase{501, "Not Implemented"},
    Phrase{503, "Service Unavailable"},
    Phrase{505, "HTTP Version Not Supported"},
};

/// "Mon, 23 Nov 2026 21:43:51 GMT" (RFC 9110 section 5.6.7), in English whatever the locale.
std::string imf_date(Timestamp time) {
  constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::seconds>(time - day)};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays.at(std::chrono::weekday{day}.c_encoding()),
                     static_cast<unsigned>(date.day()), kMonths.at(static_cast<unsigned>(date.month()) - 1),
                     static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count());
}

/// The same, made once a second by each thread.
const std::string& date_of(Timestamp time) {
  struct Made {
    std::chrono::sys_seconds second;
    std::string text;
  };
  thread_local Made made;
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  if (made.text.empty() || made.second != second) made = {second, imf_date(second)};
  return made.text;
}

void add_header(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  const auto begin = static_cast<std::ptrdiff_t>(out.size());
  out.append(value);
  // A value made from a request must not be able to begin another header.
  std::replace_if(out.begin() + begin, out.end(), is_control, ' ');
  out.append("\r\n");
}

/// Without a copy of the text that stays in memory: it may hold passwords.
std::string put_before(std::string_view head, std::string text) {
  if (text.capacity() - text.size() >= head.size()) return std::move(text.insert(0, head));
  std::string roomier;
  roomier.reserve(head.size() + text.size());
  roomier.append(head).append(text);
  explicit_bzero(text.data(), text.size());
  return roomier;
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (equals_ignoring_case(key, name)) return value;
  }
  return {};
}

std::string_view reason_phrase(unsigned status) {
  const auto* const found =
      std::find_if(kPhrases.begin(), kPhrases.end(), [&](const Phrase& phrase) { return phrase.status == status; });
  return found == kPhrases.end() ? "Status" : found->text;
}

std::optional<std::uint64_t> Response::length() const {
  return source ? source->length() : std::optional<std::uint64_t>{body.size()};
}

Response plain(unsigned status, std::string_view sentence) {
  Response response;
  response.status = status;
  response.body.append(sentence).append("\n");
  return response;
}

std::string serialize(Response&& response, unsigned version, bool keep_alive, Body body, Timestamp date) {
  // RFC 9110 sections 8.6 and 15.3.5: a 204 has neither.
  const bool may_have_body = response.status != 204;
  std::string out;
  out.reserve(256);
  out.append(version >= 11 ? "HTTP/1.1 " : "HTTP/1.0 ").append(fmt::format_int{response.status}.c_str());
  out.append(" ").append(reason_phrase(response.status)).append("\r\n");
  add_header(out, "Server", "Firstring");
  add_header(out, "Date", date_of(date));
  if (may_have_body) {
    if (!response.content_type.empty()) add_header(out, "Content-Type", response.content_type);
    if (const auto length = response.length()) add_header(out, "Content-Length", fmt::format_int{*length}.c_str());
  }
  for (const auto& [name, value] : response.headers) add_header(out, name, value);
  if (!keep_alive) {
    add_header(out, "Connection", "close");
  } else if (version < 11) {
    add_header(out, "Connection", "keep-alive");
  }
  out.append("\r\n");
  auto text = std::exchange(response.body, {});
  if (may_have_body && body == Body::with && !response.source) return put_before(out, std::move(text));
  explicit_bzero(text.data(), text.size());
  return out;
}

}  // namespace firstring::http
