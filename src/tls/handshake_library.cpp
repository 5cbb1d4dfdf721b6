// OpenSSL 3.0 decodes the key in a peer's certificate by asking every key type and every decoder that its library
// context has whether it could, and keeps no memory of the answer: a sixth of what a phone's handshake costs beside the
// public-key arithmetic (callgrind: 1.6 of 12.0 million instructions). So handshakes get a context of their own, whose
// one provider is the default one seen through a sieve: all of its algorithms, but of the key types and decoders only
// those that the certificates of TLS clients can need.
#include "tls/handshake_library.hpp"

#include <fmt/format.h>
#include <openssl/core_dispatch.h>
#include <openssl/provider.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "crypto/openssl.hpp"
#include "tls/dh_provider.hpp"

namespace firstring::tls {
namespace {

/// What a certificate may hold, what TLS agrees on keys with, and HMAC, which libssl treats as a key up to TLS 1.2.
constexpr std::array<std::string_view, 9> kKeyTypes{"RSA",    "RSA-PSS", "EC", "ED25519", "ED448",
                                                    "X25519", "X448",    "DH", "HMAC"};
constexpr std::string_view kDh = "DH";
constexpr std::array<std::string_view, 5> kCertificateKeys{"RSA", "RSA-PSS", "EC", "ED25519", "ED448"};

template <std::size_t Size>
bool is_one_of(const std::array<std::string_view, Size>& names, std::string_view algorithm) {
  // "RSA:rsaEncryption:1.2.840.113549.1.1.1"
  return std::find(names.begin(), names.end(), algorithm.substr(0, algorithm.find(':'))) != names.end();
}

/// The default provider in library(), and what of it passes. Made once, never freed.
struct Sieve {
  OSSL_PROVIDER* behind = nullptr;
  std::vector<OSSL_ALGORITHM> key_types, decoders;

  static const Sieve& instance() {
    static const Sieve sieve = [] {
      Sieve made;
      made.behind = OSSL_PROVIDER_load(crypto::library(), "default");
      if (made.behind == nullptr) return made;
      const auto keep = [&](int operation, std::vector<OSSL_ALGORITHM>& kept, auto passes) {
        int no_cache = 0;
        for (const auto* one = OSSL_PROVIDER_query_operation(made.behind, operation, &no_cache);
             one != nullptr && one->algorithm_names != nullptr; ++one) {
          if (passes(*one)) kept.push_back(*one);
        }
        kept.push_back({});
      };
      keep(OSSL_OP_KEYMGMT, made.key_types,
           [](const OSSL_ALGORITHM& one) { return is_one_of(kKeyTypes, one.algorithm_names); });
      for (auto& one : made.key_types) {
        if (one.algorithm_names != nullptr && is_one_of(std::array{kDh}, one.algorithm_names))
          one.implementation = dh_key_management(one.implementation);
      }
      keep(OSSL_OP_DECODER, made.decoders, [](const OSSL_ALGORITHM& one) {
        return is_one_of(kCertificateKeys, one.algorithm_names) &&
               std::string_view{one.property_definition}.find("structure=SubjectPublicKeyInfo") !=
                   std::string_view::npos;
      });
      return made;
    }();
    return sieve;
  }
};

// ---- the provider, called from C ----

const OSSL_ALGORITHM* query_operation(void*, int operation, int* no_cache) noexcept {
  const auto& sieve = Sieve::instance();
  *no_cache = 0;
  if (operation == OSSL_OP_KEYMGMT) return sieve.key_types.data();
  if (operation == OSSL_OP_DECODER) return sieve.decoders.data();
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

template <class Function>
OSSL_DISPATCH entry(int id, Function* function) {
  return {id, reinterpret_cast<void (*)()>(function)};
}

int begin_provider(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** out, void** context) noexcept {
  static const std::array<OSSL_DISPATCH, 5> functions{entry(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query_operation),
                                                      entry(OSSL_FUNC_PROVIDER_GET_CAPABILITIES, get_capabilities),
                                                      entry(OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, gettable_params),
                                                      entry(OSSL_FUNC_PROVIDER_GET_PARAMS, get_params),
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
