#include "policy/device_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace firstring::policy {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using AlarmKind = WatchAlarm::Kind;

constexpr std::uint16_t kTls10 = 0x0301;
constexpr std::uint16_t kTls12 = 0x0303;

class DeviceWatch : public ::testing::Test {
 protected:
  static Timestamp at(std::chrono::minutes time) { return from_micros(1'800'000'000'000'000) + time; }

  /// The phone as it comes every hour.
  Sighting sighting(std::chrono::minutes time) const {
    store::DeviceRecord seen;
    seen.mac = mac_;
    seen.certificate = "leaf";
    seen.key = "key";
    seen.pinned_at = seen.last_seen = at(time);
    seen.strongest_version = kTls12;
    seen.address = "192.0.2.7";
    seen.ja3 = "ja3";
    seen.personality = "legacy";
    seen.firmware = "7.5.7";
    return {.seen = std::move(seen), .in_url = mac_, .in_user_agent = mac_};
  }

  /// What is known of it before the test.
  store::DeviceRecord record() const { return sighting(hours{0}).seen; }

  Watched watch_it(const Sighting& sighting) const {
    const auto old = record();
    return watch(&old, sighting, pardons_, settings_);
  }

  static std::vector<AlarmKind> kinds(const Watched& watched) {
    std::vector<AlarmKind> result;
    for (const auto& alarm : watched.alarms) result.push_back(alarm.kind);
    return result;
  }

  static void expect_content(const Watched& watched) {
    EXPECT_EQ(watched.refusal, WatchRefusal::none);
    EXPECT_THAT(watched.alarms, IsEmpty());
    EXPECT_TRUE(watched.record);
  }

  const MacAddress mac_ = *MacAddress::parse("000e08abcdef");
  const MacAddress other_ = *MacAddress::parse("000e08abcdee");
  WatchSettings settings_;
  Pardons pardons_;
};

TEST_F(DeviceWatch, PinsTheFirstSighting) {
  const auto first = sighting(hours{0});
  const auto watched = watch(nullptr, first, {}, {});
  expect_content(watched);
  EXPECT_EQ(watched.record, first.seen);
}

TEST_F(DeviceWatch, IsContentWithAPhoneThatIsAsItWas) {
  const auto again = sighting(hours{1});
  const auto watched = watch_it(again);
  expect_content(watched);
  EXPECT_EQ(watched.record->pinned_at, at(hours{0}));
  EXPECT_EQ(watched.record->last_seen, at(hours{1}));
}

TEST_F(DeviceWatch, TakesARenewedCertificateOfTheSameKey) {
  auto renewed = sighting(hours{1});
  renewed.seen.certificate = "renewed leaf";
  const auto watched = watch_it(renewed);
  expect_content(watched);
  EXPECT_EQ(watched.record->certificate, "renewed leaf");
  EXPECT_EQ(watched.record->pinned_at, at(hours{0})) << "it is the key that is pinned";
}

TEST_F(DeviceWatch, RefusesASecondCertificate) {
  auto second = sighting(hours{1});
  second.seen.certificate = "second leaf";
  second.seen.key = "second key";
  const auto watched = watch_it(second);
  EXPECT_EQ(watched.refusal, WatchRefusal::pin_mismatch);
  EXPECT_THAT(kinds(watched), ElementsAre(AlarmKind::second_certificate));
  EXPECT_THAT(watched.alarms[0].text, HasSubstr("firstring device unpin 000e08abcdef"));
  EXPECT_THAT(watched.alarms[0].text, HasSubstr("was refused"));
  EXPECT_FALSE(watched.record) << "the record stays that of the pinned one";
}

TEST_F(DeviceWatch, OnlySaysSoWhereThePinIsNotEnforced) {
  settings_.pin = Strictness::alarm;
  auto second = sighting(hours{1});
  second.seen.key = "second key";
  const auto watched = watch_it(second);
  EXPECT_EQ(watched.refusal, WatchRefusal::none);
  EXPECT_THAT(kinds(watched), ElementsAre(AlarmKind::second_certificate));
  EXPECT_THAT(watched.alarms[0].text, testing::Not(HasSubstr("was refused")));
  EXPECT_FALSE(watched.record);
}

TEST_F(DeviceWatch, FollowsTheCertificateWhereNothingIsPinned) {
  settings_.pin = Strictness::off;
  auto second = sighting(hours{1});
  second.seen.key = "second key";
  const auto watched = watch_it(second);
  expect_content(watched);
  EXPECT_EQ(watched.record->key, "second key");
  EXPECT_EQ(watched.record->pinned_at, at(hours{1}));
}

TEST_F(DeviceWatch, KeepsTheRatchetWhereNothingIsPinned) {
  settings_.pin = Strictness::off;
  auto second = sighting(hours{1});
  second.seen.key = "second key";
  second.seen.strongest_version = kTls10;
  EXPECT_EQ(watch_it(second).refusal, WatchRefusal::downgraded);
}

TEST_F(DeviceWatch, BeginsAnewWithTheCertificateThatComesAfterAnUnpin) {
  pardons_.unpinned_at = at(minutes{30});
  auto second = sighting(hours{1});
  second.seen.key = "second key";
  second.seen.strongest_version = kTls10;
  const auto watched = watch_it(second);
  expect_content(watched);
  EXPECT_EQ(watched.record, second.seen);
}

TEST_F(DeviceWatch, AnUnpinHoldsForPinsMadeBeforeItAlone) {
  auto second = sighting(hours{1});
  second.seen.key = "second key";
  pardons_.unpinned_at = at(hours{0}) - minutes{1};
  EXPECT_EQ(watch_it(second).refusal, WatchRefusal::pin_mismatch);
}

TEST_F(DeviceWatch, PinsTheOldCertificateAgainIfItComesAfterAnUnpin) {
  pardons_.unpinned_at = at(minutes{30});
  const auto watched = watch_it(sighting(hours{1}));
  expect_content(watched);
  EXPECT_EQ(watched.record->pinned_at, at(hours{1})) << "so that the unpin is used up";
}

TEST_F(DeviceWatch, RefusesAnOlderVersionThanOfferedBefore) {
  auto weaker = sighting(hours{1});
  weaker.seen.strongest_version = kTls10;
  const auto watched = watch_it(weaker);
  EXPECT_EQ(watched.refusal, WatchRefusal::downgraded);
  EXPECT_THAT(kinds(watched), ElementsAre(AlarmKind::downgrade));
  EXPECT_THAT(watched.alarms[0].text, HasSubstr("no more than TLS 1.0 though it has offered TLS 1.2"));
  EXPECT_FALSE(watched.record);
}

TEST_F(DeviceWatch, OnlySaysSoWhereTheRatchetIsNotEnforced) {
  settings_.ratchet = Strictness::alarm;
  auto weaker = sighting(hours{1});
  weaker.seen.strongest_version = kTls10;
  const auto watched = watch_it(weaker);
  EXPECT_EQ(watched.refusal, WatchRefusal::none);
  EXPECT_THAT(kinds(watched), ElementsAre(AlarmKind::downgrade));
  ASSERT_TRUE(watched.record);
  EXPECT_EQ(watched.record->strongest_version, kTls12);
  EXPECT_EQ(watched.record->last_seen, at(hours{1}));
}

TEST_F(DeviceWatch, FollowsTheVersionWhereThereIsNoRatchet) {
  settings_.ratchet = Strictness::off;
  auto weaker = sighting(hours{1});
  weaker.seen.strongest_version = kTls10;
  const auto watched = watch_it(weaker);
  expect_content(watched);
  EXPECT_EQ(watched.record->strongest_version, kTls10);
}

TEST_F(DeviceWatch, TheRatchetRises) {
  auto stronger = sighting(hours{1});
  stronger.seen.strongest_version = 0x0304;
  const auto watched = watch_it(stronger);
  expect_content(watched);
  EXPECT_EQ(watched.record->strongest_version, 0x0304);
}

TEST_F(DeviceWatch, AHelloThatDoesNotTellLeavesTheRatchetAlone) {
  auto resumed = sighting(hours{1});
  resumed.seen.strongest_version = 0;
  const auto watched = watch_it(resumed);
  expect_content(watched);
  EXPECT_EQ(watched.record->strongest_version, kTls12);
}

TEST_F(DeviceWatch, AnAmnestyLowersTheRatchet) {
  auto weaker = sighting(hours{1});
  weaker.seen.strongest_version = kTls10;
  pardons_.amnesty_until = at(hours{1}) + minutes{1};
  const auto watched = watch_it(weaker);
  expect_content(watched);
  EXPECT_EQ(watched.record->strongest_version, kTls10);
  pardons_.amnesty_until = at(hours{1});
  EXPECT_EQ(watch_it(weaker).refusal, WatchRefusal::downgraded) << "it is over at its end";
}

TEST_F(DeviceWatch, NoticesOneCertificateInTwoNetworksWithinAResyncPeriod) {
  auto elsewhere = sighting(minutes{59});
  elsewhere.seen.address = "192.0.3.7";
  const auto watched = watch_it(elsewhere);
  EXPECT_EQ(watched.refusal, WatchRefusal::none);
  EXPECT_THAT(kinds(watched), ElementsAre(AlarmKind::two_networks));
  EXPECT_THAT(watched.alarms[0].text, HasSubstr("came from 192.0.3.7, and 59m before that from 192.0.2.7"));
  ASSERT_TRUE(watched.record);
  EXPECT_EQ(watched.record->address, "192.0.3.7");
}

TEST_F(DeviceWatch, DoesNotMindAPhoneThatMovesSlowlyOrNotFar) {
  auto later = sighting(minutes{60});
  later.seen.address = "198.51.100.7";
  expect_content(watch_it(later));
  auto near = sighting(minutes{1});
  near.seen.address = "192.0.2.99";
  expect_content(watch_it(near));
  auto before = sighting(minutes{-5});  // a clock that was set back
  before.seen.address = "198.51.100.7";
  expect_content(watch_it(before));
}

TEST_F(DeviceWatch, TakesAnIpv6SiteForOneNetwork) {
  auto old = record();
  old.address = "2001:db8:1:2::7";
  auto here = sighting(minutes{1});
  here.seen.address = "2001:db8:1:3::8";
  expect_content(watch(&old, here, {}, {}));
  here.seen.address = "2001:db8:2::7";
  EXPECT_THAT(kinds(watch(&old, here, {}, {})), ElementsAre(AlarmKind::two_networks));
  here.seen.address = "192.0.2.7";
  EXPECT_THAT(kinds(watch(&old, here, {}, {})), ElementsAre(AlarmKind::two_networks));
}

TEST_F(DeviceWatch, NoticesMacAddressesThatDisagree) {
  auto odd = sighting(hours{1});
  odd.in_url = other_;
  EXPECT_THAT(kinds(watch_it(odd)), ElementsAre(AlarmKind::mac_disagreement));
  EXPECT_THAT(watch_it(odd).alarms[0].text, HasSubstr("requested the file of 000e08abcdee"));
  odd.in_url = std::nullopt;
  odd.in_user_agent = other_;
  EXPECT_THAT(kinds(watch_it(odd)), ElementsAre(AlarmKind::mac_disagreement));
  EXPECT_THAT(watch_it(odd).alarms[0].text, HasSubstr("calls itself 000e08abcdee in its User-Agent"));
  EXPECT_TRUE(watch_it(odd).record);
  odd.in_user_agent = std::nullopt;
  expect_content(watch_it(odd));
}

TEST_F(DeviceWatch, NoticesThemOfAPhoneItDoesNotKnow) {
  auto odd = sighting(hours{1});
  odd.in_url = other_;
  EXPECT_THAT(kinds(watch(nullptr, odd, {}, {})), ElementsAre(AlarmKind::mac_disagreement));
}

TEST_F(DeviceWatch, RemembersTheFirmwareOfAPhoneThatDoesNotSayItEachTime) {
  auto silent = sighting(hours{1});
  silent.seen.firmware.clear();
  EXPECT_EQ(watch_it(silent).record->firmware, "7.5.7");
}

TEST(Strictness, HasAWordForEach) {
  EXPECT_EQ(parse_strictness("off"), Strictness::off);
  EXPECT_EQ(parse_strictness("alarm"), Strictness::alarm);
  EXPECT_EQ(parse_strictness("enforce"), Strictness::enforce);
  EXPECT_EQ(parse_strictness("Enforce"), std::nullopt);
}

}  // namespace
}  // namespace firstring::policy
