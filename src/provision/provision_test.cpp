#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <future>

#include "base/temporary_folder.hpp"
#include "provision/answer.hpp"
#include "provision/fleet_keeper.hpp"
#include "store_sqlite/open.hpp"

namespace firstring::provision {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kPassword = "the-secret-of-line-one";

store::Parameter parameter(std::string name, std::string value,
                           store::ParameterClass parameter_class = store::ParameterClass::public_) {
  return {.name = std::move(name),
          .parameter_class = parameter_class,
          .access = std::nullopt,
          .value = std::move(value),
          .sealed = {}};
}

Answer answer(const http::Request& request, const policy::Requester& requester, const FleetView& fleet,
              const crypto::SecretBox& box) {
  return provision::answer(request, claims_of(request), requester, fleet, box);
}

/// A state folder with one phone of one account, in groups "lobby" below "hotel".
class Provisioning : public ::testing::Test {
 protected:
  Provisioning() {
    box_ = std::make_unique<crypto::SecretBox>(*crypto::SecretBox::create(dir_ / "secrets.key"));
    store_ = *store::sqlite::open_fleet(dir_, store::sqlite::OpenMode::create);
    EXPECT_TRUE(store_->add_group({.name = "hotel", .parent = ""}));
    EXPECT_TRUE(store_->add_group({.name = "lobby", .parent = "hotel"}));
    EXPECT_TRUE(
        store_->add_device({.mac = mac_, .model = "SPA504G", .serial = "CBT1", .group = "lobby", .created = now()}));
    store::Line line;
    line.number = 1;
    line.user = "1001";
    line.proxy = "sip.example.com";
    line.sealed_password = box_->seal(Secret{std::string{kPassword}}, store::seal_context_line(mac_, 1));
    EXPECT_TRUE(store_->set_line(mac_, line));
  }

  std::unique_ptr<FleetView> view() {
    return std::make_unique<FleetView>(*store_->load(), Site{"phones.example.com", 8443});
  }

  policy::Requester phone(const MacAddress& mac) const {
    policy::Requester requester;
    requester.tls = true;
    requester.verdict = {.present = true, .accepted = true, .ca = "maker", .errors = {}};
    requester.identity.kind = device::CertificateIdentity::Kind::device;
    requester.identity.mac = mac;
    requester.identity.product = "SPA-504G";
    return requester;
  }

  static http::Request get(std::string path) {
    http::Request request;
    request.method = "GET";
    request.target = request.path = std::move(path);
    return request;
  }

  const MacAddress mac_ = *MacAddress::parse("000e08abcdef");
  const TemporaryFolder folder_;
  const std::filesystem::path dir_ = folder_.path();
  std::unique_ptr<crypto::SecretBox> box_;
  std::unique_ptr<store::FleetStore> store_;
};

TEST_F(Provisioning, AViewKnowsWhatOperatorsHaveGranted) {
  const auto at = now();
  const auto other = *MacAddress::parse("000e08abcdee");
  EXPECT_TRUE(store_->pardon({.kind = store::Pardon::Kind::unpin, .mac = mac_, .at = at, .until = at}));
  EXPECT_TRUE(
      store_->pardon({.kind = store::Pardon::Kind::amnesty, .mac = {}, .at = at, .until = at + std::chrono::hours{2}}));
  EXPECT_EQ(view()->pardons(mac_).unpinned_at, at);
  EXPECT_EQ(view()->pardons(other).unpinned_at, std::nullopt);
  for (const auto& mac : {mac_, other}) EXPECT_EQ(view()->pardons(mac).amnesty_until, at + std::chrono::hours{2});
}

TEST_F(Provisioning, APhoneGetsItsOwnProfile) {
  const auto given = answer(get("/000e08abcdef.xml"), phone(mac_), *view(), *box_);
  EXPECT_EQ(given.response.status, 200U) << given.problem;
  EXPECT_EQ(given.reason, Reason::bound);
  EXPECT_EQ(given.assurance, device::Assurance::certificate);
  EXPECT_THAT(given.response.body, HasSubstr(kPassword));
  EXPECT_THAT(given.response.body, HasSubstr("1001"));
}

TEST_F(Provisioning, NobodyElseGetsIt) {
  const auto other = *MacAddress::parse("000e08abcdee");
  for (const auto& requester :
       {phone(other), policy::Requester{.tls = true, .verdict = {}, .identity = {}}, policy::Requester{}}) {
    const auto given = answer(get("/000e08abcdef.xml"), requester, *view(), *box_);
    EXPECT_EQ(given.response.status, 403U);
    EXPECT_FALSE(given.allow);
    EXPECT_THAT(given.response.body, Not(HasSubstr(kPassword)));
    EXPECT_EQ(given.requested, mac_);
  }
}

TEST_F(Provisioning, TheFirstFileLeadsToThePhonesOwn) {
  const auto given = answer(get("/spa504G.cfg"), {}, *view(), *box_);
  EXPECT_EQ(given.response.status, 200U) << given.problem;
  EXPECT_THAT(given.response.body, HasSubstr("<Profile_Rule>https://phones.example.com:8443/"));
  EXPECT_THAT(given.response.body, HasSubstr("$MA"));
}

TEST_F(Provisioning, APhoneOfAnotherMakerGetsItsOwnWordsAlone) {
  const auto yealink = *MacAddress::parse("001565000062");
  ASSERT_TRUE(store_->add_device({.mac = yealink, .model = "T46S", .serial = "", .group = "lobby", .created = now()}));
  ASSERT_TRUE(store_->set_parameters(store::Scope::base(),
                                     {parameter("Time_Zone", "GMT"), parameter("Nobody_Knows_It", "{{profile_url}}"),
                                      parameter("static.syslog.server", "192.0.2.9")}));
  ASSERT_TRUE(store_->set_parameters({store::Scope::Kind::group, "lobby"},
                                     {parameter("Station_Name", "Lobby"), parameter("account.1.label", "Lobby")}));
  const auto own = answer(get("/001565000062.cfg"), phone(yealink), *view(), *box_);
  EXPECT_EQ(own.response.content_type, "text/plain; charset=utf-8");
  EXPECT_EQ(own.response.body,
            "#!version:1.0.0.1\nNobody_Knows_It = https://phones.example.com:8443/001565000062.cfg\n"
            "account.1.label = Lobby\nstatic.syslog.server = 192.0.2.9\n");
  // Its first file is for no device, and the URL of its own file has its MAC address in it.
  EXPECT_EQ(answer(get("/y000000000066.cfg"), {}, *view(), *box_).response.body,
            "#!version:1.0.0.1\nstatic.auto_provision.server.url = https://phones.example.com:8443/\n"
            "static.syslog.server = 192.0.2.9\n");
  const auto cisco = answer(get("/000e08abcdef.xml"), phone(mac_), *view(), *box_);
  EXPECT_THAT(cisco.response.body, HasSubstr("<Station_Name>Lobby<"));
  EXPECT_THAT(cisco.response.body, Not(HasSubstr("account.1.label")));
  EXPECT_THAT(cisco.response.body, Not(HasSubstr("syslog")));
}

TEST_F(Provisioning, ALayerMayLeadElsewhere) {
  ASSERT_TRUE(store_->set_parameters({store::Scope::Kind::model, "SPA504G"},
                                     {parameter("Profile_Rule", "https://elsewhere.example.com/$MA.cfg")}));
  const auto given = answer(get("/spa504G.cfg"), {}, *view(), *box_);
  EXPECT_THAT(given.response.body, HasSubstr("elsewhere.example.com"));
  EXPECT_THAT(given.response.body, Not(HasSubstr("phones.example.com")));
}

TEST_F(Provisioning, TheFirstFileHoldsPublicParametersOnly) {
  ASSERT_TRUE(store_->set_parameters(
      store::Scope::base(),
      {parameter("Voice_Mail_Number", "5000", store::ParameterClass::tenant), parameter("Time_Zone", "GMT")}));
  const auto given = answer(get("/spa504G.cfg"), phone(mac_), *view(), *box_);
  EXPECT_THAT(given.response.body, HasSubstr("<Time_Zone>GMT</Time_Zone>"));
  EXPECT_THAT(given.response.body, Not(HasSubstr("5000")));
}

TEST_F(Provisioning, TheNearerLayerWins) {
  const auto set = [&](store::Scope scope, std::string value) {
    ASSERT_TRUE(store_->set_parameters(scope, {parameter("Time_Zone", std::move(value))}));
  };
  const auto zone = [&] { return answer(get("/000e08abcdef.xml"), phone(mac_), *view(), *box_).response.body; };
  set(store::Scope::base(), "base");
  EXPECT_THAT(zone(), HasSubstr("<Time_Zone>base<"));
  set({store::Scope::Kind::model, "SPA504G"}, "model");
  EXPECT_THAT(zone(), HasSubstr("<Time_Zone>model<"));
  set({store::Scope::Kind::group, "hotel"}, "hotel");
  EXPECT_THAT(zone(), HasSubstr("<Time_Zone>hotel<"));
  set({store::Scope::Kind::group, "lobby"}, "lobby");
  EXPECT_THAT(zone(), HasSubstr("<Time_Zone>lobby<"));
  set(store::Scope::of_device(mac_), "device");
  EXPECT_THAT(zone(), HasSubstr("<Time_Zone>device<"));
}

TEST_F(Provisioning, OnlyGetAndHeadAreAnswered) {
  auto request = get("/000e08abcdef.xml");
  request.method = "POST";
  const auto given = answer(request, phone(mac_), *view(), *box_);
  EXPECT_EQ(given.response.status, 405U);
  EXPECT_EQ(given.response.headers.at(0).second, "GET, HEAD");
}

TEST_F(Provisioning, ABrokenProfileIsTheOperatorsToKnow) {
  ASSERT_TRUE(
      store_->set_parameters(store::Scope::of_device(mac_), {parameter("Station_Name", "{{no_such_variable}}")}));
  const auto given = answer(get("/000e08abcdef.xml"), phone(mac_), *view(), *box_);
  EXPECT_EQ(given.response.status, 500U);
  EXPECT_EQ(given.reason, Reason::render_failed);
  EXPECT_THAT(given.problem, HasSubstr("Station_Name"));
  EXPECT_THAT(given.response.body, Not(HasSubstr("Station_Name")));
}

/// Waits for a keeper's answer about a stranger.
bool meet(FleetKeeper& keeper, const Stranger& stranger) {
  std::promise<bool> answered;
  keeper.meet(stranger, [&](bool entered) { answered.set_value(entered); });
  return answered.get_future().get();
}

class Keeper : public Provisioning {
 protected:
  void SetUp() override { keeper_ = *start_keeper(); }

  Result<std::unique_ptr<FleetKeeper>> start_keeper() {
    return FleetKeeper::start(*store::sqlite::open_fleet(dir_, store::sqlite::OpenMode::existing),
                              {"phones.example.com", 443});
  }

  /// Until the keeper has what the store has.
  void wait_for_revision() {
    const auto revision = *store_->revision();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (keeper_->current()->revision() < revision && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    ASSERT_EQ(keeper_->current()->revision(), revision);
  }

  const Stranger stranger_{.mac = *MacAddress::parse("000e08000001"),
                           .product = "SPA-504G",
                           .serial = "CBT9",
                           .address = "192.0.2.7",
                           .user_agent = "x"};
  std::unique_ptr<FleetKeeper> keeper_;
};

TEST_F(Keeper, SeesWhatAnotherProcessChanges) {
  ASSERT_TRUE(
      store_->add_device({.mac = stranger_.mac, .model = "SPA504G", .serial = "", .group = "", .created = now()}));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (keeper_->current()->device(stranger_.mac) == nullptr && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_NE(keeper_->current()->device(stranger_.mac), nullptr);
}

TEST_F(Keeper, NotesAStranger) {
  EXPECT_FALSE(meet(*keeper_, stranger_));
  const auto pending = *store_->pending();
  ASSERT_EQ(pending.size(), 1U);
  EXPECT_EQ(pending[0].mac, stranger_.mac);
  EXPECT_EQ(pending[0].address, "192.0.2.7");
}

TEST_F(Keeper, DoesNotNoteADeviceThatWasEnteredAMomentAgo) {
  ASSERT_TRUE(
      store_->add_device({.mac = stranger_.mac, .model = "SPA504G", .serial = "", .group = "", .created = now()}));
  EXPECT_TRUE(meet(*keeper_, stranger_));
  EXPECT_NE(keeper_->current()->device(stranger_.mac), nullptr);
  EXPECT_TRUE(store_->pending()->empty());
}

TEST_F(Keeper, EntersAStrangerDuringAWindow) {
  ASSERT_TRUE(
      store_->open_enrolment({.group = "lobby", .model = "", .opened = now(), .until = now() + std::chrono::hours{1}}));
  EXPECT_TRUE(meet(*keeper_, stranger_));
  const auto* device = keeper_->current()->device(stranger_.mac);
  ASSERT_NE(device, nullptr) << "whoever is told 'entered' finds the device";
  EXPECT_EQ(device->model, "SPA504G");
  EXPECT_EQ(device->group, "lobby");
}

TEST_F(Keeper, EntersNobodyThroughAWindowThatHasClosedOrIsForAnotherModel) {
  ASSERT_TRUE(store_->open_enrolment({.group = "lobby",
                                      .model = "",
                                      .opened = now() - std::chrono::hours{1},
                                      .until = now() - std::chrono::seconds{1}}));
  EXPECT_FALSE(meet(*keeper_, stranger_));
  ASSERT_TRUE(store_->close_enrolment());
  ASSERT_TRUE(store_->open_enrolment(
      {.group = "lobby", .model = "SPA525G2", .opened = now(), .until = now() + std::chrono::hours{1}}));
  EXPECT_FALSE(meet(*keeper_, stranger_));
}

TEST_F(Keeper, EntersNobodyOfAModelItDoesNotKnow) {
  ASSERT_TRUE(
      store_->open_enrolment({.group = "lobby", .model = "", .opened = now(), .until = now() + std::chrono::hours{1}}));
  auto odd = stranger_;
  odd.product = "XYZ-1";
  EXPECT_FALSE(meet(*keeper_, odd));
  EXPECT_EQ(store_->pending()->size(), 1U);
}

void keep_record(FleetKeeper& keeper, const MacAddress& mac) {
  policy::Sighting sighting;
  sighting.seen.mac = mac;
  sighting.seen.pinned_at = sighting.seen.last_seen = now();
  keeper.records().meet(sighting, {}, {}, DeviceRecords::Kept::yes);
}

TEST_F(Keeper, WritesRecordsBackAndHasThemAfterARestart) {
  keep_record(*keeper_, mac_);
  const auto kept = keeper_->records().find(mac_);
  keeper_.reset();
  EXPECT_EQ(*store_->device_record(mac_), kept);
  EXPECT_EQ((*start_keeper())->records().find(mac_), kept);
}

TEST_F(Keeper, WritesRecordsBackWhileItRuns) {
  keep_record(*keeper_, mac_);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (!*store_->device_record(mac_) && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_TRUE(*store_->device_record(mac_));
}

TEST_F(Keeper, TwoOnOneDatabaseComeToTheFirstPin) {
  auto other = *start_keeper();
  const auto come = [&](FleetKeeper& keeper, std::string key, std::chrono::seconds later) {
    policy::Sighting sighting;
    sighting.seen.mac = mac_;
    sighting.seen.key = std::move(key);
    sighting.seen.pinned_at = sighting.seen.last_seen = now() + later;
    return keeper.records().meet(sighting, {}, {}, DeviceRecords::Kept::yes).refusal;
  };
  EXPECT_EQ(come(*other, "second", std::chrono::seconds{60}), policy::WatchRefusal::none);
  EXPECT_EQ(come(*keeper_, "first", std::chrono::seconds{0}), policy::WatchRefusal::none);
  other.reset();  // whoever of them writes first
  keeper_.reset();
  EXPECT_EQ((*store_->device_record(mac_))->key, "first");
  other = *start_keeper();
  EXPECT_EQ(come(*other, "second", std::chrono::seconds{120}), policy::WatchRefusal::pin_mismatch);
}

TEST_F(Keeper, ForgetsADeviceThatWasRemovedAndEnteredAgain) {
  keep_record(*keeper_, mac_);
  ASSERT_TRUE(store_->remove_device(mac_));
  ASSERT_TRUE(store_->add_device({.mac = mac_, .model = "SPA504G", .serial = "", .group = "", .created = now()}));
  wait_for_revision();
  EXPECT_FALSE(keeper_->records().find(mac_));
}

TEST_F(Keeper, ForgetsADeviceThatAConnectionSawAfterItWasRemoved) {
  ASSERT_TRUE(store_->remove_device(mac_));
  wait_for_revision();
  keep_record(*keeper_, mac_);
  const auto later = now() + std::chrono::seconds{1};
  ASSERT_TRUE(store_->add_device({.mac = mac_, .model = "SPA504G", .serial = "", .group = "", .created = later}));
  wait_for_revision();
  EXPECT_FALSE(keeper_->records().find(mac_));
}

TEST_F(Keeper, TakesANewSiteBeforeItReturns) {
  keeper_->set_site({"other.example.com", 4443});
  const auto given = answer(get("/spa504G.cfg"), {}, *keeper_->current(), *box_);
  EXPECT_THAT(given.response.body, HasSubstr("https://other.example.com:4443/"));
}

TEST_F(Keeper, DoesNotReadTheFleetAgainForANewSite) {
  const auto before = keeper_->current();
  keeper_->set_site({"other.example.com", 4443});
  EXPECT_NE(keeper_->current(), before);
  EXPECT_EQ(&keeper_->current()->fleet(), &before->fleet());
}

TEST_F(Keeper, SharesTheDevicesThatDidNotChange) {
  const auto other = *MacAddress::parse("000e08abcdee");
  ASSERT_TRUE(store_->add_device({.mac = other, .model = "SPA504G", .serial = "", .group = "", .created = now()}));
  wait_for_revision();
  const auto before = keeper_->current();
  ASSERT_TRUE(store_->set_parameters(store::Scope::of_device(other), {parameter("Time_Zone", "GMT+02:00")}));
  wait_for_revision();
  EXPECT_EQ(keeper_->current()->device(mac_), before->device(mac_));
  EXPECT_NE(keeper_->current()->device(other), before->device(other));
  const auto given = answer(get("/000e08abcdee.xml"), phone(other), *keeper_->current(), *box_);
  EXPECT_THAT(given.response.body, HasSubstr("GMT+02:00"));
}

}  // namespace
}  // namespace firstring::provision
