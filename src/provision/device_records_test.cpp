#include "provision/device_records.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace firstring::provision {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::string_literals;

constexpr std::string_view kJa3 = "0123456789abcdef0123456789abcdef";
const MacAddress kPhone = MacAddress::from_number(0x000e08abcdef);
const MacAddress kOther = MacAddress::from_number(0x000e08abcdee);
const IpAddress kHere = *IpAddress::parse("192.0.2.7");
const IpAddress kThere = *IpAddress::parse("2001:db8::7");

store::DeviceRecord record(const MacAddress& mac, const IpAddress& address, std::string firmware = "7.5.7") {
  store::DeviceRecord result;
  result.mac = mac;
  result.address = address.to_string();
  result.ja3 = kJa3;
  result.firmware = std::move(firmware);
  return result;
}

policy::Watched meet(DeviceRecords& records, const store::DeviceRecord& seen,
                     DeviceRecords::Kept kept = DeviceRecords::Kept::yes) {
  return records.meet({.seen = seen, .in_url = {}, .in_user_agent = {}}, {}, {}, kept);
}

/// A store that has everything as the records think that it has.
std::vector<store::DeviceRecord> written_back(DeviceRecords& records) {
  std::vector<store::DeviceRecord> written;
  EXPECT_TRUE(records.write_back([&](const auto& changes) {
    for (const auto& change : changes) written.push_back(change.after);
    return std::vector<store::LostRace>{};
  }));
  return written;
}

const DeviceRecords::Write kFullDisk = [](const auto&) { return fail(Errc::limit_exceeded, "the disk is full"); };

MacAddress last_at(const DeviceRecords& records, const IpAddress& address, std::string_view ja3 = kJa3) {
  const auto found = records.last_at(address, ja3);
  return found ? found->mac : MacAddress{};
}

TEST(DeviceRecords, FindsWhatWasKept) {
  DeviceRecords records;
  EXPECT_FALSE(records.find(kPhone));
  meet(records, record(kPhone, kHere));
  meet(records, record(kOther, kThere));
  EXPECT_EQ(records.find(kPhone), record(kPhone, kHere));
  meet(records, record(kPhone, kHere, "7.6.2"));
  EXPECT_EQ(records.find(kPhone)->firmware, "7.6.2");
}

TEST(DeviceRecords, KeepsEveryTextAsItWas) {
  auto full = record(kPhone, kThere, "11.0.1MSR1-1(a)");
  full.certificate = std::string(64, 'f');
  full.key = "0123456789abcdef";
  full.personality = "spa5xx-before-7.5.6";
  full.model = "ATA192-MPP";
  full.strongest_version = 0x0304;
  full.pinned_at = from_micros(1'234'567'890'123'456);
  full.last_seen = from_micros(-1);
  auto odd = record(kOther, kHere, "");
  odd.certificate = "ABCD";  // in capitals
  odd.key = "abc";           // of an odd length
  odd.model = "\xff\0 "s;
  odd.firmware = std::string(127, 'x');
  for (const auto& one : {full, odd, store::DeviceRecord{}}) {
    DeviceRecords records;
    records.load(one);
    EXPECT_EQ(records.find(one.mac), one);
  }
}

TEST(DeviceRecords, CutsATextThatNobodyNeedsInFull) {
  DeviceRecords records;
  meet(records, record(kPhone, kHere, std::string(200, 'x')));
  EXPECT_EQ(records.find(kPhone)->firmware, std::string(127, 'x'));
}

TEST(DeviceRecords, KnowsWhoCameLastFromAnAddressWithAHello) {
  DeviceRecords records;
  records.load(record(kPhone, kHere));
  records.load(record(kOther, kHere));
  EXPECT_EQ(last_at(records, kHere), kOther);
  meet(records, record(kPhone, kHere));
  EXPECT_EQ(last_at(records, kHere), kPhone);
  EXPECT_FALSE(records.last_at(kHere, "another hello"));
  EXPECT_FALSE(records.last_at(kThere, kJa3));
}

TEST(DeviceRecords, FollowADeviceToItsNewPlace) {
  DeviceRecords records;
  meet(records, record(kPhone, kHere));
  meet(records, record(kOther, kHere));
  meet(records, record(kOther, kThere));
  EXPECT_EQ(last_at(records, kHere), kPhone);
  EXPECT_EQ(last_at(records, kThere), kOther);
  auto updated = record(kPhone, kHere);
  updated.ja3 = "the hello of its new firmware";
  meet(records, updated);
  EXPECT_FALSE(records.last_at(kHere, kJa3));
  EXPECT_EQ(last_at(records, kHere, updated.ja3), kPhone);
}

TEST(DeviceRecords, RememberOnlySoManyDevicesOfOnePlace) {
  DeviceRecords records;
  for (std::uint64_t i = 1; i <= 20; ++i) meet(records, record(MacAddress::from_number(i), kHere));
  for (std::uint64_t i = 20; i > 12; --i) {
    EXPECT_EQ(last_at(records, kHere), MacAddress::from_number(i));
    meet(records, record(MacAddress::from_number(i), kThere));
  }
  EXPECT_FALSE(records.last_at(kHere, kJa3));
  EXPECT_TRUE(records.find(MacAddress::from_number(1))) << "only the hint is gone";
}

TEST(DeviceRecords, ForgetThoseThatAreGone) {
  DeviceRecords records;
  meet(records, record(kPhone, kHere));
  meet(records, record(kOther, kHere));
  for (const auto& mac : {kPhone, kOther, MacAddress{}})
    records.forget(mac, [](const auto& one) { return one.mac == kOther; });
  EXPECT_FALSE(records.find(kOther));
  EXPECT_EQ(last_at(records, kHere), kPhone);
  EXPECT_THAT(written_back(records), ElementsAre(record(kPhone, kHere)));
}

TEST(DeviceRecords, WriteWhatChangedOnce) {
  DeviceRecords records;
  records.load(record(kOther, kThere));
  EXPECT_THAT(written_back(records), IsEmpty());
  meet(records, record(kPhone, kHere));
  meet(records, record(kPhone, kHere, "7.6.2"));
  EXPECT_THAT(written_back(records), ElementsAre(record(kPhone, kHere, "7.6.2")));
  EXPECT_THAT(written_back(records), IsEmpty());
}

TEST(DeviceRecords, SayWhatTheStoreHasUntilItTookMore) {
  DeviceRecords records;
  const auto write = [&](std::optional<store::DeviceRecord> before, const store::DeviceRecord& after, bool works) {
    const auto written = records.write_back([&](const auto& changes) -> Result<std::vector<store::LostRace>> {
      EXPECT_EQ(changes.size(), 1U);
      EXPECT_EQ(changes.front().before, before);
      EXPECT_EQ(changes.front().after, after);
      if (!works) return fail(Errc::io, "a disk that fails");
      return std::vector<store::LostRace>{};
    });
    EXPECT_EQ(written.has_value(), works);
  };
  meet(records, record(kPhone, kHere, "1"));
  write(std::nullopt, record(kPhone, kHere, "1"), true);
  meet(records, record(kPhone, kHere, "2"));
  meet(records, record(kPhone, kHere, "3"));
  write(record(kPhone, kHere, "1"), record(kPhone, kHere, "3"), false);
  write(record(kPhone, kHere, "1"), record(kPhone, kHere, "3"), false);
  meet(records, record(kPhone, kHere, "4"));
  write(record(kPhone, kHere, "1"), record(kPhone, kHere, "4"), true);
}

TEST(DeviceRecords, WriteAgainWhatTheStoreCouldNotTake) {
  DeviceRecords records;
  meet(records, record(kPhone, kHere));
  EXPECT_FALSE(records.write_back([&](const auto&) -> Result<std::vector<store::LostRace>> {
    meet(records, record(kPhone, kHere, "7.6.2"));
    return fail(Errc::io, "a disk that fails");
  }));
  EXPECT_THAT(written_back(records), ElementsAre(record(kPhone, kHere, "7.6.2"))) << "not the older one";
}

TEST(DeviceRecords, HoldALosersPhoneAgainstTheWinnersPin) {
  DeviceRecords records;
  auto ours = record(kPhone, kHere);
  ours.key = "ours";
  ours.pinned_at = from_micros(2);
  auto theirs = record(kPhone, kThere);
  theirs.key = "theirs";
  theirs.pinned_at = from_micros(1);
  meet(records, ours);
  EXPECT_TRUE(
      records.write_back([&](const auto&) { return std::vector<store::LostRace>{{.change = 0, .now = theirs}}; }));
  EXPECT_EQ(records.find(kPhone), theirs);
  EXPECT_EQ(last_at(records, kThere), kPhone);
  EXPECT_EQ(last_at(records, kHere), MacAddress{});
  EXPECT_EQ(meet(records, ours).refusal, policy::WatchRefusal::pin_mismatch);
  EXPECT_THAT(written_back(records), IsEmpty()) << "the store has the winner's";
}

TEST(DeviceRecords, MergeWhatTheyLearntWhileTheyLostARace) {
  DeviceRecords records;
  const auto base = record(kPhone, kHere);
  records.load(base);
  auto stronger = base;
  stronger.strongest_version = 0x0303;
  meet(records, stronger);
  auto theirs = base;
  theirs.personality = "modern";
  std::vector<store::RecordChange> written;
  EXPECT_TRUE(records.write_back([&](const auto& changes) {
    written.insert(written.end(), changes.begin(), changes.end());
    if (written.size() > 1) return std::vector<store::LostRace>{};
    auto newer = stronger;
    newer.strongest_version = 0x0304;
    meet(records, newer);
    return std::vector<store::LostRace>{{.change = 0, .now = theirs}};
  }));
  auto merged = theirs;
  merged.strongest_version = 0x0304;
  EXPECT_EQ(records.find(kPhone), merged);
  ASSERT_EQ(written.size(), 2U);
  EXPECT_EQ(written[0].before, base);
  EXPECT_EQ(written[1].before, theirs);
  EXPECT_EQ(written[1].after, merged);
}

TEST(DeviceRecords, GoOnWithTheNextCallIfTheyLoseEveryRace) {
  DeviceRecords records;
  meet(records, record(kPhone, kHere));
  int calls = 0;
  EXPECT_TRUE(records.write_back([&](const auto&) {
    auto theirs = record(kPhone, kHere);
    theirs.personality = std::to_string(++calls);
    return std::vector<store::LostRace>{{.change = 0, .now = theirs}};
  }));
  EXPECT_LT(calls, 10);
  EXPECT_EQ(records.find(kPhone)->personality, std::to_string(calls));
}

TEST(DeviceRecords, WriteARecordAsTheFirstOneWhereTheStoreHasNoneAnyMore) {
  DeviceRecords records;
  records.load(record(kPhone, kHere));
  meet(records, record(kPhone, kHere, "7.6.2"));
  std::vector<store::RecordChange> written;
  EXPECT_TRUE(records.write_back([&](const auto& changes) {
    written.insert(written.end(), changes.begin(), changes.end());
    if (written.size() > 1) return std::vector<store::LostRace>{};
    return std::vector<store::LostRace>{{.change = 0, .now = std::nullopt}};
  }));
  ASSERT_EQ(written.size(), 2U);
  EXPECT_EQ(written[1].before, std::nullopt);
}

TEST(DeviceRecords, KeepNothingOfAStranger) {
  DeviceRecords records;
  EXPECT_TRUE(meet(records, record(kPhone, kHere), DeviceRecords::Kept::no).record);
  EXPECT_FALSE(records.find(kPhone));
  EXPECT_FALSE(records.last_at(kHere, kJa3));
  EXPECT_THAT(written_back(records), IsEmpty());
}

TEST(DeviceRecords, StayAsTheyAreWhenADeviceIsRefused) {
  DeviceRecords records;
  meet(records, record(kPhone, kHere));
  auto second = record(kPhone, kThere);
  second.key = "another key";
  EXPECT_EQ(meet(records, second).refusal, policy::WatchRefusal::pin_mismatch);
  EXPECT_EQ(records.find(kPhone), record(kPhone, kHere));
}

TEST(DeviceRecords, RaiseAnAlarmOnceInAResyncPeriodForEachDeviceAndKind) {
  DeviceRecords records;
  const auto alarms = [&](const MacAddress& mac, std::chrono::minutes time, const MacAddress& asked) {
    auto seen = record(mac, kHere);
    seen.last_seen = from_micros(0) + time;
    return records.meet({.seen = seen, .in_url = asked, .in_user_agent = {}}, {}, {}, DeviceRecords::Kept::no)
        .alarms.size();
  };
  using std::chrono::minutes;
  EXPECT_EQ(alarms(kPhone, minutes{100}, kOther), 1U);
  EXPECT_EQ(alarms(kPhone, minutes{159}, kOther), 0U);
  EXPECT_EQ(alarms(kOther, minutes{159}, kPhone), 1U);
  EXPECT_EQ(alarms(kPhone, minutes{160}, kOther), 1U);
  EXPECT_EQ(alarms(kPhone, minutes{50}, kOther), 1U) << "the clock was set back";
  // However many strangers raise alarms, what is remembered of them is bounded; the cost is an alarm twice.
  for (std::uint64_t i = 1; i <= 100'000; ++i) EXPECT_EQ(alarms(MacAddress::from_number(i), minutes{60}, kPhone), 1U);
}

TEST(DeviceRecords, DoNotRepeatTheAlarmsOfBeforeAStart) {
  DeviceRecords records;
  const auto time = from_micros(0) + std::chrono::minutes{100};
  records.remember({{.at = time, .kind = "mac_disagreement", .device = kPhone.bare()},
                    {.at = time, .kind = "two_networks", .device = kOther.bare()},
                    {.at = time, .kind = "regression", .device = kOther.bare()},
                    {.at = time, .kind = "mac_disagreement"}});
  const auto alarms = [&](const MacAddress& mac, const MacAddress& asked, std::chrono::minutes later) {
    auto seen = record(mac, kHere);
    seen.last_seen = time + later;
    return records.meet({.seen = seen, .in_url = asked, .in_user_agent = {}}, {}, {}, DeviceRecords::Kept::no)
        .alarms.size();
  };
  using std::chrono::minutes;
  EXPECT_EQ(alarms(kPhone, kOther, minutes{59}), 0U);
  EXPECT_EQ(alarms(kPhone, kOther, minutes{60}), 1U);
  EXPECT_EQ(alarms(kOther, kPhone, minutes{1}), 1U) << "another kind";
}

TEST(DeviceRecords, PinOneOfTwoCertificatesThatComeAtOnce) {
  for (int round = 0; round < 100; ++round) {
    DeviceRecords records;
    std::array<policy::WatchRefusal, 2> refusals{};
    const auto come = [&](std::size_t who) {
      auto seen = record(kPhone, kHere);
      seen.key = std::string(1, who == 0 ? 'a' : 'b');
      refusals[who] = meet(records, seen).refusal;
    };
    std::thread other{come, 1};
    come(0);
    other.join();
    EXPECT_NE(refusals[0], refusals[1]);
  }
}

TEST(DeviceRecords, AreSharedByThreads) {
  DeviceRecords records;
  const auto work = [&](std::uint64_t first) {
    for (std::uint64_t i = 0; i < 2000; ++i) {
      const auto mac = MacAddress::from_number(i % 10);
      meet(records, record(mac, (i + first) % 3 == 0 ? kHere : kThere));
      (void)records.last_at(kHere, kJa3);
      if (i % 100 == 0) (void)records.write_back(kFullDisk);
      if (i % 500 == 0) records.forget(mac, [](const auto&) { return true; });
    }
  };
  std::thread other{work, 1};
  work(0);
  other.join();
  for (std::uint64_t i = 0; i < 10; ++i) {
    const auto mac = MacAddress::from_number(i);
    meet(records, record(mac, kHere));
    EXPECT_EQ(last_at(records, kHere), mac);
    EXPECT_NE(last_at(records, kThere), mac);
  }
}

}  // namespace
}  // namespace firstring::provision
