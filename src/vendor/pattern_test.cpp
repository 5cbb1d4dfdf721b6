#include "vendor/pattern.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/text.hpp"

namespace firstring::vendor {
namespace {

TEST(Pattern, TakesATextApart) {
  const auto pattern = *Pattern::parse("Maker {product} v{version} ({mac})({serial})");
  const auto found = pattern.match("Maker X-1_a v1.2(b)-c (00:0E:08:ab:cd:ef)(CBT1)");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->product, "X-1_a");
  EXPECT_EQ(found->version, "1.2(b)-c");
  EXPECT_EQ(found->mac->bare(), "000e08abcdef");
  EXPECT_EQ(found->serial, "CBT1");
}

class NoMatch : public testing::TestWithParam<std::string_view> {};
TEST_P(NoMatch, IsNothing) { EXPECT_FALSE(Pattern::parse("Maker {product} {version} {mac}")->match(GetParam())); }
INSTANTIATE_TEST_SUITE_P(Texts, NoMatch,
                         testing::Values("", "Maker", "maker X 1 000e08abcdef", "Maker X 1 000e08abcdef ",
                                         "Maker X 1 000e08abcde", "Maker X 1 000e.08ab.cdef", "Maker X v1 000e08abcdef",
                                         "Maker  1 000e08abcdef", "Maker X/ 1 000e08abcdef",
                                         "Maker X 1 00:0e-08:ab:cd:ef", "Maker X 1 000e08abcdeg"));

TEST(Pattern, BoundsWhatAFieldHolds) {
  const auto pattern = *Pattern::parse("{serial}");
  EXPECT_TRUE(pattern.match(std::string(64, 'a')));
  EXPECT_FALSE(pattern.match(std::string(65, 'a')));
}

class BadPattern : public testing::TestWithParam<std::string_view> {};
TEST_P(BadPattern, IsRefused) { EXPECT_FALSE(Pattern::parse(GetParam())); }
INSTANTIATE_TEST_SUITE_P(Texts, BadPattern,
                         testing::Values("", "{", "{model}", "x{mac", "{mac}{serial}", "{mac} {mac}", "{}"));

TEST(PatternProperty, WhatIsReadStandsInTheText) {
  const auto pattern = *Pattern::parse("a{product}b{version}c{mac}");
  EXPECT_TRUE(rc::check([&] {
    const auto text = *rc::gen::container<std::string>(rc::gen::element('a', 'b', 'c', '0', '1', ':', '-', ' '));
    const auto found = pattern.match(text);
    if (!found) return;
    RC_ASSERT(text.starts_with("a" + found->product + "b" + found->version + "c"));
    auto bare = to_lower(text);
    std::erase_if(bare, [](char c) { return c == ':' || c == '-'; });
    RC_ASSERT(bare.ends_with(found->mac->bare()));
  }));
}

}  // namespace
}  // namespace firstring::vendor
