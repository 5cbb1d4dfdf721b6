#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "base/text.hpp"
#include "http/request_reader.hpp"

// The first byte says in pieces of which size the rest comes; the outcome must be that of the rest in one piece. What
// is held is bounded by the limits and by what was given at once.

namespace firstring::http {
namespace {

using State = RequestReader::State;

constexpr Limits kLimits{.head_bytes = 4096, .target_bytes = 256};
constexpr std::size_t kBodyLimit = 1024;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_path(const std::string& path) {
  require(path.starts_with('/'));
  require(path.find('\0') == std::string::npos && path.find('\\') == std::string::npos);
  for (const auto segment : split(path, '/')) require(segment != "." && segment != "..");
}

struct Reading {
  std::vector<Request> requests;
  Reason reason = Reason::unknown;
  std::string seen;
  bool empty = false;
  bool operator==(const Reading&) const = default;
};

Reading read(ByteView bytes, std::size_t piece) {
  RequestReader reader{kLimits};
  Reading reading;
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min(piece, bytes.size()));
    bytes = bytes.subspan(part.size());
    auto state = reader.feed(part);
    while (state == State::complete || state == State::head) {
      check_path(reader.request().path);
      // The head, its parts in the request, their pairs, the body, and what came behind.
      require(reader.held_bytes() <= 4 * kLimits.head_bytes + 20'000 + kBodyLimit + 2 * part.size());
      if (state == State::head) {
        require(reader.request().body.empty() && reader.body_length() > 0);
        state = reader.take_body(kBodyLimit);
      } else {
        reading.requests.push_back(reader.request());
        state = reader.next();
      }
    }
  }
  reading.empty = reader.empty();
  if (reader.state() == State::failed) {
    require(reader.refusal().status >= 400 && !reader.refusal().body.empty() && reader.reason() != Reason::unknown);
    reading.reason = reader.reason();
    reading.seen = reader.target_seen();
  }
  return reading;
}

}  // namespace
}  // namespace firstring::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace firstring::http;
  if (size < 2 || size > 70'000) return 0;
  const firstring::ByteView bytes{data + 1, size - 1};
  require(read(bytes, data[0] + std::size_t{1}) == read(bytes, bytes.size()));
  return 0;
}
