#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "store/ledger_store.hpp"

namespace firstring::store {

/// What a back end gives the tests of ledger_contract.cpp: one ledger, empty at first, opened as often as asked.
class LedgerBackEnd {
 public:
  virtual ~LedgerBackEnd() = default;
  virtual Result<std::unique_ptr<LedgerStore>> open() = 0;
};

using MakeLedgerBackEnd = std::unique_ptr<LedgerBackEnd> (*)();

/// A back end runs the tests by CONTRACTS in its CMake line and INSTANTIATE_TEST_SUITE_P(Name, LedgerContract,
/// testing::Values(&make_it)).
class LedgerContract : public testing::TestWithParam<MakeLedgerBackEnd> {
 protected:
  void SetUp() override { store_ = open(); }

  std::unique_ptr<LedgerStore> open() {
    auto store = back_end_->open();
    if (!store) {
      ADD_FAILURE() << store.error().what;
      std::abort();
    }
    return *std::move(store);
  }

  std::unique_ptr<LedgerBackEnd> back_end_ = GetParam()();
  std::unique_ptr<LedgerStore> store_;
};

}  // namespace firstring::store
