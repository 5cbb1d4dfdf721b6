#include "tls/side_stack.hpp"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace firstring::tls {
namespace {

TEST(SideStack, RunsWorkToItsEnd) {
  SideStack stack;
  int done = 0;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(stack.run([&] { ++done; }));
  EXPECT_EQ(done, 3);
}

TEST(SideStack, GoesOnWhereItPaused) {
  SideStack stack;
  std::string seen;
  EXPECT_FALSE(stack.run([&] {
    for (const char step : {'a', 'b', 'c'}) {
      seen += step;
      SideStack::current()->pause();
    }
    seen += '.';
  }));
  EXPECT_EQ(seen, "a");
  EXPECT_FALSE(stack.resume());
  EXPECT_EQ(seen, "ab");
  EXPECT_FALSE(stack.resume());
  EXPECT_TRUE(stack.resume());
  EXPECT_EQ(seen, "abc.");
}

TEST(SideStack, KnowsWhichOneItRunsOn) {
  SideStack outer, inner;
  EXPECT_EQ(SideStack::current(), nullptr);
  EXPECT_TRUE(outer.run([&] {
    EXPECT_EQ(SideStack::current(), &outer);
    EXPECT_FALSE(inner.run([&] {
      EXPECT_EQ(SideStack::current(), &inner);
      SideStack::current()->pause();
      EXPECT_EQ(SideStack::current(), &inner);
    }));
    EXPECT_EQ(SideStack::current(), &outer);
  }));
  EXPECT_EQ(SideStack::current(), nullptr);
  EXPECT_TRUE(inner.resume());
}

/// What a function holds on its stack is there after many others have run on theirs.
TEST(SideStack, ManyPauseInTheMiddleOfTheirWork) {
  constexpr std::size_t kCount = 50;
  std::vector<SideStack> stacks(kCount);
  std::size_t right = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    EXPECT_FALSE(stacks[i].run([&right, i] {
      std::array<std::size_t, 4096> mine;
      mine.fill(i);
      SideStack::current()->pause();
      for (const auto one : mine) right += one == i ? 1 : 0;
    }));
  }
  for (auto& stack : stacks) EXPECT_TRUE(stack.resume());
  EXPECT_EQ(right, kCount * 4096);
}

TEST(SideStack, EachThreadHasItsOwn) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      SideStack stack;
      for (int j = 0; j < 100; ++j) {
        EXPECT_FALSE(stack.run([&] {
          SideStack::current()->pause();
          EXPECT_EQ(SideStack::current(), &stack);
        }));
        EXPECT_TRUE(stack.resume());
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(SideStackDeathTest, EndsTheProgramWhenItIsTooSmall) {
  const auto overflow = [] {
    SideStack stack;
    stack.run([] {
      std::function<int(int)> deeper = [&](int depth) {
        std::array<volatile char, 1024> room;
        room[0] = static_cast<char>(depth);
        return depth == 0 ? room[0] : deeper(depth - 1) + room[0];
      };
      (void)deeper(1'000'000);
    });
  };
  EXPECT_DEATH(overflow(), "");
}

}  // namespace
}  // namespace firstring::tls
