#include "tls/dh_group.hpp"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/param_build.h>

#include "tls/dh_keys.hpp"
#include "tls/handshake_library.hpp"

namespace firstring::tls {
namespace {

using ParamBuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, crypto::Deleter<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, crypto::Deleter<OSSL_PARAM_free>>;

crypto::PkeyPtr short_exponent_group(const ShortExponentGroup& group) {
  const ParamBuilderPtr builder{OSSL_PARAM_BLD_new()};
  const crypto::BignumPtr two{BN_new()};
  if (!builder || !two || BN_set_word(two.get(), 2) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_FFC_P, group.prime.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_FFC_G, two.get()) != 1) {
    return nullptr;
  }
  const ParamsPtr params{OSSL_PARAM_BLD_to_param(builder.get())};
  const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_name(handshake_library(), "DH", nullptr)};
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEY_PARAMETERS, params.get()) != 1) {
    return nullptr;
  }
  return crypto::PkeyPtr{key};
}

crypto::PkeyPtr rfc7919_group(unsigned bits) {
  const crypto::PkeyContextPtr context{EVP_PKEY_CTX_new_from_name(handshake_library(), "DH", nullptr)};
  const int nid = bits == 2048 ? NID_ffdhe2048 : bits == 3072 ? NID_ffdhe3072 : NID_ffdhe4096;
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_paramgen_init(context.get()) != 1 || EVP_PKEY_CTX_set_dh_nid(context.get(), nid) != 1 ||
      EVP_PKEY_paramgen(context.get(), &key) != 1) {
    return nullptr;
  }
  return crypto::PkeyPtr{key};
}

}  // namespace

Result<crypto::PkeyPtr> dh_group(unsigned bits) {
  const bool is_short = bits == 512 || bits == 768 || bits == 1024;
  if (!is_short && bits != 2048 && bits != 3072 && bits != 4096)
    return fail(Errc::invalid_input, fmt::format("there is no DH group of {} bits", bits));
  crypto::PkeyPtr group;
  if (!is_short) {
    group = rfc7919_group(bits);
  } else if (const auto* known = ShortExponentGroup::find(bits)) {
    group = short_exponent_group(*known);
  }
  if (!group) return crypto::openssl_failure(fmt::format("make the DH group of {} bits", bits));
  return group;
}

}  // namespace firstring::tls
