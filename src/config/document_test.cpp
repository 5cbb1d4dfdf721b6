#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.hpp"
#include "base/text.hpp"
#include "config/config.hpp"
#include "config/options.hpp"
#include "tls/knobs.hpp"

namespace firstring::config {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// The values alone, through the tables: where they stood in a file does not matter.
template <class S>
std::vector<std::string> values_of(const SectionTable<S>& table, const S& section) {
  std::vector<std::string> values;
  for (const auto& option : table.options)
    values.push_back(std::string{option.name} + " = " + to_toml(option, section));
  return values;
}

template <class S>
std::vector<std::string> values_of(const SectionTable<S>& table, const std::vector<S>& sections) {
  std::vector<std::string> values;
  for (const auto& section : sections) {
    values.push_back(head(table));
    for (auto& value : values_of(table, section)) values.push_back(std::move(value));
  }
  return values;
}

std::vector<std::string> values_of(const Config& config) {
  std::vector<std::string> values;
  for_each_section(config, [&](const auto& table, const auto& sections) {
    for (auto& value : values_of(table, sections)) values.push_back(std::move(value));
  });
  return values;
}

/// What a first installation has.
Config usual() {
  Config config;
  Listener listener;
  listener.address = *Endpoint::parse("[::]:443");
  config.listeners.push_back(listener);
  ServerChain chain;
  chain.name = "legacy";
  chain.certificate = "pki/legacy.crt";
  chain.key = "pki/legacy.key";
  config.server_chains.push_back(chain);
  DeviceCa ca;
  ca.name = "maker";
  ca.roots = "pki/maker.pem";
  config.device_cas.push_back(ca);
  return config;
}

OwnPersonality unusual_personality() {
  OwnPersonality own;
  own.name = "own";
  own.based_on = "legacy-2026-11";
  own.chain = "own-chain";
  own.min_version = 0x0302;
  own.max_version = 0x0303;
  own.security_level = 0;
  own.ciphers = "AES128-SHA:@SECLEVEL=0";
  own.suites13 = "TLS_AES_128_GCM_SHA256";
  own.groups = "P-256";
  own.signature_algorithms = "RSA+SHA1";
  own.dh_bits = 512;
  own.dh_bits_below_1024 = true;
  own.sessions = false;
  own.send_ca_names = false;
  own.max_fragment = 512;
  own.alerts = tls::AlertStyle::none;
  return own;
}

PersonalityRule unusual_rule() {
  PersonalityRule rule;
  rule.personality = "own";
  rule.networks = {*Prefix::parse("192.0.2.0/24"), *Prefix::parse("2001:db8::/32")};
  rule.listeners = {"192.0.2.7:443"};
  rule.server_names = {"phones.example"};
  rule.ja3 = {"e7d705a3286e19ea42f587b344ee6865"};
  rule.ja4 = {"t12d1516h2_8daaf6152771_e5627efa2ab1"};
  rule.models = {"SPA5*"};
  rule.firmware_below = "7.5.6";
  rule.firmware_from = "7.5.2b";
  rule.highest_version_at_most = 0x0303;
  rule.highest_version_at_least = 0x0301;
  rule.format = hello::Format::sslv2;
  rule.suites_exactly = {0x0039};
  rule.offers_suites = {0x0035, 0x002f};
  rule.lacks_suites = {0xc014};
  rule.has_extensions = {0};
  rule.lacks_extensions = {13, 0xff01};
  rule.no_hash_above_sha1 = true;
  return rule;
}

/// Every key away from its default, texts with everything that TOML must escape.
Config unusual() {
  auto config = usual();
  config.server.host = "prov-1.example.com";
  config.server.workers = 7;
  config.server.drain_timeout = 1500ms;
  auto& listener = config.listeners[0];
  listener.kind = ListenerKind::phone;
  listener.address = *Endpoint::parse("[2001:db8::1]:8443");
  listener.networks = {*Prefix::parse("10.0.0.0/8"), *Prefix::parse("2001:db8::/32")};
  listener.personalities = {"modern-2026-11"};
  listener.ladder = false;
  listener.ladder_window = 90min;
  listener.quarantine = false;
  listener.hello_timeout = 100ms;
  listener.handshake_timeout = 2min;
  listener.request_timeout = 61s;
  listener.idle_timeout = 10min;
  auto second = usual().listeners[0];
  second.kind = ListenerKind::bootstrap;
  second.address = *Endpoint::parse("192.0.2.7:80");
  second.idle_timeout = 3s;
  config.listeners.push_back(second);
  config.server_chains[0].certificate = "/etc/a \"quoted\" \\ folder/ü#.crt";
  config.server_chains[0].key = "it's [here].key";
  config.server_chains[0].ecdsa_certificate = "pki/ec.crt";
  config.server_chains[0].ecdsa_key = "pki/ec.key";
  auto chain = config.server_chains[0];
  chain.name = "modern";
  config.server_chains.push_back(chain);
  config.personalities = {unusual_personality()};
  config.rules = {unusual_rule()};
  auto& ca = config.device_cas[0];
  ca.intermediates = "pki/inter.pem";
  ca.min_rsa_bits = 1024;
  ca.weak_hashes = {"md5", "sha1"};
  ca.accept_expired_until = std::chrono::sys_days{std::chrono::year{2027} / 6 / 30};
  ca.crl = "pki/maker.crl";
  auto lasting = usual().device_cas[0];
  lasting.name = "lasting";
  lasting.accept_expired = true;  // not beside a day
  config.device_cas.push_back(lasting);
  config.policy.pin = "alarm";
  config.policy.ratchet = "off";
  config.policy.resync_period = std::chrono::hours{12};
  config.quarantine.enabled = true;
  config.quarantine.secrets = true;
  config.quarantine.certificate = "pki/old.crt";
  config.quarantine.key = "pki/old.key";
  config.quarantine.user = "firstring-quarantine";
  config.quarantine.program = "/usr/lib/firstring/quarantine";
  config.quarantine.max_connections = 7;
  config.limits.max_connections = 5;
  config.limits.max_request_head = 10'001;
  config.limits.ledger_age = std::chrono::days{30};
  config.limits.ledger_connections = 5000;
  config.limits.session_memory = 32U << 20;
  config.limits.ledger_size = std::size_t{256} << 20;
  config.limits.ledger_queue = 8U << 20;
  config.limits.ledger_open = std::chrono::seconds{30};
  config.limits.evidence_size = 64U << 20;
  config.log.level = "debug";
  config.log.requests = "stdout";
  return config;
}

Loaded reload(const Config& config) { return load_text(example(config), "/srv/fr", "firstring.toml"); }

TEST(Example, GivesTheUsualValuesBack) {
  const auto loaded = reload(usual());
  ASSERT_TRUE(loaded.diagnostics.empty()) << loaded.diagnostics[0].to_string();
  EXPECT_EQ(values_of(loaded.config), values_of(usual()));
}

TEST(Example, GivesUnusualValuesBack) {
  const auto loaded = reload(unusual());
  ASSERT_TRUE(loaded.diagnostics.empty()) << loaded.diagnostics[0].to_string();
  EXPECT_EQ(values_of(loaded.config), values_of(unusual()));
  EXPECT_EQ(loaded.config.server_chains[0].certificate, unusual().server_chains[0].certificate);
  EXPECT_EQ(loaded.config.limits.max_request_head, 10'001U);
  EXPECT_EQ(loaded.config.limits.ledger_age, std::chrono::days{30});
  EXPECT_EQ(loaded.config.limits.ledger_connections, 5000U);
  EXPECT_EQ(loaded.config.limits.ledger_size, std::size_t{256} << 20);
}

TEST(Example, OfUnusualValuesLeavesNoKeyAtItsDefault) {
  // Guards the test above: a new key must be added to unusual(), or its way through the file is not tested.
  const auto config = unusual();
  std::vector<std::string> untouched;
  const auto look = [&](const auto& table, const auto& section) {
    for (const auto& option : table.options) {
      if (option.name != "kind" && option.name != "accept_expired" && is_default(option, section))
        untouched.push_back(std::string{option.name});
    }
  };
  look(server_table(), config.server);
  look(listener_table(), config.listeners[0]);
  look(server_chain_table(), config.server_chains[0]);
  look(personality_table(), config.personalities[0]);
  look(rule_table(), config.rules[0]);
  look(device_ca_table(), config.device_cas[0]);
  look(policy_table(), config.policy);
  look(quarantine_table(), config.quarantine);
  look(limits_table(), config.limits);
  look(log_table(), config.log);
  EXPECT_THAT(untouched, IsEmpty());
}

TEST(OwnPersonality, HasWhatStandsInItsSectionAndTheRestOfItsBase) {
  const auto section = unusual_personality();
  const auto& base = *tls::find_personality("modern-2026-11");
  tls::for_each_knob([&](const auto& knob) {
    auto one = section;
    one.positions[std::string{knob.name}] = {1, 1};
    const auto whole = one.over(base);
    EXPECT_EQ(whole.name, "own");
    EXPECT_EQ(whole.order, base.order);
    tls::for_each_knob([&](const auto& other) {
      const tls::Personality& from = other.name == knob.name ? static_cast<const tls::Personality&>(section) : base;
      EXPECT_EQ(to_toml(other.kind, whole.*other.member), to_toml(other.kind, from.*other.member))
          << other.name << " with " << knob.name << " in the section";
    });
  });
}

TEST(Example, ShowsEveryKeyWithItsHelp) {
  for (const auto& config : {Config{}, usual(), unusual()}) {
    const auto text = example(config);
    for_each_section(config, [&](const auto& table, const auto&) {
      EXPECT_THAT(text, HasSubstr(head(table)));
      for (const auto& option : table.options) EXPECT_THAT(text, HasSubstr(std::string{option.name} + " = "));
    });
  }
}

TEST(Example, ShowsDefaultsCommentedOutAndOthersNot) {
  auto config = usual();
  config.server.workers = 2;
  const auto text = example(config);
  EXPECT_THAT(text, HasSubstr("\nworkers = 2\n"));
  EXPECT_THAT(text, HasSubstr("\n#drain_timeout = \"20s\"\n"));
}

TEST(Example, IsStillValidWithEveryDefaultUncommented) {
  auto text = example(usual());
  // A section that is commented out as a whole shows what might stand there, which is no default.
  for (std::size_t at = 0; (at = text.find("\n#[[", at)) != std::string::npos; ++at)
    text.erase(at, text.find("\n####", at) - at);
  for (std::size_t at = 0; (at = text.find("\n#", at)) != std::string::npos; ++at) {
    if (text[at + 2] >= 'a' && text[at + 2] <= 'z') text.erase(at + 1, 1);
  }
  const auto loaded = load_text(text, "/srv/fr", "firstring.toml");
  ASSERT_TRUE(loaded.diagnostics.empty()) << loaded.diagnostics[0].to_string();
  EXPECT_EQ(values_of(loaded.config), values_of(usual()));
}

TEST(Example, OfNothingIsStillToml) {
  const auto loaded = reload(Config{});
  ASSERT_EQ(loaded.diagnostics.size(), 1U);
  EXPECT_THAT(loaded.diagnostics[0].what, HasSubstr("there is no [[listener]]"));
  EXPECT_THAT(example(Config{}), HasSubstr("\n#[[listener]]\n"));
}

TEST(Example, HasNoLineTooLongForATerminal) {
  const auto text = example(usual());
  for (const auto line : split(text, '\n')) EXPECT_LE(line.size(), 100U) << line;
}

TEST(Tables, HaveDefaultsThatTheirOwnKindsAccept) {
  // The defaults stand in config.hpp, the ranges in the tables: here they meet.
  EXPECT_TRUE(load_text(example(usual()), "/srv/fr", "f").ok());
  const auto check = [](const auto& table) {
    for (const auto& option : table.options) {
      EXPECT_FALSE(option.help.empty());
      EXPECT_TRUE(option.help.ends_with('.')) << option.name;
      EXPECT_TRUE(option.more.empty() || option.more.ends_with('.')) << option.name;
    }
    EXPECT_TRUE(table.purpose.ends_with('.')) << table.name;
  };
  Config config;
  for_each_section(config, [&](const auto& table, const auto&) { check(table); });
}

TEST(Reference, IsTheCommittedPage) {
  const std::filesystem::path page = FIRSTRING_SOURCE_DIR "/docs/reference/configuration.md";
  if (std::getenv("FIRSTRING_UPDATE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(page.parent_path());
    const auto written = write_file(page, reference());
    ASSERT_TRUE(written) << written.error().what;
  }
  const auto committed = read_file(page);
  ASSERT_TRUE(committed) << committed.error().what;
  EXPECT_EQ(*committed, reference()) << "run FIRSTRING_UPDATE_GOLDEN=1 config_test, look at the change and commit it";
}

}  // namespace
}  // namespace firstring::config
