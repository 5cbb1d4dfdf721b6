#include "server/captures.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>

#include "base/temporary_folder.hpp"
#include "store_sqlite/open.hpp"

namespace firstring::server {
namespace {

using store::sqlite::OpenMode;

void wait_for(const std::function<bool()>& is_so) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (!is_so() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  ASSERT_TRUE(is_so());
}

/// A state folder with an order to capture whoever comes next.
class CapturesTest : public testing::Test {
 protected:
  CapturesTest() {
    captures_->set_limit(1 << 20);
    const auto time = now();
    EXPECT_TRUE(fleet_->order_capture(
        {.id = 0, .who = "next", .ordered = time, .until = time + std::chrono::hours{1}, .wanted = 1, .files = {}}));
    captures_->follow(orders());
    wait_for([&] { return captures_->any(); });
  }

  std::vector<store::CaptureOrder> orders() { return fleet_->captures().value(); }
  bool is_noted() { return !orders().front().files.empty(); }
  bool is_written() const { return std::filesystem::exists(folder_.path() / "evidence"); }

  void capture() {
    auto tape = captures_->begin(orders(), records_, *IpAddress::parse("192.0.2.7"), now());
    ASSERT_TRUE(tape);
    store::ConnectionRow row;
    row.id = 7;
    row.accepted = now();
    row.address = "192.0.2.7";
    row.local_address = "192.0.2.1";
    ASSERT_TRUE(captures_->take(tape, row, orders(), now()));
  }

  TemporaryFolder folder_;
  std::unique_ptr<store::FleetStore> fleet_ = store::sqlite::open_fleet(folder_.path(), OpenMode::create).value();
  std::unique_ptr<ledger::Recorder> recorder_ = std::make_unique<ledger::Recorder>(
      store::sqlite::open_ledger(folder_.path(), OpenMode::create).value(), 1, nullptr, ledger::Recorder::Options{});
  provision::DeviceRecords records_;
  std::unique_ptr<Captures> captures_ = std::make_unique<Captures>(
      folder_.path() / "evidence", store::sqlite::open_fleet(folder_.path(), OpenMode::existing).value(),
      recorder_->queue(0));
};

TEST_F(CapturesTest, HoldUpNobodyWhileTheyWrite) {
  const auto other = store::sqlite::open_fleet(folder_.path(), OpenMode::existing).value();
  const store::Device device{
      .mac = MacAddress::from_number(1), .model = "SPA504G", .serial = {}, .group = {}, .created = {}};
  // What is imported holds the database, so that the capture cannot be noted before the import is over.
  ASSERT_TRUE(other->add_devices({device}, [&](std::size_t) {
    capture();
    wait_for([&] { return is_written(); });
    captures_->follow(orders());
    EXPECT_FALSE(is_noted());
  }));
  wait_for([&] { return is_noted(); });
}

TEST_F(CapturesTest, WriteTheLastOnesBeforeTheyStop) {
  capture();
  captures_->stop();
  ASSERT_TRUE(is_noted());
  recorder_.reset();
  const auto ledger = store::sqlite::open_ledger(folder_.path(), OpenMode::existing).value();
  const auto found = ledger->find({.mac = {}, .address = {}, .since = {}}).value();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().connection.capture, orders().front().files.front());
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "evidence" / found.front().connection.capture));
}

}  // namespace
}  // namespace firstring::server
