// What any back end of FleetStore must do.

#include "store/fleet_contract.hpp"

#include <gmock/gmock.h>

namespace firstring::store {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pointee;

Parameter plain(std::string name, std::string value) {
  Parameter parameter;
  parameter.name = std::move(name);
  parameter.value = std::move(value);
  return parameter;
}

Parameter secret(std::string name, Bytes sealed) {
  Parameter parameter;
  parameter.name = std::move(name);
  parameter.parameter_class = ParameterClass::secret;
  parameter.sealed = std::move(sealed);
  return parameter;
}

PendingDevice pending(std::uint64_t number, std::int64_t seen) {
  PendingDevice device;
  device.mac = MacAddress::from_number(number);
  device.product = "SPA-525G2";
  device.serial = "CBT456";
  device.address = "192.0.2.7";
  device.user_agent = "Cisco/SPA525G2-7.5.7";
  device.first_seen = device.last_seen = at(seen);
  device.attempts = 1;
  return device;
}

EnrolmentWindow window(std::int64_t opened, std::int64_t until) {
  EnrolmentWindow result;
  result.opened = at(opened);
  result.until = at(until);
  return result;
}

template <class T>
Errc code_of(const Result<T>& result) {
  EXPECT_FALSE(result);
  return result ? Errc::io : result.error().code;
}

TEST_P(FleetContract, BeginsEmpty) {
  const auto fleet = store_->load();
  ASSERT_TRUE(fleet);
  EXPECT_EQ(fleet->revision, 0);
  EXPECT_THAT(fleet->devices, IsEmpty());
  EXPECT_THAT(fleet->groups, IsEmpty());
  EXPECT_THAT(fleet->layers, IsEmpty());
}

TEST_P(FleetContract, KeepsADevice) {
  EXPECT_OK(store_->add_group({"lobby", ""}));
  EXPECT_OK(store_->add_device(device(kPhone, "lobby")));
  EXPECT_EQ(*open()->device(kPhone), device(kPhone, "lobby"));
}

TEST_P(FleetContract, GivesDevicesByMac) {
  EXPECT_OK(store_->add_device(device(kOther)));
  EXPECT_OK(store_->add_device(device(kPhone)));
  EXPECT_THAT(*store_->devices(), ElementsAre(device(kPhone), device(kOther)));
}

TEST_P(FleetContract, DoesNotFindADeviceNotAdded) { EXPECT_EQ(code_of(store_->device(kPhone)), Errc::not_found); }

TEST_P(FleetContract, RefusesADeviceTwice) {
  EXPECT_OK(store_->add_device(device(kPhone)));
  auto changed = device(kPhone);
  changed.serial = "other";
  const auto again = store_->add_device(changed);
  EXPECT_EQ(code_of(again), Errc::conflict);
  EXPECT_THAT(again.error().what, HasSubstr("000e08abcdef"));
  EXPECT_EQ(*store_->device(kPhone), device(kPhone));
}

TEST_P(FleetContract, RefusesADeviceOfAnUnknownGroup) {
  const auto result = store_->add_device(device(kPhone, "Lobby"));
  EXPECT_EQ(code_of(result), Errc::not_found);
  EXPECT_THAT(result.error().what, HasSubstr("'Lobby'"));
}

TEST_P(FleetContract, RefusesADeviceWithoutAModel) {
  auto bad = device(kPhone);
  bad.model = "";
  EXPECT_EQ(code_of(store_->add_device(bad)), Errc::invalid_input);
}

TEST_P(FleetContract, AddsManyDevicesAndTellsProgress) {
  std::vector<Device> many;
  for (std::uint64_t i = 0; i < 2500; ++i) many.push_back(device(MacAddress::from_number(i)));
  std::vector<std::size_t> told;
  EXPECT_OK(store_->add_devices(many, [&](std::size_t done) { told.push_back(done); }));
  ASSERT_FALSE(told.empty());
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_EQ(told.back(), 2500U);
  EXPECT_EQ(*store_->devices(), many);
  EXPECT_EQ(*store_->revision(), 1);
}

TEST_P(FleetContract, AddsAllDevicesOrNone) {
  EXPECT_OK(store_->add_device(device(kPhone)));
  const auto result =
      store_->add_devices({device(MacAddress::from_number(1)), device(kPhone), device(kOther)}, nullptr);
  EXPECT_EQ(code_of(result), Errc::conflict);
  EXPECT_THAT(result.error().what, HasSubstr("000e08abcdef"));
  EXPECT_THAT(*store_->devices(), ElementsAre(device(kPhone)));
  EXPECT_EQ(*store_->revision(), 1);
}

TEST_P(FleetContract, RefusesAMacTwiceInOneList) {
  EXPECT_EQ(code_of(store_->add_devices({device(kPhone), device(kPhone)}, nullptr)), Errc::conflict);
  EXPECT_THAT(*store_->devices(), IsEmpty());
}

TEST_P(FleetContract, ChecksTheGroupOfEachDeviceInAList) {
  EXPECT_OK(store_->add_group({"lobby", ""}));
  EXPECT_EQ(code_of(store_->add_devices({device(kPhone, "lobby"), device(kOther, "attic")}, nullptr)), Errc::not_found);
  EXPECT_OK(store_->add_devices({device(kPhone, "lobby"), device(kOther)}, nullptr));
}

TEST_P(FleetContract, AddingADeviceEndsItsPending) {
  EXPECT_OK(store_->note_pending(pending(kPhone.as_number(), 1)));
  EXPECT_OK(store_->note_pending(pending(kOther.as_number(), 1)));
  EXPECT_OK(store_->add_device(device(kPhone)));
  ASSERT_EQ(store_->pending()->size(), 1U);
  EXPECT_EQ(store_->pending()->front().mac, kOther);
}

TEST_P(FleetContract, RemovesADeviceWithItsLayerAndLines) {
  EXPECT_OK(store_->add_device(device(kPhone)));
  EXPECT_OK(store_->add_device(device(kOther)));
  for (const auto& mac : {kPhone, kOther}) {
    EXPECT_OK(store_->set_parameters(Scope::of_device(mac), {plain("Proxy_1_", "a")}));
    EXPECT_OK(store_->set_line(mac, {}));
  }
  EXPECT_OK(store_->remove_device(kPhone));
  const auto fleet = store_->load();
  EXPECT_THAT(fleet->devices, ElementsAre(Pointee(FleetDevice{device(kOther), {plain("Proxy_1_", "a")}, {Line{}}})));
  EXPECT_THAT(fleet->layers, IsEmpty());
  // One that is entered again does not find the old settings.
  EXPECT_OK(store_->add_device(device(kPhone)));
  EXPECT_THAT(*store_->parameters(Scope::of_device(kPhone)), IsEmpty());
  EXPECT_THAT(*store_->lines(kPhone), IsEmpty());
}

TEST_P(FleetContract, DoesNotRemoveADeviceThatIsNotThere) {
  EXPECT_EQ(code_of(store_->remove_device(kPhone)), Errc::not_found);
  EXPECT_EQ(*store_->revision(), 0);
}

TEST_P(FleetContract, KeepsATreeOfGroups) {
  EXPECT_OK(store_->add_group({"site", ""}));
  EXPECT_OK(store_->add_group({"lobby", "site"}));
  EXPECT_OK(store_->add_group({"Lobby", "lobby"}));
  EXPECT_THAT(*store_->groups(), ElementsAre(Group{"Lobby", "lobby"}, Group{"lobby", "site"}, Group{"site", ""}));
}

TEST_P(FleetContract, RefusesBadGroups) {
  EXPECT_OK(store_->add_group({"site", ""}));
  EXPECT_EQ(code_of(store_->add_group({"site", ""})), Errc::conflict);
  EXPECT_EQ(code_of(store_->add_group({"lobby", "attic"})), Errc::not_found);
  EXPECT_EQ(code_of(store_->add_group({"own", "own"})), Errc::not_found);
  EXPECT_EQ(code_of(store_->add_group({"", ""})), Errc::invalid_input);
  EXPECT_EQ(code_of(store_->add_group({"a\nb", ""})), Errc::invalid_input);
  EXPECT_EQ(code_of(store_->add_group({std::string(kMaxName + 1, 'x'), ""})), Errc::invalid_input);
  EXPECT_THAT(*store_->groups(), ElementsAre(Group{"site", ""}));
}

TEST_P(FleetContract, KeepsParametersOfEveryScope) {
  EXPECT_OK(store_->add_group({"lobby", ""}));
  EXPECT_OK(store_->add_device(device(kPhone)));
  auto with_access = plain("Time_Zone", "GMT+01:00");
  with_access.access = UserAccess::ro;
  with_access.parameter_class = ParameterClass::tenant;
  const Scope scopes[] = {
      Scope::base(), {Scope::Kind::model, "SPA504G"}, {Scope::Kind::group, "lobby"}, Scope::of_device(kPhone)};
  const std::vector<Parameter> wanted{plain("Empty", ""), secret("Password_1_", {0, 1, 255}), with_access};
  for (const auto& scope : scopes) {
    EXPECT_OK(store_->set_parameters(scope, wanted));
    EXPECT_EQ(*open()->parameters(scope), wanted) << scope.to_string();
  }
  const auto fleet = store_->load();
  ASSERT_EQ(fleet->layers.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(fleet->layers[i].first, scopes[i]);
    EXPECT_EQ(fleet->layers[i].second, wanted);
  }
  EXPECT_THAT(fleet->devices, ElementsAre(Pointee(Field(&FleetDevice::parameters, wanted))));
}

TEST_P(FleetContract, KeepsValuesByteForByte) {
  const std::string value{"<&>\"' \xff\xfe \0 \r\n \xc3\xa9", 15};
  EXPECT_OK(store_->set_parameters(Scope::base(), {plain("Name", value)}));
  EXPECT_EQ(store_->parameters(Scope::base())->front().value, value);
}

TEST_P(FleetContract, ReplacesAParameterWhole) {
  auto first = plain("Password_1_", "in the clear");
  first.access = UserAccess::rw;
  EXPECT_OK(store_->set_parameters(Scope::base(), {first}));
  EXPECT_OK(store_->set_parameters(Scope::base(), {secret("Password_1_", {1})}));
  EXPECT_THAT(*store_->parameters(Scope::base()), ElementsAre(secret("Password_1_", {1})));
}

TEST_P(FleetContract, ComparesNamesByCase) {
  EXPECT_OK(store_->set_parameters(Scope::base(), {plain("Proxy_1_", "a"), plain("proxy_1_", "b")}));
  EXPECT_EQ(store_->parameters(Scope::base())->size(), 2U);
  EXPECT_EQ(code_of(store_->unset_parameters(Scope::base(), {"PROXY_1_"})), Errc::not_found);
}

TEST_P(FleetContract, RefusesParametersOfAnUnknownGroupOrDevice) {
  EXPECT_EQ(code_of(store_->set_parameters({Scope::Kind::group, "lobby"}, {plain("A", "b")})), Errc::not_found);
  EXPECT_EQ(code_of(store_->set_parameters(Scope::of_device(kPhone), {plain("A", "b")})), Errc::not_found);
  EXPECT_EQ(code_of(store_->set_parameters({Scope::Kind::device, "lobby"}, {plain("A", "b")})), Errc::invalid_input);
  EXPECT_EQ(code_of(store_->set_parameters({Scope::Kind::model, ""}, {plain("A", "b")})), Errc::invalid_input);
  EXPECT_EQ(code_of(store_->set_parameters({Scope::Kind::base, "x"}, {plain("A", "b")})), Errc::invalid_input);
  EXPECT_EQ(*store_->revision(), 0);
}

TEST_P(FleetContract, RefusesASecretInTheClear) {
  auto clear = secret("Password_1_", {1});
  clear.value = "in the clear";
  auto sealed_public = plain("A", "");
  sealed_public.sealed = {1};
  EXPECT_EQ(code_of(store_->set_parameters(Scope::base(), {clear})), Errc::invalid_input);
  EXPECT_EQ(code_of(store_->set_parameters(Scope::base(), {secret("Password_1_", {})})), Errc::invalid_input);
  EXPECT_EQ(code_of(store_->set_parameters(Scope::base(), {sealed_public})), Errc::invalid_input);
}

TEST_P(FleetContract, SetsAllParametersOrNone) {
  EXPECT_EQ(code_of(store_->set_parameters(Scope::base(), {plain("A", "1"), plain("", "2")})), Errc::invalid_input);
  EXPECT_THAT(*store_->parameters(Scope::base()), IsEmpty());
}

TEST_P(FleetContract, UnsetsAllParametersOrNone) {
  EXPECT_OK(store_->set_parameters(Scope::base(), {plain("A", "1"), plain("B", "2"), plain("C", "3")}));
  const auto result = store_->unset_parameters(Scope::base(), {"A", "X"});
  EXPECT_EQ(code_of(result), Errc::not_found);
  EXPECT_THAT(result.error().what, HasSubstr("'X'"));
  EXPECT_EQ(store_->parameters(Scope::base())->size(), 3U);
  EXPECT_OK(store_->unset_parameters(Scope::base(), {"A", "C"}));
  EXPECT_THAT(*store_->parameters(Scope::base()), ElementsAre(plain("B", "2")));
}

TEST_P(FleetContract, KeepsLinesByNumber) {
  EXPECT_OK(store_->add_device(device(kPhone)));
  Line tls{.number = 2,
           .user = "102",
           .proxy = "sip.example",
           .display = "Büro",
           .transport = Transport::tls,
           .srtp = true,
           .sealed_password = {9, 0, 9}};
  Line udp;
  udp.user = "101";
  EXPECT_OK(store_->set_line(kPhone, tls));
  EXPECT_OK(store_->set_line(kPhone, udp));
  EXPECT_THAT(*store_->lines(kPhone), ElementsAre(udp, tls));
  EXPECT_THAT(store_->load()->devices, ElementsAre(Pointee(Field(&FleetDevice::lines, ElementsAre(udp, tls)))));
  udp.user = "201";
  EXPECT_OK(store_->set_line(kPhone, udp));
  EXPECT_THAT(*store_->lines(kPhone), ElementsAre(udp, tls));
}

TEST_P(FleetContract, RefusesALineWithoutDeviceOrNumber) {
  EXPECT_EQ(code_of(store_->set_line(kPhone, {})), Errc::not_found);
  EXPECT_OK(store_->add_device(device(kPhone)));
  Line zero;
  zero.number = 0;
  EXPECT_EQ(code_of(store_->set_line(kPhone, zero)), Errc::invalid_input);
}

TEST_P(FleetContract, RaisesTheRevisionOnceAChange) {
  std::int64_t expected = 0;
  EXPECT_EQ(*store_->revision(), expected);
  const auto raised = [&](const Result<void>& result) {
    return result.has_value() && *store_->revision() == ++expected;
  };
  EXPECT_TRUE(raised(store_->add_group({"lobby", ""})));
  EXPECT_TRUE(raised(store_->add_device(device(kPhone))));
  EXPECT_TRUE(raised(store_->set_parameters(Scope::base(), {plain("A", "1"), plain("B", "2")})));
  EXPECT_TRUE(raised(store_->unset_parameters(Scope::base(), {"A"})));
  EXPECT_TRUE(raised(store_->set_line(kPhone, {})));
  EXPECT_TRUE(raised(store_->open_enrolment(window(1, 2))));
  EXPECT_TRUE(raised(store_->close_enrolment()));
  EXPECT_TRUE(raised(store_->pardon({.kind = Pardon::Kind::unpin, .mac = kPhone, .at = at(1), .until = at(1)})));
  EXPECT_TRUE(raised(store_->end_pardon(Pardon::Kind::unpin, kPhone)));
  EXPECT_TRUE(raised(store_->remove_device(kPhone)));
  EXPECT_EQ(store_->load()->revision, expected);
}

/// Whether the device of that MAC is the very same one in both.
bool shares(const Fleet& before, const Fleet& after, const MacAddress& mac) {
  const auto has = [&](const Fleet& fleet, const FleetDevice* wanted) {
    return std::any_of(fleet.devices.begin(), fleet.devices.end(), [&](const auto& one) {
      return one->device.mac == mac && (wanted == nullptr || one.get() == wanted);
    });
  };
  return std::any_of(before.devices.begin(), before.devices.end(),
                     [&](const auto& one) { return one->device.mac == mac && has(after, one.get()); });
}

/// What load_changes gives must be what load gives.
void expect_same(const Fleet& changed, const Fleet& whole) {
  EXPECT_EQ(changed.revision, whole.revision);
  EXPECT_EQ(changed.groups, whole.groups);
  EXPECT_EQ(changed.layers, whole.layers);
  EXPECT_EQ(changed.pardons, whole.pardons);
  ASSERT_EQ(changed.devices.size(), whole.devices.size());
  for (std::size_t i = 0; i < whole.devices.size(); ++i) EXPECT_EQ(*changed.devices[i], *whole.devices[i]);
}

TEST_P(FleetContract, ReadsOnlyWhatHasChanged) {
  const auto third = MacAddress::from_number(1);
  EXPECT_OK(store_->add_group({"lobby", ""}));
  EXPECT_OK(store_->add_devices({device(kPhone), device(kOther)}, nullptr));
  const std::function<Result<void>()> changes[] = {
      [&] { return store_->set_line(kPhone, {}); },
      [&] { return store_->set_parameters(Scope::of_device(kPhone), {plain("A", "1"), plain("B", "2")}); },
      [&] { return store_->unset_parameters(Scope::of_device(kPhone), {"A"}); },
      [&] { return store_->set_parameters({Scope::Kind::group, "lobby"}, {plain("A", "1")}); },
      [&] { return store_->pardon({.kind = Pardon::Kind::unpin, .mac = kPhone, .at = at(1), .until = at(1)}); },
      [&] { return store_->add_group({"attic", "lobby"}); },
      [&] { return store_->add_device(device(third, "lobby")); },
      [&] { return store_->remove_device(kPhone); },
      [&] { return store_->add_device(device(kPhone)); },
  };
  const auto first = *store_->load();
  auto last = first;
  for (const auto& change : changes) {
    EXPECT_OK(change());
    auto next = *store_->load_changes(last);
    expect_same(next, *store_->load());
    EXPECT_TRUE(shares(last, next, kOther));
    last = std::move(next);
  }
  EXPECT_FALSE(shares(first, last, kPhone));
  // All of them in one go, and none.
  expect_same(*store_->load_changes(first), last);
  EXPECT_TRUE(shares(last, *store_->load_changes(last), kPhone));
}

TEST_P(FleetContract, ReadsEverythingWhereItDoesNotKnowWhatHasChanged) {
  EXPECT_OK(store_->add_device(device(kPhone)));
  const auto before = *store_->load();
  // More changes than are remembered, or of many devices at once.
  for (int i = 0; i < 1001; ++i) EXPECT_OK(store_->set_parameters(Scope::base(), {plain("A", std::to_string(i))}));
  const auto later = *store_->load_changes(before);
  expect_same(later, *store_->load());
  EXPECT_TRUE(shares(before, later, kPhone));
  EXPECT_OK(store_->add_devices({device(kOther), device(MacAddress::from_number(1))}, nullptr));
  const auto latest = *store_->load_changes(later);
  expect_same(latest, *store_->load());
  EXPECT_EQ(latest.devices.size(), 3U);
  EXPECT_TRUE(shares(before, latest, kPhone));
  // A device that has changed in the meantime is not what it was.
  EXPECT_OK(store_->set_line(kPhone, {}));
  for (int i = 0; i < 1001; ++i) EXPECT_OK(store_->set_parameters(Scope::base(), {plain("A", std::to_string(i))}));
  const auto last = *store_->load_changes(latest);
  expect_same(last, *store_->load());
  EXPECT_FALSE(shares(latest, last, kPhone));
  EXPECT_TRUE(shares(latest, last, kOther));
  // A backup was put back.
  auto newer = last;
  newer.revision += 5;
  expect_same(*store_->load_changes(newer), last);
}

TEST_P(FleetContract, ReadingAndPendingAndRecordsDoNotRaiseTheRevision) {
  EXPECT_TRUE(keep(*store_, {{{}, record(kPhone, 1)}}));
  EXPECT_OK(store_->note_pending(pending(1, 1)));
  EXPECT_OK(store_->forget_pending(MacAddress::from_number(1)));
  EXPECT_OK(store_->load());
  EXPECT_OK(store_->devices());
  EXPECT_EQ(*store_->revision(), 0);
}

TEST_P(FleetContract, AnotherConnectionSeesTheChange) {
  const auto other = open();
  EXPECT_EQ(*other->revision(), 0);
  EXPECT_OK(store_->add_device(device(kPhone)));
  EXPECT_EQ(*other->revision(), 1);
  EXPECT_EQ(other->load()->devices.size(), 1U);
}

TEST_P(FleetContract, ReadersAreNotHeldUpByAnImport) {
  EXPECT_OK(store_->add_device(device(kPhone)));
  const auto other = open();
  std::size_t read = 0;
  EXPECT_OK(store_->add_devices({device(kOther)}, [&](std::size_t) {
    const auto fleet = other->load();
    EXPECT_TRUE(fleet && *other->revision() == 1);
    read = fleet->devices.size();
  }));
  EXPECT_EQ(read, 1U);
  EXPECT_EQ(*other->revision(), 2);
}

TEST_P(FleetContract, KeepsPendingDevices) {
  EXPECT_OK(store_->note_pending(pending(1, 5)));
  const auto all = store_->pending();
  ASSERT_EQ(all->size(), 1U);
  const auto& kept = all->front();
  EXPECT_EQ(kept.mac, MacAddress::from_number(1));
  EXPECT_EQ(kept.product, "SPA-525G2");
  EXPECT_EQ(kept.serial, "CBT456");
  EXPECT_EQ(kept.address, "192.0.2.7");
  EXPECT_EQ(kept.user_agent, "Cisco/SPA525G2-7.5.7");
  EXPECT_EQ(kept.first_seen, at(5));
  EXPECT_EQ(kept.last_seen, at(5));
  EXPECT_EQ(kept.attempts, 1);
}

TEST_P(FleetContract, RefreshesAPendingDevice) {
  EXPECT_OK(store_->note_pending(pending(1, 5)));
  EXPECT_OK(store_->note_pending(pending(2, 6)));
  auto again = pending(1, 7);
  again.address = "192.0.2.8";
  again.attempts = 0;
  EXPECT_OK(store_->note_pending(again));
  const auto all = store_->pending();
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ(all->back().first_seen, at(5));
  EXPECT_EQ(all->back().last_seen, at(7));
  EXPECT_EQ(all->back().address, "192.0.2.8");
  EXPECT_EQ(all->back().attempts, 2);
}

TEST_P(FleetContract, CutsTheTextsOfAPendingDevice) {
  auto device = pending(1, 1);
  device.user_agent = std::string(100'000, 'x');
  EXPECT_OK(store_->note_pending(device));
  EXPECT_EQ(store_->pending()->front().user_agent.size(), FleetStore::kMaxPendingText);
}

TEST_P(FleetContract, KeepsOnlySoManyPendingDevices) {
  for (std::uint64_t i = 0; i < FleetStore::kMaxPending; ++i) {
    ASSERT_TRUE(store_->note_pending(pending(i, static_cast<std::int64_t>(1000 + i))));
  }
  // The one seen longest ago comes back, so the next one is the oldest.
  EXPECT_OK(store_->note_pending(pending(0, 1'000'000)));
  EXPECT_OK(store_->note_pending(pending(0xffff, 1'000'001)));
  auto all = store_->pending();
  ASSERT_EQ(all->size(), FleetStore::kMaxPending);
  EXPECT_EQ(all->front().mac, MacAddress::from_number(2));
  EXPECT_EQ(all->back().mac, MacAddress::from_number(0xffff));
  // A new one is kept even if its clock is behind.
  EXPECT_OK(store_->note_pending(pending(0x10000, 1)));
  all = store_->pending();
  ASSERT_EQ(all->size(), FleetStore::kMaxPending);
  EXPECT_EQ(all->front().mac, MacAddress::from_number(0x10000));
}

TEST_P(FleetContract, ForgetsAPendingDevice) {
  EXPECT_OK(store_->note_pending(pending(1, 1)));
  EXPECT_OK(store_->forget_pending(MacAddress::from_number(1)));
  EXPECT_THAT(*store_->pending(), IsEmpty());
  EXPECT_EQ(code_of(store_->forget_pending(MacAddress::from_number(1))), Errc::not_found);
}

TEST_P(FleetContract, KeepsPardons) {
  EXPECT_OK(store_->add_device(device(kPhone)));
  const Pardon unpin{.kind = Pardon::Kind::unpin, .mac = kPhone, .at = at(5), .until = at(5)};
  Pardon amnesty{.kind = Pardon::Kind::amnesty, .mac = kPhone, .at = at(5), .until = at(9)};
  Pardon for_all{.kind = Pardon::Kind::amnesty, .mac = std::nullopt, .at = at(6), .until = at(9)};
  for (const auto& one : {unpin, amnesty, for_all}) EXPECT_OK(store_->pardon(one));
  EXPECT_THAT(*store_->pardons(), ElementsAre(for_all, amnesty, unpin));
  EXPECT_THAT(store_->load()->pardons, ElementsAre(for_all, amnesty, unpin));
  amnesty.until = at(20);
  for_all.until = at(30);
  EXPECT_OK(store_->pardon(amnesty));
  EXPECT_OK(store_->pardon(for_all));
  EXPECT_THAT(*store_->pardons(), ElementsAre(for_all, amnesty, unpin)) << "one of a kind";
}

TEST_P(FleetContract, EndsAPardon) {
  EXPECT_OK(store_->add_device(device(kPhone)));
  const Pardon for_all{.kind = Pardon::Kind::amnesty, .mac = std::nullopt, .at = at(6), .until = at(9)};
  const Pardon unpin{.kind = Pardon::Kind::unpin, .mac = kPhone, .at = at(5), .until = at(5)};
  EXPECT_OK(store_->pardon(for_all));
  EXPECT_OK(store_->pardon(unpin));
  EXPECT_EQ(code_of(store_->end_pardon(Pardon::Kind::amnesty, kPhone)), Errc::not_found);
  EXPECT_OK(store_->end_pardon(Pardon::Kind::amnesty, std::nullopt));
  EXPECT_THAT(*store_->pardons(), ElementsAre(unpin));
  EXPECT_OK(store_->remove_device(kPhone));
  EXPECT_THAT(*store_->pardons(), IsEmpty());
}

TEST_P(FleetContract, RefusesABadPardon) {
  const Pardon unpin{.kind = Pardon::Kind::unpin, .mac = kPhone, .at = at(5), .until = at(5)};
  EXPECT_EQ(code_of(store_->pardon(unpin)), Errc::not_found);
  EXPECT_OK(store_->add_device(device(kPhone)));
  EXPECT_EQ(code_of(store_->pardon({.kind = Pardon::Kind::amnesty, .mac = kPhone, .at = at(5), .until = at(4)})),
            Errc::invalid_input);
}

TEST_P(FleetContract, GivesTheWindowsThatAreStillOpen) {
  EXPECT_OK(store_->add_group({"lobby", ""}));
  auto first = window(10, 20);
  first.group = "lobby";
  first.model = "SPA504G";
  EXPECT_OK(store_->open_enrolment(first));
  EXPECT_OK(store_->open_enrolment(window(11, 30)));
  auto open_now = store_->enrolment(at(15));
  ASSERT_EQ(open_now->size(), 2U);
  EXPECT_EQ(open_now->front().group, "lobby");
  EXPECT_EQ(open_now->front().model, "SPA504G");
  EXPECT_EQ(open_now->front().opened, at(10));
  EXPECT_EQ(open_now->front().until, at(20));
  EXPECT_EQ(store_->enrolment(at(20))->size(), 1U);
  EXPECT_EQ(store_->enrolment(at(30))->size(), 0U);
}

TEST_P(FleetContract, ClosesEveryWindow) {
  EXPECT_OK(store_->open_enrolment(window(10, 20)));
  EXPECT_OK(store_->open_enrolment(window(10, 30)));
  EXPECT_OK(store_->close_enrolment());
  EXPECT_THAT(*store_->enrolment(at(15)), IsEmpty());
}

TEST_P(FleetContract, RefusesABadWindow) {
  auto unknown = window(10, 20);
  unknown.group = "lobby";
  EXPECT_EQ(code_of(store_->open_enrolment(unknown)), Errc::not_found);
  EXPECT_EQ(code_of(store_->open_enrolment(window(20, 20))), Errc::invalid_input);
}

CaptureOrder capture(std::string who, std::int64_t ordered, std::int64_t until, unsigned wanted = 1) {
  return {.id = 0, .who = std::move(who), .ordered = at(ordered), .until = at(until), .wanted = wanted, .files = {}};
}

TEST_P(FleetContract, KeepsCaptureOrdersWithTheirFiles) {
  const auto id = store_->order_capture(capture("next", 10, 100, 2));
  ASSERT_TRUE(id) << id.error().what;
  EXPECT_OK(store_->note_capture(*id, "a.pcapng", at(20)));
  auto all = *store_->captures();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].who, "next");
  EXPECT_EQ(all[0].until, at(100));
  EXPECT_THAT(all[0].files, ElementsAre("a.pcapng"));
  EXPECT_TRUE(all[0].is_on(at(20)));
  EXPECT_FALSE(all[0].is_on(at(100)));
  EXPECT_EQ(store_->load()->captures.size(), 1U);

  EXPECT_OK(store_->note_capture(*id, "b.pcapng", at(21)));
  EXPECT_FALSE((*store_->captures())[0].is_on(at(21)));
  EXPECT_THAT(store_->load()->captures, IsEmpty());
  EXPECT_EQ(code_of(store_->note_capture(*id, "c.pcapng", at(22))), Errc::conflict);
}

TEST_P(FleetContract, AServerSeesCaptureOrdersByTheRevision) {
  const auto before = *store_->revision();
  const auto id = store_->order_capture(capture("192.0.2.7", 10, 100));
  EXPECT_EQ(*store_->revision(), before + 1);
  EXPECT_OK(store_->note_capture(*id, "a.pcapng", at(20)));
  EXPECT_EQ(*store_->revision(), before + 2);
}

TEST_P(FleetContract, EndsCaptureOrders) {
  const auto first = store_->order_capture(capture("next", 10, 100));
  EXPECT_OK(store_->order_capture(capture("192.0.2.7", 10, 100)));
  EXPECT_OK(store_->order_capture(capture("192.0.2.8", 10, 30)));
  EXPECT_EQ(*store_->end_captures("192.0.2.7", at(50)), 1U);
  EXPECT_EQ(*store_->end_captures("192.0.2.8", at(50)), 0U) << "its time had passed";
  EXPECT_EQ(*store_->end_captures("", at(60)), 1U);
  EXPECT_EQ(code_of(store_->note_capture(*first, "a.pcapng", at(60))), Errc::conflict);
  EXPECT_EQ(store_->captures()->size(), 3U);
}

TEST_P(FleetContract, BoundsCaptureOrders) {
  EXPECT_EQ(code_of(store_->order_capture(capture("next", 10, 10))), Errc::invalid_input);
  EXPECT_EQ(code_of(store_->order_capture(capture("next", 10, 20, 0))), Errc::invalid_input);
  for (std::size_t i = 0; i < FleetStore::kMaxCaptures; ++i) EXPECT_OK(store_->order_capture(capture("next", 10, 20)));
  EXPECT_EQ(code_of(store_->order_capture(capture("next", 11, 20))), Errc::limit_exceeded);
  for (std::int64_t i = 0; i < 150; ++i) EXPECT_OK(store_->order_capture(capture("next", 100 + i, 101 + i)));
  EXPECT_EQ(store_->captures()->size(), FleetStore::kMaxCapturesKept);
}

}  // namespace
}  // namespace firstring::store
