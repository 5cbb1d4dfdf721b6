#include "tls/prf_provider.hpp"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "tls/dispatch.hpp"
#include "tls/tls1_prf.hpp"

namespace firstring::tls {
namespace {

/// As much as OpenSSL's own takes. Secrets are at most as long as the largest DH group, 1 KiB.
constexpr std::size_t kMost = 1024;

/// Octets that are wiped when they go.
class Gathered {
 public:
  Gathered() = default;
  Gathered(const Gathered&) = delete;
  Gathered& operator=(const Gathered&) = delete;
  ~Gathered() { clear(); }

  bool add(const OSSL_PARAM& param) {
    const void* from = nullptr;
    std::size_t size = 0;
    if (OSSL_PARAM_get_octet_string_ptr(&param, &from, &size) != 1 || size > octets_.size() - size_) return false;
    const auto* const octets = static_cast<const std::uint8_t*>(from);
    std::copy(octets, octets + size, octets_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += size;
    return true;
  }
  void clear() {
    OPENSSL_cleanse(octets_.data(), size_);
    size_ = 0;
  }
  ByteView view() const { return {octets_.data(), size_}; }

 private:
  std::size_t size_ = 0;
  std::array<std::uint8_t, kMost> octets_;  // as long as size_ says
};

struct Derivation {
  std::optional<PrfHash> hash;
  Gathered secret, seed;
};

/// By the names that OpenSSL's providers give their digests, the first of which libssl uses.
std::optional<PrfHash> hash_of(const OSSL_PARAM& param) {
  const char* text = nullptr;
  if (OSSL_PARAM_get_utf8_string_ptr(&param, &text) != 1 || text == nullptr) return std::nullopt;
  const std::string_view name{text};
  if (name == "MD5-SHA1") return PrfHash::md5_sha1;
  if (name == "SHA2-256" || name == "SHA256") return PrfHash::sha256;
  if (name == "SHA2-384" || name == "SHA384") return PrfHash::sha384;
  return std::nullopt;
}

int failed(int reason) {
  ERR_raise(ERR_LIB_EVP, reason);
  return 0;
}

// ---- called from C ----

void* new_context(void*) noexcept { return std::make_unique_for_overwrite<Derivation>().release(); }

void free_context(void* self) noexcept { const std::unique_ptr<Derivation> mine{static_cast<Derivation*>(self)}; }

void reset(void* self) noexcept {
  auto& derivation = *static_cast<Derivation*>(self);
  derivation.hash.reset();
  derivation.secret.clear();
  derivation.seed.clear();
}

/// A secret takes the place of the last one; seeds add up.
int set_params(void* self, const OSSL_PARAM params[]) noexcept {
  auto& derivation = *static_cast<Derivation*>(self);
  for (const auto* one = params; one != nullptr && one->key != nullptr; ++one) {
    const std::string_view key{one->key};
    if (key == OSSL_KDF_PARAM_DIGEST) {
      derivation.hash = hash_of(*one);
      if (!derivation.hash) return failed(EVP_R_UNSUPPORTED_ALGORITHM);
    } else if (key == OSSL_KDF_PARAM_SECRET) {
      derivation.secret.clear();
      if (!derivation.secret.add(*one)) return failed(EVP_R_INVALID_SECRET_LENGTH);
    } else if (key == OSSL_KDF_PARAM_SEED) {
      if (!derivation.seed.add(*one)) return failed(EVP_R_INVALID_SEED_LENGTH);
    }
  }
  return 1;
}

const OSSL_PARAM* settable_params(void*, void*) noexcept {
  static const std::array all{OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, nullptr, 0),
                              OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, nullptr, 0),
                              OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, nullptr, 0),
                              OSSL_PARAM_construct_end()};
  return all.data();
}

int derive(void* self, unsigned char* out, std::size_t size, const OSSL_PARAM params[]) noexcept {
  if (set_params(self, params) != 1) return 0;
  const auto& derivation = *static_cast<Derivation*>(self);
  if (!derivation.hash) return failed(EVP_R_NO_DIGEST_SET);
  if (derivation.secret.view().empty() || derivation.seed.view().empty() || size == 0)
    return failed(EVP_R_INVALID_LENGTH);
  tls1_prf(*derivation.hash, derivation.secret.view(), derivation.seed.view(), {out, size});
  return 1;
}

}  // namespace

const OSSL_DISPATCH* tls1_prf_functions() {
  static const std::array functions{dispatch(OSSL_FUNC_KDF_NEWCTX, new_context),
                                    dispatch(OSSL_FUNC_KDF_FREECTX, free_context),
                                    dispatch(OSSL_FUNC_KDF_RESET, reset),
                                    dispatch(OSSL_FUNC_KDF_SETTABLE_CTX_PARAMS, settable_params),
                                    dispatch(OSSL_FUNC_KDF_SET_CTX_PARAMS, set_params),
                                    dispatch(OSSL_FUNC_KDF_DERIVE, derive),
                                    OSSL_DISPATCH{0, nullptr}};
  return functions.data();
}

}  // namespace firstring::tls
