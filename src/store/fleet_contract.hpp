#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "store/fleet.hpp"

namespace firstring::store {

/// What a back end gives the tests of fleet_contract.cpp: one database, empty at first, opened as often as asked.
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

}  // namespace firstring::store
