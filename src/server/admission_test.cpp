#include "server/admission.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <deque>
#include <utility>
#include <vector>

namespace firstring::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Familiarity = Admission::Familiarity;
using Visitor = Admission::Visitor;

const auto kOffice = *IpAddress::parse("192.0.2.1");
const auto kAttacker = *IpAddress::parse("198.51.100.1");

class Queue : public testing::Test {
 protected:
  Queue() { admission_.set_limits({.connections = 1000, .begun = 1000}); }
  ~Queue() override {
    for (auto& visitor : visitors_) admission_.leave(visitor);
    EXPECT_EQ(admission_.open(), 0U);
    EXPECT_EQ(admission_.begun(), 0U);
    EXPECT_EQ(admission_.waiting(), 0U);
  }

  Visitor& arrive(const IpAddress& from = kOffice) {
    auto& visitor = visitors_.emplace_back();
    admission_.arrive(visitor, from, now_ + seconds{3});
    return visitor;
  }
  Visitor& wait(Familiarity familiarity = Familiarity::unknown, const IpAddress& from = kOffice) {
    auto& visitor = arrive(from);
    admission_.queue(visitor, familiarity, now_);
    return visitor;
  }
  Visitor* next() { return admission_.next(now_); }
  void make_suspect(const IpAddress& network) {
    for (int i = 0; i < 20; ++i) admission_.settle(arrive(network), {.bad = 1}, now_);
    ASSERT_TRUE(admission_.suspects().is_suspect(network, now_));
  }

  Admission::Time now_{std::chrono::hours{1}};
  Admission admission_;
  std::deque<Visitor> visitors_;  // in their places, as connections are
};

TEST_F(Queue, GivesNobodyWhereNobodyWaits) {
  arrive();
  EXPECT_FALSE(admission_.may_begin());
  EXPECT_EQ(next(), nullptr);
}

TEST_F(Queue, GivesWhoCameFirst) {
  auto& first = wait();
  auto& second = wait();
  EXPECT_EQ(next(), &first);
  EXPECT_EQ(next(), &second);
  EXPECT_EQ(next(), nullptr);
}

TEST_F(Queue, GivesPhonesOfWhichNothingIsKnownAHeadStart) {
  auto& known = wait(Familiarity::known);
  now_ += seconds{4};
  auto& unknown = wait();
  EXPECT_EQ(next(), &unknown);
  EXPECT_EQ(next(), &known);
}

TEST_F(Queue, LetsNobodyWaitMoreThanTheHeadStartForThose) {
  auto& known = wait(Familiarity::known);
  now_ += seconds{6};
  auto& unknown = wait();
  EXPECT_EQ(next(), &known);
  EXPECT_EQ(next(), &unknown);
}

TEST_F(Queue, ForgetsWhoLeft) {
  auto& first = wait();
  auto& second = wait();
  admission_.leave(first);
  EXPECT_EQ(admission_.waiting(), 1U);
  EXPECT_EQ(next(), &second);
}

TEST_F(Queue, LetsNoMoreBeginThanItMay) {
  admission_.set_limits({.connections = 1000, .begun = 2});
  auto& first = wait();
  wait();
  auto& third = wait();
  ASSERT_EQ(next(), &first);
  ASSERT_NE(next(), nullptr);
  EXPECT_FALSE(admission_.may_begin());
  EXPECT_EQ(next(), nullptr);
  admission_.settle(first, {.good = 1}, now_);
  EXPECT_TRUE(admission_.may_begin());
  EXPECT_EQ(next(), &third);
}

TEST_F(Queue, ServesSuspectsLastButServesThem) {
  make_suspect(kAttacker);
  auto& suspect = wait(Familiarity::unknown, kAttacker);
  auto& other = wait(Familiarity::known);
  EXPECT_EQ(next(), &other);
  EXPECT_EQ(next(), &suspect);
}

TEST_F(Queue, KeepsEachEighthTurnForSuspects) {
  make_suspect(kAttacker);
  std::vector<const Visitor*> suspects;
  for (int i = 0; i < 5; ++i) suspects.push_back(&wait(Familiarity::unknown, kAttacker));
  for (int i = 0; i < 50; ++i) wait();
  std::vector<std::size_t> turns;
  for (std::size_t turn = 1; turn <= 24; ++turn) {
    const auto* begun = next();
    if (std::find(suspects.begin(), suspects.end(), begun) != suspects.end()) turns.push_back(turn);
  }
  EXPECT_EQ(turns, (std::vector<std::size_t>{8, 16, 24}));
}

TEST_F(Queue, LeavesTheLastQuarterToOthersThanWhoHoldsMost) {
  admission_.set_limits({.connections = 1000, .begun = 8});
  for (int i = 0; i < 20; ++i) wait(Familiarity::unknown, kAttacker);
  for (int i = 0; i < 6; ++i) ASSERT_NE(next(), nullptr);
  EXPECT_EQ(next(), nullptr) << "all wait from the network that holds three quarters";
  auto& other = wait();
  EXPECT_EQ(next(), &other);
  admission_.settle(visitors_.front(), {}, now_);
  admission_.settle(other, {}, now_);
  EXPECT_NE(next(), nullptr) << "of the others one after the other";
  EXPECT_EQ(next(), nullptr);
}

TEST_F(Queue, CountsNoBegunOneTwiceWhenItIsSettledAndLeaves) {
  auto& one = wait();
  ASSERT_EQ(next(), &one);
  EXPECT_EQ(admission_.begun(), 1U);
  admission_.settle(one, {}, now_);
  admission_.settle(one, {}, now_);
  EXPECT_EQ(admission_.begun(), 0U);
  EXPECT_EQ(admission_.open(), 1U);
  admission_.leave(one);
  admission_.leave(one);
  EXPECT_EQ(admission_.open(), 0U);
}

TEST_F(Queue, MakesAnOfficeOfWellBehavedPhonesNoSuspect) {
  for (int i = 0; i < 500; ++i) {
    auto& phone = wait();
    ASSERT_EQ(next(), &phone);
    admission_.settle(phone, {.good = 1}, now_);
    admission_.leave(phone);
    now_ += milliseconds{2};
  }
  EXPECT_FALSE(admission_.suspects().is_suspect(kOffice, now_));
}

// ---- who makes room ----

class Pressure : public Queue {
 protected:
  Pressure() { admission_.set_limits({.connections = 12, .begun = 12}); }
  void fill(int count, const IpAddress& from) {
    for (int i = 0; i < count; ++i) arrive(from);
  }
};

TEST_F(Pressure, IsNoneUntilThreeQuartersAreTaken) {
  fill(8, kAttacker);
  now_ += seconds{10};
  EXPECT_EQ(admission_.expendable(now_), nullptr);
  arrive();
  EXPECT_NE(admission_.expendable(now_), nullptr);
}

TEST_F(Pressure, TakesTheOldestOfTheNetworkWithMostSilentOnes) {
  fill(2, kOffice);
  auto& oldest = arrive(kAttacker);
  fill(2, kAttacker);
  for (int i = 0; i < 5; ++i) wait();
  now_ += seconds{10};
  EXPECT_EQ(admission_.expendable(now_), &oldest);
  admission_.settle(oldest, {.bad = 1}, now_);
  admission_.leave(oldest);
  EXPECT_NE(admission_.expendable(now_), &oldest);
}

TEST_F(Pressure, LeavesEachTimeToSpeak) {
  fill(10, kAttacker);
  now_ += milliseconds{2999};
  EXPECT_EQ(admission_.expendable(now_), nullptr);
  now_ += milliseconds{1};
  EXPECT_NE(admission_.expendable(now_), nullptr);
}

TEST_F(Pressure, LooksBehindALargeOfficeThatHasJustCome) {
  auto& old = arrive(kAttacker);
  now_ += seconds{5};
  fill(9, kOffice);
  EXPECT_EQ(admission_.expendable(now_), &old);
}

TEST_F(Pressure, TouchesNobodyWhoHasSpoken) {
  for (int i = 0; i < 6; ++i) wait();
  ASSERT_NE(next(), nullptr);
  for (int i = 0; i < 6; ++i) admission_.spoke(arrive());
  now_ += seconds{10};
  EXPECT_EQ(admission_.expendable(now_), nullptr);
}

// ---- whatever happens ----

TEST(Admission, LosesNobodyAndKeepsItsBoundsWhateverHappens) {
  EXPECT_TRUE(rc::check([] {
    const auto limit = *rc::gen::inRange<std::size_t>(1, 9);
    Admission admission;
    admission.set_limits({.connections = 40, .begun = limit});
    std::deque<Visitor> all;
    std::vector<Visitor*> silent, waiting, begun;
    Admission::Time now{std::chrono::hours{1}};
    const auto take = [](std::vector<Visitor*>& from, std::size_t at) {
      auto* taken = from[at % from.size()];
      from.erase(from.begin() + static_cast<std::ptrdiff_t>(at % from.size()));
      return taken;
    };
    const auto steps = *rc::gen::container<std::vector<std::pair<int, std::uint8_t>>>(
        rc::gen::pair(rc::gen::inRange(0, 6), rc::gen::arbitrary<std::uint8_t>()));
    for (const auto& [action, number] : steps) {
      now += milliseconds{number};
      if (action == 0) {
        silent.push_back(&all.emplace_back());
        admission.arrive(*silent.back(), IpAddress::from_v4({192, 0, 2, static_cast<std::uint8_t>(number % 3)}), now);
      } else if (action == 1 && !silent.empty()) {
        waiting.push_back(take(silent, number));
        admission.queue(*waiting.back(), number % 2 == 0 ? Familiarity::known : Familiarity::unknown, now);
      } else if (action == 2) {
        const bool may = admission.may_begin();
        if (auto* visitor = admission.next(now)) {
          RC_ASSERT(may);
          const auto found = std::find(waiting.begin(), waiting.end(), visitor);
          RC_ASSERT(found != waiting.end());
          waiting.erase(found);
          begun.push_back(visitor);
        }
      } else if (action == 3 && !begun.empty()) {
        auto* visitor = take(begun, number);
        admission.settle(*visitor, number % 2 == 0 ? Conduct{.bad = 20} : Conduct{.good = 1}, now);
        admission.leave(*visitor);
      } else if (action == 4 && !waiting.empty()) {
        admission.leave(*take(waiting, number));
      } else if (action == 5) {
        if (auto* visitor = admission.expendable(now)) {
          const auto found = std::find(silent.begin(), silent.end(), visitor);
          RC_ASSERT(found != silent.end());
          silent.erase(found);
          admission.leave(*visitor);
        }
      }
      RC_ASSERT(admission.begun() == begun.size());
      RC_ASSERT(admission.waiting() == waiting.size());
      RC_ASSERT(admission.open() == silent.size() + waiting.size() + begun.size());
      RC_ASSERT(begun.size() <= limit);
    }
    // As those that have begun end, everybody who waits gets his turn.
    for (auto* visitor : begun) admission.leave(*visitor);
    for (std::size_t left = waiting.size(); left > 0; --left) {
      auto* visitor = admission.next(now);
      RC_ASSERT(visitor != nullptr);
      admission.leave(*visitor);
    }
    RC_ASSERT(admission.begun() == 0U);
    for (auto* visitor : silent) admission.leave(*visitor);
    RC_ASSERT(admission.open() == 0U);
  }));
}

TEST(Admission, KeepsTheOrderOfArrivalWithinALane) {
  EXPECT_TRUE(rc::check([](const std::vector<bool>& lanes) {
    Admission admission;
    admission.set_limits({.connections = 1000, .begun = 1000});
    std::deque<Visitor> all;
    Admission::Time now{std::chrono::hours{1}};
    for (const bool known : lanes) {
      now += milliseconds{700};
      auto& visitor = all.emplace_back();
      admission.arrive(visitor, kOffice, now);
      admission.queue(visitor, known ? Familiarity::known : Familiarity::unknown, now);
    }
    std::array<std::size_t, 2> last{};
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      const auto* visitor = admission.next(now);
      RC_ASSERT(visitor != nullptr);
      const auto at = static_cast<std::size_t>(
          std::find_if(all.begin(), all.end(), [&](const auto& one) { return &one == visitor; }) - all.begin());
      auto& before = last[lanes[at] ? 1 : 0];
      RC_ASSERT(before <= at + 1);
      before = at + 1;
    }
    for (auto& visitor : all) admission.leave(visitor);
  }));
}

}  // namespace
}  // namespace firstring::server
