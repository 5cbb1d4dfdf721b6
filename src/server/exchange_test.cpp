#include "server/exchange.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/file.hpp"
#include "server/capacity.hpp"
#include "server/plain_channel.hpp"

namespace firstring::server {
namespace {

using Need = Next::Need;

/// Takes bodies of up to 1000 bytes to /upload.
class Uploads : public provision::Handler {
 public:
  std::size_t body_limit(const http::Request& request) const override { return request.path == "/upload" ? 1000 : 0; }
  void handle(const provision::Inquiry& /*inquiry*/, Done /*done*/) override {}
};

/// Gives what it is given, and has nothing between.
class Drops : public http::BodySource {
 public:
  explicit Drops(std::optional<std::uint64_t> length) : length_(length) {}
  std::optional<std::uint64_t> length() const override { return length_; }
  Result<Piece> read(std::span<char> buffer) override {
    const auto count = std::min(next.size(), buffer.size());
    std::copy_n(next.begin(), count, buffer.begin());
    next.erase(0, count);
    return Piece{.bytes = count, .is_end = next.empty() && is_over};
  }
  void on_more(std::function<void()> wake) override { wake_ = std::move(wake); }
  void give(std::string text, bool last) {
    next += text;
    is_over = last;
    if (wake_) std::exchange(wake_, nullptr)();
  }

 private:
  std::string next;
  bool is_over = false;
  std::optional<std::uint64_t> length_;
  std::function<void()> wake_;
};

class ExchangeTest : public ::testing::Test {
 protected:
  ExchangeTest() {
    std::array<int, 2> pair{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
    ours_ = FileDescriptor{pair[0]};
    phone_ = FileDescriptor{pair[1]};
    inputs_.set_limit(1 << 20);
    answers_.set_limit(1 << 20);
  }

  void say(std::string_view text) {
    ASSERT_EQ(::send(phone_.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  std::string hear() {
    std::string heard;
    std::array<char, 65536> buffer{};
    for (ssize_t count = 1; (count = ::recv(phone_.get(), buffer.data(), buffer.size(), 0)) > 0;)
      heard.append(buffer.data(), static_cast<std::size_t>(count));
    return heard;
  }
  Next read() { return exchange_.read(channel_, false, handler_, now); }
  /// Writes to the end, as fast as the phone takes it; gives what it heard.
  std::string write_all() {
    std::string heard;
    for (;;) {
      const auto next = exchange_.write(channel_);
      heard += hear();
      if (next.need == Need::write) continue;
      EXPECT_EQ(next.need, Need::nothing) << next.detail;
      return heard;
    }
  }
  static http::Response with(std::unique_ptr<http::BodySource> source) {
    http::Response response;
    response.source = std::move(source);
    return response;
  }

  FileDescriptor ours_, phone_;
  Buffers inputs_, answers_;
  Uploads handler_;
  PlainChannel channel_{-1, nullptr};
  int woken_ = 0;
  Exchange exchange_{8192, inputs_, answers_, nullptr, [] {}, [this] { ++woken_; }};

  void SetUp() override { channel_ = PlainChannel{ours_.get(), nullptr}; }
};

TEST_F(ExchangeTest, AnswersOneRequestAfterTheOther) {
  EXPECT_EQ(read().need, Need::read);
  EXPECT_FALSE(exchange_.has_begun());
  say("GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n");
  for (const auto* path : {"/a", "/b"}) {
    ASSERT_EQ(read().need, Need::nothing);
    EXPECT_EQ(exchange_.reader().request().path, path);
    exchange_.answer(http::plain(200, path), true, http::Body::with);
    EXPECT_TRUE(write_all().ends_with(std::string{path} + "\n"));
    EXPECT_EQ(exchange_.body_bytes(), 3U);
    exchange_.finish_answer(now);
  }
  EXPECT_EQ(read().need, Need::read);
  EXPECT_TRUE(exchange_.is_empty());
  EXPECT_EQ(answers_.used() + inputs_.used(), 0U);
}

TEST_F(ExchangeTest, TakesABodyOnlyWhereTheHandlerDoes) {
  say("POST /upload HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab");
  EXPECT_EQ(read().need, Need::read);
  say("c");
  ASSERT_EQ(read().need, Need::nothing);
  EXPECT_EQ(exchange_.reader().request().body, "abc");
  exchange_.answer(http::plain(200, "ok"), true, http::Body::with);
  write_all();
  exchange_.finish_answer(now);
  say("POST /other HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
  ASSERT_EQ(read().need, Need::nothing);
  EXPECT_TRUE(exchange_.has_unread_body());
}

TEST_F(ExchangeTest, SendsAFileRangeInPieces) {
  const auto file = std::filesystem::path{testing::TempDir()} / ("exchange_" + std::to_string(::getpid()));
  std::string content;
  for (int i = 0; content.size() < 200'000; ++i) content += std::to_string(i) + "\n";
  std::ofstream{file} << content;
  say("GET /f HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_EQ(read().need, Need::nothing);
  exchange_.answer(with(http::file_range(FileDescriptor{::open(file.c_str(), O_RDONLY | O_CLOEXEC)}, 1000, 150'000)),
                   true, http::Body::with);
  const auto heard = write_all();
  EXPECT_NE(heard.find("Content-Length: 150000\r\n"), std::string::npos);
  EXPECT_EQ(heard.substr(heard.find("\r\n\r\n") + 4), content.substr(1000, 150'000));
  EXPECT_EQ(exchange_.body_bytes(), 150'000U);
  EXPECT_TRUE(exchange_.keeps_alive());
  EXPECT_LE(answers_.used(), 2 * kAnswerBytes);
  std::filesystem::remove(file);
}

TEST_F(ExchangeTest, BreaksOffWhenTheFileHasBecomeShorter) {
  const auto file = std::filesystem::path{testing::TempDir()} / ("exchange_" + std::to_string(::getpid()));
  std::ofstream{file} << std::string(100, 'x');
  say("GET /f HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_EQ(read().need, Need::nothing);
  exchange_.answer(with(http::file_range(FileDescriptor{::open(file.c_str(), O_RDONLY | O_CLOEXEC)}, 0, 101)), true,
                   http::Body::with);
  const auto next = exchange_.write(channel_);
  EXPECT_EQ(next.need, Need::end);
  EXPECT_EQ(next.outcome, Outcome::aborted);
  EXPECT_NE(next.detail.find("1 bytes shorter"), std::string::npos) << next.detail;
  std::filesystem::remove(file);
}

TEST_F(ExchangeTest, WaitsForAStreamAndEndsWithTheConnectionIfItsLengthIsUnknown) {
  auto stream = std::make_unique<Drops>(std::nullopt);
  auto& drops = *stream;
  say("GET /s HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_EQ(read().need, Need::nothing);
  exchange_.answer(with(std::move(stream)), true, http::Body::with);
  EXPECT_FALSE(exchange_.keeps_alive());
  EXPECT_EQ(exchange_.write(channel_).need, Need::more);
  auto heard = hear();
  EXPECT_EQ(heard.find("Content-Length"), std::string::npos);
  EXPECT_NE(heard.find("Connection: close"), std::string::npos);
  drops.give("first ", false);
  EXPECT_EQ(woken_, 1);
  EXPECT_EQ(exchange_.write(channel_).need, Need::more);
  EXPECT_EQ(hear(), "first ");
  drops.give("last", true);
  EXPECT_EQ(exchange_.write(channel_).need, Need::nothing);
  EXPECT_EQ(hear(), "last");
}

TEST_F(ExchangeTest, LeavesTheBodyOutForHead) {
  say("HEAD /s HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_EQ(read().need, Need::nothing);
  exchange_.answer(with(std::make_unique<Drops>(7)), true, http::Body::without);
  const auto heard = write_all();
  EXPECT_NE(heard.find("Content-Length: 7\r\n"), std::string::npos);
  EXPECT_TRUE(heard.ends_with("\r\n\r\n"));
}

TEST_F(ExchangeTest, SaysWhenTlsComesToAPlainPort) {
  say(std::string{"\x16\x03\x01\x02\x00", 5});
  const auto next = read();
  EXPECT_EQ(next.need, Need::end);
  EXPECT_EQ(next.outcome, Outcome::not_http);
}

}  // namespace
}  // namespace firstring::server
