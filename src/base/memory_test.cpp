#include "base/memory.hpp"

#include <gtest/gtest.h>

namespace firstring {
namespace {

using namespace std::chrono_literals;

TEST(QuietWatch, WaitsUntilItIsOverAndAsksOnce) {
  QuietWatch watch;
  QuietWatch::Duration time{};
  const auto tick = [&](QuietWatch::Duration used) { return watch.tick(time += used); };
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(tick(900ms)) << "busy";
  EXPECT_FALSE(tick(10ms));
  EXPECT_FALSE(tick(10ms));
  EXPECT_FALSE(tick(300ms)) << "busy again";
  EXPECT_FALSE(tick(10ms));
  EXPECT_FALSE(tick(10ms));
  EXPECT_TRUE(tick(10ms));
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(tick(5ms)) << "once";
}

TEST(QuietWatch, LeavesAProgramAloneThatHasDoneLittle) {
  QuietWatch watch;
  for (int i = 1; i < 90; ++i) EXPECT_FALSE(watch.tick(i * 10ms));
}

TEST(GiveMemoryBack, MayBeCalledAtAnyTime) { give_memory_back(); }

}  // namespace
}  // namespace firstring
