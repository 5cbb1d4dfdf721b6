#include "tls/handshake_library.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "crypto/openssl.hpp"

namespace firstring::tls {
namespace {

std::set<std::string> suites_of(OSSL_LIB_CTX* library) {
  const crypto::SslContextPtr context{SSL_CTX_new_ex(library, nullptr, TLS_server_method())};
  EXPECT_EQ(SSL_CTX_set_cipher_list(context.get(), "ALL:COMPLEMENTOFALL:!DSS:@SECLEVEL=0"), 1);
  EXPECT_EQ(SSL_CTX_set_ciphersuites(context.get(),
                                     "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:"
                                     "TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256"),
            1);
  std::set<std::string> names;
  const auto* all = SSL_CTX_get_ciphers(context.get());
  for (int i = 0; i < sk_SSL_CIPHER_num(all); ++i) names.insert(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(all, i)));
  return names;
}

bool has_group(OSSL_LIB_CTX* library, const char* name) {
  const crypto::SslContextPtr context{SSL_CTX_new_ex(library, nullptr, TLS_server_method())};
  const bool has = SSL_CTX_set1_groups_list(context.get(), name) == 1;
  crypto::drain_errors();
  return has;
}

/// But DSS: no certificate of ours or of a phone holds such a key.
TEST(HandshakeLibrary, HasEveryCipherSuiteThatOpenSslHas) {
  EXPECT_GT(suites_of(crypto::library()).size(), 50U);
  EXPECT_EQ(suites_of(handshake_library()), suites_of(crypto::library()));
}

TEST(HandshakeLibrary, HasEveryGroupThatOpenSslHas) {
  for (const auto* name : {"P-256", "P-384", "P-521", "X25519", "X448", "secp256k1", "brainpoolP256r1", "ffdhe2048"}) {
    EXPECT_TRUE(has_group(crypto::library(), name)) << name;
    EXPECT_TRUE(has_group(handshake_library(), name)) << name;
  }
}

TEST(HandshakeLibrary, HasEverySignatureOfTls) {
  for (auto* const library : {crypto::library(), handshake_library()}) {
    const crypto::SslContextPtr context{SSL_CTX_new_ex(library, nullptr, TLS_server_method())};
    EXPECT_EQ(SSL_CTX_set1_sigalgs_list(context.get(),
                                        "ed25519:ed448:rsa_pss_rsae_sha256:rsa_pss_pss_sha512:ecdsa_secp384r1_sha384:"
                                        "RSA+SHA1:RSA+SHA224:ECDSA+SHA1"),
              1);
  }
}

crypto::PkeyPtr make_key(const std::string& type) {
  const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_name(crypto::library(), type.c_str(), nullptr)};
  EVP_PKEY_keygen_init(context.get());
  if (type == "EC") EVP_PKEY_CTX_set_group_name(context.get(), "P-256");
  if (type.starts_with("RSA")) EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), 1024);
  EVP_PKEY* key = nullptr;
  EVP_PKEY_keygen(context.get(), &key);
  return crypto::PkeyPtr{key};
}

TEST(HandshakeLibrary, ReadsEveryKeyThatACertificateMayHold) {
  for (const auto* type : {"RSA", "RSA-PSS", "EC", "ED25519", "ED448"}) {
    const auto key = make_key(type);
    ASSERT_TRUE(key) << type;
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key.get(), &der);
    ASSERT_GT(size, 0) << type;
    const unsigned char* at = der;
    const crypto::PkeyPtr read{d2i_PUBKEY_ex(nullptr, &at, size, handshake_library(), nullptr)};
    OPENSSL_free(der);
    ASSERT_TRUE(read) << type << crypto::drain_errors();
    EXPECT_EQ(EVP_PKEY_eq(key.get(), read.get()), 1) << type;
  }
}

}  // namespace
}  // namespace firstring::tls
