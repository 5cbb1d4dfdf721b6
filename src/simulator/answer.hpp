#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "simulator/phone.hpp"

namespace firstring::simulator {

/// The longest head of an answer that a phone reads.
inline constexpr std::size_t kMaxAnswerHead = 65536;

struct Answer {
  unsigned status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;  ///< may hold the account's password: print it only when asked to
};

/// The phone's GET. `host` is a name or an address; `port` is left out where it is the scheme's `standard_port`.
std::string request_text(const Phone& phone, std::string_view path, std::string_view host, std::uint16_t port,
                         std::uint16_t standard_port);

/// Status line and headers, without the empty line behind them.
Result<Answer> parse_head(std::string_view head);

/// The first of that name, or "".
std::string_view header_of(const Answer& answer, std::string_view name);

/// The length of the body, at most 16 MiB. Bodies end by Content-Length only: nothing says that SPA phones understand
/// chunks (spa-phones.md 2.2).
Result<std::size_t> content_length(const Answer& answer);

}  // namespace firstring::simulator
