#include "tls/personality.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.hpp"
#include "tls/test_pki.hpp"

namespace firstring::tls {
namespace {

/// What a personality comes to once OpenSSL has understood it: the lists as they will be offered and chosen from.
std::string describe(const Personality& personality) {
  const auto root = testing::Recipe{.name = "root", .rsa_bits = 2048, .hash = crypto::Hash::sha256, .is_ca = true}.make(nullptr);
  const auto leaf = testing::Recipe{.name = "server", .rsa_bits = 2048, .hash = crypto::Hash::sha256}.make(&root);
  const auto context = Context::build(personality, {personality.chain, {leaf.certificate}, leaf.key}, {});
  if (!context) return context.error().what;
  auto text = fmt::format("{}\n{}\nchain {}, security level {}, DH {} bits, groups {}\n", personality.name, personality.description, personality.chain,
                          SSL_CTX_get_security_level((*context)->native()), personality.dh_bits, personality.groups);
  text += fmt::format("versions {:04x} to {:04x}\noptions {:x}\n", SSL_CTX_get_min_proto_version((*context)->native()),
                      SSL_CTX_get_max_proto_version((*context)->native()), SSL_CTX_get_options((*context)->native()));
  text += fmt::format("match any={} without_signature_algorithms={} highest_version_at_most={:04x} order {}\n", personality.match.any,
                      personality.match.without_signature_algorithms, personality.match.highest_version_at_most, personality.order);
  const crypto::SslPtr ssl{SSL_new((*context)->native())};
  const auto* ciphers = SSL_get1_supported_ciphers(ssl.get());
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i) text += fmt::format("{}\n", SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)));
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
  EXPECT_TRUE(all.back().match.any) << "the last one takes what no rule names";
}

TEST(Personality, AMisspeltKeyIsAFault) {
  const std::vector<std::pair<std::string, std::string>> files{{"x.toml", "name = \"x\"\nchain = \"legacy\"\nciphers = \"AES128-SHA\"\nsecurity_levle = 0\n"}};
  const auto read = personalities_from_toml(files);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().what.find("security_levle"), std::string::npos);
}

TEST(Personality, AnImpossibleRangeIsAFault) {
  const std::vector<std::pair<std::string, std::string>> files{
      {"x.toml", "name = \"x\"\nchain = \"legacy\"\nciphers = \"AES128-SHA\"\nmin_version = \"TLSv1.3\"\nmax_version = \"TLSv1.0\"\n"}};
  EXPECT_FALSE(personalities_from_toml(files));
}

TEST(Context, RefusesAChainBelowItsSecurityLevel) {
  const auto root = testing::make_ca("root");
  const auto leaf = testing::make_leaf("server", root);
  const auto context = Context::build(*find_personality("modern-2026-11"), {"modern", {leaf.certificate}, leaf.key}, {});
  ASSERT_FALSE(context);
  EXPECT_NE(context.error().what.find("modern-2026-11"), std::string::npos);
}

TEST(DhGroup, IsTheWellKnownOne) {
  EXPECT_EQ(EVP_PKEY_get_bits(dh_group(1024)->get()), 1024);
  EXPECT_EQ(EVP_PKEY_get_bits(dh_group(2048)->get()), 2048);
  EXPECT_FALSE(dh_group(512));
}

}  // namespace
}  // namespace firstring::tls
