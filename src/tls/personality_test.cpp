#include "tls/personality.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "base/file.hpp"
#include "tls/knobs.hpp"
#include "tls/test_pki.hpp"

namespace firstring::tls {
namespace {

std::string describe(const Match& match) {
  return fmt::format("match {}: {}\n", match.reason,
                     match.has_conditions() ? fmt::format("{}", fmt::join(match.conditions(), ", ")) : "everybody");
}

/// The system's OpenSSL cannot be it: what its data say, with the suites as the rule understands them.
std::string describe_quarantine(const Personality& personality) {
  return fmt::format(
      "{}\n{}\nquarantine, chain {}, security level {}, DH {} bits, groups {}\nversions {:04x} to {:04x}\n{}\n{:04x}\n",
      personality.name, personality.description, personality.chain, personality.security_level, personality.dh_bits,
      personality.groups, personality.min_version, personality.max_version, personality.ciphers,
      fmt::join(offered_suites(personality), " "));
}

/// What a personality comes to once OpenSSL has understood it: the lists as they will be offered and chosen from.
std::string describe(const Personality& personality) {
  if (personality.quarantine) return describe_quarantine(personality);
  // Keys take longer than all the rest.
  static const auto root =
      testing::Recipe{.name = "root", .rsa_bits = 2048, .hash = crypto::Hash::sha256, .is_ca = true}.make(nullptr);
  static const auto leaf =
      testing::Recipe{.name = "server", .rsa_bits = 2048, .hash = crypto::Hash::sha256}.make(&root);
  const auto context = Context::build(personality, {personality.chain, {leaf.certificate}, leaf.key}, {});
  if (!context) return context.error().what;
  auto text = fmt::format("{}\n{}\nchain {}, security level {}, DH {} bits, groups {}\n", personality.name,
                          personality.description, personality.chain, SSL_CTX_get_security_level((*context)->native()),
                          personality.dh_bits, personality.groups);
  const auto unusual = [&](std::string_view what) { text += fmt::format("{}\n", what); };
  if (!personality.signature_algorithms.empty()) unusual("signature algorithms " + personality.signature_algorithms);
  if (personality.dh_bits_below_1024) unusual("DH groups that can be broken");
  if (!personality.sessions) unusual("no sessions");
  if (!personality.send_ca_names) unusual("no CA names");
  if (personality.max_fragment != 4096) unusual(fmt::format("records of at most {} bytes", personality.max_fragment));
  if (personality.alerts == AlertStyle::none) unusual("no alerts");
  text += fmt::format("versions {:04x} to {:04x}\noptions {:x}\n", SSL_CTX_get_min_proto_version((*context)->native()),
                      SSL_CTX_get_max_proto_version((*context)->native()), SSL_CTX_get_options((*context)->native()));
  text += fmt::format("order {}\n", personality.order);
  for (const auto& match : personality.matches) text += describe(match);
  const crypto::SslPtr ssl{SSL_new((*context)->native())};
  const auto* ciphers = SSL_get1_supported_ciphers(ssl.get());
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i)
    text += fmt::format("{}\n", SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)));
  sk_SSL_CIPHER_free(const_cast<STACK_OF(SSL_CIPHER)*>(ciphers));
  return text;
}

TEST(Personality, HasNotChangedSinceItsRelease) {
  for (const auto& personality : shipped_personalities()) {
    const auto file = std::string{FIRSTRING_SOURCE_DIR "/tests/golden/tls/"} + personality.name + ".txt";
    const auto text = describe(personality);
    if (std::getenv("FIRSTRING_UPDATE_GOLDEN") != nullptr) {
      ASSERT_TRUE(write_file(file, text));
    }
    const auto golden = read_file(file);
    ASSERT_TRUE(golden) << golden.error().what;
    EXPECT_EQ(text, *golden) << "a released personality keeps its meaning: make a new one with a new date";
  }
}

TEST(Personality, TheQuarantineComesAfterAllAndMatchesNobody) {
  EXPECT_EQ(&quarantine_personality(), &shipped_personalities().back());
  EXPECT_TRUE(quarantine_personality().matches.empty()) << "policy::needs_quarantine decides";
}

TEST(Personality, SpecialOnesComeBeforeLegacyAndLegacyBeforeModern) {
  const auto names = personality_names();
  const auto at = [&](std::string_view name) { return std::find(names.begin(), names.end(), name) - names.begin(); };
  EXPECT_LT(at("sipura-2026-11"), at("legacy-2026-11"));
  EXPECT_LT(at("legacy-2026-11"), at("sha1-2026-11"));
  const auto& last = shipped_personalities()[shipped_personalities().size() - 2];
  EXPECT_EQ(last.name, "modern-2026-11") << "but for the quarantine, which matches nobody";
  ASSERT_EQ(last.matches.size(), 1U);
  EXPECT_FALSE(last.matches[0].has_conditions()) << "the last one takes what no rule names";
}

TEST(Personality, EveryKnobIsReadAsItIsWritten) {
  for (const auto& shipped : shipped_personalities()) {
    auto text = fmt::format("name = \"{}\"\nquarantine = {}\n", shipped.name, shipped.quarantine);
    const auto each = [&](auto&& visit) { for_each_knob(visit, kVersions); };
    each([&](const auto& knob) {
      text += fmt::format("{} = {}\n", knob.name, to_toml(knob.kind, shipped.*knob.member));
    });
    const std::vector<std::pair<std::string, std::string>> files{{"x.toml", text}};
    const auto read = personalities_from_toml(files);
    ASSERT_TRUE(read) << read.error().what;
    each([&](const auto& knob) {
      EXPECT_EQ(to_toml(knob.kind, (*read)[0].*knob.member), to_toml(knob.kind, shipped.*knob.member)) << knob.name;
    });
  }
}

TEST(Personality, AFaultNamesFileAndLine) {
  const auto fault = [](std::string_view more) {
    const std::vector<std::pair<std::string, std::string>> files{
        {"x.toml", fmt::format("name = \"x\"\nchain = \"legacy\"\nciphers = \"AES128-SHA\"\n{}", more)}};
    const auto read = personalities_from_toml(files);
    return read ? "" : read.error().what;
  };
  EXPECT_EQ(fault(""), "");
  EXPECT_EQ(fault("dh_bit = 1024\n"),
            "x.toml:4:1: error: unknown key 'dh_bit' in a personality; did you mean 'dh_bits'?");
  EXPECT_TRUE(
      fault("security_level = 6\n").starts_with("x.toml:4:1: error: 'security_level' is 6, which is too large"));
  EXPECT_TRUE(fault("max_fragment = 100\n").starts_with("x.toml:4:1: error: 'max_fragment' is 100"));
  EXPECT_TRUE(
      fault("[[match]]\nreason = \"r\"\nmodel = [\"X\"]\n").starts_with("x.toml:6:1: error: unknown key 'model'"));
  EXPECT_EQ(fault("[[match]]\nreason = \"r\"\n"), "x.toml:4:1: error: [[match]] needs conditions, or any = true");
  EXPECT_EQ(fault("min_version = \"SSLv3\"\n"),
            "x.toml: error: min_version is SSL 3.0, which only the quarantine speaks");
}

TEST(Personality, AMisspeltKeyIsAFault) {
  const std::vector<std::pair<std::string, std::string>> files{
      {"x.toml", "name = \"x\"\nchain = \"legacy\"\nciphers = \"AES128-SHA\"\nsecurity_levle = 0\n"}};
  const auto read = personalities_from_toml(files);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().what.find("security_levle"), std::string::npos);
}

TEST(Personality, AnImpossibleRangeIsAFault) {
  const std::vector<std::pair<std::string, std::string>> files{
      {"x.toml",
       "name = \"x\"\nchain = \"legacy\"\nciphers = \"AES128-SHA\"\nmin_version = \"TLSv1.3\"\nmax_version = "
       "\"TLSv1.0\"\n"}};
  EXPECT_FALSE(personalities_from_toml(files));
}

TEST(Personality, SmallDhGroupsNeedTheirOwnWord) {
  auto personality = *find_personality("legacy-2026-11");
  personality.dh_bits = 768;
  EXPECT_NE(fault_of(personality), "");
  personality.dh_bits_below_1024 = true;
  EXPECT_EQ(fault_of(personality), "");
  personality.dh_bits = 700;
  EXPECT_NE(fault_of(personality), "");
}

TEST(Personality, AMatchNeedsConditionsOrSaysThatItNeedsNone) {
  const auto read = [](std::string_view match) {
    const std::vector<std::pair<std::string, std::string>> files{
        {"x.toml", fmt::format("name = \"x\"\nchain = \"legacy\"\nciphers = \"AES128-SHA\"\n[[match]]\n{}", match)}};
    return personalities_from_toml(files);
  };
  EXPECT_TRUE(read("reason = \"r\"\nany = true\n"));
  EXPECT_FALSE(read("any = true\n")) << "no reason for the ledger";
  EXPECT_FALSE(read("reason = \"r\"\n"));
  EXPECT_FALSE(read("reason = \"r\"\nany = true\nmodels = [\"SPA504G\"]\n"));
  EXPECT_FALSE(read("reason = \"r\"\nsuites_exactly = [65536]\n"));
  EXPECT_FALSE(read("reason = \"r\"\nstrongest_signature_hash_at_most = \"sha256\"\n"));
  EXPECT_FALSE(read("reason = \"r\"\nformat = \"ssl\"\n"));
}

TEST(Context, RefusesAChainBelowItsSecurityLevel) {
  const auto root = testing::make_ca("root");
  const auto leaf = testing::make_leaf("server", root);
  const auto context =
      Context::build(*find_personality("modern-2026-11"), {"modern", {leaf.certificate}, leaf.key}, {});
  ASSERT_FALSE(context);
  EXPECT_NE(context.error().what.find("modern-2026-11"), std::string::npos);
}

}  // namespace
}  // namespace firstring::tls
