#include "policy/quarantine_need.hpp"

#include <gtest/gtest.h>

#include <array>

namespace firstring::policy {
namespace {

class Need : public ::testing::Test {
 protected:
  bool needs(std::uint16_t version, std::vector<std::uint16_t> suites) const {
    hello::ClientHello hello;
    hello.version = version;
    hello.suites = std::move(suites);
    return needs_quarantine(hello, others_, quarantine_);
  }

  const std::vector<Offer> others_{Offer{*tls::find_personality("legacy-2026-11")},
                                   Offer{*tls::find_personality("modern-2026-11")}};
  const Offer quarantine_{tls::quarantine_personality()};
};

constexpr std::uint16_t kRc4Sha = 0x0005, k3Des = 0x000a, kAes256Sha = 0x0035, kExportRc4 = 0x0003, kScsv = 0x00ff;

TEST_F(Need, IsThereForSsl3WhateverTheSuites) {
  EXPECT_TRUE(needs(0x0300, {kAes256Sha, kScsv}));
  EXPECT_TRUE(needs(0x0300, {kRc4Sha}));
}

TEST_F(Need, IsThereForRc4And3DesAloneAtAnyVersion) {
  for (const auto version : std::to_array<std::uint16_t>({0x0301, 0x0302, 0x0303})) {
    EXPECT_TRUE(needs(version, {kRc4Sha, kScsv}));
    EXPECT_TRUE(needs(version, {k3Des, kExportRc4}));
  }
}

TEST_F(Need, IsNotThereIfOneSoundSuiteIsOffered) {
  EXPECT_FALSE(needs(0x0301, {kRc4Sha, k3Des, kAes256Sha}));
  EXPECT_FALSE(needs(0x0303, {kRc4Sha, 0xc02f}));
}

TEST_F(Need, IsNotThereForWhatTheQuarantineCannotSpeakEither) {
  EXPECT_FALSE(needs(0x0301, {kExportRc4, 0x0009}));
  EXPECT_FALSE(needs(0x0300, {}));
  EXPECT_FALSE(needs(0x0002, {kRc4Sha}));
}

TEST_F(Need, KnowsEverySuiteOfTheQuarantine) {
  EXPECT_EQ(quarantine_.suites.size(), 10U) << "a name in its list that hello::suite_number does not know";
}

}  // namespace
}  // namespace firstring::policy
