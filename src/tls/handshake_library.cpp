// OpenSSL 3.0 decodes the key in a peer's certificate by asking every key type and every decoder that its library
// context has whether it could: it copies the list of all algorithms of the context, three times, and keeps no memory
// of the answer. That was a sixth of what a phone's handshake costs beside the public-key arithmetic (callgrind: 1.6 of
// 12.0 million instructions). So handshakes get a context of their own, whose one provider is the default one seen
// through a sieve: of its algorithms, those that handshakes can need.
#include "tls/handshake_library.hpp"

#include <fmt/format.h>
#include <openssl/core_dispatch.h>
#include <openssl/provider.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <string_view>
#include <vector>

#include "crypto/openssl.hpp"
#include "tls/dh_provider.hpp"
#include "tls/dispatch.hpp"
#include "tls/prf_provider.hpp"

namespace firstring::tls {
namespace {

/// What of an operation passes: algorithms by their first name.
struct Passage {
  int operation;
  std::vector<std::string_view> names;
};

/// All that libssl asks for in a handshake of TLS 1.0 to 1.3, and SSL 3.0 in the quarantine (its ssl_ciph.c and
/// t1_lib.c); of key types also what a certificate may hold, and HMAC, which is a key to libssl up to TLS 1.2.
/// Operations that are not here are as the default provider has them.
const std::vector<Passage>& passages() {
  static const std::vector<Passage> all{
      {OSSL_OP_DIGEST, {"MD5", "SHA1", "MD5-SHA1", "SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512"}},
      {OSSL_OP_CIPHER,
       {"AES-128-CBC", "AES-256-CBC", "AES-128-CBC-HMAC-SHA1", "AES-256-CBC-HMAC-SHA1", "AES-128-CBC-HMAC-SHA256",
        "AES-256-CBC-HMAC-SHA256", "AES-128-GCM", "AES-256-GCM", "AES-128-CCM", "AES-256-CCM", "ChaCha20-Poly1305",
        "CAMELLIA-128-CBC", "CAMELLIA-256-CBC", "ARIA-128-GCM", "ARIA-256-GCM", "DES-EDE3-CBC", "NULL",
        // Of the random generator.
        "AES-256-CTR", "AES-256-ECB"}},
      {OSSL_OP_MAC, {"HMAC"}},
      {OSSL_OP_KDF, {"TLS1-PRF", "TLS13-KDF", "HKDF"}},
      {OSSL_OP_RAND, {"CTR-DRBG", "SEED-SRC"}},
      {OSSL_OP_KEYMGMT, {"RSA", "RSA-PSS", "EC", "ED25519", "ED448", "X25519", "X448", "DH", "HMAC"}},
      {OSSL_OP_KEYEXCH, {"DH", "ECDH", "X25519", "X448"}},
      {OSSL_OP_SIGNATURE, {"RSA", "ED25519", "ED448", "ECDSA", "HMAC"}},
      {OSSL_OP_ASYM_CIPHER, {"RSA"}},
      {OSSL_OP_DECODER, {"RSA", "RSA-PSS", "EC", "ED25519", "ED448"}}};
  return all;
}

/// "RSA:rsaEncryption:1.2.840.113549.1.1.1"
std::string_view first_name(const OSSL_ALGORITHM& algorithm) {
  const std::string_view names{algorithm.algorithm_names};
  return names.substr(0, names.find(':'));
}

/// Of the decoders, certificates need those that make a key out of its public half.
bool is_of_use(int operation, const OSSL_ALGORITHM& algorithm) {
  constexpr std::string_view kWanted = "structure=SubjectPublicKeyInfo";
  return operation != OSSL_OP_DECODER ||
         std::string_view{algorithm.property_definition}.find(kWanted) != std::string_view::npos;
}

/// Where we have better.
const OSSL_DISPATCH* implementation(int operation, const OSSL_ALGORITHM& algorithm) {
  if (operation == OSSL_OP_KEYMGMT && first_name(algorithm) == "DH") return dh_key_management(algorithm.implementation);
  if (operation == OSSL_OP_KDF && first_name(algorithm) == "TLS1-PRF") return tls1_prf_functions();
  return algorithm.implementation;
}

/// The default provider in library(), and what of it passes. Made once, never freed.
struct Sieve {
  OSSL_PROVIDER* behind = nullptr;
  std::map<int, std::vector<OSSL_ALGORITHM>> kept;

  static const Sieve& instance() {
    static const Sieve sieve = [] {
      Sieve made;
      made.behind = OSSL_PROVIDER_load(crypto::library(), "default");
      if (made.behind == nullptr) return made;
      for (const auto& [operation, names] : passages()) {
        auto& kept = made.kept[operation];
        int no_cache = 0;
        for (const auto* one = OSSL_PROVIDER_query_operation(made.behind, operation, &no_cache);
             one != nullptr && one->algorithm_names != nullptr; ++one) {
          if (std::find(names.begin(), names.end(), first_name(*one)) == names.end() || !is_of_use(operation, *one))
            continue;
          kept.push_back(*one);
          kept.back().implementation = implementation(operation, *one);
        }
        kept.push_back({});
      }
      return made;
    }();
    return sieve;
  }
};

// ---- the provider, called from C ----

const OSSL_ALGORITHM* query_operation(void*, int operation, int* no_cache) noexcept {
  const auto& sieve = Sieve::instance();
  *no_cache = 0;
  if (const auto kept = sieve.kept.find(operation); kept != sieve.kept.end()) return kept->second.data();
  return OSSL_PROVIDER_query_operation(sieve.behind, operation, no_cache);
}

/// The groups that TLS may use.
int get_capabilities(void*, const char* capability, OSSL_CALLBACK* callback, void* argument) noexcept {
  return OSSL_PROVIDER_get_capabilities(Sieve::instance().behind, capability, callback, argument);
}

const OSSL_PARAM* gettable_params(void*) noexcept { return OSSL_PROVIDER_gettable_params(Sieve::instance().behind); }

int get_params(void*, OSSL_PARAM params[]) noexcept {
  return OSSL_PROVIDER_get_params(Sieve::instance().behind, params);
}

int begin_provider(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** out, void** context) noexcept {
  static const std::array<OSSL_DISPATCH, 5> functions{dispatch(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query_operation),
                                                      dispatch(OSSL_FUNC_PROVIDER_GET_CAPABILITIES, get_capabilities),
                                                      dispatch(OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, gettable_params),
                                                      dispatch(OSSL_FUNC_PROVIDER_GET_PARAMS, get_params),
                                                      OSSL_DISPATCH{0, nullptr}};
  const auto* behind = Sieve::instance().behind;
  if (behind == nullptr) return 0;
  *out = functions.data();
  *context = OSSL_PROVIDER_get0_provider_ctx(behind);
  return 1;
}

OSSL_LIB_CTX* make_handshake_library() {
  constexpr const char* kName = "firstring";
  OSSL_LIB_CTX* context = OSSL_LIB_CTX_new();
  if (context != nullptr && OSSL_PROVIDER_add_builtin(context, kName, begin_provider) == 1 &&
      OSSL_PROVIDER_load(context, kName) != nullptr) {
    return context;
  }
  fmt::print(stderr, "start OpenSSL for handshakes: {}\n", crypto::drain_errors());
  std::abort();
}

}  // namespace

OSSL_LIB_CTX* handshake_library() {
  static OSSL_LIB_CTX* const context = make_handshake_library();
  return context;
}

Result<void> load_old_algorithms() {
  if (OSSL_PROVIDER_load(handshake_library(), "legacy") == nullptr)
    return crypto::openssl_failure("load OpenSSL's old algorithms");
  return {};
}

}  // namespace firstring::tls
