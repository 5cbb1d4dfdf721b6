#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "base/text.hpp"
#include "http/request_reader.hpp"

// The first byte says in pieces of which size the rest comes; the outcome must be that of the rest in one piece.

namespace firstring::http {
namespace {

using State = RequestReader::State;

// Room for everything the fuzzer sends to wait behind a complete request, so that only the pieces differ.
constexpr Limits kLimits{.head_bytes = 4096, .target_bytes = 256, .body_bytes = 65536};

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
  std::string reason, seen;
  bool empty = false;
  bool operator==(const Reading&) const = default;
};

Reading read(ByteView bytes, std::size_t piece) {
  RequestReader reader{kLimits};
  Reading reading;
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min(piece, bytes.size()));
    bytes = bytes.subspan(part.size());
    for (auto state = reader.feed(part); state == State::complete; state = reader.next()) {
      check_path(reader.request().path);
      reading.requests.push_back(reader.request());
    }
  }
  reading.empty = reader.empty();
  if (reader.state() == State::failed) {
    require(reader.refusal().status >= 400 && !reader.refusal().body.empty() && !reader.reason().empty());
    reading.reason = reader.reason();
    reading.seen = reader.target_seen();
  }
  return reading;
}

}  // namespace
}  // namespace firstring::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace firstring::http;
  if (size < 2 || size > kLimits.head_bytes + kLimits.body_bytes) return 0;
  const firstring::ByteView bytes{data + 1, size - 1};
  require(read(bytes, data[0] + std::size_t{1}) == read(bytes, bytes.size()));
  return 0;
}
