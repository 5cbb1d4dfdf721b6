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
using Place = Admission::Place;
using Kind = Admission::Kind;
using Answer = Admission::Answer;

const auto kOffice = *IpAddress::parse("192.0.2.1");
const auto kAttacker = *IpAddress::parse("198.51.100.1");

class Queue : public testing::Test {
 protected:
  Queue() { admission_.set_limits({.connections = 1000, .begun = 1000}); }
  ~Queue() override {
    for (auto& place : places_) admission_.leave(place);
    EXPECT_EQ(admission_.open(), 0U);
    EXPECT_EQ(admission_.begun(), 0U);
    EXPECT_EQ(admission_.waiting(), 0U);
  }

  Place& arrive(const IpAddress& from = kOffice, Kind kind = Kind::phone) {
    auto& place = places_.emplace_back();
    admission_.arrive(place, kind, from, now_ + seconds{3});
    return place;
  }
  Place& wait(Familiarity familiarity = Familiarity::unknown, const IpAddress& from = kOffice) {
    auto& place = arrive(from);
    admission_.queue(place, familiarity, now_);
    return place;
  }
  Place* next() { return admission_.next(now_); }
  Place& begin(Familiarity familiarity = Familiarity::unknown, const IpAddress& from = kOffice) {
    auto& place = wait(familiarity, from);
    EXPECT_EQ(next(), &place);
    return place;
  }
  /// One that was answered and is kept alive.
  Place& idle(Familiarity familiarity = Familiarity::unknown, const IpAddress& from = kOffice) {
    auto& place = begin(familiarity, from);
    admission_.idle(place, now_);
    return place;
  }
  Place* expendable(Kind kind = Kind::phone) { return admission_.expendable(kind, now_); }
  void make_suspect(const IpAddress& network) {
    for (int i = 0; i < 20; ++i) admission_.settle(arrive(network), {.bad = 1}, now_);
    ASSERT_TRUE(admission_.suspects().is_suspect(network, now_));
  }

  Admission::Time now_{std::chrono::hours{1}};
  Admission admission_;
  std::deque<Place> places_;  // in their places, as connections are
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
  std::vector<const Place*> suspects;
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
  admission_.settle(places_.front(), {}, now_);
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
  Pressure() { admission_.set_limits({.connections = 12, .begun = 1000}); }
  void fill(int count, const IpAddress& from) {
    for (int i = 0; i < count; ++i) arrive(from);
  }
};

TEST_F(Pressure, IsNoneUntilThreeQuartersAreTaken) {
  fill(8, kAttacker);
  now_ += seconds{10};
  EXPECT_EQ(expendable(), nullptr);
  arrive();
  EXPECT_NE(expendable(), nullptr);
}

TEST_F(Pressure, TakesTheOldestOfTheNetworkWithMostSilentOnes) {
  fill(2, kOffice);
  auto& oldest = arrive(kAttacker);
  fill(2, kAttacker);
  for (int i = 0; i < 5; ++i) wait();
  now_ += seconds{10};
  EXPECT_EQ(expendable(), &oldest);
  admission_.settle(oldest, {.bad = 1}, now_);
  admission_.leave(oldest);
  EXPECT_NE(expendable(), &oldest);
}

TEST_F(Pressure, LeavesEachTimeToSpeak) {
  fill(10, kAttacker);
  now_ += milliseconds{2999};
  EXPECT_EQ(expendable(), nullptr);
  now_ += milliseconds{1};
  EXPECT_NE(expendable(), nullptr);
}

TEST_F(Pressure, LooksBehindALargeOfficeThatHasJustCome) {
  auto& old = arrive(kAttacker);
  now_ += seconds{5};
  fill(9, kOffice);
  EXPECT_EQ(expendable(), &old);
}

TEST_F(Pressure, TouchesNobodyWhoWaitsForUs) {
  for (int i = 0; i < 12; ++i) wait();
  now_ += seconds{100};
  EXPECT_EQ(expendable(), nullptr);
}

TEST_F(Pressure, LeavesAStrangerInAHandshakeItsTime) {
  auto& oldest = begin(Familiarity::unknown, kAttacker);
  now_ += seconds{1};
  for (int i = 0; i < 8; ++i) begin(Familiarity::unknown, kAttacker);
  now_ += milliseconds{8999};
  EXPECT_EQ(expendable(), nullptr);
  now_ += milliseconds{1};
  EXPECT_EQ(expendable(), &oldest);
}

TEST_F(Pressure, LeavesItLessWhenNearlyAllPlacesAreTaken) {
  auto& oldest = begin(Familiarity::unknown, kAttacker);
  for (int i = 0; i < 11; ++i) begin(Familiarity::unknown, kAttacker);
  now_ += milliseconds{4999};
  EXPECT_EQ(expendable(), nullptr);
  now_ += milliseconds{1};
  EXPECT_EQ(expendable(), &oldest);
}

TEST_F(Pressure, NeverTakesAKnownPhoneFromItsHandshakeOrRequest) {
  for (int i = 0; i < 6; ++i) begin(Familiarity::known);
  for (int i = 0; i < 6; ++i) admission_.know(begin());
  now_ += seconds{100};
  EXPECT_EQ(expendable(), nullptr);
}

TEST_F(Pressure, TakesStrangersThatAreKeptAliveAtOnceAndKnownPhonesLast) {
  auto& known = idle(Familiarity::known);
  auto& oldest = idle(Familiarity::unknown, kAttacker);
  idle(Familiarity::unknown, kAttacker);
  idle();
  auto& slow = begin(Familiarity::unknown, kAttacker);
  for (int i = 0; i < 7; ++i) begin(Familiarity::known);
  std::vector<Place*> gone;
  for (int i = 0; i < 3; ++i) {
    auto* one = expendable();
    ASSERT_NE(one, nullptr);
    gone.push_back(one);
    admission_.leave(*one);
    begin(Familiarity::known);
  }
  EXPECT_EQ(gone.front(), &oldest) << "of the network that has two";
  EXPECT_EQ(expendable(), &known) << "the other stranger is in its handshake, and not for long yet";
  now_ += seconds{10};
  EXPECT_EQ(expendable(), &slow);
}

TEST_F(Pressure, TakesWhoHasItsLastAnswerAndDoesNotCloseFirstOfAll) {
  auto& closing = begin(Familiarity::known);
  for (int i = 0; i < 8; ++i) idle(Familiarity::unknown, kAttacker);
  now_ += seconds{1};
  admission_.settle(closing, {.good = 1}, now_);
  EXPECT_NE(expendable(), &closing) << "it has not had the time to close";
  now_ += milliseconds{500};
  EXPECT_EQ(expendable(), &closing);
}

TEST_F(Pressure, CountsATimeFromItsBeginAndNotFromTheLastRequestOfMany) {
  auto& place = begin(Familiarity::unknown, kAttacker);
  for (int i = 0; i < 8; ++i) begin(Familiarity::known);
  now_ += seconds{6};
  admission_.ask(place, now_);
  now_ += seconds{4};
  EXPECT_EQ(expendable(), &place);
}

TEST_F(Pressure, GivesAnIdleOneItsTimeAgainWhenItAsks) {
  auto& place = idle(Familiarity::unknown, kAttacker);
  for (int i = 0; i < 8; ++i) begin(Familiarity::known);
  now_ += seconds{20};
  admission_.ask(place, now_);
  EXPECT_EQ(expendable(), nullptr);
  now_ += seconds{10};
  EXPECT_EQ(expendable(), &place);
}

TEST_F(Pressure, MakesRoomAmongThoseThatHaveBegunForThoseThatWait) {
  admission_.set_limits({.connections = 1000, .begun = 4});
  auto& stranger = begin(Familiarity::unknown, kAttacker);
  auto& kept_alive = idle(Familiarity::unknown, kAttacker);
  auto& known = begin(Familiarity::known);
  EXPECT_EQ(admission_.expendable_begun(now_), nullptr) << "nobody waits";
  wait(Familiarity::known);
  EXPECT_EQ(admission_.expendable_begun(now_), &kept_alive);
  admission_.leave(kept_alive);
  EXPECT_EQ(admission_.expendable_begun(now_), nullptr);
  ASSERT_NE(next(), nullptr);
  wait(Familiarity::known);
  now_ += seconds{10};
  EXPECT_EQ(admission_.expendable_begun(now_), &stranger);
  admission_.leave(stranger);
  EXPECT_NE(admission_.expendable_begun(now_), &known);
}

// ---- shares ----

class Shares : public Queue {
 protected:
  Shares() { admission_.set_limits(Admission::limits(80, 80, true)); }
  std::size_t fill(Kind kind) {
    std::size_t count = 0;
    while (admission_.has_place(kind)) {
      arrive(kAttacker, kind);
      ++count;
    }
    return count;
  }
};

TEST_F(Shares, KeepHalfForPhones) {
  EXPECT_EQ(fill(Kind::bootstrap), 40U);
  EXPECT_EQ(fill(Kind::phone), 40U);
}

TEST_F(Shares, KeepAnEighthForBootstrap) {
  EXPECT_EQ(fill(Kind::phone), 70U);
  EXPECT_EQ(fill(Kind::bootstrap), 10U);
}

TEST_F(Shares, MakeRoomAmongTheirOwnKindAlone) {
  fill(Kind::bootstrap);
  auto& phone = arrive(kOffice, Kind::phone);
  now_ += seconds{10};
  EXPECT_EQ(expendable(Kind::phone), nullptr);
  auto* gone = expendable(Kind::bootstrap);
  ASSERT_NE(gone, nullptr);
  EXPECT_NE(gone, &phone);
}

TEST(Limits, LeaveEachKindAPlaceWhereThereAreTwo) {
  for (std::size_t places = 2; places < 40; ++places) {
    Admission admission;
    admission.set_limits(Admission::limits(places, places, true));
    std::deque<Place> connections;
    while (admission.has_place(Kind::bootstrap))
      admission.arrive(connections.emplace_back(), Kind::bootstrap, kAttacker, {});
    EXPECT_TRUE(admission.has_place(Kind::phone)) << places;
    for (auto& place : connections) admission.leave(place);
    while (admission.has_place(Kind::phone)) admission.arrive(connections.emplace_back(), Kind::phone, kAttacker, {});
    EXPECT_TRUE(admission.has_place(Kind::bootstrap)) << places;
    for (auto& place : connections) admission.leave(place);
  }
}

TEST(Limits, ReserveNothingForAKindThatIsNotThere) {
  Admission admission;
  admission.set_limits(Admission::limits(3, 3, false));
  std::deque<Place> connections;
  while (admission.has_place(Kind::phone)) admission.arrive(connections.emplace_back(), Kind::phone, kAttacker, {});
  EXPECT_EQ(connections.size(), 3U);
  for (auto& place : connections) admission.leave(place);
}

// ---- who may stay ----

class KeepAlive : public Queue {
 protected:
  KeepAlive() { admission_.set_limits({.connections = 100, .begun = 100}); }
  bool may_stay(const Place& place, Answer answer) { return admission_.may_stay(place, answer, now_); }
};

TEST_F(KeepAlive, IsForEverybodyWhileThereIsRoom) {
  auto& place = begin(Familiarity::unknown, kAttacker);
  for (int i = 0; i < 48; ++i) begin(Familiarity::unknown, kAttacker);
  EXPECT_TRUE(may_stay(place, Answer::served));
  EXPECT_TRUE(may_stay(place, Answer::refused));
}

TEST_F(KeepAlive, EndsForTheRefusedAndForNetworksThatHoldManyFromTheHalfOn) {
  auto& of_many = begin(Familiarity::unknown, kAttacker);
  for (int i = 0; i < 48; ++i) begin(Familiarity::unknown, kAttacker);
  auto& of_few = begin();
  EXPECT_FALSE(may_stay(of_many, Answer::served));
  EXPECT_FALSE(may_stay(of_few, Answer::refused));
  EXPECT_TRUE(may_stay(of_few, Answer::served));
}

TEST_F(KeepAlive, EndsForThemWhenSomebodyHasWaitedForLong) {
  auto& place = begin();
  wait();
  EXPECT_TRUE(may_stay(place, Answer::refused));
  now_ += seconds{1};
  EXPECT_FALSE(may_stay(place, Answer::refused));
  EXPECT_TRUE(may_stay(place, Answer::served));
}

TEST_F(KeepAlive, TellsWhoHoldsMost) {
  for (int i = 0; i < 3; ++i) arrive(kAttacker);
  arrive(kOffice);
  const auto holders = admission_.holders(1);
  ASSERT_EQ(holders.size(), 1U);
  EXPECT_EQ(holders[0].network, kAttacker);
  EXPECT_EQ(holders[0].open, 3U);
  EXPECT_EQ(admission_.holders(9).size(), 2U);
}

// ---- whatever happens ----

TEST(Admission, LosesNobodyAndKeepsItsBoundsWhateverHappens) {
  EXPECT_TRUE(rc::check([] {
    const auto limit = *rc::gen::inRange<std::size_t>(1, 9);
    Admission admission;
    admission.set_limits(Admission::limits(40, limit, true));
    std::deque<Place> all;
    std::vector<Place*> silent, waiting, begun, plain, closing;
    Admission::Time now{std::chrono::hours{1}};
    const auto take = [](std::vector<Place*>& from, std::size_t at) {
      auto* taken = from[at % from.size()];
      from.erase(from.begin() + static_cast<std::ptrdiff_t>(at % from.size()));
      return taken;
    };
    const auto has = [](const auto& list, const Place* one) {
      return std::find(list.begin(), list.end(), one) != list.end();
    };
    const auto steps = *rc::gen::container<std::vector<std::pair<int, std::uint8_t>>>(
        rc::gen::pair(rc::gen::inRange(0, 10), rc::gen::arbitrary<std::uint8_t>()));
    for (const auto& [action, number] : steps) {
      now += milliseconds{number * 10};
      const auto kind = number % 4 == 0 ? Kind::bootstrap : Kind::phone;
      if (action <= 1 && admission.has_place(kind)) {
        auto* place = &all.emplace_back();
        admission.arrive(*place, kind, IpAddress::from_v4({192, 0, 2, static_cast<std::uint8_t>(number % 3)}), now);
        (kind == Kind::phone ? silent : plain).push_back(place);
      } else if (action == 2 && !silent.empty()) {
        auto* place = take(silent, number);
        waiting.push_back(place);
        admission.queue(*place, number % 2 == 0 ? Familiarity::known : Familiarity::unknown, now);
      } else if (action == 3) {
        const bool may = admission.may_begin();
        if (auto* place = admission.next(now)) {
          RC_ASSERT(may);
          RC_ASSERT(has(waiting, place));
          std::erase(waiting, place);
          begun.push_back(place);
        }
      } else if (action == 4 && !begun.empty()) {
        auto* place = take(begun, number);
        admission.settle(*place, number % 2 == 0 ? Conduct{.bad = 20} : Conduct{.good = 1}, now);
        closing.push_back(place);
      } else if (action == 5 && !waiting.empty()) {
        admission.leave(*take(waiting, number));
      } else if (action == 6) {
        const bool for_begun = number % 3 == 0;
        if (auto* place = for_begun ? admission.expendable_begun(now) : admission.expendable(kind, now)) {
          RC_ASSERT(!has(waiting, place));
          if (for_begun) RC_ASSERT(has(begun, place));
          for (auto* list : {&silent, &begun, &plain, &closing}) std::erase(*list, place);
          admission.leave(*place);
        }
      } else if (action == 7 && !begun.empty()) {
        admission.idle(*begun[number % begun.size()], now);
      } else if (action == 8) {
        for (auto* list : {&begun, &plain}) {
          if (!list->empty()) admission.ask(*(*list)[number % list->size()], now);
        }
      } else if (action == 9 && !begun.empty()) {
        admission.know(*begun[number % begun.size()]);
      }
      RC_ASSERT(admission.begun() == begun.size());
      RC_ASSERT(admission.waiting() == waiting.size());
      RC_ASSERT(admission.open() == silent.size() + waiting.size() + begun.size() + plain.size() + closing.size());
      RC_ASSERT(admission.open() <= 40U);
      RC_ASSERT(begun.size() <= limit);
    }
    // As those that have begun end, everybody who waits gets his turn.
    for (auto* place : begun) admission.leave(*place);
    for (std::size_t left = waiting.size(); left > 0; --left) {
      auto* place = admission.next(now);
      RC_ASSERT(place != nullptr);
      admission.leave(*place);
    }
    RC_ASSERT(admission.begun() == 0U);
    for (const auto* list : {&silent, &plain, &closing}) {
      for (auto* place : *list) admission.leave(*place);
    }
    RC_ASSERT(admission.open() == 0U);
    RC_ASSERT(admission.holders(1).empty());
  }));
}

TEST(Admission, KeepsTheOrderOfArrivalWithinALane) {
  EXPECT_TRUE(rc::check([](const std::vector<bool>& queue) {
    Admission admission;
    admission.set_limits({.connections = 1000, .begun = 1000});
    std::deque<Place> all;
    Admission::Time now{std::chrono::hours{1}};
    for (const bool known : queue) {
      now += milliseconds{700};
      auto& place = all.emplace_back();
      admission.arrive(place, Kind::phone, kOffice, now);
      admission.queue(place, known ? Familiarity::known : Familiarity::unknown, now);
    }
    std::array<std::size_t, 2> last{};
    for (std::size_t i = 0; i < queue.size(); ++i) {
      const auto* place = admission.next(now);
      RC_ASSERT(place != nullptr);
      const auto at = static_cast<std::size_t>(
          std::find_if(all.begin(), all.end(), [&](const auto& one) { return &one == place; }) - all.begin());
      auto& before = last[queue[at] ? 1 : 0];
      RC_ASSERT(before <= at + 1);
      before = at + 1;
    }
    for (auto& place : all) admission.leave(place);
  }));
}

}  // namespace
}  // namespace firstring::server
