#include "manage/devices.hpp"

#include <gmock/gmock.h>

#include "manage/captures.hpp"
#include "manage/enrolment.hpp"
#include "manage/groups.hpp"
#include "manage/json.hpp"
#include "manage/test_desk.hpp"

namespace firstring::manage {
namespace {

using testing::HasSubstr;

class Devices : public AtTheDesk {
 protected:
  store::Device add(std::string_view address, const std::string& serial = {}) {
    auto added = add_device(desk(), {.mac = mac(address), .model = "SPA504G", .serial = serial});
    EXPECT_TRUE(added) << added.error().what;
    return added->value;
  }
};

TEST_F(Devices, AreAddedWithTheModelsOwnSpellingAndTheTime) {
  const auto added = add_device(desk(), {.mac = mac(), .model = "spa504g", .serial = "CBT1"});
  ASSERT_TRUE(added) << added.error().what;
  EXPECT_EQ(added->value.model, "SPA504G");
  EXPECT_EQ(added->value.created, kNow);
  EXPECT_EQ(desk().fleet->device(mac()).value(), added->value);
}

TEST_F(Devices, ChangeSaysWhatWasDoneByWhomAndWhichRevisionItMade) {
  const auto before = revision();
  const auto added = add_device(desk(), {.mac = mac(), .model = "SPA504G"});
  ASSERT_TRUE(added);
  const auto& change = added->change;
  EXPECT_EQ(change.action, "device.add");
  EXPECT_EQ(change.subject, "000e08abcdef");
  EXPECT_EQ(change.author.name, "jo");
  EXPECT_EQ(change.author.via, "test");
  EXPECT_EQ(change.at, kNow);
  EXPECT_GT(change.revision, before);
  EXPECT_EQ(change.revision, revision());
}

TEST_F(Devices, ThatWillNotDoAreRefusedWithTheKindOfFault) {
  add("000e08abcdef");
  const auto before = revision();
  const auto refusal = [&](NewDevice device) {
    const auto added = add_device(desk(), device);
    EXPECT_FALSE(added);
    return added ? Errc::io : added.error().code;
  };
  EXPECT_EQ(refusal({mac("000e08000001"), "SPA504", "", ""}), Errc::invalid_input);
  EXPECT_EQ(refusal({mac("000e08000001"), "SPA504G", "a\nb", ""}), Errc::invalid_input);
  EXPECT_EQ(refusal({mac("000e08000001"), "SPA504G", std::string(65, 'a'), ""}), Errc::invalid_input);
  EXPECT_EQ(refusal({mac("000e08000001"), "SPA504G", "", "nowhere"}), Errc::not_found);
  EXPECT_EQ(refusal({mac(), "SPA504G", "", ""}), Errc::conflict);
  EXPECT_EQ(revision(), before);
}

TEST_F(Devices, OfAKnownBadBatchAreToldOncePerBatch) {
  std::vector<store::Device> devices(3);
  for (std::size_t i = 0; i < devices.size(); ++i) {
    devices[i].mac = MacAddress::from_number(mac().as_number() + i);
    devices[i].model = "SPA2102";
    devices[i].serial = i < 2 ? "FM500F345678" : "FM500F700000";
  }
  const auto found = known_bad_among(devices);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].first, devices[0].mac);
  EXPECT_EQ(found[0].more, 1U);
  EXPECT_THAT(found[0].warning(), HasSubstr("device 000e08abcdef and 1 more: "));
}

TEST_F(Devices, AreNotRemovedByWhoSawAnotherVersion) {
  const auto device = add("000e08abcdef");
  const auto removed = remove_device(desk(), mac(), "0123456789abcdef");
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, Errc::conflict);
  EXPECT_THAT(removed.error().what, HasSubstr("device 000e08abcdef has changed since you read it"));
  EXPECT_TRUE(desk().fleet->device(mac()));

  EXPECT_TRUE(remove_device(desk(), mac(), show_device(desk(), mac()).value().version));
  EXPECT_FALSE(desk().fleet->device(mac()));
}

TEST_F(Devices, VersionIsThatOfTheContentAlone) {
  const auto one = add("000e08000001", "A"), other = add("000e08000002", "A");
  EXPECT_NE(version_of(one), version_of(other));
  auto changed = one;
  changed.created += std::chrono::seconds{1};
  EXPECT_EQ(version_of(changed), version_of(one));
  changed.serial.clear();
  changed.group = "A";  // the same text in another field
  EXPECT_NE(version_of(changed), version_of(one));
}

TEST_F(Devices, AreImportedAllOrNoneAndAPreviewChangesNothing) {
  const auto before = revision();
  const auto bad = check_device_list(desk(), "mac,model\n000e08000001,SPA504G\nxyz,SPA504G\n000e08000001,SPA1\n");
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->problems.size(), 2U);
  const auto refused = import_devices(desk(), *bad);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid_input);
  EXPECT_EQ(refused.error().what, "2 bad lines; nothing added");

  const auto good = check_device_list(desk(), "mac,model\n000e08000001,SPA504G\n000e08000002,spa525g2\n");
  ASSERT_TRUE(good);
  EXPECT_EQ(revision(), before);
  std::size_t done = 0;
  ASSERT_TRUE(import_devices(desk(), *good, [&](std::size_t count) { done = count; }));
  EXPECT_EQ(done, 2U);
  EXPECT_EQ(export_devices(desk()).value(),
            "mac,model,serial,group\n000e08000001,SPA504G,,\n000e08000002,SPA525G2,,\n");
}

TEST_F(Devices, ThatSomebodyElseAddedSinceThePreviewAreAConflict) {
  const auto list = check_device_list(desk(), "mac,model\n000e08000001,SPA504G\n000e08000002,SPA504G\n").value();
  add("000e08000002");
  const auto imported = import_devices(desk(), list);
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().code, Errc::conflict);
  EXPECT_EQ(list_devices(desk()).value().size(), 1U) << "none of them";
}

TEST_F(Devices, ShowTheirPardonsAsLongAsTheyCount) {
  add("000e08abcdef");
  ASSERT_TRUE(unpin(desk(), mac()));
  ASSERT_TRUE(grant_amnesty(desk(), std::nullopt, std::chrono::hours{1}));
  EXPECT_EQ(show_device(desk(), mac()).value().pardons.size(), 2U);

  auto later = desk();
  later.clock = [] { return kNow + std::chrono::hours{1}; };
  const auto left = show_device(later, mac()).value().pardons;
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].kind, store::Pardon::Kind::unpin);
  EXPECT_TRUE(end_amnesty(desk(), std::nullopt));
  EXPECT_EQ(end_amnesty(desk(), std::nullopt).error().code, Errc::not_found);
}

TEST_F(Devices, GetAnAmnestyOfAMonthAtMost) {
  add("000e08abcdef");
  for (const auto duration : {std::chrono::milliseconds{0}, kLongestAmnesty + std::chrono::milliseconds{1}}) {
    const auto granted = grant_amnesty(desk(), mac(), duration);
    ASSERT_FALSE(granted);
    EXPECT_EQ(granted.error().code, Errc::invalid_input);
  }
  EXPECT_EQ(grant_amnesty(desk(), mac(), kLongestAmnesty).value().value.until, kNow + kLongestAmnesty);
  EXPECT_EQ(grant_amnesty(desk(), mac("000e08000001"), kLongestAmnesty).error().code, Errc::not_found);
}

// ---- groups, enrolment, captures ------------------------------------------------------------------------------------

TEST_F(Devices, AreCountedInTheirGroup) {
  ASSERT_TRUE(add_group(desk(), {.name = "berlin", .parent = {}}));
  ASSERT_TRUE(add_group(desk(), {.name = "lobby", .parent = "berlin"}));
  ASSERT_TRUE(add_device(desk(), {.mac = mac(), .model = "SPA504G", .serial = {}, .group = "lobby"}));
  const auto groups = list_groups(desk()).value();
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].devices, 0U);
  EXPECT_EQ(groups[1].devices, 1U);
  EXPECT_EQ(to_json(groups[1]).text(), R"({"name":"lobby","parent":"berlin","devices":1})");
}

TEST_F(Devices, GroupsThatWillNotDoAreRefused) {
  const auto code = [&](const std::string& name, const std::string& parent) {
    const auto added = add_group(desk(), {.name = name, .parent = parent});
    return added ? Errc::io : added.error().code;
  };
  ASSERT_TRUE(add_group(desk(), {.name = "lobby", .parent = {}}));
  EXPECT_EQ(code("", ""), Errc::invalid_input);
  EXPECT_EQ(code("a\x1b[2J", ""), Errc::invalid_input);
  EXPECT_EQ(code("lobby", ""), Errc::conflict);
  EXPECT_EQ(code("hall", "loby"), Errc::not_found);
}

TEST_F(Devices, EnrolmentIsOpenForItsTime) {
  ASSERT_TRUE(add_group(desk(), {.name = "lobby", .parent = {}}));
  const auto code = [&](const NewEnrolment& wanted) {
    const auto opened = open_enrolment(desk(), wanted);
    return opened ? Errc::io : opened.error().code;
  };
  EXPECT_EQ(code({"lobby", "", std::chrono::milliseconds{0}}), Errc::invalid_input);
  EXPECT_EQ(code({"lobby", "SPA1", std::chrono::hours{1}}), Errc::invalid_input);
  EXPECT_EQ(code({"hall", "", std::chrono::hours{1}}), Errc::not_found);
  const auto opened = open_enrolment(desk(), {"lobby", "spa504g", std::chrono::hours{1}});
  ASSERT_TRUE(opened) << opened.error().what;
  EXPECT_EQ(opened->value.model, "SPA504G");
  EXPECT_EQ(list_enrolment(desk()).value().size(), 1U);
  auto later = desk();
  later.clock = [] { return kNow + std::chrono::hours{1}; };
  EXPECT_TRUE(list_enrolment(later).value().empty());
  ASSERT_TRUE(close_enrolment(desk()));
  EXPECT_TRUE(list_enrolment(desk()).value().empty());
}

TEST_F(Devices, CaptureSaysWhereTheDeviceIsWaitedFor) {
  add("000e08abcdef");
  store::DeviceRecord record;
  record.mac = mac();
  record.pinned_at = kNow;  // one from before the device was added would be passed over
  record.address = "192.0.2.7";
  record.pinned_at = kNow;
  ASSERT_TRUE(desk().fleet->keep_device_records({{.before = std::nullopt, .after = record}}));
  const auto ordered = order_capture(desk(), {.who = parse_captured("00:0E:08:AB:CD:EF").value()});
  ASSERT_TRUE(ordered) << ordered.error().what;
  EXPECT_EQ(ordered->value.last_address, "192.0.2.7");
  EXPECT_EQ(ordered->value.order.until, kNow + std::chrono::hours{1});
  const auto found = find_capture(desk(), ordered->value.order.id).value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->who, "000e08abcdef");
  EXPECT_EQ(end_captures(desk(), "").value().value, 1U);
}

TEST_F(Devices, CaptureOfNobodyForEverOrOfAllIsRefused) {
  EXPECT_EQ(parse_captured("somebody").error().code, Errc::invalid_input);
  EXPECT_FALSE(order_capture(desk(), {.who = "next", .duration = kLongestCapture + std::chrono::milliseconds{1}}));
  EXPECT_FALSE(order_capture(desk(), {.who = "next", .duration = std::chrono::milliseconds{0}}));
  EXPECT_FALSE(order_capture(desk(), {.who = "next", .connections = 0}));
  EXPECT_FALSE(order_capture(desk(), {.who = "next", .connections = kMostCapturedConnections + 1}));
  EXPECT_TRUE(list_captures(desk()).value().empty());
}

}  // namespace
}  // namespace firstring::manage
