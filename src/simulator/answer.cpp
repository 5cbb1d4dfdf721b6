#include "simulator/answer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace firstring::simulator {
namespace {

constexpr std::size_t kMaxBody = 16U << 20;

}  // namespace

std::string request_text(const Phone& phone, std::string_view path, std::string_view host, std::uint16_t port,
                         std::uint16_t standard_port) {
  const bool is_v6 = host.find(':') != std::string_view::npos;
  return fmt::format("GET {} HTTP/1.1\r\nHost: {}{}{}{}\r\nUser-Agent: {}\r\nConnection: close\r\n\r\n", path,
                     is_v6 ? "[" : "", host, is_v6 ? "]" : "", port == standard_port ? "" : fmt::format(":{}", port),
                     user_agent(phone));
}

Result<Answer> parse_head(std::string_view head) {
  const auto bad = [] { return fail(Errc::invalid_input, "read the answer: it is not HTTP/1.0 or HTTP/1.1"); };
  const auto lines = split(head, '\n');
  const auto first = trim(lines[0]);
  Answer answer;
  if (!first.starts_with("HTTP/1.") || first.size() < 12 || first[8] != ' ') return bad();
  const auto [end, error] = std::from_chars(first.data() + 9, first.data() + 12, answer.status);
  if (error != std::errc{} || end != first.data() + 12 || answer.status < 100) return bad();
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto line = trim(lines[i]);
    if (line.empty()) continue;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return bad();
    answer.headers.emplace_back(line.substr(0, colon), trim(line.substr(colon + 1)));
  }
  return answer;
}

std::string_view header_of(const Answer& answer, std::string_view name) {
  for (const auto& [key, value] : answer.headers) {
    if (equals_ignoring_case(key, name)) return value;
  }
  return {};
}

Result<std::size_t> content_length(const Answer& answer) {
  if (answer.status == 204 || answer.status == 304) return std::size_t{0};
  const auto text = header_of(answer, "Content-Length");
  if (text.empty()) {
    return fail(Errc::invalid_input,
                fmt::format("read the answer: {} has no Content-Length, and phones may not understand anything else",
                            answer.status));
  }
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return fail(Errc::invalid_input, fmt::format("read the answer: bad Content-Length '{}'", printable(text, 40)));
  }
  if (length > kMaxBody) {
    return fail(Errc::limit_exceeded,
                fmt::format("read the answer: {} bytes are more than the {} allowed", length, kMaxBody));
  }
  return length;
}

}  // namespace firstring::simulator
