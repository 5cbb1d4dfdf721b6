// Two things that OpenSSL 3.0 does for each handshake and need not. Before it agrees on a key, it checks that the
// peer's point is on the curve, and multiplies it with the order of the group to see that it is in the group: on a
// curve whose cofactor is 1 the second follows from the first, and costs as much as agreeing on the key (OpenSSL 3.4
// leaves it out there: github.com/openssl/openssl/pull/24816). And it makes the curve anew from its name for each key,
// which costs more than the key: a copy of one that is there costs a twentieth.
#include "tls/ec_provider.hpp"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "tls/dispatch.hpp"

namespace firstring::tls {
namespace {

struct Curve {
  std::string_view name;       ///< as libssl and the default provider have it
  void* parameters = nullptr;  ///< a key of the default provider without numbers of its own; never freed
};
/// All of cofactor 1.
std::array<Curve, 3> curves{Curve{"prime256v1"}, Curve{"secp384r1"}, Curve{"secp521r1"}};

const Curve* find_curve(std::string_view name) {
  const auto* found = std::find_if(curves.begin(), curves.end(), [&](const Curve& one) { return one.name == name; });
  return found != curves.end() ? found : nullptr;
}

/// The default provider's functions.
struct Usual {
  OSSL_FUNC_keymgmt_new_fn* make = nullptr;
  OSSL_FUNC_keymgmt_free_fn* free = nullptr;
  OSSL_FUNC_keymgmt_import_fn* import = nullptr;
  OSSL_FUNC_keymgmt_validate_fn* validate = nullptr;
  OSSL_FUNC_keymgmt_get_params_fn* get_params = nullptr;
  OSSL_FUNC_keymgmt_gen_set_template_fn* gen_set_template = nullptr;
  OSSL_FUNC_keymgmt_gen_set_params_fn* gen_set_params = nullptr;
};
Usual usual;

void make_curves(void* provider) {
  if (usual.make == nullptr || usual.free == nullptr || usual.import == nullptr || usual.gen_set_template == nullptr)
    return;
  for (auto& curve : curves) {
    if (curve.parameters != nullptr) continue;
    std::string name{curve.name};
    const std::array params{OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name.data(), 0),
                            OSSL_PARAM_construct_end()};
    void* made = usual.make(provider);
    if (made == nullptr) continue;
    if (usual.import(made, OSSL_KEYMGMT_SELECT_ALL_PARAMETERS, params.data()) == 1) {
      curve.parameters = made;
    } else {
      usual.free(made);
    }
  }
}

bool has_cofactor_one(const void* key) {
  std::array<char, 32> name{};
  std::array params{OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name.data(), name.size()),
                    OSSL_PARAM_construct_end()};
  return usual.get_params != nullptr && usual.get_params(const_cast<void*>(key), params.data()) == 1 &&
         find_curve(name.data()) != nullptr;
}

/// The quick check is: not the point at infinity, coordinates in range, on the curve.
int validate(const void* key, int selection, int check) noexcept {
  if (selection == OSSL_KEYMGMT_SELECT_PUBLIC_KEY && check == OSSL_KEYMGMT_VALIDATE_FULL_CHECK && has_cofactor_one(key))
    check = OSSL_KEYMGMT_VALIDATE_QUICK_CHECK;
  return usual.validate(key, selection, check);
}

int gen_set_params(void* generation, const OSSL_PARAM params[]) noexcept {
  const bool is_one = params != nullptr && params[0].key != nullptr && params[1].key == nullptr;
  const char* name = nullptr;
  if (is_one && std::string_view{params[0].key} == OSSL_PKEY_PARAM_GROUP_NAME &&
      OSSL_PARAM_get_utf8_string_ptr(&params[0], &name) == 1 && name != nullptr) {
    const auto* curve = find_curve(name);
    if (curve != nullptr && curve->parameters != nullptr && usual.gen_set_template(generation, curve->parameters) == 1)
      return 1;
  }
  return usual.gen_set_params(generation, params);
}

}  // namespace

const OSSL_DISPATCH* ec_key_management(const OSSL_DISPATCH* functions, void* provider) {
  static Functions ours;
  ours =
      with_ours(functions, {function(OSSL_FUNC_KEYMGMT_NEW, usual.make), function(OSSL_FUNC_KEYMGMT_FREE, usual.free),
                            function(OSSL_FUNC_KEYMGMT_IMPORT, usual.import),
                            function(OSSL_FUNC_KEYMGMT_VALIDATE, usual.validate, validate),
                            function(OSSL_FUNC_KEYMGMT_GET_PARAMS, usual.get_params),
                            function(OSSL_FUNC_KEYMGMT_GEN_SET_TEMPLATE, usual.gen_set_template),
                            function(OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, usual.gen_set_params, gen_set_params)});
  make_curves(provider);
  return ours.table.data();
}

}  // namespace firstring::tls
