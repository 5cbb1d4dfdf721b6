#include "server/connection.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "server/capacity.hpp"

namespace firstring::server {
namespace {

/// What the kernel has for a TCP socket that holds nothing: its objects, the open file, the place in epoll.
constexpr std::size_t kKernelBytes = 4 << 10;

/// The most that a reader holds of a head of kFreeBytes, all that is read of one without a lease: complete, with as
/// many short headers as fit.
std::size_t most_held_by_a_small_request() {
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 98; ++i) head += std::string(8, 'n') + ":" + std::string(8, 'v') + "\r\n";
  head += "X: " + std::string(kFreeBytes - head.size() - 7, 'x') + "\r\n\r\n";
  http::RequestReader reader{http::Limits{}};
  EXPECT_EQ(reader.feed(as_bytes(head)), http::RequestReader::State::complete) << reader.reason();
  return reader.held_bytes();
}

/// The same of a hello that does not end, in small pieces, so that its vectors grow as they do.
std::size_t most_held_by_a_small_hello() {
  Bytes bytes{0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3};
  bytes.resize(kFreeBytes);
  hello::Reader reader;
  for (std::size_t at = 0; at < bytes.size(); at += 7)
    EXPECT_EQ(reader.feed(ByteView{bytes}.subspan(at, std::min<std::size_t>(7, bytes.size() - at))),
              hello::Reader::State::need_more);
  EXPECT_EQ(reader.received().size(), kFreeBytes);
  return 2 * (2 * kFreeBytes);  // what was received, and the message in it, each in a vector that has doubled
}

TEST(OpenBytes, AreEnoughForAllThatAConnectionHasForFree) {
  const auto objects = sizeof(Connection) + sizeof(store::ConnectionRow) + sizeof(hello::Reader);
  EXPECT_LE(objects + most_held_by_a_small_hello() + kKernelBytes, kOpenBytes);
  // Its request as a row of the ledger too, and an answer that is on its way.
  const auto exchange = sizeof(Buffers::Lease) + 2 * sizeof(store::RequestRow) + 1024;
  EXPECT_LE(objects + exchange + most_held_by_a_small_request() + kFreeBytes + kKernelBytes, kOpenBytes)
      << objects << " " << most_held_by_a_small_request();
}

TEST(LargeRequestBytes, AreEnoughForTheWorstHead) {
  for (const std::size_t limit : {1024U, 8192U, 65536U}) {
    std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 0; i < 97 && head.size() + 200 < limit; ++i)
      head += std::string(17, 'n') + ":" + std::string(17, 'v') + "\r\n";
    head += "X: " + std::string(limit - head.size() - 7, 'x') + "\r\n\r\n";
    http::RequestReader reader{http::Limits{.head_bytes = limit}};
    auto state = http::RequestReader::State::need_more;
    std::size_t most = 0;
    for (std::size_t at = 0; at < head.size(); at += kReadBytes) {
      state = reader.feed(as_bytes(std::string_view{head}.substr(at, kReadBytes)));
      most = std::max(most, reader.held_bytes());
    }
    ASSERT_EQ(state, http::RequestReader::State::complete) << reader.reason();
    EXPECT_LE(most + kReadBytes, large_request_bytes(limit));
  }
}

}  // namespace
}  // namespace firstring::server
