#include "server/buffers.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <deque>
#include <memory>
#include <vector>

namespace firstring::server {
namespace {

class BuffersTest : public testing::Test {
 protected:
  BuffersTest() { buffers_.set_limit(100); }
  std::unique_ptr<Buffers::Lease> lease(int number) {
    return std::make_unique<Buffers::Lease>(buffers_, [this, number] { given_.push_back(number); });
  }
  Buffers buffers_;
  std::vector<int> given_;
};

TEST_F(BuffersTest, GivesWhatThereIsAndMakesTheOthersWait) {
  auto one = lease(1), two = lease(2);
  EXPECT_TRUE(one->grow(60));
  EXPECT_FALSE(two->grow(60));
  EXPECT_TRUE(two->waits());
  EXPECT_EQ(buffers_.used(), 60U);
  one->shrink(40);
  EXPECT_EQ(given_, std::vector{2});
  EXPECT_EQ(two->bytes(), 60U);
  EXPECT_EQ(buffers_.used(), 100U);
}

TEST_F(BuffersTest, ServesThoseThatWaitInTheOrderOfArrival) {
  auto holder = lease(0), large = lease(1), small = lease(2);
  ASSERT_TRUE(holder->grow(90));
  EXPECT_FALSE(large->grow(80));
  EXPECT_FALSE(small->grow(5)) << "there is room for it, but somebody was here before";
  holder->shrink(50);
  EXPECT_EQ(given_, std::vector<int>{});
  holder.reset();
  EXPECT_EQ(given_, (std::vector{1, 2}));
}

TEST_F(BuffersTest, ForgetsWhoGoes) {
  auto holder = lease(0), first = lease(1), second = lease(2);
  ASSERT_TRUE(holder->grow(100));
  EXPECT_FALSE(first->grow(100));
  EXPECT_FALSE(second->grow(20));
  holder->shrink(50);
  first.reset();
  EXPECT_EQ(given_, std::vector{2});
  holder.reset();
  second.reset();
  EXPECT_EQ(buffers_.used(), 0U);
}

TEST_F(BuffersTest, GivesMoreThanTheLimitToOneAlone) {
  auto large = lease(1), other = lease(2);
  EXPECT_TRUE(large->grow(500));
  EXPECT_FALSE(other->grow(1));
  large->shrink(0);
  EXPECT_EQ(given_, std::vector{2});
}

TEST_F(BuffersTest, CountsAnExcessAndGivesNobodyMoreMeanwhile) {
  auto one = lease(1), two = lease(2);
  ASSERT_TRUE(one->grow(50));
  one->exceed(150);
  EXPECT_EQ(buffers_.used(), 150U);
  EXPECT_FALSE(two->grow(1));
  one->shrink(99);
  EXPECT_EQ(given_, std::vector{2});
}

TEST(Buffers, NeverGivesMoreThanTheLimitAndLosesNobody) {
  EXPECT_TRUE(rc::check([](const std::vector<std::pair<std::uint8_t, std::uint8_t>>& steps) {
    Buffers buffers;
    buffers.set_limit(300);
    std::deque<std::unique_ptr<Buffers::Lease>> leases;
    for (int i = 0; i < 8; ++i) leases.push_back(std::make_unique<Buffers::Lease>(buffers, [] {}));
    for (const auto& [which, bytes] : steps) {
      auto& lease = *leases[which % leases.size()];
      if (which >= 128) {
        if (lease.bytes() == 0) lease.grow(bytes);
      } else {
        lease.shrink(bytes / 4);
      }
      std::size_t sum = 0;
      for (const auto& one : leases) sum += one->bytes();
      RC_ASSERT(buffers.used() == sum);
      RC_ASSERT(sum <= 300U);
    }
    // As those that hold give back, everybody who waits is served.
    for (std::size_t left = leases.size(); left > 0; --left) {
      for (auto& lease : leases) {
        if (!lease->waits()) lease->shrink(0);
      }
    }
    for (const auto& lease : leases) RC_ASSERT(!lease->waits());
    leases.clear();
    RC_ASSERT(buffers.used() == 0U);
  }));
}

}  // namespace
}  // namespace firstring::server
