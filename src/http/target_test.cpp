#include "http/target.hpp"

#include <gtest/gtest.h>

namespace firstring::http {
namespace {

std::string path_of(std::string_view text) {
  const auto target = parse_target(text);
  return target ? target->path : "refused: " + target.error().what;
}

TEST(Target, SplitsPathAndQuery) {
  const auto target = parse_target("/app/provision/?mac=000e08abcdef?x");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/app/provision/");
  EXPECT_EQ(target->query, "mac=000e08abcdef?x");
}

TEST(Target, KeepsCase) { EXPECT_EQ(path_of("/spa504G.cfg"), "/spa504G.cfg"); }
TEST(Target, DecodesOnce) { EXPECT_EQ(path_of("/%73pa%20x.cfg"), "/spa x.cfg"); }
TEST(Target, KeepsALiteralPercentSign) { EXPECT_EQ(path_of("/100%25.txt"), "/100%.txt"); }
TEST(Target, DecodesUtf8) { EXPECT_EQ(path_of("/%e2%82%ac%f0%9f%93%9e"), "/€📞"); }
TEST(Target, CollapsesRunsOfSlashes) { EXPECT_EQ(path_of("//a///b%2f/c/"), "/a/b/c/"); }
TEST(Target, LeavesTheQueryAlone) { EXPECT_EQ(parse_target("/a?b=%2e%2e//%zz")->query, "b=%2e%2e//%zz"); }
TEST(Target, AllowsDotsInNames) { EXPECT_EQ(path_of("/.../..a/a../.b"), "/.../..a/a../.b"); }

TEST(Target, DropsSchemeAndHostOfTheAbsoluteForm) {
  EXPECT_EQ(path_of("https://pv.example.net:443/000e08abcdef.xml"), "/000e08abcdef.xml");
  EXPECT_EQ(path_of("HTTP://[2001:db8::1]"), "/");
  const auto target = parse_target("http://h?q");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/");
  EXPECT_EQ(target->query, "q");
}

class BadTarget : public testing::TestWithParam<std::string_view> {};
TEST_P(BadTarget, IsRefused) {
  const auto target = parse_target(GetParam());
  ASSERT_FALSE(target) << target->path;
  EXPECT_EQ(target.error().code, Errc::invalid_input);
}
INSTANTIATE_TEST_SUITE_P(Traversal, BadTarget,
                         testing::Values("/..", "/../x", "/a/..", "/a/../b", "/./a", "/a/.", "/%2e%2e/x", "/%2E%2e/x",
                                         "/.%2e/x", "/a%2f..%2fb", "/a%2f%2e%2e", "//..//x", "/..\\x", "/a\\..\\b",
                                         "/%5c..%5cx", "/..%5Cx", "/%252e%252e/x", "/%252E%252e%252fx", "/a%252fb",
                                         "/%25252e", "/%2500", "https://h/../x", "https://h/%2e%2e"));
INSTANTIATE_TEST_SUITE_P(Characters, BadTarget,
                         testing::Values("/a%00b", "/a%0d%0aX: y", "/a%1f", "/a%7f", "/a\x01", "/a b", "/a\xc3\xa4",
                                         "/a#b", "/a?b\x7f", std::string_view("/a\0b", 4)));
INSTANTIATE_TEST_SUITE_P(Escapes, BadTarget, testing::Values("/%", "/%2", "/%zz", "/a%2", "/%u002e", "/%-1", "/% 2"));
INSTANTIATE_TEST_SUITE_P(Utf8, BadTarget,
                         testing::Values("/%c0%ae%c0%ae/x", "/%c0%af", "/%e0%80%af", "/%e0%80%ae", "/%f0%80%80%af",
                                         "/%ff", "/%80", "/%c3", "/%c3%28", "/%ed%a0%80", "/%f4%90%80%80",
                                         "/%f8%88%80%80%80", "/%e2%82"));
INSTANTIATE_TEST_SUITE_P(Form, BadTarget,
                         testing::Values("", "*", "a", "spa504G.cfg", "host:443", "ftp://host/a", "https://",
                                         "http:///a", "http://?q", "://h/a", "?a", "%2fa"));

}  // namespace
}  // namespace firstring::http
