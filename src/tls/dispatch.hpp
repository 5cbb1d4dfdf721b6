#pragma once

#include <openssl/core.h>

namespace firstring::tls {

/// An entry of an OpenSSL provider's table of functions (provider-base(7)).
template <class Function>
OSSL_DISPATCH dispatch(int id, Function* function) {
  return {id, reinterpret_cast<void (*)()>(function)};
}

}  // namespace firstring::tls
