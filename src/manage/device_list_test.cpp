#include "manage/device_list.hpp"

#include <gtest/gtest.h>

#include <fmt/format.h>

namespace firstring::manage {
namespace {

const Timestamp kNow = from_micros(1'700'000'000'000'000);

store::Device known() {
  return {.mac = MacAddress::from_number(1), .model = "SPA504G", .serial = {}, .group = {}, .created = {}};
}

DeviceList read(std::string_view csv) {
  return read_device_list(csv, device::Catalogue::shipped(), {known()}, {{"lobby", ""}, {"office", ""}}, kNow);
}

/// The problems as "line: what".
std::vector<std::string> problems_of(std::string_view csv) {
  std::vector<std::string> texts;
  for (const auto& problem : read(csv).problems) texts.push_back(fmt::format("{}: {}", problem.line, problem.what));
  return texts;
}

using Texts = std::vector<std::string>;

TEST(DeviceList, ReadsAllColumns) {
  const auto list = read("mac,model,serial,group\n00:0E:08:AB:CD:EF,spa504g,CBT1,lobby\n");
  ASSERT_TRUE(list.problems.empty()) << list.problems[0].what;
  const store::Device expected{.mac = MacAddress::parse("000e08abcdef").value(),
                               .model = "SPA504G",
                               .serial = "CBT1",
                               .group = "lobby",
                               .created = kNow};
  EXPECT_EQ(list.devices, std::vector{expected});
}

TEST(DeviceList, TakesColumnsInAnyOrderAndCase) {
  const auto list = read("Model, MAC\nSPA504G,000e08abcdef\n");
  ASSERT_TRUE(list.problems.empty()) << list.problems[0].what;
  EXPECT_EQ(list.devices.at(0).model, "SPA504G");
}

TEST(DeviceList, ReportsEveryBadLineWithItsNumber) {
  EXPECT_EQ(
      problems_of("mac,model,serial,group\n"
                  "000e08abcdef,SPA504G,,\n"
                  "000e08,SPA504G,,\n"
                  "000e08abcdf0,SPA504,,\n"
                  "000e08abcdef,SPA504G,,\n"
                  "000000000001,SPA504G,,\n"
                  "000e08abcdf1,SPA504G,,loby\n"
                  "000e08abcdf2,SPA504G,\n"),
      (Texts{"3: '000e08' is not a MAC address; write 12 hexadecimal digits, as in 000e08abcdef or 00:0e:08:ab:cd:ef",
             "4: there is no model 'SPA504'; did you mean 'SPA504G'?", "5: device 000e08abcdef is on line 2 already",
             "6: device 000000000001 already exists", "7: there is no group 'loby'; did you mean 'lobby'?",
             "8: has 3 fields, and the heading 4"}));
}

TEST(DeviceList, RefusesAnUnknownColumn) {
  EXPECT_EQ(problems_of("mac,modell\n"), Texts{"1: unknown column 'modell'; did you mean 'model'?; the first line "
                                               "names the columns: mac,model,serial,group"});
}

TEST(DeviceList, RefusesAFileWithoutAHeading) { EXPECT_EQ(problems_of("000e08abcdef,SPA504G\n").size(), 1U); }

TEST(DeviceList, RefusesAMissingColumn) {
  EXPECT_EQ(problems_of("mac,serial\n"),
            Texts{"1: column 'model' is missing; the first line names the columns: mac,model,serial,group"});
}

TEST(DeviceList, RefusesAColumnThatIsThereTwice) {
  EXPECT_EQ(problems_of("mac,model,mac\n"), Texts{"1: column 'mac' appears twice"});
}

TEST(DeviceList, RefusesAnEmptyFile) { EXPECT_EQ(problems_of("\n").size(), 1U); }

TEST(DeviceList, RefusesControlCharactersInASerialNumber) {
  EXPECT_EQ(problems_of("mac,model,serial\n000e08abcdef,SPA504G,\x1b[2J\n"),
            Texts{"2: the serial number holds a control character or is no UTF-8"});
}

TEST(DeviceList, ReadsWhatItWrites) {
  const std::vector<store::Device> devices{
      {.mac = MacAddress::from_number(7), .model = "SPA504G", .serial = "a,\"b\"", .group = "lobby", .created = kNow},
      {.mac = MacAddress::from_number(8), .model = "SPA525G2", .serial = "", .group = "", .created = kNow}};
  const auto list = read(write_device_list(devices));
  ASSERT_TRUE(list.problems.empty()) << list.problems[0].what;
  EXPECT_EQ(list.devices, devices);
}

}  // namespace
}  // namespace firstring::manage
