// Before it agrees on a key, OpenSSL 3.0 checks that the peer's point is on the curve, and multiplies it with the order
// of the group to see that it is in the group. On a curve whose cofactor is 1 the second follows from the first, and
// costs as much as agreeing on the key; OpenSSL 3.4 leaves it out there (github.com/openssl/openssl/pull/24816).
#include "tls/ec_provider.hpp"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "tls/dispatch.hpp"

namespace firstring::tls {
namespace {

constexpr std::array<std::string_view, 3> kCofactorOne{"prime256v1", "secp384r1", "secp521r1"};

/// The default provider's functions.
OSSL_FUNC_keymgmt_validate_fn* usual_validate = nullptr;
OSSL_FUNC_keymgmt_get_params_fn* usual_get_params = nullptr;

bool has_cofactor_one(const void* key) {
  std::array<char, 32> name{};
  std::array params{OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name.data(), name.size()),
                    OSSL_PARAM_construct_end()};
  return usual_get_params(const_cast<void*>(key), params.data()) == 1 &&
         std::find(kCofactorOne.begin(), kCofactorOne.end(), std::string_view{name.data()}) != kCofactorOne.end();
}

/// The quick check is: not the point at infinity, coordinates in range, on the curve.
int validate(const void* key, int selection, int check) noexcept {
  if (selection == OSSL_KEYMGMT_SELECT_PUBLIC_KEY && check == OSSL_KEYMGMT_VALIDATE_FULL_CHECK && has_cofactor_one(key))
    check = OSSL_KEYMGMT_VALIDATE_QUICK_CHECK;
  return usual_validate(key, selection, check);
}

}  // namespace

const OSSL_DISPATCH* ec_key_management(const OSSL_DISPATCH* usual) {
  static std::vector<OSSL_DISPATCH> table;
  table = with_ours(usual, {function(OSSL_FUNC_KEYMGMT_VALIDATE, usual_validate, validate),
                            function(OSSL_FUNC_KEYMGMT_GET_PARAMS, usual_get_params)});
  return usual_validate != nullptr && usual_get_params != nullptr ? table.data() : usual;
}

}  // namespace firstring::tls
