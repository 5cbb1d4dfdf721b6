#include "policy/record_merge.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string>

namespace firstring::policy {
namespace {

using store::DeviceRecord;

Timestamp at(int seconds) { return from_micros(seconds * 1'000'000LL); }

DeviceRecord record(std::string key, int pinned) {
  DeviceRecord record;
  record.key = std::move(key);
  record.certificate = record.key + "'s";
  record.pinned_at = record.last_seen = at(pinned);
  record.strongest_version = 0x0301;
  record.personality = "legacy";
  return record;
}

DeviceRecord with(DeviceRecord record, const std::function<void(DeviceRecord&)>& change) {
  change(record);
  return record;
}

TEST(RecordMerge, TheFirstPinStandsWithAllThatIsKnownOfItsPhone) {
  auto first = record("a", 1);
  auto second = record("b", 2);
  second.strongest_version = 0x0304;
  second.last_seen = at(9);
  EXPECT_EQ(merge(nullptr, second, first), first);
  const auto base = record("old", 0);  // both had the operator's leave
  EXPECT_EQ(merge(&base, second, first), first);
}

TEST(RecordMerge, APinThatWasReplacedWithLeaveIsNotUndoneByWhoDidNotKnow) {
  const auto base = record("old", 0);
  const auto replaced = record("new", 5);
  const auto unknowing = with(base, [](auto& one) { one.last_seen = at(9); });
  EXPECT_EQ(merge(&base, unknowing, replaced), replaced);
}

TEST(RecordMerge, TheRatchetIsTheHigherOne) {
  const auto base = record("a", 1);
  const auto one = with(base, [](auto& record) { record.strongest_version = 0x0303; });
  const auto other = with(base, [](auto& record) { record.strongest_version = 0x0304; });
  EXPECT_EQ(merge(&base, one, other).strongest_version, 0x0304);
  EXPECT_EQ(merge(&base, one, base).strongest_version, 0x0303);
  EXPECT_EQ(merge(nullptr, one, other).strongest_version, 0x0304);
}

TEST(RecordMerge, AnAmnestyIsNotUndoneByWhoOnlySawThePhone) {
  const auto base = with(record("a", 1), [](auto& record) { record.strongest_version = 0x0303; });
  const auto lowered = with(base, [](auto& record) { record.strongest_version = 0x0301; });
  const auto seen = with(base, [](auto& record) { record.last_seen = at(9); });
  EXPECT_EQ(merge(&base, seen, lowered).strongest_version, 0x0301);
  const auto raised = with(base, [](auto& record) { record.strongest_version = 0x0304; });
  EXPECT_EQ(merge(&base, raised, lowered).strongest_version, 0x0304);
}

TEST(RecordMerge, ARungIsKeptAgainstALaterSightingThatLearntNone) {
  const auto base = record("a", 1);
  const auto climbed = with(base, [](auto& record) { record.personality = "modern"; });
  auto seen = with(base, [](auto& record) { record.last_seen = at(9); });
  auto merged = merge(&base, climbed, seen);
  EXPECT_EQ(merged.personality, "modern");
  EXPECT_EQ(merged.last_seen, at(9));
  seen.personality = "older";
  EXPECT_EQ(merge(&base, climbed, seen).personality, "older") << "both learnt one: the later";
}

/// Of few values, so that two are often the same.
DeviceRecord any_record() {
  const auto text = [] { return std::string(1, *rc::gen::inRange('a', 'd')); };
  DeviceRecord record;
  record.certificate = text();
  record.key = text();
  record.pinned_at = at(*rc::gen::inRange(0, 3));
  record.strongest_version = static_cast<std::uint16_t>(*rc::gen::inRange(0x0301, 0x0305));
  record.address = text();
  record.last_seen = at(*rc::gen::inRange(0, 3));
  record.ja3 = text();
  record.personality = text();
  record.model = text();
  record.firmware = text();
  return record;
}

std::optional<DeviceRecord> any_base() {
  return *rc::gen::arbitrary<bool>() ? std::optional{any_record()} : std::nullopt;
}

const DeviceRecord* pointer(const std::optional<DeviceRecord>& record) { return record ? &*record : nullptr; }

TEST(RecordMerge, IsTheSameInEitherOrder) {
  EXPECT_TRUE(rc::check([] {
    const auto base = any_base();
    const auto one = any_record();
    const auto other = any_record();
    RC_ASSERT(merge(pointer(base), one, other) == merge(pointer(base), other, one));
    RC_ASSERT(merge(pointer(base), one, one) == one);
  }));
}

TEST(RecordMerge, InventsNothing) {
  EXPECT_TRUE(rc::check([] {
    const auto base = any_base();
    const auto one = any_record();
    const auto other = any_record();
    const auto merged = merge(pointer(base), one, other);
    const auto is_of_one = [&](auto member) {
      return merged.*member == one.*member || merged.*member == other.*member;
    };
    for (const auto member :
         {&DeviceRecord::certificate, &DeviceRecord::key, &DeviceRecord::address, &DeviceRecord::ja3,
          &DeviceRecord::personality, &DeviceRecord::model, &DeviceRecord::firmware})
      RC_ASSERT(is_of_one(member));
    // A certificate never comes with the key of another.
    RC_ASSERT((merged.key == one.key && merged.certificate == one.certificate) ||
              (merged.key == other.key && merged.certificate == other.certificate));
  }));
}

TEST(RecordMerge, NeverLowersARatchetThatNobodyLowered) {
  EXPECT_TRUE(rc::check([] {
    const auto base = any_record();
    auto one = any_record();
    auto other = any_record();
    one.key = other.key = base.key;
    RC_PRE(one.strongest_version >= base.strongest_version && other.strongest_version >= base.strongest_version);
    RC_ASSERT(merge(&base, one, other).strongest_version == std::max(one.strongest_version, other.strongest_version));
  }));
}

/// The k-th writer loses against what the k-1 before it have made.
DeviceRecord merged_in_turn(const DeviceRecord* base, const std::array<DeviceRecord, 3>& writers,
                            const std::array<std::size_t, 3>& order) {
  auto now = writers.at(order[0]);
  for (const auto next : {order[1], order[2]}) now = merge(base, writers.at(next), now);
  return now;
}

TEST(RecordMerge, ThreeWritersComeToOnePinAndRatchetInAnyOrder) {
  EXPECT_TRUE(rc::check([] {
    const auto base = any_base();
    std::array<DeviceRecord, 3> writers{any_record(), any_record(), any_record()};
    const auto one_key = *rc::gen::arbitrary<bool>();
    for (auto& writer : writers) {
      if (one_key) writer.key = writers[0].key;
    }
    std::array<std::size_t, 3> order{0, 1, 2};
    const auto expected = merged_in_turn(pointer(base), writers, order);
    while (std::next_permutation(order.begin(), order.end())) {
      const auto merged = merged_in_turn(pointer(base), writers, order);
      RC_ASSERT(merged.key == expected.key);
      if (one_key) RC_ASSERT(merged.strongest_version == expected.strongest_version);
    }
  }));
}

}  // namespace
}  // namespace firstring::policy
