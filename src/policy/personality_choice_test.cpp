#include "policy/personality_choice.hpp"

#include <gtest/gtest.h>

#include <array>

namespace firstring::policy {
namespace {

using hello::ClientHello;

class Choice : public ::testing::Test {
 protected:
  PersonalityChoice choose(const ClientHello& hello) const { return choose_personality({.hello = hello}, both_, {}); }

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
  const auto old = hello_of(0x0301, false), recent = hello_of(0x0303, true);
  const std::vector<const tls::Personality*> only_modern{modern_};
  EXPECT_EQ(choose_personality({.hello = old}, only_modern, {}).personality, modern_);
  const std::vector<const tls::Personality*> only_legacy{legacy_};
  const auto choice = choose_personality({.hello = recent}, only_legacy, {});
  EXPECT_EQ(choice.personality, legacy_);
  EXPECT_EQ(choice.reason, "no_rule_matched");
  EXPECT_EQ(choose_personality({.hello = recent}, {}, {}).personality, nullptr);
}

TEST_F(Choice, WithoutAMatchIsTheLastThatHasAVersionInCommon) {
  auto nobody = *modern_;
  nobody.matches.clear();
  auto nobody_old = *legacy_;
  nobody_old.matches.clear();
  const std::vector<const tls::Personality*> allowed{&nobody_old, &nobody};
  const auto old = hello_of(0x0301, false), recent = hello_of(0x0303, true);
  EXPECT_EQ(choose_personality({.hello = old}, allowed, {}).personality, &nobody_old);
  EXPECT_EQ(choose_personality({.hello = recent}, allowed, {}).personality, &nobody);
  EXPECT_EQ(choose_personality({.hello = recent}, allowed, {}).reason, "no_rule_matched");
}

TEST_F(Choice, FollowsTheFirstRuleThatMatches) {
  const auto hello = hello_of(0x0303, true);
  Rule elsewhere{.match = {}, .personality = "legacy-2026-11"};
  elsewhere.match.networks = {*Prefix::parse("192.0.2.0/24")};
  Rule here = elsewhere;
  here.match.networks.push_back(*Prefix::parse("198.51.100.0/24"));
  const Rule everybody{.match = {}, .personality = "modern-2026-11"};
  const std::vector<Rule> rules{elsewhere, here, everybody};
  const auto from = [&](std::string_view address) {
    return choose_personality({.hello = hello, .address = *IpAddress::parse(address)}, both_, rules);
  };
  EXPECT_EQ(from("198.51.100.7").personality, legacy_);
  EXPECT_EQ(from("198.51.100.7").reason, "rule");
  EXPECT_EQ(from("203.0.113.1").personality, modern_);
}

TEST_F(Choice, IsNotLedOutOfItsListenerByARule) {
  const auto hello = hello_of(0x0303, true);
  const std::vector<Rule> rules{{.match = {}, .personality = "legacy-2026-11"}};
  const std::vector<const tls::Personality*> only_modern{modern_};
  const auto choice = choose_personality({.hello = hello}, only_modern, rules);
  EXPECT_EQ(choice.personality, modern_);
  EXPECT_EQ(choice.reason, "default");
}

TEST_F(Choice, TakesWhatWorkedLastWhereItIsStillAllowed) {
  const auto hello = hello_of(0x0301, false);
  const auto* sipura = tls::find_personality("sipura-2026-11");
  const std::vector<const tls::Personality*> allowed{sipura, legacy_, modern_};
  const Past past{.model = "", .firmware = "", .personality = "sipura-2026-11"};
  const auto choice = choose_personality({.hello = hello, .past = past}, allowed, {});
  EXPECT_EQ(choice.personality, sipura);
  EXPECT_EQ(choice.reason, "worked_last");
  EXPECT_EQ(choose_personality({.hello = hello, .past = past}, both_, {}).personality, legacy_);
  const std::vector<Rule> rules{{.match = {}, .personality = "legacy-2026-11"}};
  EXPECT_EQ(choose_personality({.hello = hello, .past = past}, allowed, rules).reason, "rule")
      << "what the operator has written counts more";
}

TEST_F(Choice, IsNotHeldDownByWhatWorkedLast) {
  const auto hello = hello_of(0x0303, true);
  const Past past{.model = "", .firmware = "", .personality = "legacy-2026-11"};
  const auto choice = choose_personality({.hello = hello, .past = past}, both_, {});
  EXPECT_EQ(choice.personality, modern_) << "the same version, but at a higher security level";
}

TEST_F(Choice, DoesNotGoByAVersionThatThePersonalityDoesNotReach) {
  auto hello = hello_of(0x0303, true);
  hello.supported_versions = {0x0304};
  EXPECT_FALSE(can_meet(*legacy_, hello));
  EXPECT_TRUE(can_meet(*modern_, hello));
  EXPECT_FALSE(can_meet(*modern_, hello_of(0x0302, false)));
}

// ---- conditions, one by one ----

class Condition : public ::testing::Test {
 protected:
  bool holds() const {
    return matches(match, {.hello = hello, .address = address, .listener = "0.0.0.0:443", .past = past});
  }

  ClientHello hello = [] {
    ClientHello one;
    one.version = 0x0303;
    one.suites = {0x0a0a, 0xc014, 0x0039, 0x00ff};
    one.extensions = {{0, {}}, {13, {}}};
    one.server_name = "Phones.Example";
    one.signature_algorithms = {0x0201};
    return one;
  }();
  IpAddress address = *IpAddress::parse("2001:db8::1");
  Past past{.model = "SPA504G", .firmware = "7.5.2b", .personality = ""};
  tls::Match match;
};

TEST_F(Condition, NoneHoldsForEverybody) { EXPECT_TRUE(holds()); }

TEST_F(Condition, AllMustHold) {
  match.models = {"SPA504G"};
  match.listeners = {"0.0.0.0:443"};
  EXPECT_TRUE(holds());
  match.listeners = {"0.0.0.0:8443"};
  EXPECT_FALSE(holds());
}

TEST_F(Condition, OnVersions) {
  match.highest_version_at_most = match.highest_version_at_least = 0x0303;
  EXPECT_TRUE(holds());
  hello.version = 0x0302;
  EXPECT_FALSE(holds());
  hello.version = 0x0303;
  hello.supported_versions = {0x0304};
  EXPECT_FALSE(holds());
}

TEST_F(Condition, OnTheFormat) {
  match.format = hello::Format::sslv2;
  EXPECT_FALSE(holds());
  hello.format = hello::Format::sslv2;
  EXPECT_TRUE(holds());
}

TEST_F(Condition, OnSuites) {
  match.suites_exactly = {0x0039, 0xc014};
  EXPECT_TRUE(holds()) << "GREASE and signalling values do not count, nor does the order";
  match.suites_exactly = {0x0039};
  EXPECT_FALSE(holds());
  match.suites_exactly = {0x0039, 0xc014, 0x0035};
  EXPECT_FALSE(holds());
  match.suites_exactly.clear();
  match.offers_suites = {0x0039, 0xc014};
  match.lacks_suites = {0x0035};
  EXPECT_TRUE(holds());
  match.offers_suites.push_back(0x0035);
  EXPECT_FALSE(holds());
  match.offers_suites.clear();
  match.lacks_suites.push_back(0x0039);
  EXPECT_FALSE(holds());
}

TEST_F(Condition, OnExtensions) {
  match.has_extensions = {0, 13};
  match.lacks_extensions = {10};
  EXPECT_TRUE(holds());
  match.has_extensions = {0, 10};
  EXPECT_FALSE(holds());
  match.has_extensions.clear();
  match.lacks_extensions = {13};
  EXPECT_FALSE(holds());
}

TEST_F(Condition, OnSignatureHashes) {
  match.no_hash_above_sha1 = true;
  EXPECT_TRUE(holds());
  hello.signature_algorithms = {0x0a0a, 0x0201, 0x0101, 0x0202};
  EXPECT_TRUE(holds());
  for (const auto stronger : std::to_array<std::uint16_t>({0x0301, 0x0401, 0x0804, 0x0807})) {
    hello.signature_algorithms = {0x0201, stronger};
    EXPECT_FALSE(holds()) << stronger;
  }
  hello.signature_algorithms.clear();
  EXPECT_TRUE(holds());
}

TEST_F(Condition, OnNamesAndPlaces) {
  match.server_names = {"phones.example", "other.example"};
  match.networks = {*Prefix::parse("2001:db8::/32")};
  EXPECT_TRUE(holds());
  match.networks = {*Prefix::parse("192.0.2.0/24")};
  EXPECT_FALSE(holds());
  match.networks.clear();
  match.server_names = {"other.example"};
  EXPECT_FALSE(holds());
}

TEST_F(Condition, OnFingerprints) {
  match.ja3 = {hello::ja3(hello).hash};
  match.ja4 = {hello::ja4(hello)};
  EXPECT_TRUE(holds());
  match.ja4 = {"t12d1516h2_8daaf6152771_e5627efa2ab1"};
  EXPECT_FALSE(holds());
  match.ja4.clear();
  match.ja3 = {"00000000000000000000000000000000"};
  EXPECT_FALSE(holds());
}

TEST_F(Condition, OnFingerprintsOfAClientThatTakesUpItsSession) {
  match.ja3 = {hello::ja3(hello).hash};
  match.ja4 = {hello::ja4(hello)};
  hello.extensions.push_back({hello::extension::kPreSharedKey, {}});
  hello.offers_psk = true;
  EXPECT_TRUE(holds());
  match.ja3 = {hello::ja3(hello).hash};
  EXPECT_FALSE(holds()) << "both of one hello or both of the other";
  match.ja4 = {hello::ja4(hello)};
  EXPECT_TRUE(holds()) << "or by what a tool shows";
}

TEST_F(Condition, OnModelAndFirmware) {
  match.models = {"SPA502G", "SPA504G"};
  match.firmware_from = "7.5.2";
  match.firmware_below = "7.5.6";
  EXPECT_TRUE(holds());
  past.firmware = "7.5.6";
  EXPECT_FALSE(holds());
  past.firmware = "7.5.1";
  EXPECT_FALSE(holds());
  past.firmware.clear();
  EXPECT_FALSE(holds()) << "an unknown version is neither below nor above";
  match.firmware_from = match.firmware_below = "";
  EXPECT_TRUE(holds());
  match.models = {"spa5*"};
  EXPECT_TRUE(holds());
  match.models = {"SPA50*", "SPA504"};
  EXPECT_TRUE(holds());
  match.models = {"SPA504", "SPA504GX*"};
  EXPECT_FALSE(holds());
  match.models = {"SPA504G"};
  past.model.clear();
  EXPECT_FALSE(holds());
}

}  // namespace
}  // namespace firstring::policy
