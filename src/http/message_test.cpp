#include "http/message.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace firstring::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const Timestamp kDate = *parse_timestamp("2026-11-03T21:43:51.9Z");

TEST(Serialize, IsTheseBytes) {
  Response response = plain(404, "There is no such file here.");
  response.headers.emplace_back("X-A", "b");
  EXPECT_EQ(serialize(std::move(response), 11, true, Body::with, kDate),
            "HTTP/1.1 404 Not Found\r\n"
            "Server: Firstring\r\n"
            "Date: Tue, 03 Nov 2026 21:43:51 GMT\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Length: 28\r\n"
            "X-A: b\r\n"
            "\r\n"
            "There is no such file here.\n");
}

TEST(Serialize, AnswersTheVersionOfTheRequest) {
  EXPECT_THAT(serialize({}, 10, false), StartsWith("HTTP/1.0 200 OK\r\n"));
  EXPECT_THAT(serialize({}, 11, false), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST(Serialize, SaysWhatBecomesOfTheConnection) {
  EXPECT_THAT(serialize({}, 11, true), Not(HasSubstr("Connection:")));
  EXPECT_THAT(serialize({}, 11, false), HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(serialize({}, 10, true), HasSubstr("\r\nConnection: keep-alive\r\n"));
  EXPECT_THAT(serialize({}, 10, false), HasSubstr("\r\nConnection: close\r\n"));
}

TEST(Serialize, GivesTheLengthOfABodyLeftOut) {
  Response response;
  response.body = "12345";
  const auto bytes = serialize(std::move(response), 11, true, Body::without);
  EXPECT_THAT(bytes, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(bytes, EndsWith("\r\n\r\n"));
}

TEST(Serialize, GivesALengthToAnEmptyBody) { EXPECT_THAT(serialize({}, 11, true), HasSubstr("Content-Length: 0\r\n")); }

TEST(Serialize, GivesNoLengthToAnAnswerThatCannotHaveABody) {
  Response response;
  response.status = 204;
  EXPECT_THAT(serialize(std::move(response), 11, true), Not(HasSubstr("Content-Length")));
}

TEST(Serialize, LetsNoValueBeginAnotherHeader) {
  Response response;
  response.headers.emplace_back("Location", "/a\r\nSet-Cookie: b");
  EXPECT_THAT(serialize(std::move(response), 11, true), HasSubstr("Location: /a  Set-Cookie: b\r\n"));
}

TEST(Serialize, TellsEachSecondsDate) {
  for (const auto seconds : {0, 1, 0}) {
    const auto bytes = serialize({}, 11, true, Body::with, kDate + std::chrono::seconds{seconds});
    EXPECT_THAT(bytes, HasSubstr(seconds == 0 ? "21:43:51 GMT" : "21:43:52 GMT"));
  }
}

TEST(Serialize, LeavesNoCopyOfTheBody) {
  Response response;
  response.body.reserve(10'000);
  response.body.assign(5000, 'p');
  const auto* const room = response.body.data();
  const auto bytes = serialize(std::move(response), 11, true);
  EXPECT_EQ(static_cast<const void*>(bytes.data()), room) << "the head goes into the body's room";
  EXPECT_THAT(bytes, EndsWith("\r\n\r\n" + std::string(5000, 'p')));
  EXPECT_EQ(response.body, "");  // NOLINT(bugprone-use-after-move): what becomes of it is said
}

TEST(Serialize, MakesRoomForTheHeadOfABodyWithout) {
  Response response;
  response.body.assign(5000, 'p');
  response.body.shrink_to_fit();
  EXPECT_THAT(serialize(std::move(response), 11, true), EndsWith("\r\n\r\n" + std::string(5000, 'p')));
}

TEST(Request, LooksUpHeadersWithoutCase) {
  Request request;
  request.headers = {{"User-Agent", "first"}, {"user-agent", "second"}};
  EXPECT_EQ(request.header("USER-AGENT"), "first");
  EXPECT_EQ(request.header("Accept"), "");
}

TEST(ReasonPhrase, IsThereForEveryNumber) {
  EXPECT_EQ(reason_phrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(reason_phrase(299), "Status");
}

}  // namespace
}  // namespace firstring::http
