#pragma once

#include <openssl/core.h>

#include <cstddef>
#include <initializer_list>
#include <type_traits>
#include <utility>
#include <vector>

namespace firstring::tls {

/// An entry of an OpenSSL provider's table of functions (provider-base(7)).
template <class Function>
OSSL_DISPATCH dispatch(int id, Function* function) {
  return {id, reinterpret_cast<void (*)()>(function)};
}

/// One of another provider's functions: where to store it, and what replaces it.
struct Replacement {
  int id;
  void (**kept)();
  void (*ours)();  ///< nullptr: it is not replaced
};

template <class Function>
Replacement function(int id, Function*& kept, std::type_identity_t<Function>* ours = nullptr) {
  return {id, reinterpret_cast<void (**)()>(&kept), reinterpret_cast<void (*)()>(ours)};
}

/// A table of functions, some of them ours.
struct Functions {
  std::vector<OSSL_DISPATCH> table;
  bool has_all = false;  ///< all that were to be stored or replaced; else this OpenSSL is another than we know
};

/// `usual`, with ours in place of what they replace. Pointers to functions that `usual` lacks stay as they are.
inline Functions with_ours(const OSSL_DISPATCH* usual, std::initializer_list<Replacement> ours) {
  std::vector<OSSL_DISPATCH> table;
  std::size_t found = 0;
  for (const auto* one = usual; one->function_id != 0; ++one) {
    table.push_back(*one);
    for (const auto& mine : ours) {
      if (mine.id != one->function_id) continue;
      ++found;
      *mine.kept = one->function;
      if (mine.ours != nullptr) table.back().function = mine.ours;
    }
  }
  table.push_back({0, nullptr});
  return {std::move(table), found == ours.size()};
}

}  // namespace firstring::tls
