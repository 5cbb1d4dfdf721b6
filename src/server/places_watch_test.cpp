#include "server/places_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace firstring::server {
namespace {

using Event = PlacesWatch::Event;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(PlacesWatch, SaysOnceWhenPlacesRunShortAndOnceWhenThatIsOver) {
  PlacesWatch watch;
  PlacesWatch::Time now{std::chrono::hours{1}};
  EXPECT_EQ(watch.tick(false, now), Event::none);
  EXPECT_EQ(watch.tick(true, now), Event::began);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(watch.tick(i % 20 == 0, now += seconds{1}), Event::none);
  // Short the last time in the second 81.
  for (int i = 0; i < 10; ++i) EXPECT_EQ(watch.tick(false, now += seconds{1}), Event::none);
  EXPECT_EQ(watch.tick(false, now += seconds{1}), Event::over);
  EXPECT_EQ(watch.lasted(), seconds{81});
  EXPECT_EQ(watch.tick(false, now += seconds{100}), Event::none);
}

TEST(PlacesWatch, RaisesNoAlarmAgainSoon) {
  PlacesWatch watch;
  PlacesWatch::Time now{std::chrono::hours{1}};
  ASSERT_EQ(watch.tick(true, now), Event::began);
  ASSERT_EQ(watch.tick(false, now += minutes{1}), Event::over);
  EXPECT_EQ(watch.tick(true, now += minutes{1}), Event::began_again);
  ASSERT_EQ(watch.tick(false, now += minutes{1}), Event::over);
  EXPECT_EQ(watch.tick(true, now += minutes{7}), Event::began);
}

TEST(PlacesAreShort, NamesThoseThatHoldMostOfAllWorkers) {
  const auto at = [](const char* text) { return *IpAddress::parse(text); };
  EXPECT_EQ(places_are_short(198, {{at("192.0.2.1"), 60}, {at("198.51.100.4"), 61}, {at("192.0.2.1"), 60}}),
            "places are short: 198 connections are open; most are held by 192.0.2.1 (120), 198.51.100.4 (61)");
  EXPECT_EQ(places_are_short(0, {}), "places are short: 0 connections are open; most are held by no network any more");
}

}  // namespace
}  // namespace firstring::server
