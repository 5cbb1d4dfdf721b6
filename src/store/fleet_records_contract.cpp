// What any back end of FleetStore must do with what servers have learnt of devices, above all when several write.

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <functional>

#include "store/fleet_contract.hpp"

namespace firstring::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_P(FleetContract, KeepsRecordsOfDevices) {
  EXPECT_OK(store_->add_device(device(kPhone)));
  EXPECT_OK(store_->add_device(device(kOther)));
  EXPECT_TRUE(keep(*store_, {{{}, record(kPhone, 9)}, {{}, record(kOther, 5)}}));
  EXPECT_THAT(*store_->device_records(), ElementsAre(record(kOther, 5), record(kPhone, 9)));
  EXPECT_EQ(*store_->device_record(kPhone), record(kPhone, 9));
}

TEST_P(FleetContract, PutsANewRecordInThePlaceOfTheOld) {
  EXPECT_OK(store_->add_device(device(kPhone)));
  EXPECT_TRUE(keep(*store_, {{{}, record(kPhone, 5)}}));
  auto next = record(kPhone, 2);  // the clock was set back
  next.key = std::string(64, 'c');
  next.firmware.clear();
  EXPECT_TRUE(keep(*store_, {{record(kPhone, 5), next}}));
  EXPECT_THAT(*store_->device_records(), ElementsAre(next));
}

TEST_P(FleetContract, KeepsNoRecordOfADeviceThatIsNotEntered) {
  EXPECT_OK(store_->add_device(device(kPhone)));
  EXPECT_TRUE(keep(*store_, {{{}, record(kOther, 1)}, {{}, record(kPhone, 1)}}));
  EXPECT_EQ(*store_->device_record(kOther), std::nullopt);
  EXPECT_OK(store_->remove_device(kPhone));
  EXPECT_THAT(*store_->device_records(), IsEmpty());
}

TEST_P(FleetContract, KeepsNoRecordOfADeviceAsItWasBeforeItWasEnteredAgain) {
  EXPECT_OK(store_->add_device(device(kPhone)));
  EXPECT_TRUE(keep(*store_, {{{}, record(kPhone, 3)}}));
  EXPECT_OK(store_->remove_device(kPhone));
  auto again = device(kPhone);
  again.created = at(10);
  EXPECT_OK(store_->add_device(again));
  const auto lost = *store_->keep_device_records({{{}, record(kPhone, 11)}});
  EXPECT_TRUE(lost.empty());
  EXPECT_EQ(*store_->device_record(kPhone), std::nullopt);
}

TEST_P(FleetContract, GivesBackWhatAnotherWriterHasDecidedOtherwise) {
  const auto other = open();
  EXPECT_OK(store_->add_device(device(kPhone)));
  EXPECT_OK(store_->add_device(device(kOther)));
  EXPECT_TRUE(keep(*store_, {{{}, record(kPhone, 3)}, {{}, record(kOther, 3)}}));
  const auto lose = [&](const std::optional<DeviceRecord>& before, const std::optional<DeviceRecord>& now) {
    // With one that is written before it and one after: they do not depend on each other.
    auto others = record(kOther, 3);
    ASSERT_TRUE(keep(*store_, {{*store_->device_record(kOther), others}}));
    auto others_next = others;
    others_next.firmware = "7.6.2";
    const auto lost = store_->keep_device_records({{before, record(kPhone, 99)}, {others, others_next}});
    ASSERT_TRUE(lost) << lost.error().what;
    ASSERT_EQ(lost->size(), 1U);
    EXPECT_EQ(lost->front().change, 0U);
    EXPECT_EQ(lost->front().now, now);
    EXPECT_EQ(*store_->device_record(kPhone), now);
    EXPECT_EQ(*store_->device_record(kOther), others_next);
  };
  const auto first = record(kPhone, 3);
  for (const auto& decide : std::vector<std::function<void(DeviceRecord&)>>{
           [](auto& one) { one.certificate = std::string(64, 'c'); }, [](auto& one) { one.key = std::string(64, 'c'); },
           [](auto& one) { one.pinned_at = at(4); }, [](auto& one) { one.strongest_version = 0x0304; },
           [](auto& one) { one.personality = "modern"; }}) {
    auto decided = first;
    decide(decided);
    ASSERT_TRUE(keep(*other, {{first, decided}}));
    lose(first, decided);
    ASSERT_TRUE(keep(*other, {{decided, first}}));
  }
  lose(std::nullopt, first);
  EXPECT_OK(other->remove_device(kPhone));
  EXPECT_OK(other->add_device(device(kPhone)));
  lose(first, std::nullopt);
}

TEST_P(FleetContract, OfWhatIsOnlyRememberedTheLaterWins) {
  const auto other = open();
  EXPECT_OK(store_->add_device(device(kPhone)));
  const auto first = record(kPhone, 3);
  EXPECT_TRUE(keep(*store_, {{{}, first}}));
  auto late = first;
  late.last_seen = at(9);
  late.address = "192.0.2.9";
  late.ja3 = "another";
  late.model = "SPA525G2";
  late.firmware = "7.6.2";
  EXPECT_TRUE(keep(*other, {{first, late}}));
  auto earlier = first;
  earlier.last_seen = at(8);
  earlier.address = "192.0.2.8";
  earlier.strongest_version = 0x0304;
  EXPECT_TRUE(keep(*store_, {{first, earlier}})) << "nothing that is decided on was changed meanwhile";
  auto both = late;
  both.strongest_version = 0x0304;
  EXPECT_EQ(*store_->device_record(kPhone), both);
}

/// A server: it reads, learns something, and writes; and if it has lost a race, merges and writes again.
class RecordWriter {
 public:
  RecordWriter(FleetStore& store, DeviceRecord seen) : store_(store), seen_(std::move(seen)) {}

  bool is_done() const { return is_done_; }
  bool has_lost() const { return has_lost_; }
  void step() {
    if (!has_read_) {
      before_ = *store_.device_record(seen_.mac);
      has_read_ = true;
      return;
    }
    auto after = seen_;
    if (before_) {
      after.pinned_at = before_->pinned_at;
      after.key = before_->key;
      after.strongest_version = std::max(after.strongest_version, before_->strongest_version);
    }
    const auto lost = *store_.keep_device_records({{before_, after}});
    is_done_ = lost.empty();
    if (is_done_) return;
    has_lost_ = true;
    before_ = lost.front().now;
  }

 private:
  FleetStore& store_;
  DeviceRecord seen_;
  std::optional<DeviceRecord> before_;
  bool has_read_ = false, has_lost_ = false, is_done_ = false;
};

TEST_P(FleetContract, TwoWritersLoseNothingOfEachOtherInAnyOrder) {
  EXPECT_OK(store_->add_device(device(kPhone)));
  const auto other = open();
  const auto base = record(kPhone, 3);
  unsigned lost = 0;
  // Bit n says whose the n-th step is: a read, and at most two writes of each.
  for (const auto& before : {std::optional<DeviceRecord>{}, std::optional{base}}) {
    for (unsigned order = 0; order < 64; ++order) {
      EXPECT_OK(store_->remove_device(kPhone));
      EXPECT_OK(store_->add_device(device(kPhone)));
      if (before) {
        EXPECT_TRUE(keep(*store_, {{{}, *before}}));
      }
      auto strong = record(kPhone, 5);
      strong.key = std::string(64, 's');
      strong.strongest_version = 0x0304;
      strong.personality = "modern";
      auto late = record(kPhone, 9);
      late.key = std::string(64, 'l');
      late.address = "192.0.2.9";
      std::array<RecordWriter, 2> writers{RecordWriter{*store_, strong}, RecordWriter{*other, late}};
      for (unsigned step = 0; step < 6; ++step) {
        auto& writer = writers.at(order >> step & 1U);
        if (!writer.is_done()) writer.step();
      }
      for (auto& writer : writers) {
        while (!writer.is_done()) writer.step();
      }
      const auto now = **store_->device_record(kPhone);
      EXPECT_EQ(now.strongest_version, 0x0304) << order;
      EXPECT_TRUE(before ? now.key == base.key : now.key == strong.key || now.key == late.key) << order;
      for (const auto& writer : writers) lost += writer.has_lost() ? 1U : 0U;
    }
  }
  EXPECT_GT(lost, 0U) << "no order has had a race";
}

}  // namespace
}  // namespace firstring::store
