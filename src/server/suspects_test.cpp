#include "server/suspects.hpp"

#include <gtest/gtest.h>

namespace firstring::server {
namespace {

using std::chrono::minutes;

const auto kHere = *IpAddress::parse("192.0.2.7");
const Suspects::Time kNow{std::chrono::hours{1}};

Conduct of(Outcome outcome, Stage stage) {
  store::ConnectionRow row;
  row.outcome = outcome;
  row.stage = stage;
  return conduct_of(row);
}

void note(Suspects& suspects, int count, Conduct conduct, Suspects::Time at = kNow) {
  for (int i = 0; i < count; ++i) suspects.note(kHere, conduct, at);
}

TEST(NetworkOf, IsOneIpv4AddressOrAnIpv6Slash64) {
  EXPECT_EQ(admission_network(kHere), kHere);
  EXPECT_EQ(admission_network(*IpAddress::parse("2001:db8:1:2:3:4:5:6")), *IpAddress::parse("2001:db8:1:2::"));
}

TEST(Conduct, SpeaksAgainstWhoHoldsAPlaceAndSaysNothing) {
  EXPECT_EQ(of(Outcome::timeout, Stage::tcp).bad, 1);
  EXPECT_EQ(of(Outcome::timeout, Stage::hello).bad, 1);
  EXPECT_EQ(of(Outcome::limit, Stage::hello).bad, 1);
  EXPECT_EQ(of(Outcome::timeout, Stage::server_flight).bad, 1);
  EXPECT_EQ(of(Outcome::closed, Stage::tcp).bad, 0.25);
}

TEST(Conduct, SpeaksForWhoAsksForSomethingAndAgainstRenegotiationWhateverComesOfIt) {
  EXPECT_EQ(of(Outcome::ok, Stage::done).good, 1);
  EXPECT_EQ(of(Outcome::timeout, Stage::response).good, 1);
  store::ConnectionRow row;
  row.outcome = Outcome::ok;
  row.stage = Stage::done;
  row.asked_renegotiation = true;
  EXPECT_EQ(conduct_of(row).good, 0);
  EXPECT_EQ(conduct_of(row).bad, 4);
}

TEST(Conduct, IsNeitherWhereAPhoneOrWeMayBeTheReason) {
  for (const auto& [outcome, stage] :
       std::initializer_list<std::pair<Outcome, Stage>>{{Outcome::handshake_failed, Stage::server_flight},
                                                        {Outcome::closed, Stage::hello},
                                                        {Outcome::not_tls, Stage::hello},
                                                        {Outcome::timeout, Stage::finished},
                                                        {Outcome::shutdown, Stage::hello}}) {
    EXPECT_EQ(of(outcome, stage).bad, 0) << to_string(outcome) << " " << to_string(stage);
    EXPECT_EQ(of(outcome, stage).good, 0) << to_string(outcome) << " " << to_string(stage);
  }
}

TEST(SuspectNetworks, AreThoseWhoseBadConnectionsAreManyAndMost) {
  Suspects suspects;
  note(suspects, 15, {.bad = 1});
  EXPECT_FALSE(suspects.is_suspect(kHere, kNow));
  note(suspects, 1, {.bad = 1});
  EXPECT_TRUE(suspects.is_suspect(kHere, kNow));
  EXPECT_FALSE(suspects.is_suspect(*IpAddress::parse("192.0.2.8"), kNow));
}

TEST(SuspectNetworks, AreNotOfficesWithAMisfitOrBadLines) {
  Suspects suspects;
  note(suspects, 500, {.good = 1});
  note(suspects, 100, {.bad = 1});
  EXPECT_FALSE(suspects.is_suspect(kHere, kNow));
}

TEST(SuspectNetworks, AreCleanAgainWhenPhonesAreServedThere) {
  Suspects suspects;
  note(suspects, 30, {.bad = 1});
  ASSERT_TRUE(suspects.is_suspect(kHere, kNow));
  note(suspects, 11, {.good = 1});
  EXPECT_FALSE(suspects.is_suspect(kHere, kNow));
}

TEST(SuspectNetworks, AreForgottenWithTime) {
  Suspects suspects;
  note(suspects, 20, {.bad = 1});
  EXPECT_TRUE(suspects.is_suspect(kHere, kNow + minutes{1}));
  EXPECT_FALSE(suspects.is_suspect(kHere, kNow + minutes{5}));
  note(suspects, 5, {.bad = 1}, kNow + minutes{5});
  EXPECT_FALSE(suspects.is_suspect(kHere, kNow + minutes{5})) << "ten of the first twenty are left";
  note(suspects, 1, {.bad = 1}, kNow + minutes{5});
  EXPECT_TRUE(suspects.is_suspect(kHere, kNow + minutes{5}));
}

TEST(SuspectNetworks, AreOfABoundedNumberTheOneNotedLongestAgoGoing) {
  Suspects suspects;
  note(suspects, 20, {.bad = 1});
  const auto other = [](std::size_t number) {
    return IpAddress::from_v4({10, 0, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)});
  };
  for (std::size_t i = 0; i < Suspects::kMaxNetworks - 1; ++i) suspects.note(other(i), {.bad = 1}, kNow);
  note(suspects, 1, {.bad = 1});  // no longer the one noted longest ago
  suspects.note(other(Suspects::kMaxNetworks), {.bad = 1}, kNow);
  EXPECT_EQ(suspects.size(), Suspects::kMaxNetworks);
  EXPECT_TRUE(suspects.is_suspect(kHere, kNow));
  for (std::size_t i = 0; i < Suspects::kMaxNetworks; ++i) suspects.note(other(i), {.bad = 1}, kNow);
  EXPECT_FALSE(suspects.is_suspect(kHere, kNow));
}

}  // namespace
}  // namespace firstring::server
