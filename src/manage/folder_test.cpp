#include "manage/folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/temporary_folder.hpp"
#include "crypto/demo_pki.hpp"
#include "crypto/secret_box.hpp"
#include "manage/desk.hpp"
#include "manage/devices.hpp"
#include "manage/lines.hpp"
#include "manage/parameters.hpp"
#include "manage/playing.hpp"

namespace firstring::manage {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Desk work_in(const fs::path& dir) { return open_desk(dir, {.name = "jo", .via = "test"}).value(); }

/// What the check says of secrets.key.
std::string said_of_the_key(const fs::path& dir) {
  std::string said;
  for (const auto& diagnostic : check_folder(dir).diagnostics) {
    if (diagnostic.file.filename() == kSecretsFile) said += diagnostic.to_string() + "\n";
  }
  return said;
}

TEST(Folder, OfADemonstrationIsGoodAndItsPhonesHaveALineEach) {
  const TemporaryFolder folder;
  const auto dir = folder.path() / "demo";
  const auto made = make_folder({.dir = dir, .demo = true, .phone_port = 0, .bootstrap_port = 0});
  ASSERT_TRUE(made) << made.error().what;
  const auto checked = check_folder(dir);
  EXPECT_TRUE(checked.ok());
  EXPECT_EQ(checked.listeners, 2U);
  EXPECT_EQ(checked.server_chains, 2U);
  EXPECT_EQ(checked.device_cas, 1U);

  const auto desk = work_in(dir);
  EXPECT_EQ(list_devices(desk).value().size(), crypto::demo_phones().size());
  for (const auto& phone : crypto::demo_phones()) {
    const auto profile = preview_profile(desk, phone.mac, device::Assurance::certificate);
    ASSERT_TRUE(profile) << profile.error().what;
    EXPECT_EQ(profile->warning, "");
    EXPECT_THAT(profile->document, AllOf(HasSubstr("sip.example.com"), HasSubstr("Password_1_")));
  }

  // What the simulator is given.
  const auto& known = crypto::demo_phones().front();
  const auto phone = phone_to_play({.mac = known.mac, .dir = dir});
  ASSERT_TRUE(phone) << phone.error().what;
  EXPECT_EQ(phone->model.name, known.model);
  EXPECT_EQ(phone->serial, known.serial);
  EXPECT_TRUE(phone->credentials);
  EXPECT_EQ(roots_to_trust({}, dir).value().size(), 2U);
  const auto maker = demo_maker(dir);
  ASSERT_TRUE(maker) << maker.error().what;
  const auto key = kept_phone_key(dir / "demo" / "storm.key").value();
  EXPECT_EQ(kept_phone_key(dir / "demo" / "storm.key").value().to_pem(), key.to_pem());
  const auto storm = make_storm_phones(devices_to_play(desk, 2).value(), key, *maker, [](std::size_t) {});
  ASSERT_TRUE(storm) << storm.error().what;
  EXPECT_EQ(storm->size(), 2U);
}

TEST(Folder, ThatIsOneAlreadyOrHoldsFilesIsLeftAsItIs) {
  const TemporaryFolder folder;
  ASSERT_TRUE(make_folder({.dir = folder.path() / "state"}));
  const auto again = make_folder({.dir = folder.path() / "state"});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::conflict);

  const auto other = folder.path() / "other";
  fs::create_directory(other);
  ASSERT_TRUE(write_file(other / "thesis.txt", "x"));
  EXPECT_EQ(make_folder({.dir = other}).error().code, Errc::conflict);
  EXPECT_TRUE(fs::exists(other / "thesis.txt"));
  EXPECT_FALSE(fs::exists(other / "firstring.toml"));
}

TEST(Folder, LeavesNothingBehindWhenItFails) {
  const TemporaryFolder folder;
  for (const auto& host : {std::string{"https://example.com/"}, std::string(200, 'a')}) {
    const auto dir = folder.path() / "state";
    EXPECT_FALSE(make_folder({.dir = dir, .host = host, .demo = true}));
    EXPECT_FALSE(fs::exists(dir));
  }
  const auto one_port = make_folder({.dir = folder.path() / "s", .demo = true, .phone_port = 80, .bootstrap_port = 80});
  ASSERT_FALSE(one_port);
  EXPECT_EQ(one_port.error().code, Errc::invalid_input);
}

TEST(Folder, ThatIsNoneIsExplained) {
  const auto checked = check_state_folder("/nonexistent");
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, Errc::not_found);
  EXPECT_THAT(checked.error().what, HasSubstr("make one with: firstring init /nonexistent"));
}

TEST(Folder, CheckMissesDatabases) {
  const TemporaryFolder folder;
  const auto dir = folder.path() / "state";
  ASSERT_TRUE(make_folder({.dir = dir}));
  fs::remove(dir / "ledger.db");
  const auto checked = check_folder(dir);
  EXPECT_FALSE(checked.ok());
  EXPECT_TRUE(std::any_of(checked.diagnostics.begin(), checked.diagnostics.end(),
                          [](const auto& one) { return one.what == "the database is not there"; }));
}

TEST(Folder, CheckFindsAKeyThatIsNotTheDatabases) {
  const TemporaryFolder folder;
  const auto dir = folder.path() / "state";
  ASSERT_TRUE(make_folder({.dir = dir}));
  const auto key = dir / kSecretsFile;
  const auto other_key = [&] {
    fs::remove(key);
    ASSERT_TRUE(crypto::SecretBox::create(key));
  };
  other_key();
  EXPECT_EQ(said_of_the_key(dir), "") << "nothing is sealed yet";

  const auto desk = work_in(dir);
  const auto mac = MacAddress::parse("000e08abcdef").value();
  ASSERT_TRUE(add_device(desk, {.mac = mac, .model = "SPA504G"}));
  LineChange line{.mac = mac, .user = "1", .proxy = "p", .password = Secret{"secret"}};
  ASSERT_TRUE(set_line(desk, line));
  EXPECT_EQ(said_of_the_key(dir), "");

  other_key();
  EXPECT_THAT(said_of_the_key(dir), AllOf(HasSubstr("error: it is not the key of "), HasSubstr("firstring line set"),
                                          HasSubstr("put back the key")));
  fs::remove(key);
  EXPECT_NE(said_of_the_key(dir), "");
}

TEST(Playing, NeedsAModelAndACertificate) {
  const auto mac = MacAddress::parse("000e08abcdef").value();
  const auto nameless = phone_to_play({.mac = mac});
  ASSERT_FALSE(nameless);
  EXPECT_THAT(nameless.error().what, HasSubstr("--model"));
  const auto bare = phone_to_play({.mac = mac, .dir = "/nonexistent", .model = "SPA504G"});
  EXPECT_FALSE(bare);
  EXPECT_TRUE(phone_to_play({.mac = mac, .model = "SPA504G", .with_certificate = false}));
}

TEST(Playing, MadeUpDevicesCountUpAndEndWithTheLastAddress) {
  const auto devices = made_up_devices("spa504g", MacAddress::parse("02f1f50000ff").value(), 2).value();
  EXPECT_EQ(devices[1].mac.bare(), "02f1f5000100");
  EXPECT_EQ(devices[1].serial, "STORM000001");
  const auto last = MacAddress::parse("ffffffffffff").value();
  EXPECT_TRUE(made_up_devices("SPA504G", last, 1));
  EXPECT_FALSE(made_up_devices("SPA504G", last, 2));
}

}  // namespace
}  // namespace firstring::manage
