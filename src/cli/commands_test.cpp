// The commands on a real state folder, in this process: what they print, change and refuse. Serving and simulating
// is tests/system's.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fstream>

#include "base/file.hpp"
#include "base/temporary_folder.hpp"
#include "base/text.hpp"
#include "cli/run.hpp"
#include "cli/terminal.hpp"
#include "crypto/demo_pki.hpp"
#include "crypto/secret_box.hpp"
#include "store_sqlite/open.hpp"

namespace firstring::cli {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct Outcome {
  int status = 0;
  std::string out, error;
};

Outcome run_with(std::vector<std::string> arguments, std::string input = {}) {
  auto terminal = Terminal::capturing(std::move(input));
  const int status = run(arguments, terminal);
  return {status, terminal.printed(), terminal.complaints()};
}

mode_t mode_of(const fs::path& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777U;
}

std::vector<boost::json::value> json_lines(const std::string& text) {
  std::vector<boost::json::value> values;
  for (const auto line : split(text, '\n')) {
    if (!line.empty()) values.push_back(boost::json::parse({line.data(), line.size()}));
  }
  return values;
}

constexpr auto kMac = "000e08abcdef";

/// A state folder without a demonstration, with one phone in it.
class Commands : public testing::Test {
 protected:
  void SetUp() override {
    const auto made = run_with({"init", dir().string(), "--host", "prov.example.com"});
    ASSERT_EQ(made.status, 0) << made.error;
    write_config("");
    ok({"device", "add", "00:0E:08:AB:CD:EF", "--model", "spa504g", "--serial", "CBT1"});
  }

  fs::path dir() const { return folder_.path() / "state"; }

  /// A configuration that can be read, with more at its end. The certificates that it names are not there.
  void write_config(const std::string& more) const {
    std::ofstream{dir() / "firstring.toml"} << R"(
[[listener]]
kind = "phone"
address = "127.0.0.1:8443"
[[server_chain]]
name = "modern"
certificate = "server.crt"
key = "server.key"
[[device_ca]]
name = "maker"
roots = "maker.crt"
[server]
host = "prov.example.com"
)" << more;
  }

  Outcome on_dir(std::vector<std::string> arguments, std::string input = {}) const {
    arguments.insert(arguments.begin(), {"--dir", dir().string()});
    return run_with(std::move(arguments), std::move(input));
  }
  /// What it printed; it must succeed.
  std::string ok(std::vector<std::string> arguments, std::string input = {}) const {
    const auto outcome = on_dir(std::move(arguments), std::move(input));
    EXPECT_EQ(outcome.status, 0) << outcome.error;
    EXPECT_EQ(outcome.error, "");
    return outcome.out;
  }
  /// What it complained of; it must fail with that status.
  std::string refused(int status, std::vector<std::string> arguments, std::string input = {}) const {
    const auto outcome = on_dir(std::move(arguments), std::move(input));
    EXPECT_EQ(outcome.status, status) << outcome.out << outcome.error;
    return outcome.error;
  }
  std::string file(std::string_view name, std::string_view content, mode_t mode = 0600) const {
    const auto path = folder_.path() / name;
    EXPECT_TRUE(write_file(path, content, mode));
    return path.string();
  }
  std::unique_ptr<store::FleetStore> fleet() const {
    return store::sqlite::open_fleet(dir(), store::sqlite::OpenMode::existing).value();
  }

 private:
  TemporaryFolder folder_;
};

// ---- init ---------------------------------------------------------------------------------------------------------

TEST(Init, MakesAStateFolderThatOnlyItsOwnerMayEnter) {
  const TemporaryFolder folder;
  const auto dir = folder.path() / "a" / "state";
  const auto made = run_with({"init", dir.string()});
  ASSERT_EQ(made.status, 0) << made.error;
  EXPECT_EQ(mode_of(dir), 0700U);
  EXPECT_EQ(mode_of(dir / "secrets.key"), 0600U);
  EXPECT_TRUE(fs::exists(dir / "firstring.db"));
  EXPECT_TRUE(fs::exists(dir / "ledger.db"));
  EXPECT_THAT(made.out, HasSubstr("firstring check " + dir.string()));
}

TEST(Init, OfADemonstrationPassesTheCheck) {
  const TemporaryFolder folder;
  const auto dir = (folder.path() / "demo").string();
  const auto made = run_with({"init", dir, "--demo"});
  ASSERT_EQ(made.status, 0) << made.error;
  EXPECT_THAT(made.out, HasSubstr("firstring simulate"));
  const auto checked = run_with({"check", dir});
  EXPECT_EQ(checked.status, 0);
  EXPECT_EQ(checked.out, "ok: 2 listeners, 2 server chains, 1 device CA\n");
}

TEST(Init, RefusesAStateFolder) {
  const TemporaryFolder folder;
  const auto dir = (folder.path() / "state").string();
  ASSERT_EQ(run_with({"init", dir}).status, 0);
  const auto again = run_with({"init", dir, "--demo"});
  EXPECT_EQ(again.status, 1);
  EXPECT_THAT(again.error, HasSubstr("is already a state folder"));
}

TEST(Init, RefusesAHostThatIsNone) {
  const TemporaryFolder folder;
  const auto made = run_with({"init", (folder.path() / "state").string(), "--host", "https://example.com/"});
  EXPECT_EQ(made.status, 2);
  EXPECT_THAT(made.error, HasSubstr("firstring init: "));
}

TEST(Init, RefusesOnePortForBothListeners) {
  const TemporaryFolder folder;
  EXPECT_EQ(run_with({"init", (folder.path() / "s").string(), "--demo", "--port", "8080"}).status, 2);
}

TEST(StateFolder, ThatIsNoneIsExplained) {
  const auto outcome = run_with({"device", "list", "--dir", "/nonexistent"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.error, HasSubstr("make one with: firstring init /nonexistent"));
}

// ---- device -------------------------------------------------------------------------------------------------------

TEST_F(Commands, DeviceIsEnteredAndListed) {
  EXPECT_THAT(ok({"device", "list"}), HasSubstr("000e08abcdef  SPA504G  CBT1"));
  const auto listed = json_lines(ok({"device", "list", "--json"}));
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].at("mac").as_string(), kMac);
  EXPECT_EQ(listed[0].at("model").as_string(), "SPA504G");
}

TEST_F(Commands, DeviceThatIsThereIsRefusedWithAHint) {
  EXPECT_EQ(refused(1, {"device", "add", kMac, "--model", "SPA504G"}),
            "firstring device add: device 000e08abcdef already exists; see: firstring device show 000e08abcdef\n");
}

TEST_F(Commands, DeviceOfAnUnknownModelIsRefusedWithASuggestion) {
  EXPECT_THAT(refused(2, {"device", "add", "000e08000001", "--model", "SPA504"}), HasSubstr("did you mean 'SPA504G'?"));
}

TEST_F(Commands, DeviceOfAnUnknownGroupIsRefused) {
  ok({"group", "add", "lobby"});
  EXPECT_THAT(refused(1, {"device", "add", "000e08000001", "--model", "SPA504G", "--group", "loby"}),
              HasSubstr("did you mean 'lobby'?"));
}

TEST_F(Commands, DeviceIsShownWithItsLines) {
  ok({"line", "set", kMac, "1", "--user", "1001", "--proxy", "sip.example.com"});
  EXPECT_THAT(ok({"device", "show", kMac}), HasSubstr("1001 at sip.example.com, udp, no password"));
  const auto shown = json_lines(ok({"device", "show", kMac, "--json"}));
  EXPECT_EQ(shown.at(0).at("lines").at(0).at("user").as_string(), "1001");
}

TEST_F(Commands, DeviceIsRemoved) {
  ok({"device", "remove", kMac});
  EXPECT_THAT(refused(1, {"device", "show", kMac}), HasSubstr("there is no device 000e08abcdef"));
  EXPECT_EQ(ok({"device", "list", "--json"}), "");
}

TEST_F(Commands, ImportEntersAllDevicesOfAFile) {
  const auto csv = file("phones.csv", "mac,model\r\n000e08000001,SPA504G\r\n000e08000002,SPA525G2\r\n");
  EXPECT_EQ(ok({"device", "import", csv}), "added 2 devices\n");
  EXPECT_EQ(json_lines(ok({"device", "list", "--json"})).size(), 3U);
}

TEST_F(Commands, WarnsOfKnownBadHardware) {
  const auto added = on_dir({"device", "add", "000e08000001", "--model", "SPA2102", "--serial", "FM500F345678"});
  EXPECT_EQ(added.status, 0);
  EXPECT_THAT(added.error, HasSubstr("warning: device 000e08000001: Known-bad hardware, batch 2006-06-wrong-"));
  EXPECT_THAT(added.error, HasSubstr("replace the phone"));
  EXPECT_THAT(ok({"device", "show", "000e08000001"}), HasSubstr("2006-06-wrong-certificates"));
  EXPECT_EQ(json_lines(ok({"device", "list", "--json"})).at(0).at("known_bad").as_string(),
            "2006-06-wrong-certificates");

  const auto good = on_dir({"device", "add", "000e08000002", "--model", "SPA2102", "--serial", "FM500F700000"});
  EXPECT_EQ(good.error, "");
  const auto csv = file("phones.csv",
                        "mac,model,serial\n000e08000003,SPA2102,FM500F100000\n000e08000004,SPA3102,FM600F699999\n"
                        "000e08000005,SPA504G,CBT2\n");
  const auto imported = on_dir({"device", "import", csv});
  EXPECT_THAT(imported.error, HasSubstr("warning: device 000e08000003 and 1 more: ")) << "one line a batch";
  EXPECT_EQ(imported.status, 0);
}

TEST_F(Commands, ImportReportsEveryBadLineAndEntersNothing) {
  const auto csv = file("phones.csv", "mac,model\n000e08000001,SPA504G\nxyz,SPA504G\n000e08abcdef,SPA504G\n");
  const auto error = refused(1, {"device", "import", csv});
  EXPECT_THAT(error, HasSubstr(csv + ":3: 'xyz' is not a MAC address"));
  EXPECT_THAT(error, HasSubstr(csv + ":4: device 000e08abcdef already exists\n"));
  EXPECT_THAT(error, HasSubstr("2 bad lines; nothing added"));
  EXPECT_EQ(json_lines(ok({"device", "list", "--json"})).size(), 1U);
}

TEST_F(Commands, PendingDevicesAreListedUntilTheyAreEntered) {
  store::PendingDevice device;
  device.mac = MacAddress::parse("000e08000009").value();
  device.product = "SPA-504G";
  device.user_agent = "evil\x1b[2J";
  device.first_seen = device.last_seen = now();
  device.attempts = 1;
  ASSERT_TRUE(fleet()->note_pending(device));
  EXPECT_THAT(ok({"device", "pending"}), HasSubstr("000e08000009  SPA-504G"));
  EXPECT_EQ(json_lines(ok({"device", "pending", "--json"})).at(0).at("product").as_string(), "SPA-504G");
  ok({"device", "add", "000e08000009", "--model", "SPA504G"});
  EXPECT_EQ(ok({"device", "pending", "--json"}), "");
}

// ---- group, enrol -------------------------------------------------------------------------------------------------

TEST_F(Commands, GroupsLieInEachOther) {
  ok({"group", "add", "berlin"});
  ok({"group", "add", "lobby", "--parent", "berlin"});
  EXPECT_THAT(refused(1, {"group", "add", "x", "--parent", "nowhere"}), HasSubstr("there is no group 'nowhere'"));
  EXPECT_THAT(refused(1, {"group", "add", "lobby"}), HasSubstr("already exists"));
  const auto groups = json_lines(ok({"group", "list", "--json"}));
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[1].at("parent").as_string(), "berlin");
}

TEST_F(Commands, EnrolmentIsOpenedShownAndClosed) {
  ok({"group", "add", "lobby"});
  EXPECT_EQ(ok({"enrol", "status"}), "enrolment is closed\n");
  ok({"enrol", "open", "--group", "lobby", "--for", "2h", "--model", "spa504g"});
  const auto windows = json_lines(ok({"enrol", "status", "--json"}));
  ASSERT_EQ(windows.size(), 1U);
  EXPECT_EQ(windows[0].at("model").as_string(), "SPA504G");
  ok({"enrol", "close"});
  EXPECT_EQ(ok({"enrol", "status", "--json"}), "");
  EXPECT_EQ(fleet()->enrolment(now()).value().size(), 0U);
}

TEST_F(Commands, EnrolmentForNoTimeIsRefused) {
  ok({"group", "add", "lobby"});
  refused(2, {"enrol", "open", "--group", "lobby", "--for", "0s"});
  refused(2, {"enrol", "open", "--group", "lobby", "--for", "10"});
}

// ---- set, unset, layers, render -----------------------------------------------------------------------------------

TEST_F(Commands, SetRefusesAnUnknownNameWithASuggestionAndTakesItByForce) {
  EXPECT_THAT(refused(1, {"set", kMac, "Resync_Periodik=1"}), HasSubstr("did you mean 'Resync_Periodic'?"));
  ok({"set", kMac, "Resync_Periodik=1", "--force"});
}

TEST_F(Commands, SetRefusesAnUnknownScope) {
  for (const auto* scope : {"bass", "model:SPA999", "group:none", "000e08000001"})
    refused(1, {"set", scope, "Resync_Periodic=1"});
}

TEST_F(Commands, SecretIsNeverTakenFromTheCommandLine) {
  const auto error = refused(2, {"set", "base", "Admin_Passwd=geheim", "--class", "secret"});
  EXPECT_THAT(error, HasSubstr("--value-file"));
  EXPECT_THAT(error, Not(HasSubstr("geheim")));
  refused(2, {"set", "base", "Admin_Passwd", "--class", "secret"});
}

TEST_F(Commands, PasswordByItsNameIsNotSetInPublic) {
  EXPECT_THAT(refused(2, {"set", "base", "Admin_Passwd=geheim"}), HasSubstr("is a password by its name"));
  ok({"set", "base", "Admin_Passwd=open", "--force"});
}

TEST_F(Commands, SecretIsReadFromStandardInputAndShownToTheDeviceOnly) {
  ok({"set", kMac, "Admin_Passwd", "--class", "secret", "--value-file", "-"}, "geheim\n");
  EXPECT_THAT(ok({"render", kMac}), HasSubstr(">geheim<"));
  for (const auto* assurance : {"none", "claimed", "generic"}) {
    EXPECT_THAT(ok({"render", kMac, "--as", assurance}), Not(HasSubstr("geheim"))) << assurance;
  }
  EXPECT_THAT(ok({"layers", kMac}), HasSubstr("(secret)"));
  EXPECT_THAT(ok({"layers", kMac}), Not(HasSubstr("geheim")));
  EXPECT_TRUE(json_lines(ok({"layers", kMac, "--json"})).at(0).at("value").is_null());
}

TEST_F(Commands, SecretStaysSecretWhenSetAgain) {
  ok({"set", "base", "GPP_A", "--class", "secret", "--value-file", "-"}, "one");
  EXPECT_THAT(refused(2, {"set", "base", "GPP_A=two"}), HasSubstr("GPP_A is a secret"));
  ok({"set", "base", "GPP_A", "--value-file", "-"}, "two");
  EXPECT_EQ(fleet()->parameters(store::Scope::base()).value().at(0).parameter_class, store::ParameterClass::secret);
}

TEST_F(Commands, SecretFileThatOthersCanReadIsRefused) {
  EXPECT_THAT(refused(1, {"set", "base", "Admin_Passwd", "--class", "secret", "--value-file",
                          file("password", "geheim", 0644)}),
              HasSubstr("chmod 600"));
}

TEST_F(Commands, EmptySecretIsRefused) {
  EXPECT_THAT(refused(1, {"set", "base", "Admin_Passwd", "--class", "secret", "--value-file", "-"}, "\n"),
              HasSubstr("it is empty"));
}

TEST_F(Commands, UnsetRefusesWhatIsNotSet) {
  ok({"set", "base", "Resync_Periodic=1"});
  EXPECT_THAT(refused(1, {"unset", "base", "Resync_Periodik"}), HasSubstr("did you mean 'Resync_Periodic'?"));
}

TEST_F(Commands, ValueThatXmlCannotCarryIsRefused) { refused(1, {"set", "base", "GPP_A=a\x01"}); }

// ---- line ---------------------------------------------------------------------------------------------------------

TEST_F(Commands, LineKeepsItsPasswordUnlessANewOneIsGiven) {
  ok({"line", "set", kMac, "1", "--user", "1001", "--proxy", "sip.example.com", "--password-file", "-"}, "geheim");
  ok({"line", "set", kMac, "1", "--user", "1002", "--proxy", "sip.example.com", "--transport", "tls", "--srtp"});
  const auto profile = ok({"render", kMac});
  EXPECT_THAT(profile, HasSubstr("geheim"));
  EXPECT_THAT(profile, HasSubstr("1002"));
  EXPECT_THAT(ok({"line", "list", kMac}), HasSubstr("1     1002  sip.example.com"));
  EXPECT_THAT(ok({"line", "list", kMac}), Not(HasSubstr("geheim")));
}

TEST_F(Commands, LineThatTheModelDoesNotHaveIsRefused) {
  EXPECT_THAT(refused(2, {"line", "set", kMac, "5", "--user", "1", "--proxy", "p"}),
              HasSubstr("SPA504G has the lines 1 to 4"));
  refused(2, {"line", "set", kMac, "0", "--user", "1", "--proxy", "p"});
}

// ---- check, ledger, explain ---------------------------------------------------------------------------------------

TEST_F(Commands, CheckNamesFileLineAndRemedy) {
  write_config("worker = 1\n");
  const auto outcome = on_dir({"check"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.out, HasSubstr("firstring.toml:14:1: error: "));
  EXPECT_THAT(outcome.out, HasSubstr("did you mean 'workers'?"));
  const auto lines = json_lines(on_dir({"check", "--json"}).out);
  EXPECT_TRUE(
      std::any_of(lines.begin(), lines.end(), [](const auto& line) { return line.at("line").as_int64() == 14; }));
}

TEST_F(Commands, RenderWarnsOfAConfigurationWithErrors) {
  write_config("worker = 1\n");
  const auto outcome = on_dir({"render", kMac});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.error, HasSubstr("firstring.toml has errors"));
}

/// With three connections in the ledger: served, denied, and failed in the handshake.
class Ledger : public Commands {
 protected:
  void SetUp() override {
    Commands::SetUp();
    const auto ledger = store::sqlite::open_ledger(dir(), store::sqlite::OpenMode::existing).value();
    std::vector<store::ConnectionRow> connections(3);
    std::vector<store::RequestRow> requests(2);
    for (std::size_t i = 0; i < 3; ++i) {
      connections[i].id = static_cast<std::int64_t>(i) + 1;
      connections[i].accepted = now();
      connections[i].address = "192.0.2." + std::to_string(i + 1);
      connections[i].outcome = firstring::Outcome::ok;
      connections[i].version = "TLSv1";
      connections[i].cipher = "DHE-RSA-AES256-SHA";
    }
    connections[0].device = kMac;
    connections[2].outcome = firstring::Outcome::handshake_failed;
    connections[2].alert = "unknown_ca";
    connections[2].alert_from = "client";
    for (std::size_t i = 0; i < 2; ++i) {
      requests[i].connection = static_cast<std::int64_t>(i) + 1;
      requests[i].at = now();
      requests[i].method = "GET";
      requests[i].target = "/a\x1b[2J.xml";
      requests[i].status = i == 0 ? 200 : 403;
      requests[i].decision = i == 0 ? Decision::allow : Decision::deny;
      requests[i].reason = i == 0 ? Reason::bound : Reason::no_certificate;
    }
    ASSERT_TRUE(ledger->append({connections, requests, {}}));
  }
};

TEST_F(Ledger, IsOneJsonObjectALine) {
  const auto rows = json_lines(ok({"ledger", "--json"}));
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].at("device").as_string(), kMac);
  EXPECT_EQ(rows[0].at("status").as_int64(), 200);
  EXPECT_EQ(rows[1].at("decision").as_string(), "deny");
  EXPECT_EQ(rows[2].at("alert").as_string(), "unknown_ca");
}

TEST_F(Ledger, CanBeNarrowed) {
  EXPECT_EQ(json_lines(ok({"ledger", "--json", "--failed"})).size(), 2U);
  EXPECT_EQ(json_lines(ok({"ledger", "--json", "--mac", kMac})).size(), 1U);
  EXPECT_EQ(json_lines(ok({"ledger", "--json", "--address", "::ffff:192.0.2.2"})).size(), 1U);
  EXPECT_EQ(json_lines(ok({"ledger", "--json", "--since", "1h"})).size(), 3U);
  const auto newest = json_lines(ok({"ledger", "--json", "--limit", "1"}));
  ASSERT_EQ(newest.size(), 1U);
  EXPECT_EQ(newest[0].at("outcome").as_string(), "handshake_failed");
}

TEST_F(Ledger, IsATableForPeopleWithoutControlCharacters) {
  const auto table = ok({"ledger"});
  EXPECT_THAT(table, HasSubstr("alert unknown_ca by the client"));
  EXPECT_THAT(table, Not(HasSubstr("\x1b")));
}

TEST_F(Ledger, RefusesAnAddressThatIsNone) { refused(2, {"ledger", "--address", "phone.example"}); }

TEST_F(Ledger, IsExplainedInWords) {
  EXPECT_THAT(ok({"explain", kMac}), HasSubstr("000e08abcdef: 1 connection"));
  EXPECT_THAT(ok({"explain", "192.0.2.3"}), HasSubstr("unknown_ca"));
  EXPECT_EQ(json_lines(ok({"explain", "192.0.2.3", "--json"})).size(), 1U);
  refused(2, {"explain", "somebody"});
}

// ---- simulate -----------------------------------------------------------------------------------------------------

TEST_F(Commands, SimulateSaysWhatItNeeds) {
  EXPECT_THAT(refused(1, {"simulate", "--server", "localhost:1", "--mac", "000e08000001"}), HasSubstr("--model"));
  EXPECT_THAT(refused(1, {"simulate", "--server", "localhost:1", "--mac", kMac}), HasSubstr("--no-certificate"));
  refused(2, {"simulate", "--server", "localhost:1", "--mac", kMac, "--cert", "x"});
}

TEST_F(Commands, SimulateFailsWhereNobodyListens) {
  const auto outcome = on_dir({"simulate", "--server", "127.0.0.1:1", "--mac", kMac, "--no-certificate"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.out, HasSubstr("tcp connect"));
}

}  // namespace
}  // namespace firstring::cli
