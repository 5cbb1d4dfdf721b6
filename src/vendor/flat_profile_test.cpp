#include <gtest/gtest.h>

#include <string>

#include "vendor/format.hpp"

namespace firstring::vendor {
namespace {

/// What becomes of one octet of ASCII; "" if it cannot stand in XML.
std::string escaped(unsigned char octet) {
  switch (octet) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '\r':
      return "\n";
    default:
      return octet >= 0x20 || octet == '\t' || octet == '\n' ? std::string(1, static_cast<char>(octet)) : "";
  }
}

// Long plain texts are looked through by blocks: wherever in one an octet stands, it is found.
TEST(FlatProfile, EscapesEveryOctetAtEveryPlace) {
  constexpr std::size_t kLength = 150;
  for (unsigned octet = 0; octet < 0x80; ++octet) {
    const auto wanted = escaped(static_cast<unsigned char>(octet));
    for (std::size_t at = 0; at < kLength; ++at) {
      std::string text(kLength, 'x');
      text[at] = static_cast<char>(octet);
      std::string document;
      const auto done = kFlatProfile.append(document, "A", "", text);
      ASSERT_EQ(done.has_value(), !wanted.empty()) << octet << " at " << at;
      ASSERT_EQ(kFlatProfile.check_text(text).has_value(), !wanted.empty()) << octet << " at " << at;
      if (!done) continue;
      const auto value = std::string(at, 'x') + wanted + std::string(kLength - at - 1, 'x');
      ASSERT_EQ(document, "  <A>" + value + "</A>\n") << octet << " at " << at;
    }
  }
}

TEST(FlatProfile, TakesNoOctetsThatAreNoUtf8AtAnyPlace) {
  for (std::size_t at = 0; at < 150; ++at) {
    std::string text(150, 'x');
    text[at] = '\xc3';
    EXPECT_FALSE(kFlatProfile.check_text(text)) << at;
    EXPECT_TRUE(kFlatProfile.check_text(text.replace(at, 1, "\xc3\xa4"))) << at;
  }
}

}  // namespace
}  // namespace firstring::vendor
