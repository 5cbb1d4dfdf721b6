#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "store/fleet.hpp"

namespace firstring::store {

/// What a back end gives the tests of fleet_contract.cpp and fleet_records_contract.cpp: one database, empty at first,
/// opened as often as asked.
class FleetBackEnd {
 public:
  virtual ~FleetBackEnd() = default;
  virtual Result<std::unique_ptr<FleetStore>> open() = 0;
};

using MakeFleetBackEnd = std::unique_ptr<FleetBackEnd> (*)();

/// A back end runs the tests by CONTRACTS in its CMake line and INSTANTIATE_TEST_SUITE_P(Name, FleetContract,
/// testing::Values(&make_it)).
class FleetContract : public testing::TestWithParam<MakeFleetBackEnd> {
 protected:
  void SetUp() override { store_ = open(); }

  std::unique_ptr<FleetStore> open() {
    auto store = back_end_->open();
    if (!store) {
      ADD_FAILURE() << store.error().what;
      std::abort();
    }
    return *std::move(store);
  }

  std::unique_ptr<FleetBackEnd> back_end_ = GetParam()();
  std::unique_ptr<FleetStore> store_;
};

// What the tests use.

#define EXPECT_OK(expression)                         \
  do {                                                \
    const auto ok_result = (expression);              \
    EXPECT_TRUE(ok_result) << ok_result.error().what; \
  } while (false)

inline const MacAddress kPhone = MacAddress::from_number(0x000e08abcdef);
inline const MacAddress kOther = MacAddress::from_number(0x708105b37234);

inline Timestamp at(std::int64_t seconds) { return from_micros(seconds * 1'000'000 + 123'456); }

inline Device device(const MacAddress& mac, std::string group = "") {
  return {.mac = mac, .model = "SPA504G", .serial = "CBT123", .group = std::move(group), .created = at(1)};
}

inline DeviceRecord record(const MacAddress& mac, std::int64_t seen) {
  return {.mac = mac,
          .certificate = std::string(64, 'a'),
          .key = std::string(64, 'b'),
          .pinned_at = at(2),
          .strongest_version = 0x0303,
          .address = "192.0.2.7",
          .last_seen = at(seen),
          .ja3 = "0123456789abcdef0123456789abcdef",
          .personality = "legacy",
          .model = "SPA504G",
          .firmware = "7.5.7"};
}

/// Whether all of it was written.
inline bool keep(FleetStore& store, const std::vector<RecordChange>& changes) {
  const auto lost = store.keep_device_records(changes);
  EXPECT_TRUE(lost) << lost.error().what;
  return lost && lost->empty();
}

}  // namespace firstring::store
