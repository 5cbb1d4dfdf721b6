#include "crypto/openssl.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "base/file.hpp"
#include "crypto/certificate.hpp"
#include "crypto/issue.hpp"

namespace firstring::crypto {
namespace {

/// What a machine's openssl.cnf may do to us: a floor, a security level, FIPS-only algorithms, and providers that
/// either do not exist or leave out the default one.
constexpr std::string_view kHostileConfig = R"(
openssl_conf = openssl_init
[openssl_init]
providers = provider_sect
ssl_conf = ssl_sect
alg_section = evp_properties
[provider_sect]
base = base_sect
missing = missing_sect
[base_sect]
activate = 1
[missing_sect]
module = /nonexistent/missing.so
activate = 1
[evp_properties]
default_properties = fips=yes
[ssl_sect]
system_default = system_default_sect
[system_default_sect]
MinProtocol = TLSv1.3
CipherString = ECDHE-RSA-AES256-GCM-SHA384:@SECLEVEL=5
Options = -SessionTicket
)";

/// The same without the provider that does not exist, so that OpenSSL reads it to the end.
constexpr std::string_view kStrictConfig = R"(
openssl_conf = openssl_init
[openssl_init]
ssl_conf = ssl_sect
[ssl_sect]
system_default = system_default_sect
[system_default_sect]
MinProtocol = TLSv1.3
CipherString = ECDHE-RSA-AES256-GCM-SHA384:@SECLEVEL=5
Options = -SessionTicket
)";

void set_config(std::string_view content) {
  const auto path = std::filesystem::path{testing::TempDir()} / fmt::format("hostile-{}.cnf", ::getpid());
  ASSERT_TRUE(write_file(path, content));
  ::setenv("OPENSSL_CONF", path.c_str(), 1);
}

/// For functions that return what is wrong in words, or "".
#define REQUIRE(condition) \
  if (!(condition)) return #condition

[[noreturn]] void exit_with(std::string_view fault) {
  if (const char* config = std::getenv("OPENSSL_CONF")) std::filesystem::remove(config);
  if (!fault.empty()) std::fprintf(stderr, "not so: %s\n", fault.data());
  std::exit(fault.empty() ? 0 : 1);
}

std::string_view fault_of_stock_values() {
  const SslContextPtr context{SSL_CTX_new_ex(library(), nullptr, TLS_server_method())};
  REQUIRE(context != nullptr);
  REQUIRE(SSL_CTX_get_min_proto_version(context.get()) == 0);
  REQUIRE(SSL_CTX_get_max_proto_version(context.get()) == 0);
  REQUIRE(SSL_CTX_get_security_level(context.get()) <= 2);  // 1 in OpenSSL's own build, 2 in Debian's
  REQUIRE((SSL_CTX_get_options(context.get()) & SSL_OP_NO_TICKET) == 0);
  REQUIRE(SSL_CTX_set_cipher_list(context.get(), "AES128-SHA:@SECLEVEL=0") == 1);

  for (const auto hash : {Hash::md5, Hash::sha1, Hash::sha256}) {
    auto key = PrivateKey::generate_rsa(1024);
    REQUIRE(key.has_value());
    const auto root =
        issue({.subject = {{"CN", "Root"}}, .not_after = now(), .hash = hash, .is_ca = true}, *key, nullptr);
    REQUIRE(root.has_value());
    REQUIRE(X509_verify(root->native(), key->native()) == 1);
    REQUIRE(PrivateKey::from_pem(key->to_pem()).has_value());
  }
  REQUIRE(ERR_peek_error() == 0);
  return "";
}

/// What the same process would see without library(): the test above would prove nothing if this passed.
std::string_view fault_of_config() {
  const SslContextPtr context{SSL_CTX_new(TLS_server_method())};
  REQUIRE(context == nullptr || SSL_CTX_get_min_proto_version(context.get()) == TLS1_3_VERSION);
  return "";
}

// In the "threadsafe" style a death test runs in a new process, which has not used OpenSSL before.
class InANewProcess : public testing::Test {
 protected:
  InANewProcess() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

class HostileConfiguration : public InANewProcess {
 protected:
  ~HostileConfiguration() override {
    std::filesystem::remove(std::getenv("OPENSSL_CONF"));
    ::unsetenv("OPENSSL_CONF");
  }
};

TEST_F(HostileConfiguration, LeavesProtocolsLevelAndOldAlgorithmsAlone) {
  set_config(kHostileConfig);
  EXPECT_EXIT(exit_with(fault_of_stock_values()), testing::ExitedWithCode(0), "");
}

TEST_F(HostileConfiguration, OfSystemDefaultsAloneChangesNothing) {
  set_config(kStrictConfig);
  EXPECT_EXIT(exit_with(fault_of_stock_values()), testing::ExitedWithCode(0), "");
}

TEST_F(HostileConfiguration, WouldBiteWithoutTheLibraryContext) {
  set_config(kStrictConfig);
  EXPECT_EXIT(exit_with(fault_of_config()), testing::ExitedWithCode(0), "");
}

TEST_F(HostileConfiguration, IsNotMissedWhereThereIsNone) {
  ::setenv("OPENSSL_CONF", "/nonexistent/openssl.cnf", 1);
  EXPECT_EXIT(exit_with(fault_of_stock_values()), testing::ExitedWithCode(0), "");
}

/// Whatever OpenSSL allocates is its own affair: a hook that guessed a buffer by its size has freed one under libssl.
TEST(Library, LeavesMemoryToOpenSsl) {
  library();
  CRYPTO_malloc_fn allocate = nullptr;
  CRYPTO_realloc_fn reallocate = nullptr;
  CRYPTO_free_fn release = nullptr;
  CRYPTO_get_mem_functions(&allocate, &reallocate, &release);
  EXPECT_EQ(allocate, &CRYPTO_malloc);
  EXPECT_EQ(reallocate, &CRYPTO_realloc);
  EXPECT_EQ(release, &CRYPTO_free);
}

TEST(Library, IsTheSameForEveryThread) {
  OSSL_LIB_CTX* other = nullptr;
  std::thread{[&] { other = library(); }}.join();
  EXPECT_EQ(other, library());
  EXPECT_NE(other, nullptr);
}

TEST(DrainErrors, IsEmptyWhenNothingFailed) {
  ERR_clear_error();
  EXPECT_EQ(drain_errors(), "");
}

TEST(DrainErrors, NamesTheFirstErrorFirstAndEmptiesTheQueue) {
  library();
  ERR_raise(ERR_LIB_SSL, SSL_R_NO_SHARED_CIPHER);
  ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
  EXPECT_EQ(drain_errors(), "no shared cipher, bad length");
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(DrainErrors, EscapesWhatAPeerMayHaveSent) {
  library();
  ERR_raise_data(ERR_LIB_SSL, SSL_R_BAD_LENGTH, "name=%s", "\x1b[2J");
  EXPECT_EQ(drain_errors(), "bad length (name=\\x1b[2J)");
}

TEST(DrainErrors, SaysWhatTheSystemSaid) {
  library();
  ERR_raise(ERR_LIB_SYS, EACCES);
  EXPECT_EQ(drain_errors(), "permission denied");
}

TEST(OpensslFailure, SaysWhatWasBeingDone) {
  library();
  ERR_raise(ERR_LIB_SSL, SSL_R_NO_SHARED_CIPHER);
  const auto error = openssl_failure("shake hands").value();
  EXPECT_EQ(error.code, Errc::crypto);
  EXPECT_EQ(error.what, "shake hands: no shared cipher");
}

}  // namespace
}  // namespace firstring::crypto
