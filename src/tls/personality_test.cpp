#include "tls/personality.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <cstdlib>

#include "base/file.hpp"
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
  const auto root =
      testing::Recipe{.name = "root", .rsa_bits = 2048, .hash = crypto::Hash::sha256, .is_ca = true}.make(nullptr);
  const auto leaf = testing::Recipe{.name = "server", .rsa_bits = 2048, .hash = crypto::Hash::sha256}.make(&root);
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

crypto::PkeyPtr make_key(EVP_PKEY* group) {
  const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_pkey(crypto::library(), group, nullptr)};
  EVP_PKEY* key = nullptr;
  EXPECT_EQ(EVP_PKEY_keygen_init(context.get()), 1);
  EXPECT_EQ(EVP_PKEY_keygen(context.get(), &key), 1) << crypto::drain_errors();
  return crypto::PkeyPtr{key};
}

crypto::BignumPtr number(EVP_PKEY* key, const char* name) {
  BIGNUM* value = nullptr;
  EXPECT_EQ(EVP_PKEY_get_bn_param(key, name, &value), 1);
  return crypto::BignumPtr{value};
}

TEST(DhGroup, IsTheWellKnownOne) {
  const auto group = dh_group(1024);
  EXPECT_EQ(EVP_PKEY_get_bits(group->get()), 1024);
  const crypto::BignumPtr prime{BN_get_rfc2409_prime_1024(nullptr)};
  EXPECT_EQ(BN_cmp(number(group->get(), "p").get(), prime.get()), 0);
  EXPECT_TRUE(BN_is_word(number(group->get(), "g").get(), 2));
  EXPECT_EQ(EVP_PKEY_get_bits(dh_group(2048)->get()), 2048);
  EXPECT_FALSE(dh_group(1000));
}

TEST(DhGroup, HasTheSizeThatWasAskedForAndASafePrime) {
  const std::unique_ptr<BN_CTX, crypto::Deleter<BN_CTX_free>> scratch{BN_CTX_new()};
  for (const unsigned bits : {512U, 768U, 1024U, 2048U, 3072U, 4096U}) {
    const auto group = dh_group(bits);
    ASSERT_TRUE(group) << bits;
    EXPECT_EQ(EVP_PKEY_get_bits(group->get()), static_cast<int>(bits));
    if (bits > 1024) continue;  // of an RFC, and slow to test
    const auto prime = number(group->get(), "p");
    EXPECT_EQ(BN_check_prime(prime.get(), scratch.get(), nullptr), 1) << bits;
    const crypto::BignumPtr half{BN_new()};
    BN_rshift1(half.get(), prime.get());
    EXPECT_EQ(BN_check_prime(half.get(), scratch.get(), nullptr), 1) << bits;
  }
}

TEST(DhGroup, MakesAFreshKeyEachTimeWithAShortExponentAndTheRightPublicValue) {
  const auto group = dh_group(1024);
  const auto first = make_key(group->get());
  const auto second = make_key(group->get());
  const auto exponent = number(first.get(), "priv");
  EXPECT_LE(BN_num_bits(exponent.get()), 256);
  EXPECT_GE(BN_num_bits(exponent.get()), 250);
  EXPECT_NE(BN_cmp(exponent.get(), number(second.get(), "priv").get()), 0);
  const crypto::BignumPtr power{BN_new()};
  const std::unique_ptr<BN_CTX, crypto::Deleter<BN_CTX_free>> scratch{BN_CTX_new()};
  BN_mod_exp(power.get(), number(first.get(), "g").get(), exponent.get(), number(first.get(), "p").get(),
             scratch.get());
  EXPECT_EQ(BN_cmp(power.get(), number(first.get(), "pub").get()), 0);
}

TEST(DhGroup, AgreesWithOpenSslsOwnDh) {
  // The peer's key is made by OpenSSL's provider, with its long exponent.
  const auto ours = make_key(dh_group(1024)->get());
  const crypto::PkeyContextPtr maker{EVP_PKEY_CTX_new_from_name(crypto::library(), "DH", nullptr)};
  const auto prime = number(ours.get(), "p"), generator = number(ours.get(), "g");
  const std::unique_ptr<OSSL_PARAM_BLD, crypto::Deleter<OSSL_PARAM_BLD_free>> builder{OSSL_PARAM_BLD_new()};
  OSSL_PARAM_BLD_push_BN(builder.get(), "p", prime.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), "g", generator.get());
  const std::unique_ptr<OSSL_PARAM, crypto::Deleter<OSSL_PARAM_free>> params{OSSL_PARAM_BLD_to_param(builder.get())};
  EVP_PKEY* made = nullptr;
  ASSERT_EQ(EVP_PKEY_fromdata_init(maker.get()), 1);
  ASSERT_EQ(EVP_PKEY_fromdata(maker.get(), &made, EVP_PKEY_KEY_PARAMETERS, params.get()), 1);
  const crypto::PkeyPtr their_group{made};
  const auto theirs = make_key(their_group.get());
  EXPECT_GT(BN_num_bits(number(theirs.get(), "priv").get()), 900);

  const auto derive = [](EVP_PKEY* own, EVP_PKEY* peer) {
    const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_pkey(crypto::library(), own, nullptr)};
    Bytes secret(128);
    auto size = secret.size();
    EXPECT_EQ(EVP_PKEY_derive_init(context.get()), 1);
    EXPECT_EQ(EVP_PKEY_derive_set_peer(context.get(), peer), 1) << crypto::drain_errors();
    EXPECT_EQ(EVP_PKEY_derive(context.get(), secret.data(), &size), 1) << crypto::drain_errors();
    secret.resize(size);
    return secret;
  };
  EXPECT_EQ(derive(ours.get(), theirs.get()), derive(theirs.get(), ours.get()));
}

}  // namespace
}  // namespace firstring::tls
