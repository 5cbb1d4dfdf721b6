#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/temporary_folder.hpp"
#include "config/config.hpp"
#include "config/options.hpp"

namespace firstring::config {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// What every configuration needs, behind the text that a test is about.
constexpr std::string_view kRest =
    "\n[[listener]]\naddress = \"[::]:443\"\n"
    "[[server_chain]]\nname = \"modern\"\ncertificate = \"a.crt\"\nkey = \"a.key\"\n"
    "[[device_ca]]\nname = \"maker\"\nroots = \"maker.pem\"\n";
constexpr std::string_view kChains =
    "\n[[server_chain]]\nname = \"modern\"\ncertificate = \"a.crt\"\nkey = \"a.key\"\n"
    "[[device_ca]]\nname = \"maker\"\nroots = \"maker.pem\"\n";

Loaded load_only(std::string_view text) { return load_text(text, "/srv/fr", "firstring.toml"); }
Loaded load_with_rest(std::string_view text) { return load_only(std::string{text} + std::string{kRest}); }
Loaded load_with_chains(std::string_view text) { return load_only(std::string{text} + std::string{kChains}); }

std::vector<std::string> lines(const Loaded& loaded) {
  std::vector<std::string> result;
  for (const auto& diagnostic : loaded.diagnostics) result.push_back(diagnostic.to_string());
  return result;
}

TEST(DeviceCaRule, AcceptsWhatExpiredToTheEndOfTheDay) {
  for (const auto* day : {"2027-06-30", "\"2027-06-30\""}) {
    const auto loaded =
        load_text(std::string{"[[device_ca]]\nname='b'\nroots='b'\naccept_expired_until = "} + day, "/", "f");
    ASSERT_EQ(loaded.config.device_cas.size(), 1U);
    EXPECT_EQ(loaded.config.device_cas[0].expired_accepted_before(), *parse_timestamp("2027-07-01")) << day;
  }
  EXPECT_EQ(DeviceCa{}.expired_accepted_before(), Timestamp::min());
}

TEST(LoadText, FillsInEveryDefault) {
  const auto loaded = load_with_rest("");
  ASSERT_THAT(lines(loaded), IsEmpty());
  EXPECT_EQ(loaded.config.dir, "/srv/fr");
  EXPECT_EQ(loaded.config.file, "firstring.toml");
  EXPECT_EQ(loaded.config.server.drain_timeout, 20s);
  EXPECT_EQ(loaded.config.limits.max_request_head, 8192U);
  ASSERT_EQ(loaded.config.listeners.size(), 1U);
  EXPECT_EQ(loaded.config.listeners[0].kind, ListenerKind::phone);
  EXPECT_THAT(loaded.config.listeners[0].personalities,
              ElementsAre("legacy-2026-11", "sha1-2026-11", "modern-2026-11"));
}

TEST(LoadText, ReadsEveryKindOfValue) {
  const auto loaded = load_with_chains(R"(
[server]
host = "prov.example.com"
workers = 3
drain_timeout = "250ms"
[[listener]]
kind = "bootstrap"
address = "192.0.2.1:80"
[limits]
max_request_head = "16KiB"
[[device_ca]]
name = "other"
roots = "/etc/other.pem"
weak_hashes = ["sha1", "md5"]
accept_expired = true
)");
  ASSERT_THAT(lines(loaded), IsEmpty());
  EXPECT_EQ(loaded.config.server.host, "prov.example.com");
  EXPECT_EQ(loaded.config.server.workers, 3U);
  EXPECT_EQ(loaded.config.server.drain_timeout, 250ms);
  EXPECT_EQ(loaded.config.listeners[0].kind, ListenerKind::bootstrap);
  EXPECT_EQ(loaded.config.listeners[0].address.to_string(), "192.0.2.1:80");
  EXPECT_EQ(loaded.config.limits.max_request_head, 16384U);
  EXPECT_THAT(loaded.config.device_cas[0].weak_hashes, ElementsAre("sha1", "md5"));
  EXPECT_TRUE(loaded.config.device_cas[0].accept_expired);
  EXPECT_EQ(loaded.config.device_cas[0].expired_accepted_before(), Timestamp::max());
  EXPECT_EQ(loaded.config.resolve(loaded.config.device_cas[0].roots), "/etc/other.pem");
  EXPECT_EQ(loaded.config.resolve(loaded.config.device_cas[1].roots), "/srv/fr/maker.pem");
}

TEST(LoadText, ReadsASizeAsAWholeNumberOfBytes) {
  EXPECT_EQ(load_with_rest("limits.max_request_head = 1025").config.limits.max_request_head, 1025U);
}

TEST(LoadText, RemembersWhereKeysAndSectionsStand) {
  const auto loaded = load_with_chains("[[listener]]\n  address = \"[::]:1\"\n[[listener]]\naddress = \"[::]:2\"");
  EXPECT_EQ(loaded.config.listeners[0].position_of("address").line, 2U);
  EXPECT_EQ(loaded.config.listeners[0].position_of("address").column, 3U);
  EXPECT_EQ(loaded.config.listeners[1].position_of("kind").line, 3U) << "a key that is not there: its section's head";
  EXPECT_EQ(loaded.config.server.position_of("host").line, 0U);
}

TEST(LoadText, CollectsEveryFaultInTheOrderOfTheFile) {
  const auto loaded = load_only(
      "[server]\n"
      "hosst = \"a\"\n"
      "workers = \"four\"\n"
      "drain_timeout = \"3d\"\n"
      "[[listener]]\n"
      "  adress = \"[::]:443\"\n"
      "[lok]\n"
      "level = \"info\"\n"
      "[log]\n"
      "level = \"wraning\"\n");
  EXPECT_FALSE(loaded.ok());
  EXPECT_THAT(
      lines(loaded),
      ElementsAre(
          "firstring.toml:2:1: error: unknown key 'hosst' in [server]; did you mean 'host'?",
          "firstring.toml:3:1: error: 'workers' is text, not a whole number; write a whole number from 0 to 256, as in "
          "workers = 0",
          "firstring.toml:4:1: error: 'drain_timeout' is 3d, which is too long; write a duration from 0s to 1h, as in "
          "drain_timeout = \"20s\"",
          "firstring.toml:5:1: error: [[listener]] has no 'address'; add for example: address = \"[::]:443\"",
          "firstring.toml:5:1: error: a phone listener needs a CA to believe phones by, and there is no [[device_ca]]; "
          "add a "
          "[[device_ca]] with name and roots, the root certificates of the phones' maker",
          "firstring.toml:5:1: error: a phone listener needs a certificate to show, and there is no [[server_chain]]; "
          "add a "
          "[[server_chain]] with name, certificate and key",
          "firstring.toml:6:3: error: unknown key 'adress' in [[listener]]; did you mean 'address'?",
          "firstring.toml:7:2: error: unknown section 'lok'; did you mean 'log'?",
          "firstring.toml:10:1: error: 'level' does not take 'wraning'; did you mean 'warning'?"));
}

TEST(LoadText, KeepsTheDefaultOfAValueWithAFault) {
  EXPECT_EQ(load_with_rest("limits.max_connections = 0").config.limits.max_connections, 20'000U);
}

struct Fault {
  std::string name;
  std::string text;
  std::string expected;
};
void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

class BadText : public testing::TestWithParam<Fault> {};

TEST_P(BadText, IsOneErrorThatSaysWhereAndWhat) {
  const auto loaded = load_with_rest(GetParam().text);
  ASSERT_EQ(loaded.diagnostics.size(), 1U) << testing::PrintToString(lines(loaded));
  EXPECT_FALSE(loaded.ok());
  EXPECT_THAT(loaded.diagnostics[0].to_string(), HasSubstr(GetParam().expected));
  EXPECT_FALSE(loaded.diagnostics[0].remedy.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Values, BadText,
    testing::Values(
        Fault{"Negative", "[server]\nworkers = -1", ":2:1: error: 'workers' is -1, which is too small"},
        Fault{"Fraction", "[server]\nworkers = 1.5", "is a number with a fraction, not a whole number"},
        Fault{"HugeNumber", "[limits]\nmax_connections = 9223372036854775807", "which is too large"},
        Fault{"NumberAsDuration", "[server]\ndrain_timeout = 20",
              "is a whole number, not a duration; write a duration from 0s"},
        Fault{"DurationWithoutUnit", "[server]\ndrain_timeout = \"20\"", "is not a duration: '20'"},
        Fault{"SizeUnit", "[limits]\nmax_request_head = \"8KB\"",
              "is not a size: '8KB'; write a size from 1KiB to 64KiB"},
        Fault{"SizeTooLarge", "[limits]\nmax_request_head = \"1MiB\"", "is 1MiB, which is too large"},
        Fault{"SizeOverflow", "[limits]\nmax_request_head = \"99999999999999999999\"", "is not a size"},
        Fault{"SizeUnitOverflow", "[limits]\nmax_request_head = \"18014398509481985KiB\"", "is not a size"},
        Fault{"NegativeSize", "[limits]\nmax_request_head = -8192", "is -8192, which is too small"},
        Fault{"Date", "[log]\nlevel = 2026-11-23", "is a date or time, not text"},
        Fault{"UrlAsHost", "[server]\nhost = \"https://a.example\"",
              "is not a host name or an IP address: 'https://a.example'"},
        Fault{"EmptyHost", "[server]\nhost = \"\"", "'host' is empty"},
        Fault{"NulInText", "[log]\nrequests = \"a\\u0000b\"",
              ":2:1: error: 'requests' holds a NUL character; remove it"},
        Fault{"ControlInText", "[log]\nrequests = \"a\\u001b[31m\"", "holds a control character: 'a\\x1b[31m'"},
        Fault{"DateThatIsNone", "[[device_ca]]\nname='b'\nroots='b'\naccept_expired_until = \"2027-06-31\"",
              ":4:1: error: 'accept_expired_until' is not a date: '2027-06-31'; write 2027-06-30"},
        Fault{"DateWithATime", "[[device_ca]]\nname='b'\nroots='b'\naccept_expired_until = 2027-06-30T12:00:00Z",
              ":4:1: error: 'accept_expired_until' is a date or time, not a date"},
        Fault{"BothExpiryRules",
              "[[device_ca]]\nname='b'\nroots='b'\naccept_expired = true\naccept_expired_until = 2027-06-30",
              ":5:1: error: 'accept_expired_until' says until when, and 'accept_expired' says for ever; leave one of "
              "them "
              "out"},
        Fault{"FlagAsText", "[[device_ca]]\nname='b'\nroots='b'\naccept_expired = \"yes\"",
              ":4:1: error: 'accept_expired' is text, not true or false"},
        Fault{"UnknownHash", "[[device_ca]]\nname='b'\nroots='b'\nweak_hashes = [\"sha-1\"]",
              "'weak_hashes' does not take 'sha-1'; did you mean 'sha1'?"},
        Fault{"StrangeHash", "[[device_ca]]\nname='b'\nroots='b'\nweak_hashes = [\"crc32\"]",
              "'crc32'; write a list of any of \"sha1\" and \"md5\""},
        Fault{"HashTwice", "[[device_ca]]\nname='b'\nroots='b'\nweak_hashes = [\"md5\", \"md5\"]",
              "'weak_hashes' names 'md5' twice"},
        Fault{"HashNotInList", "[[device_ca]]\nname='b'\nroots='b'\nweak_hashes = \"md5\"", "is text, not a list"},
        Fault{"NumberInList", "[[device_ca]]\nname='b'\nroots='b'\nweak_hashes = [5]",
              "has an entry that is a whole number, not text"},
        Fault{"ShortKeys", "[[device_ca]]\nname='b'\nroots='b'\nmin_rsa_bits = 512", "is 512, which is too small"},
        Fault{"NameWithBlank", "[[device_ca]]\nname='b c'\nroots='b'", "'name' is not a plain name: 'b c'"},
        Fault{"EmptyPath", "[[device_ca]]\nname='b'\nroots=''",
              "'roots' is empty; write the path of a file, as in roots = "},
        Fault{"NulInPath", "[[device_ca]]\nname='b'\nroots=\"b\\u0000.pem\"", "'roots' holds a NUL character"},
        Fault{"NoPersonality", "[[listener]]\naddress = '[::]:1'\npersonalities = []",
              "'personalities' is an empty list"},
        Fault{"NotANetwork", "[[rule]]\npersonality = 'p'\nnetworks = [\"192.0.2.0/33\"]",
              "'networks' has an entry that is not a network: '192.0.2.0/33'; write 192.0.2.0/24 or"},
        Fault{"NotAListener", "[[rule]]\npersonality = 'p'\nlisteners = [\"192.0.2.1\"]",
              "'listeners' has an entry that is not an IP address with a port: '192.0.2.1'"},
        Fault{"NumberTooLarge", "[[rule]]\npersonality = 'p'\nsuites_exactly = [0x10000]",
              "'suites_exactly' has an entry that is 65536, which is too large; write a list of numbers up to 0xffff"},
        Fault{"NumberOfNoList", "[[rule]]\npersonality = 'p'\nsuites_exactly = 0x39", "is a whole number, not a list"},
        Fault{"SecondCertificateAlone",
              "[[server_chain]]\nname = 'c'\ncertificate = 'a'\nkey = 'b'\necdsa_certificate = 'c'",
              ":5:1: error: 'ecdsa_certificate' is of no use without 'ecdsa_key'"},
        Fault{"UnknownKind", "[[listener]]\naddress = '[::]:1'\nkind = 'fhone'",
              "'kind' does not take 'fhone'; did you mean 'phone'?"},
        Fault{"AddressWithoutPort", "[[listener]]\naddress = '192.0.2.1'",
              "'address' is not an IP address with a port: '192.0.2.1'"},
        Fault{"AddressWithName", "[[listener]]\naddress = 'localhost:443'", "is not an IP address with a port"}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Shapes, BadText,
    testing::Values(
        Fault{"KeyOutsideOfSections", "host = 'a'",
              ":1:1: error: key 'host' stands outside of every section; move it below [server]"},
        Fault{"StrangeKeyOutside", "colour = 'a'", "key 'colour' stands outside of every section; remove it"},
        Fault{"StrangeSection", "[telephony]", "unknown section 'telephony'; the sections are server, listener"},
        Fault{"StrangeSections", "[[listeners]]", ":1:3: error: unknown section 'listeners'; did you mean 'listener'?"},
        Fault{"StrangeKey", "[log]\nzzzzzzzz = 1", "unknown key 'zzzzzzzz' in [log]; its keys are level, requests"},
        Fault{"UnprintableKey", "[log]\n\"\\u001bzzzzzzzz\" = 1", "unknown key '\\x1bzzzzzzzz' in [log]"},
        Fault{"SectionTwice", "[[server]]\n[[server]]",
              "'server' is a list of sections, not a section; it may stand once: write [server]"},
        Fault{"SectionAsValue", "server = 3", "'server' is a whole number, not a section"},
        Fault{"Syntax", "[server]\nhost = legacy", "firstring.toml:2:8: error: error while parsing value"},
        Fault{"UnquotedAddress", "[log]\nlevel = 0.0.0.0:443", ":2:12: error: "},
        Fault{"OpenText", "[server]\nhost = \"abc\n", ":2:12: error: "},
        Fault{"KeyTwice", "[server]\nhost = 'a'\nhost = 'b'",
              "3:8: error: error while parsing key-value pair: cannot redefine"},
        Fault{"HeadTwice", "[server]\n[server]", ":2:1: error: "},
        Fault{"InvalidUtf8", "[server]\nhost = \"\xff\"", ":2:8: error: encountered invalid utf-8"},
        Fault{"NulByte", std::string{"[server]\nhost = \"a\0b\"", 20}, ":2:10: error: the file holds a NUL byte"},
        Fault{"ThousandsOfDots", "[server]\n" + std::string(400'000, '.'),
              ":2:1: error: the line has more than 50 dots"},
        Fault{"LargeFile", std::string(1U << 20, '\n'), "more than 1MiB"}),
    [](const auto& test) { return test.param.name; });

TEST(LoadText, SaysThatListenersStandInTwoBracketsAndLooksAtTheirKeys) {
  const auto loaded = load_with_chains("[listener]\naddress = \"no\"");
  EXPECT_THAT(
      lines(loaded),
      ElementsAre(HasSubstr(":1:2: error: 'listener' is a section, not a list of sections; there may be several: "
                            "write [[listener]] with two brackets"),
                  HasSubstr(":2:1: error: 'address' is not an IP address")));
}

TEST(LoadText, RefusesAConfigurationWithoutListeners) {
  EXPECT_THAT(lines(load_only("")), ElementsAre(HasSubstr("firstring.toml: error: there is no [[listener]]")));
}

TEST(LoadText, NeedsNoCertificatesForBootstrapListenersAlone) {
  EXPECT_THAT(lines(load_only("[[listener]]\nkind = 'bootstrap'\naddress = '[::]:80'")), IsEmpty());
}

TEST(LoadText, WarnsOfTlsKeysOnABootstrapListener) {
  const auto loaded = load_only("[[listener]]\nkind = 'bootstrap'\naddress = '[::]:80'\nhello_timeout = '3s'");
  EXPECT_TRUE(loaded.ok());
  EXPECT_THAT(lines(loaded),
              ElementsAre(HasSubstr(":4:1: warning: 'hello_timeout' has no effect on a bootstrap listener")));
}

TEST(LoadText, RefusesAMissingRequiredKeyOfEachSection) {
  const auto loaded = load_only("[[listener]]\n[[server_chain]]\n[[device_ca]]");
  std::vector<std::string> what;
  for (const auto& diagnostic : loaded.diagnostics) what.push_back(diagnostic.what);
  EXPECT_THAT(what, ElementsAre("[[listener]] has no 'address'", "[[server_chain]] has no 'certificate'",
                                "[[server_chain]] has no 'key'", "[[server_chain]] has no 'name'",
                                "[[device_ca]] has no 'name'", "[[device_ca]] has no 'roots'"));
}

TEST(LoadText, RefusesTwoChainsOfOneName) {
  const auto loaded = load_with_rest("[[server_chain]]\nname = \"modern\"\ncertificate = \"a.crt\"\nkey = \"a.key\"\n");
  EXPECT_THAT(lines(loaded),
              ElementsAre(HasSubstr(":9:1: error: [[server_chain]] 'modern' is there already at line 2; give")));
}

TEST(LoadText, RefusesTwoDeviceCasOfOneName) {
  const auto loaded = load_with_rest("[[device_ca]]\nname = \"maker\"\nroots = \"a.crt\"\n");
  EXPECT_THAT(lines(loaded), ElementsAre(HasSubstr("[[device_ca]] 'maker' is there already at line 2")));
}

struct TwoAddresses {
  std::string first;
  std::string second;
  bool clash;
};
void PrintTo(const TwoAddresses& pair, std::ostream* out) { *out << pair.first << " and " << pair.second; }

class ListenerPair : public testing::TestWithParam<TwoAddresses> {};

TEST_P(ListenerPair, IsRefusedIfBothWouldTakeTheSameConnection) {
  const auto& [first, second, clash] = GetParam();
  for (const auto& [a, b] : {std::pair{first, second}, std::pair{second, first}}) {
    const auto loaded = load_with_chains("[[listener]]\naddress = '" + a + "'\n[[listener]]\naddress = '" + b + "'\n");
    if (clash) {
      EXPECT_THAT(lines(loaded), ElementsAre(HasSubstr(":4:1: error: " + b + " is taken already by the listener on " +
                                                       a + " at line 2")));
    } else {
      EXPECT_THAT(lines(loaded), IsEmpty()) << a << " and " << b;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Pairs, ListenerPair,
                         testing::Values(TwoAddresses{"127.0.0.1:443", "127.0.0.1:443", true},
                                         TwoAddresses{"0.0.0.0:443", "127.0.0.1:443", true},
                                         TwoAddresses{"[::]:443", "127.0.0.1:443", true},
                                         TwoAddresses{"[::]:443", "0.0.0.0:443", true},
                                         TwoAddresses{"[::]:443", "[2001:db8::1]:443", true},
                                         TwoAddresses{"0.0.0.0:443", "[2001:db8::1]:443", false},
                                         TwoAddresses{"0.0.0.0:443", "127.0.0.1:444", false},
                                         TwoAddresses{"127.0.0.1:443", "127.0.0.2:443", false},
                                         TwoAddresses{"127.0.0.1:0", "127.0.0.1:0", false}));

class LoadFile : public testing::Test {
 protected:
  std::string first_line() const {
    const auto loaded = load(dir_);
    return loaded.diagnostics.empty() ? "" : loaded.diagnostics[0].to_string();
  }

  const TemporaryFolder folder_;
  const std::filesystem::path dir_ = folder_.path();
};

TEST_F(LoadFile, ReadsTheFileInTheStateFolder) {
  std::ofstream{dir_ / "firstring.toml"} << kRest;
  const auto loaded = load(dir_);
  EXPECT_THAT(lines(loaded), IsEmpty());
  EXPECT_EQ(loaded.config.dir, dir_);
  EXPECT_EQ(loaded.config.file, dir_ / "firstring.toml");
}

TEST_F(LoadFile, SaysHowToMakeAMissingOne) {
  EXPECT_THAT(first_line(),
              HasSubstr("no such file or directory; make a state folder with: firstring init " + dir_.string()));
}

TEST_F(LoadFile, RefusesAFolderInItsPlace) {
  std::filesystem::create_directory(dir_ / "firstring.toml");
  EXPECT_THAT(first_line(), HasSubstr("this is not a regular file"));
}

TEST_F(LoadFile, RefusesAPipeInsteadOfWaitingForIt) {
  ASSERT_EQ(::mkfifo((dir_ / "firstring.toml").c_str(), 0600), 0);
  EXPECT_THAT(first_line(), HasSubstr("this is not a regular file"));
}

TEST_F(LoadFile, RefusesOneAboveTheLimit) {
  std::ofstream{dir_ / "firstring.toml"} << std::string((1U << 20) + 1, '#');
  EXPECT_THAT(first_line(), HasSubstr("larger than the 1048576 bytes allowed; is it the right file?"));
}

TEST_F(LoadFile, SaysWhyItCannotBeRead) {
  std::ofstream{dir_ / "firstring.toml"} << kRest;
  ASSERT_EQ(::chmod((dir_ / "firstring.toml").c_str(), 0), 0);
  ASSERT_EQ(::chmod(dir_.c_str(), 0755), 0);
  // Root reads everything: be somebody else for the moment.
  const bool is_root = ::geteuid() == 0;
  if (is_root) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const auto line = first_line();
  if (is_root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  EXPECT_THAT(line, HasSubstr("permission denied; make it readable"));
}

Config busy_config() {
  Config config;
  config.server.host = "prov.example.com";
  Listener listener;
  listener.address = *Endpoint::parse("[::]:443");
  config.listeners = {listener, listener};
  config.listeners[1].address.port = 80;
  config.listeners[1].kind = ListenerKind::bootstrap;
  ServerChain chain;
  chain.name = "modern";
  chain.certificate = "a.crt";
  chain.key = "a.key";
  config.server_chains = {chain};
  DeviceCa ca;
  ca.name = "maker";
  ca.roots = "maker.pem";
  ca.weak_hashes = {"sha1"};
  config.device_cas = {ca};
  return config;
}

TEST(LoadText, SurvivesEveryPrefixOfTheExample) {
  const auto text = example(busy_config());
  for (std::size_t size = 0; size <= text.size(); ++size) load_only(std::string_view{text}.substr(0, size));
}

TEST(LoadText, SurvivesTheDeepestNestingThatPasses) {
  std::string dotted;
  for (int i = 0; i < 50; ++i) dotted += "a.";
  std::string text = "x = ";
  for (int i = 0; i < 120; ++i) text += "{ " + dotted + "a = [\n";
  text += "1\n";
  for (int i = 0; i < 120; ++i) text += "] }";
  EXPECT_THAT(lines(load_with_rest(text)), ElementsAre(HasSubstr("unknown section 'x'")));
}

TEST(LoadText, TakesARulerOfDotsInAComment) {
  EXPECT_THAT(lines(load_with_rest("# " + std::string(90, '.'))), IsEmpty());
}

TEST(LoadText, SurvivesRandomDamage) {
  const auto text = example(busy_config());
  std::mt19937 random{20261123};
  const auto below = [&](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random);
  };
  for (int round = 0; round < 2'000; ++round) {
    auto damaged = text;
    for (auto count = 1 + below(8); count > 0; --count) {
      const auto at = below(damaged.size());
      switch (below(3)) {
        case 0:
          damaged[at] = static_cast<char>(below(256));
          break;
        case 1:
          damaged.erase(at, 1 + below(20));
          break;
        default:
          damaged.insert(at, text.substr(below(text.size()), 1 + below(40)));
          break;
      }
    }
    for (const auto& diagnostic : load_only(damaged).diagnostics) {
      const auto line = diagnostic.to_string();
      EXPECT_TRUE(std::none_of(line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
          << line;
    }
  }
}

}  // namespace
}  // namespace firstring::config
