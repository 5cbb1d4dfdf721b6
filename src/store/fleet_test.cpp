#include "store/fleet.hpp"

#include <gtest/gtest.h>

namespace firstring::store {
namespace {

class ScopeText : public testing::TestWithParam<std::pair<std::string_view, Scope>> {};

TEST_P(ScopeText, IsReadAndWrittenBack) {
  const auto& [text, scope] = GetParam();
  const auto parsed = Scope::parse(text);
  ASSERT_TRUE(parsed) << parsed.error().what;
  EXPECT_EQ(*parsed, scope);
  EXPECT_EQ(*Scope::parse(parsed->to_string()), scope);
}

INSTANTIATE_TEST_SUITE_P(Forms, ScopeText,
                         testing::Values(std::pair{"base", Scope::base()},
                                         std::pair{"model:SPA504G", Scope{Scope::Kind::model, "SPA504G"}},
                                         std::pair{"group:lobby", Scope{Scope::Kind::group, "lobby"}},
                                         std::pair{"group:a:b", Scope{Scope::Kind::group, "a:b"}},
                                         std::pair{"group:base", Scope{Scope::Kind::group, "base"}},
                                         std::pair{"000e08abcdef", Scope{Scope::Kind::device, "000e08abcdef"}},
                                         std::pair{"00:0E:08:AB:CD:EF", Scope{Scope::Kind::device, "000e08abcdef"}},
                                         std::pair{"000e.08ab.cdef", Scope{Scope::Kind::device, "000e08abcdef"}}));

class NoScope : public testing::TestWithParam<std::string_view> {};

TEST_P(NoScope, IsRefused) {
  const auto parsed = Scope::parse(GetParam());
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, Errc::invalid_input);
}

INSTANTIATE_TEST_SUITE_P(Forms, NoScope,
                         testing::Values("", "BASE", "base ", "model:", "group:", "group: lobby", "group:a\nb", "model",
                                         "device:000e08abcdef", "000e08abcde", "lobby",
                                         std::string_view("group:a\0b", 9)));

TEST(Scope, LaterLayersWin) {
  const auto device = Scope::of_device(MacAddress::from_number(1));
  EXPECT_LT(Scope::base(), (Scope{Scope::Kind::model, "Z"}));
  EXPECT_LT((Scope{Scope::Kind::model, "Z"}), (Scope{Scope::Kind::group, "A"}));
  EXPECT_LT((Scope{Scope::Kind::group, "Z"}), device);
}

TEST(Scope, TextOfTheErrorSaysWhatToWrite) {
  EXPECT_EQ(Scope::parse("lobby").error().what,
            "'lobby' is no scope; write base, model:SPA504G, group:NAME or a MAC address");
}

TEST(Names, OfEnumsAreReadBack) {
  for (const auto value : {ParameterClass::public_, ParameterClass::tenant, ParameterClass::secret}) {
    EXPECT_EQ(parse_parameter_class(to_string(value)), value);
  }
  for (const auto value : {UserAccess::na, UserAccess::ro, UserAccess::rw})
    EXPECT_EQ(parse_user_access(to_string(value)), value);
  for (const auto value : {Transport::udp, Transport::tcp, Transport::tls})
    EXPECT_EQ(parse_transport(to_string(value)), value);
}

TEST(Names, OfEnumsAreExact) {
  EXPECT_EQ(to_string(ParameterClass::public_), "public");
  EXPECT_FALSE(parse_parameter_class("Secret"));
  EXPECT_FALSE(parse_user_access(""));
  EXPECT_FALSE(parse_transport("sctp"));
}

}  // namespace
}  // namespace firstring::store
