#include "http/request_reader.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <tuple>

#include "base/text.hpp"

namespace firstring::http {
namespace {

using State = RequestReader::State;

/// Everything that a reader says about a byte stream, in words that can be compared.
struct Reading {
  std::vector<Request> requests;
  Reason reason = Reason::unknown;  // if none was refused
  unsigned status = 0;
  std::string seen;
  bool ended_empty = false;

  bool operator==(const Reading&) const = default;
};

constexpr std::size_t kBodyLimit = 65536;

Reading read(const std::vector<std::string>& parts, Limits limits = {}, std::size_t body_limit = kBodyLimit) {
  RequestReader reader{limits};
  Reading reading;
  for (const auto& part : parts) {
    auto state = reader.feed(as_bytes(part));
    while (state == State::complete || state == State::head) {
      if (state == State::complete) reading.requests.push_back(reader.request());
      state = state == State::head ? reader.take_body(body_limit) : reader.next();
    }
  }
  reading.ended_empty = reader.empty();
  if (reader.state() == State::failed) {
    reading.reason = reader.reason();
    reading.status = reader.refusal().status;
    reading.seen = reader.target_seen();
  }
  return reading;
}

Reading read(std::string_view bytes, Limits limits = {}, std::size_t body_limit = kBodyLimit) {
  return read(std::vector{std::string{bytes}}, limits, body_limit);
}

std::vector<std::string> single_bytes(std::string_view text) {
  std::vector<std::string> parts;
  for (const char c : text) parts.emplace_back(1, c);
  return parts;
}

constexpr std::string_view kPhone =
    "GET /000e08abcdef.xml HTTP/1.1\r\n"
    "Host: pv.example.net\r\n"
    "User-Agent: Cisco/SPA504G-7.6.2c (000E08ABCDEF)(CCQ162306EA)\r\n"
    "\r\n";

TEST(RequestReader, ReadsAPhonesRequest) {
  const auto reading = read(kPhone);
  ASSERT_EQ(reading.requests.size(), 1U);
  const auto& request = reading.requests[0];
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target, "/000e08abcdef.xml");
  EXPECT_EQ(request.path, "/000e08abcdef.xml");
  EXPECT_EQ(request.version, 11U);
  EXPECT_TRUE(request.keep_alive);
  EXPECT_EQ(request.header("user-agent"), "Cisco/SPA504G-7.6.2c (000E08ABCDEF)(CCQ162306EA)");
  EXPECT_EQ(request.headers.size(), 2U);
  EXPECT_TRUE(reading.ended_empty);
}

TEST(RequestReader, ReadsARequestInTwoRecords) {
  // How TLS 1.0 clients with the BEAST counter-measure send it (tls-facts.md, section A).
  EXPECT_EQ(read({std::string{"G"}, std::string{kPhone.substr(1)}}), read(kPhone));
}

TEST(RequestReader, ReadsARequestInSingleBytes) { EXPECT_EQ(read(single_bytes(kPhone)), read(kPhone)); }

TEST(RequestReader, TakesABareLineFeedAsALineEnd) {
  std::string bytes{kPhone};
  std::erase(bytes, '\r');
  EXPECT_EQ(read(bytes), read(kPhone));
}

TEST(RequestReader, IsEmptyUntilSomethingCame) {
  RequestReader reader{Limits{}};
  EXPECT_TRUE(reader.empty());
  EXPECT_EQ(reader.feed(as_bytes("G")), State::need_more);
  EXPECT_FALSE(reader.empty());
}

TEST(RequestReader, SkipsOneEmptyLineBeforeARequest) {
  EXPECT_EQ(read("\r\n" + std::string{kPhone}), read(kPhone));
  EXPECT_EQ(read("\r\n\r\n" + std::string{kPhone}).reason, Reason::bad_request_line);
}

TEST(RequestReader, ServesHttp10WithoutHost) {
  const auto reading = read("GET /spa504G.cfg HTTP/1.0\r\n\r\n");
  ASSERT_EQ(reading.requests.size(), 1U) << reading.reason;
  EXPECT_EQ(reading.requests[0].version, 10U);
  EXPECT_FALSE(reading.requests[0].keep_alive);
}

TEST(RequestReader, UnderstandsConnectionHeaders) {
  EXPECT_FALSE(read("GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n").requests.at(0).keep_alive);
  EXPECT_TRUE(read("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").requests.at(0).keep_alive);
}

TEST(RequestReader, TakesTheAbsoluteForm) {
  const auto reading = read("GET https://pv.example.net/a?b HTTP/1.1\r\nHost: other\r\n\r\n");
  ASSERT_EQ(reading.requests.size(), 1U) << reading.reason;
  EXPECT_EQ(reading.requests[0].path, "/a");
  EXPECT_EQ(reading.requests[0].query, "b");
  EXPECT_EQ(reading.requests[0].target, "https://pv.example.net/a?b");
}

TEST(RequestReader, ReadsABodyAndTheRequestBehindIt) {
  const auto reading = read("POST /report HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + std::string{kPhone});
  ASSERT_EQ(reading.requests.size(), 2U) << reading.reason;
  EXPECT_EQ(reading.requests[0].body, "hello");
  EXPECT_EQ(reading.requests[1].method, "GET");
  EXPECT_EQ(reading.requests[1].body, "");
}

TEST(RequestReader, TakesABodyOfExactlyTheLimit) {
  const std::string head = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ";
  EXPECT_EQ(read(head + "4\r\n\r\n1234", {}, 4).requests.size(), 1U);
  EXPECT_EQ(read(head + "5\r\n\r\n", {}, 4).reason, Reason::body_too_large);
}

TEST(RequestReader, TakesATargetAndAHeadOfExactlyTheLimit) {
  const std::string target = "/" + std::string(99, 'a');
  const auto request = "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_EQ(read(request, {.target_bytes = 100}).requests.size(), 1U);
  EXPECT_EQ(read(request, {.target_bytes = 99}).reason, Reason::target_too_long);
  EXPECT_EQ(read(request, {.head_bytes = request.size()}).requests.size(), 1U);
  EXPECT_EQ(read(request, {.head_bytes = request.size() - 1}).reason, Reason::head_too_large);
}

TEST(RequestReader, IgnoresAnExpectationOfHttp10) {
  EXPECT_EQ(read("POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx").requests.size(), 1U);
}

constexpr std::string_view kPost = "POST /report HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";

TEST(RequestReader, StopsBehindTheHeadAndTakesNoByteOfABody) {
  for (const std::size_t piece : {std::size_t{1}, kPost.size(), kPost.size() + 5}) {
    RequestReader reader{Limits{}};
    const auto bytes = std::string{kPost} + "hello";
    auto state = State::need_more;
    for (std::size_t at = 0; at < bytes.size(); at += piece) state = reader.feed(as_bytes(bytes.substr(at, piece)));
    EXPECT_EQ(state, State::head) << piece;
    EXPECT_EQ(reader.request().method, "POST");
    EXPECT_EQ(reader.request().path, "/report");
    EXPECT_EQ(reader.request().body, "");
    EXPECT_EQ(reader.body_length(), 5U);
  }
}

TEST(RequestReader, HoldsNothingOfABodyThatNobodyHasTaken) {
  RequestReader reader{Limits{}};
  ASSERT_EQ(reader.feed(as_bytes(kPost)), State::head);
  const auto held = reader.held_bytes();
  const std::string part(16384, 'z');
  for (int i = 0; i < 100; ++i) EXPECT_EQ(reader.feed(as_bytes(part)), State::head);
  EXPECT_EQ(reader.held_bytes(), held);
}

TEST(RequestReader, AnswersAnExpectationOnlyOfABodyThatIsWanted) {
  const std::string expecting = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n";
  RequestReader reader{Limits{}};
  ASSERT_EQ(reader.feed(as_bytes(expecting)), State::head);
  EXPECT_EQ(reader.take_body(1), State::failed);
  EXPECT_EQ(reader.reason(), Reason::expectation_failed);
}

TEST(RequestReader, HoldsNoMoreBehindACompleteRequestThanCameWithItsEnd) {
  RequestReader reader{Limits{}};
  ASSERT_EQ(reader.feed(as_bytes(std::string{kPhone} + "GET /behind HTTP/1.0\r\n")), State::complete);
  const auto held = reader.held_bytes();
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(reader.feed(as_bytes("0123456789")), State::complete);
  EXPECT_EQ(reader.held_bytes(), held);
  EXPECT_EQ(reader.next(), State::need_more);
  EXPECT_EQ(reader.feed(as_bytes("\r\n")), State::complete);
  EXPECT_EQ(reader.request().path, "/behind");
}

TEST(RequestReader, ForgetsWhatItHeldWithTheRequest) {
  RequestReader reader{Limits{}};
  const auto before = reader.held_bytes();
  ASSERT_EQ(reader.feed(as_bytes("GET /" + std::string(2000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n")), State::complete);
  EXPECT_GT(reader.held_bytes(), 6000U) << "the head, the target and the path";
  ASSERT_EQ(reader.next(), State::need_more);
  EXPECT_EQ(reader.held_bytes(), before);
}

TEST(RequestReader, HoldsLittleMoreOfAHeadThanItsLimit) {
  for (const std::string_view line :
       {"X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", "a:\n"}) {
    RequestReader reader{Limits{.head_bytes = 5000}};
    reader.feed(as_bytes("GET / HTTP/1.1\n"));
    std::size_t most = 0;
    while (reader.feed(as_bytes(line)) == State::need_more) most = std::max(most, reader.held_bytes());
    EXPECT_EQ(reader.reason(), Reason::head_too_large);
    EXPECT_LE(most, 5300U);
  }
}

/// With pieces of 4 KiB, as connections read: the worst of heads costs so much memory and no more.
TEST(RequestReader, HoldsABoundedMultipleOfItsHead) {
  std::string worst = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 98; ++i) worst += std::string(16, 'n') + ':' + std::string(16, 'v') + "\r\n";
  const Limits limits;
  worst += "X: " + std::string(limits.head_bytes - worst.size() - 7, 'x') + "\r\n\r\n";
  RequestReader reader{limits};
  ASSERT_EQ(reader.feed(as_bytes(worst)), State::complete) << reader.reason();
  EXPECT_LE(reader.held_bytes(), 3 * limits.head_bytes + 10'000);
}

TEST(RequestReader, StaysFailed) {
  RequestReader reader{Limits{}};
  EXPECT_EQ(reader.feed(as_bytes("\x01")), State::failed);
  EXPECT_EQ(reader.feed(as_bytes(kPhone)), State::failed);
  EXPECT_EQ(reader.refusal().status, 400U);
}

TEST(RequestReader, SaysWhatCouldBeRead) {
  EXPECT_EQ(read("GET /../secret HTTP/1.1\r\n").seen, "GET /../secret");
  EXPECT_EQ(read("GET /x\r\n").seen, "GET /x");
  EXPECT_EQ(read("\x16\x03\x01").seen, "\\x16");
  EXPECT_EQ(read("GET /a HTTP/1.1\r\nUser-Agent: x\r\n\r\n").seen, "GET /a");
}

TEST(RequestReader, AnswersARefusalWithOneSentence) {
  RequestReader reader{Limits{}};
  reader.feed(as_bytes("GET /%zz HTTP/1.1\r\n"));
  EXPECT_EQ(reader.refusal().body, "The path holds a '%' without two hexadecimal digits behind it.\n");
}

TEST(RequestReader, BoundsAHeadThatNeverEnds) {
  RequestReader reader{Limits{}};
  const std::string part(65536, 'a');
  reader.feed(as_bytes("GET /a HTTP/1.1\r\nX: "));
  for (int i = 0; i < 160; ++i) reader.feed(as_bytes(part));
  EXPECT_EQ(reader.reason(), Reason::head_too_large);
}

struct Bad {
  std::string_view bytes;
  Reason reason;
  unsigned status = 400;
};
void PrintTo(const Bad& bad, std::ostream* out) { *out << to_string(bad.reason) << ": " << printable(bad.bytes, 60); }

class BadRequest : public testing::TestWithParam<Bad> {};

TEST_P(BadRequest, IsRefusedWithItsStatusAndReason) {
  const auto reading = read(GetParam().bytes);
  EXPECT_TRUE(reading.requests.empty());
  EXPECT_EQ(reading.reason, GetParam().reason);
  EXPECT_EQ(reading.status, GetParam().status);
}

TEST_P(BadRequest, IsRefusedAlikeInSingleBytes) {
  EXPECT_EQ(read(single_bytes(GetParam().bytes)), read(GetParam().bytes));
}

INSTANTIATE_TEST_SUITE_P(
    RequestLine, BadRequest,
    testing::Values(
        Bad{"\xff\xfe\xfd", Reason::bad_request_line}, Bad{"\r\n\r\n", Reason::bad_request_line},
        Bad{"GET\r\n", Reason::bad_request_line}, Bad{" GET / HTTP/1.1\r\n", Reason::bad_request_line},
        Bad{"GET  / HTTP/1.1\r\n", Reason::bad_request_line},
        Bad{"GET /my file HTTP/1.1\r\n", Reason::bad_request_line},
        Bad{"GET / HTTP/1.1 \r\n", Reason::bad_request_line}, Bad{"GET / HTTP/1.1\r\r\n", Reason::bad_request_line},
        Bad{"GET\r/ / HTTP/1.1\r\n", Reason::bad_request_line}, Bad{"GET / http/1.1\r\n", Reason::bad_request_line},
        Bad{"GET / HTTP/1\r\n", Reason::bad_request_line},
        Bad{"GET / HTTP/1.1xxxxxxxxxxxxxxxxxxxx", Reason::bad_request_line},
        Bad{"G(T / HTTP/1.1\r\n", Reason::bad_request_line},
        Bad{std::string_view{"G\0T / HTTP/1.1\r\n", 16}, Reason::bad_request_line},
        Bad{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", Reason::bad_request_line},
        Bad{"GET /x\r\n", Reason::no_version}, Bad{"GET /x\n", Reason::no_version},
        Bad{"\x16\x03\x01\x02", Reason::tls_to_plain}, Bad{"\x80\x2e\x01", Reason::tls_to_plain},
        Bad{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Reason::bad_version, 505},
        Bad{"GET / HTTP/1.2\r\n", Reason::bad_version, 505}, Bad{"GET / HTTP/0.9\r\n", Reason::bad_version, 505}));
INSTANTIATE_TEST_SUITE_P(Target, BadRequest,
                         testing::Values(Bad{"OPTIONS * HTTP/1.1\r\n", Reason::bad_target},
                                         Bad{"CONNECT host:443 HTTP/1.1\r\n", Reason::bad_target},
                                         Bad{"GET /%2e%2e/etc/passwd HTTP/1.1\r\n", Reason::bad_target},
                                         Bad{"GET /a\rb HTTP/1.1\r\n", Reason::bad_request_line},
                                         Bad{"GET /a\tb HTTP/1.1\r\n", Reason::bad_target}));
INSTANTIATE_TEST_SUITE_P(Headers, BadRequest,
                         testing::Values(Bad{"GET / HTTP/1.1\r\n\r\n", Reason::no_host},
                                         Bad{"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", Reason::two_hosts},
                                         Bad{"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", Reason::two_hosts},
                                         Bad{"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", Reason::bad_host},
                                         Bad{"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", Reason::bad_host},
                                         Bad{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Reason::bad_host},
                                         Bad{"GET / HTTP/1.1\r\nHost : a\r\n\r\n", Reason::bad_header},
                                         Bad{"GET / HTTP/1.1\r\n Host: a\r\n\r\n", Reason::bad_header},
                                         Bad{"GET / HTTP/1.1\r\nHost: a\r\n\tb\r\n\r\n", Reason::bad_header},
                                         Bad{"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", Reason::bad_header},
                                         Bad{"GET / HTTP/1.1\r\nHost\r\n\r\n", Reason::bad_header},
                                         Bad{"GET / HTTP/1.1\r\n: a\r\n\r\n", Reason::bad_header},
                                         Bad{std::string_view{"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 29},
                                             Reason::bad_header},
                                         Bad{"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", Reason::bad_header},
                                         Bad{"GET / HTTP/1.1\r\nH\xc3\xa4: a\r\n\r\n", Reason::bad_header}));
INSTANTIATE_TEST_SUITE_P(
    Body, BadRequest,
    testing::Values(
        Bad{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            Reason::bad_framing},
        Bad{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
            Reason::bad_framing},
        Bad{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\nContent-Length: 3\r\n\r\n",
            Reason::bad_framing},
        Bad{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Reason::bad_framing},
        Bad{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", Reason::bad_framing},
        Bad{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", Reason::bad_framing},
        Bad{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\n", Reason::bad_framing},
        Bad{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n", Reason::bad_framing},
        Bad{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Reason::length_required, 411},
        Bad{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n", Reason::body_too_large, 413},
        Bad{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n", Reason::body_too_large, 413},
        Bad{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", Reason::unexpected_body},
        Bad{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n",
            Reason::expectation_failed, 417}));

TEST(BadRequest, WithTooManyHeadersIsRefused) {
  std::string request = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 100; ++i) request += "a:\r\n";
  EXPECT_EQ(read(request).reason, Reason::head_too_large);
}

std::vector<std::string> random_split(const std::string& bytes) {
  auto cuts = *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, bytes.size() + 1));
  cuts.push_back(0);
  cuts.push_back(bytes.size());
  std::sort(cuts.begin(), cuts.end());
  std::vector<std::string> parts;
  for (std::size_t i = 1; i < cuts.size(); ++i) parts.push_back(bytes.substr(cuts[i - 1], cuts[i] - cuts[i - 1]));
  return parts;
}

TEST(RequestReader, GivesTheSameForAnySplit) {
  EXPECT_TRUE(rc::check([] {
    std::string bytes;
    for (int i = *rc::gen::inRange(1, 4); i > 0; --i) {
      const auto end = *rc::gen::element<std::string>("\r\n", "\n");
      const auto body = *rc::gen::arbitrary<std::string>();
      bytes += *rc::gen::element<std::string>("GET", "PUT", "POST", "HEAD") + " /" +
               *rc::gen::container<std::string>(rc::gen::elementOf(std::string_view{"ab/.%2e5c?G"})) +
               *rc::gen::element<std::string>(" HTTP/1.1", " HTTP/1.0", "") + end + "Host: a" + end;
      bytes += *rc::gen::container<std::string>(rc::gen::elementOf(std::string_view{"ab: ,\t\r"})) + ":x" + end;
      if (*rc::gen::arbitrary<bool>())
        bytes += "Content-Length: " + std::to_string(body.size()) + end + end + body;
      else
        bytes += end;
    }
    const Limits limits{.head_bytes = *rc::gen::element<std::size_t>(120, 4000), .target_bytes = 20};
    const auto body_limit = *rc::gen::element<std::size_t>(0, 20, 4000);
    RC_ASSERT(read(random_split(bytes), limits, body_limit) == read(bytes, limits, body_limit));
  }));
}

TEST(RequestReader, NeverLetsAPathLeaveItsFolder) {
  EXPECT_TRUE(rc::check([] {
    const auto target = "/" + *rc::gen::container<std::string>(rc::gen::elementOf(std::string_view{"./%\\2ef5cC0aA"}));
    const auto reading = read("GET " + target + " HTTP/1.0\r\n\r\n");
    for (const auto& request : reading.requests) {
      RC_ASSERT(request.path.starts_with('/'));
      RC_ASSERT(request.path.find("//") == std::string::npos);
      RC_ASSERT(request.path.find('\\') == std::string::npos);
      for (const auto part : split(request.path, '/')) RC_ASSERT(part != "." && part != "..");
    }
  }));
}

}  // namespace
}  // namespace firstring::http
