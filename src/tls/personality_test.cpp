#include "tls/personality.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/param_build.h>

#include <cstdlib>

#include "base/file.hpp"
#include "tls/test_pki.hpp"

namespace firstring::tls {
namespace {

std::string describe(const Match& match) {
  auto text = fmt::format("match {}:", match.reason);
  const auto number = [&](std::string_view name, unsigned value) {
    if (value != 0) text += fmt::format(" {} {:04x}", name, value);
  };
  const auto numbers = [&](std::string_view name, const std::vector<std::uint16_t>& values) {
    if (!values.empty()) text += fmt::format(" {} {:04x}", name, fmt::join(values, ","));
  };
  const auto texts = [&](std::string_view name, const std::vector<std::string>& values) {
    if (!values.empty()) text += fmt::format(" {} {}", name, fmt::join(values, ","));
  };
  if (!match.has_conditions()) text += " everybody";
  number("highest_version_at_most", match.highest_version_at_most);
  number("highest_version_at_least", match.highest_version_at_least);
  if (match.format) text += *match.format == hello::Format::sslv2 ? " format sslv2" : " format tls";
  numbers("suites_exactly", match.suites_exactly);
  numbers("offers_suites", match.offers_suites);
  numbers("lacks_suites", match.lacks_suites);
  numbers("has_extensions", match.has_extensions);
  numbers("lacks_extensions", match.lacks_extensions);
  if (match.no_hash_above_sha1) text += " no_hash_above_sha1";
  texts("ja3", match.ja3);
  texts("ja4", match.ja4);
  texts("models", match.models);
  if (!match.firmware_below.empty()) text += " firmware_below " + match.firmware_below;
  if (!match.firmware_from.empty()) text += " firmware_from " + match.firmware_from;
  return text + "\n";
}

/// What a personality comes to once OpenSSL has understood it: the lists as they will be offered and chosen from.
std::string describe(const Personality& personality) {
  const auto root =
      testing::Recipe{.name = "root", .rsa_bits = 2048, .hash = crypto::Hash::sha256, .is_ca = true}.make(nullptr);
  const auto leaf = testing::Recipe{.name = "server", .rsa_bits = 2048, .hash = crypto::Hash::sha256}.make(&root);
  const auto context = Context::build(personality, {personality.chain, {leaf.certificate}, leaf.key}, {});
  if (!context) return context.error().what;
  auto text = fmt::format("{}\n{}\nchain {}, security level {}, DH {} bits, groups {}\n", personality.name,
                          personality.description, personality.chain, SSL_CTX_get_security_level((*context)->native()),
                          personality.dh_bits, personality.groups);
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

TEST(Personality, LegacyComesBeforeModern) {
  const auto all = shipped_personalities();
  ASSERT_GE(all.size(), 2U);
  EXPECT_EQ(all.front().name, "legacy-2026-11");
  EXPECT_EQ(all.back().name, "modern-2026-11");
  ASSERT_EQ(all.back().matches.size(), 1U);
  EXPECT_FALSE(all.back().matches[0].has_conditions()) << "the last one takes what no rule names";
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
  EXPECT_FALSE(dh_group(512));
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
