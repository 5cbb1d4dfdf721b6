#include "policy/ladder.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <thread>

namespace firstring::policy {
namespace {

using namespace std::chrono_literals;
using Allowed = std::vector<const tls::Personality*>;

const tls::Personality* named(std::string_view name) { return tls::find_personality(fmt::format("{}-2026-11", name)); }

/// Plays the server: chooses, and tells the ladder how it went.
class LadderTest : public ::testing::Test {
 protected:
  static hello::ClientHello hello_of(std::uint16_t version) {
    hello::ClientHello hello;
    hello.version = version;
    if (version >= 0x0303) hello.extensions.push_back({13, {}});
    if (version >= 0x0303) hello.signature_algorithms = {0x0401};
    return hello;
  }

  PersonalityChoice choose(const hello::ClientHello& hello, std::string_view ja3 = "a") const {
    const auto usual = choose_personality({.hello = hello}, allowed_, {});
    return ladder_.choose({address_, ja3}, usual, hello, allowed_, now_, 6h);
  }

  /// A client that lives with one chain alone tries once. Gives what it was shown.
  std::string_view try_once(const hello::ClientHello& hello, std::string_view wanted_chain) {
    const auto choice = choose(hello);
    now_ += 1s;
    if (choice.personality->chain == wanted_chain) {
      ladder_.worked({address_, "a"}, choice.personality->name, now_);
    } else {
      ladder_.failed({address_, "a"}, choice.personality->name, now_);
    }
    return choice.personality->chain;
  }

  /// How many tries it takes.
  int tries(const hello::ClientHello& hello, std::string_view wanted_chain) {
    for (int count = 1; count < 100; ++count) {
      if (try_once(hello, wanted_chain) == wanted_chain) return count;
      now_ += 1h;
    }
    return 100;
  }

  hello::ClientHello modern_ = [] {
    auto hello = hello_of(0x0303);
    hello.supported_versions = {0x0304, 0x0303, 0x0302, 0x0301};
    return hello;
  }();
  Ladder ladder_;
  Timestamp now_ = from_micros(1'800'000'000'000'000);
  IpAddress address_ = *IpAddress::parse("192.0.2.1");
  hello::ClientHello old_ = hello_of(0x0301), recent_ = hello_of(0x0303);
  Allowed allowed_{named("sipura"), named("spa5xx"), named("spa5xx-2k"), named("legacy"), named("modern")};
};

TEST_F(LadderTest, LeavesTheUsualOneAloneUntilItFails) {
  EXPECT_EQ(choose(old_).reason, "version_ceiling");
  ladder_.worked({address_, "a"}, "legacy-2026-11", now_);
  EXPECT_EQ(choose(old_).reason, "version_ceiling");
}

TEST_F(LadderTest, GivesAnotherAtTheSecondTry) {
  EXPECT_EQ(try_once(old_, "2k"), "legacy");
  const auto choice = choose(old_);
  EXPECT_EQ(choice.personality, named("spa5xx-2k"));
  EXPECT_EQ(choice.reason, "ladder");
}

TEST_F(LadderTest, FindsTheChainThatAClientTrustsAndStaysWithIt) {
  EXPECT_EQ(tries(old_, "sipura"), 4);
  for (int i = 0; i < 10; ++i) {
    now_ += 24h;
    EXPECT_EQ(choose(old_).reason, "ladder_worked");
    EXPECT_EQ(tries(old_, "sipura"), 1);
  }
}

TEST_F(LadderTest, AFailureOfTheOneThatWorkedDoesNotLeadAwayForLong) {
  tries(old_, "sb");
  ladder_.failed({address_, "a"}, "spa5xx-2026-11", now_ += 1h);
  EXPECT_LE(tries(old_, "sb"), 8);
}

TEST_F(LadderTest, TheUsualOneComesBackOnceItHasWorkedAgain) {
  tries(old_, "sb");
  ladder_.worked({address_, "a"}, "legacy-2026-11", now_ += 1h);
  EXPECT_EQ(choose(old_).reason, "version_ceiling");
}

TEST_F(LadderTest, OneBadMomentDoesNotLeadAModernClientDownForGood) {
  allowed_ = {named("legacy"), named("modern")};
  ladder_.failed({address_, "a"}, "modern-2026-11", now_);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(choose(recent_).personality, named("legacy"));
    ladder_.worked({address_, "a"}, "legacy-2026-11", now_ += 1h);
  }
  now_ += 1h;
  EXPECT_EQ(choose(recent_).personality, named("modern"));
  ladder_.failed({address_, "a"}, "modern-2026-11", now_);
  EXPECT_EQ(choose(recent_).personality, named("legacy"));
  ladder_.worked({address_, "a"}, "legacy-2026-11", now_ += 7h);
  EXPECT_EQ(choose(recent_).personality, named("legacy")) << "the second chance comes after twice the time";
  now_ += 6h;
  EXPECT_EQ(choose(recent_).personality, named("modern"));
  ladder_.worked({address_, "a"}, "modern-2026-11", now_);
  EXPECT_EQ(choose(recent_).reason, "default");
}

TEST_F(LadderTest, ForgetsAFailureAfterItsWindowIfNothingWorked) {
  try_once(old_, "none");
  EXPECT_EQ(choose(old_).reason, "ladder");
  now_ += 7h;
  EXPECT_EQ(choose(old_).reason, "version_ceiling");
}

TEST_F(LadderTest, IsSeparateForEachAddressAndHello) {
  try_once(old_, "none");
  EXPECT_EQ(choose(old_, "b").reason, "version_ceiling");
  address_ = *IpAddress::parse("192.0.2.2");
  EXPECT_EQ(choose(old_).reason, "version_ceiling");
}

TEST_F(LadderTest, NeverLeavesWhatIsAllowed) {
  allowed_ = {named("legacy"), named("modern")};
  for (int i = 0; i < 50; ++i) {
    const auto shown = try_once(recent_, "none");
    EXPECT_TRUE(shown == "legacy" || shown == "modern") << shown;
  }
  allowed_ = {named("modern")};
  for (int i = 0; i < 10; ++i) EXPECT_EQ(try_once(recent_, "none"), "modern");
}

TEST_F(LadderTest, LeadsAClientOfTls13ToTheStrongestFirst) {
  allowed_ = {named("sipura"), named("legacy"), named("ata19x"), named("mpp"), named("modern")};
  auto newest = recent_;
  newest.supported_versions = {0x0304, 0x0303};
  std::vector<std::string_view> shown;
  for (int i = 0; i < 3; ++i) {
    shown.push_back(choose(newest).personality->name);
    try_once(newest, "none");
  }
  const std::vector<std::string_view> strongest_first{"modern-2026-11", "mpp-2026-11", "ata19x-2026-11"};
  EXPECT_EQ(shown, strongest_first);
}

TEST_F(LadderTest, DoesNotTryWhatHasNoVersionInCommon) {
  for (int i = 0; i < 50; ++i) EXPECT_NE(try_once(old_, "none"), "modern");
}

TEST_F(LadderTest, TriesAnotherChainBeforeTheSameOneAgain) {
  allowed_ = {named("sipura"), named("spa525g2"), named("spa5xx-2k"), named("modern")};
  EXPECT_EQ(try_once(old_, "none"), "2k");
  EXPECT_EQ(try_once(old_, "none"), "sipura") << "spa525g2 would show the chain 2k again";
  EXPECT_EQ(choose(old_).personality, named("spa525g2"));
}

TEST_F(LadderTest, TwoPhonesBehindOneAddressBothGetInHoweverTheyComeInTurn) {
  // Which of the two comes, as bits: strictly in turn, in pairs, one seldom.
  for (const unsigned pattern : {0xaaaaU, 0xccccU, 0x8888U, 0x7777U, 0x5aa5U}) {
    for (const auto& [first, second] : {std::pair{"legacy", "sipura"}, std::pair{"2k", "sb"}}) {
      now_ += 24h;
      std::map<std::string_view, int> served;
      for (unsigned i = 0; i < 320; ++i) {
        const std::string_view wanted = (pattern >> (i % 16) & 1) != 0 ? first : second;
        if (try_once(old_, wanted) == wanted) ++served[wanted];
        now_ += 30min;
      }
      EXPECT_GT(served[first], 20) << pattern;
      EXPECT_GT(served[second], 20) << pattern;
    }
  }
}

TEST_F(LadderTest, IsBounded) {
  for (std::uint32_t i = 0; i < 40'000; ++i) {
    const auto ja3 = fmt::format("{:032x}", i);
    ladder_.failed({address_, ja3}, "legacy-2026-11", now_);
    for (int name = 0; i % 1000 == 0 && name < 100; ++name)
      ladder_.failed({address_, ja3}, fmt::format("p{}", name), now_);
  }
  EXPECT_LE(ladder_.size(), Ladder::kMaxClients);
  EXPECT_EQ(choose(old_, fmt::format("{:032x}", 39'999)).reason, "ladder");
  EXPECT_EQ(choose(old_, fmt::format("{:032x}", 1)).reason, "version_ceiling") << "the oldest are forgotten";
}

TEST_F(LadderTest, IsForAllWorkersAtOnce) {
  std::vector<std::thread> workers;
  for (int worker = 0; worker < 4; ++worker) {
    workers.emplace_back([&, worker] {
      for (int i = 0; i < 2'000; ++i) {
        const auto ja3 = std::to_string((i + worker) % 50);
        ladder_.failed({address_, ja3}, "legacy-2026-11", now_);
        (void)choose(old_, ja3);
        ladder_.worked({address_, ja3}, "sipura-2026-11", now_ + 1s);
      }
    });
  }
  for (auto& worker : workers) worker.join();
  EXPECT_EQ(ladder_.size(), 50U);
}

// ---- which endings count ----

store::ConnectionRow ended(Outcome outcome, Stage stage, std::string from = "", int code = -1) {
  store::ConnectionRow row;
  row.personality = "legacy-2026-11";
  row.outcome = outcome;
  row.stage = stage;
  row.alert_from = std::move(from);
  row.alert_code = code;
  return row;
}

TEST(Blame, FallsOnAnAlertThatRefusesWhatWeShowed) {
  for (const int code : {40, 42, 43, 46, 47, 48, 51, 70, 71})
    EXPECT_TRUE(blames_personality(ended(Outcome::handshake_failed, Stage::server_flight, "client", code))) << code;
  EXPECT_FALSE(blames_personality(ended(Outcome::handshake_failed, Stage::server_flight, "client", 90)))
      << "user_canceled";
}

TEST(Blame, FallsOnLeavingOrSilenceAfterOurFlight) {
  EXPECT_TRUE(blames_personality(ended(Outcome::handshake_failed, Stage::server_flight)));
  EXPECT_TRUE(blames_personality(ended(Outcome::timeout, Stage::server_flight)));
  EXPECT_TRUE(blames_personality(ended(Outcome::timeout, Stage::client_flight)));
  EXPECT_FALSE(blames_personality(ended(Outcome::timeout, Stage::hello)));
  EXPECT_FALSE(blames_personality(ended(Outcome::shutdown, Stage::server_flight)));
}

TEST(Blame, FallsOnNothingInCommonButNotOnTheClientsOwnFaults) {
  EXPECT_TRUE(blames_personality(ended(Outcome::handshake_failed, Stage::hello, "server", 40)));
  EXPECT_FALSE(blames_personality(ended(Outcome::handshake_failed, Stage::hello, "server", 50))) << "decode_error";
  EXPECT_FALSE(blames_personality(ended(Outcome::handshake_failed, Stage::client_flight, "server", 51)))
      << "its signature is not of its certificate's key";
}

TEST(Blame, DoesNotFallOnACompleteHandshake) {
  auto row = ended(Outcome::closed, Stage::finished);
  row.handshake_us = 1000;
  EXPECT_FALSE(blames_personality(row));
  row.outcome = Outcome::timeout;
  EXPECT_FALSE(blames_personality(row));
}

/// Whoever stands between a client and us can make its handshakes fail, as often as he likes.
TEST_F(LadderTest, NeverLeadsAClientOfTls13DownToTheOldChains) {
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(try_once(modern_, "none that there is"), "modern");
    now_ += i % 3 == 0 ? 7h : 1min;
  }
}

TEST_F(LadderTest, LeadsAClientOfTls13WithoutSha256WhereItCanVerify) {
  modern_.signature_algorithms = {0x0201};
  EXPECT_LT(tries(modern_, "legacy"), 8);
}

}  // namespace
}  // namespace firstring::policy
