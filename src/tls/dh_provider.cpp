// Why a provider: libssl makes its ephemeral keys from the parameters that it is given, and OpenSSL 3.0 then forgets a
// private length that stands in them (its dh_kmgmt.c copies FFC_PARAMS alone; measured: 1,023 bits). The generation
// itself takes one, as the public parameter "priv_len" (EVP_PKEY-DH(7)), which libssl does not set: so it is set here,
// where the parameters arrive.
#include "tls/dh_provider.hpp"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>

#include <array>

#include "tls/dispatch.hpp"

namespace firstring::tls {
namespace {

/// More than twice the strength of a group of 1024 bits (RFC 7919 appendix A wants 225 bits for 2048 already), and a
/// quarter of the work of an exponent as long as the prime. All our groups of that size have safe primes.
constexpr int kPrivateBits = 256;
constexpr int kLargestGroup = 1024;  ///< larger ones are RFC 7919's, whose lengths OpenSSL knows

/// The default provider's functions.
struct Usual {
  OSSL_FUNC_keymgmt_get_params_fn* get_params = nullptr;
  OSSL_FUNC_keymgmt_gen_set_params_fn* gen_set_params = nullptr;
  OSSL_FUNC_keymgmt_gen_set_template_fn* gen_set_template = nullptr;
};
Usual usual;

int gen_set_template(void* generation, void* group) noexcept {
  if (usual.gen_set_template(generation, group) != 1) return 0;
  int bits = 0;
  std::array size{OSSL_PARAM_construct_int(OSSL_PKEY_PARAM_BITS, &bits), OSSL_PARAM_construct_end()};
  if (usual.get_params(group, size.data()) != 1 || bits > kLargestGroup) return 1;
  int length = kPrivateBits;
  const std::array params{OSSL_PARAM_construct_int(OSSL_PKEY_PARAM_DH_PRIV_LEN, &length), OSSL_PARAM_construct_end()};
  return usual.gen_set_params(generation, params.data());
}

}  // namespace

const OSSL_DISPATCH* dh_key_management(const OSSL_DISPATCH* functions) {
  static const Functions ours =
      with_ours(functions, {function(OSSL_FUNC_KEYMGMT_GET_PARAMS, usual.get_params),
                            function(OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, usual.gen_set_params),
                            function(OSSL_FUNC_KEYMGMT_GEN_SET_TEMPLATE, usual.gen_set_template, gen_set_template)});
  return ours.has_all ? ours.table.data() : functions;
}

}  // namespace firstring::tls
