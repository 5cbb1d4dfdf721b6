#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string_view>

#include "base/temporary_folder.hpp"
#include "manage/desk.hpp"
#include "manage/folder.hpp"
#include "store_sqlite/open.hpp"

namespace firstring::manage {

/// A state folder with a fleet in a real database, and somebody who works on it. Its clock stands.
class AtTheDesk : public testing::Test {
 protected:
  void SetUp() override {
    const auto made = make_folder({.dir = dir(), .host = "prov.example.com"});
    ASSERT_TRUE(made) << made.error().what;
    auto opened = open_desk(dir(), {.name = "jo", .via = "test"});
    ASSERT_TRUE(opened) << opened.error().what;
    desk_ = *std::move(opened);
    desk_.clock = [] { return kNow; };
  }

  static constexpr Timestamp kNow = Timestamp{std::chrono::seconds{1'800'000'000}};
  static MacAddress mac(std::string_view text = "000e08abcdef") { return MacAddress::parse(text).value(); }

  std::filesystem::path dir() const { return folder_.path() / "state"; }
  const Desk& desk() const { return desk_; }
  std::int64_t revision() const { return desk_.fleet->revision().value(); }
  std::unique_ptr<store::LedgerStore> ledger() const {
    return store::sqlite::open_ledger(dir(), store::sqlite::OpenMode::existing).value();
  }

 private:
  TemporaryFolder folder_;
  Desk desk_;
};

}  // namespace firstring::manage
