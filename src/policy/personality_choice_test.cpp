#include "policy/personality_choice.hpp"

#include <gtest/gtest.h>

namespace firstring::policy {
namespace {

using hello::ClientHello;

class Choice : public ::testing::Test {
 protected:
  PersonalityChoice choose(const ClientHello& hello) const { return choose_personality(hello, both_); }

  static ClientHello hello_of(std::uint16_t version, bool with_signature_algorithms) {
    ClientHello hello;
    hello.version = version;
    if (with_signature_algorithms) hello.extensions.push_back({13, {0, 2, 4, 1}});
    return hello;
  }

  const tls::Personality* legacy_ = tls::find_personality("legacy-2026-11");
  const tls::Personality* modern_ = tls::find_personality("modern-2026-11");
  const std::vector<const tls::Personality*> both_{legacy_, modern_};
};

TEST_F(Choice, IsLegacyForAClientThatStopsAtTls11) {
  EXPECT_EQ(choose(hello_of(0x0301, false)).personality, legacy_);
  EXPECT_EQ(choose(hello_of(0x0302, true)).reason, "version_ceiling");
}

TEST_F(Choice, IsLegacyForTls12WithoutSignatureAlgorithms) {
  const auto choice = choose(hello_of(0x0303, false));
  EXPECT_EQ(choice.personality, legacy_);
  EXPECT_EQ(choice.reason, "no_signature_algorithms");
}

TEST_F(Choice, IsModernForEverybodyElse) {
  const auto choice = choose(hello_of(0x0303, true));
  EXPECT_EQ(choice.personality, modern_);
  EXPECT_EQ(choice.reason, "default");
}

TEST_F(Choice, GoesBySupportedVersionsWhereTheyAre) {
  auto hello = hello_of(0x0303, true);
  hello.supported_versions = {0x0a0a, 0x0301};
  EXPECT_EQ(choose(hello).personality, legacy_) << "a TLS 1.3 shaped hello that stops at TLS 1.0, GREASE left out";
}

TEST_F(Choice, NeverLeavesWhatTheListenerAllows) {
  const std::vector<const tls::Personality*> only_modern{modern_};
  EXPECT_EQ(choose_personality(hello_of(0x0301, false), only_modern).personality, modern_);
  const std::vector<const tls::Personality*> only_legacy{legacy_};
  const auto choice = choose_personality(hello_of(0x0303, true), only_legacy);
  EXPECT_EQ(choice.personality, legacy_);
  EXPECT_EQ(choice.reason, "no_rule_matched");
  EXPECT_EQ(choose_personality(hello_of(0x0303, true), {}).personality, nullptr);
}

}  // namespace
}  // namespace firstring::policy
