// Why a provider: giving a private length with the parameters does not survive OpenSSL 3.0's own key generation (seen
// in its providers/.../dh_kmgmt.c, and measured: 1,023 bits), and a DH_METHOD that makes keys otherwise has to be the
// whole process's default, which the default provider then refuses to copy ("foreign keys").
#include "tls/dh_provider.hpp"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <tl/expected.hpp>
#include <tuple>
#include <vector>

#include "tls/dh_keys.hpp"
#include "tls/dispatch.hpp"
#include "tls/power_queue.hpp"
#include "tls/whole_digits.hpp"

namespace firstring::tls {
namespace {

constexpr std::size_t kMostBytes = 128;  ///< of a ShortExponentGroup's numbers

/// The default provider's functions.
struct Usual {
  OSSL_FUNC_keymgmt_new_fn* make = nullptr;
  OSSL_FUNC_keymgmt_free_fn* free = nullptr;
  OSSL_FUNC_keymgmt_import_fn* import = nullptr;
  OSSL_FUNC_keymgmt_get_params_fn* get_params = nullptr;
  OSSL_FUNC_keymgmt_gen_init_fn* gen_init = nullptr;
  OSSL_FUNC_keymgmt_gen_set_template_fn* gen_set_template = nullptr;
  OSSL_FUNC_keymgmt_gen_set_params_fn* gen_set_params = nullptr;
  OSSL_FUNC_keymgmt_gen_settable_params_fn* gen_settable_params = nullptr;
  OSSL_FUNC_keymgmt_gen_fn* gen = nullptr;
  OSSL_FUNC_keymgmt_gen_cleanup_fn* gen_cleanup = nullptr;
};
Usual usual;

struct UsualExchange {
  OSSL_FUNC_keyexch_newctx_fn* make = nullptr;
  OSSL_FUNC_keyexch_freectx_fn* free = nullptr;
  OSSL_FUNC_keyexch_dupctx_fn* copy = nullptr;
  OSSL_FUNC_keyexch_init_fn* init = nullptr;
  OSSL_FUNC_keyexch_set_peer_fn* set_peer = nullptr;
  OSSL_FUNC_keyexch_derive_fn* derive = nullptr;
  OSSL_FUNC_keyexch_set_ctx_params_fn* set_params = nullptr;
  OSSL_FUNC_keyexch_settable_ctx_params_fn* settable_params = nullptr;
  OSSL_FUNC_keyexch_get_ctx_params_fn* get_params = nullptr;
  OSSL_FUNC_keyexch_gettable_ctx_params_fn* gettable_params = nullptr;
};
UsualExchange usual_exchange;

/// One key being made.
struct Generation {
  void* inner = nullptr;  ///< the default provider's
  void* provider = nullptr;
  const ShortExponentGroup* group = nullptr;
};

/// One agreement.
struct Exchange {
  void* inner = nullptr;  ///< the default provider's, which keeps the keys
  void* key = nullptr;
  void* peer = nullptr;
  bool is_plain = true;  ///< nothing is asked for but the secret as TLS up to 1.2 has it
};

/// A number of a key of the default provider; nullptr if it has none or one of more than `most` octets.
crypto::SecretBignumPtr number_of(void* key, const char* name, std::size_t most) {
  Wiped<std::array<unsigned char, kMostBytes>> octets{};
  std::array<OSSL_PARAM, 2> params{OSSL_PARAM_construct_BN(name, octets.data(), most), OSSL_PARAM_construct_end()};
  // A larger one does not fit, which is no error.
  ERR_set_mark();
  const bool fits = usual.get_params(key, params.data()) == 1 && params[0].return_size == most;
  ERR_pop_to_mark();
  return crypto::SecretBignumPtr{fits ? BN_native2bn(octets.data(), static_cast<int>(most), nullptr) : nullptr};
}

/// Of the parameters in a key of the default provider; nullptr if they are others.
const ShortExponentGroup* group_of(void* key) {
  const auto p = number_of(key, OSSL_PKEY_PARAM_FFC_P, kMostBytes);
  const auto g = number_of(key, OSSL_PKEY_PARAM_FFC_G, kMostBytes);
  if (!p || !g || BN_is_word(g.get(), 2) == 0) return nullptr;
  const auto* group = ShortExponentGroup::find(static_cast<unsigned>(BN_num_bits(p.get())));
  return group != nullptr && BN_cmp(group->prime.get(), p.get()) == 0 ? group : nullptr;
}

/// A key of the default provider with these numbers; nullptr if that fails.
void* give(void* provider, const ShortExponentGroup& group, DhKey key) {
  const auto size = static_cast<std::size_t>(BN_num_bytes(group.prime.get()));
  std::array<unsigned char, kMostBytes> prime{}, value{};
  unsigned char generator = 2;
  if (BN_bn2nativepad(group.prime.get(), prime.data(), static_cast<int>(size)) < 0 ||
      BN_bn2nativepad(key.public_value.get(), value.data(), static_cast<int>(size)) < 0) {
    return nullptr;
  }
  // OSSL_PARAM's numbers have the machine's order of bytes.
  crypto::BignumPtr exponent{BN_lebin2bn(key.exponent.data(), static_cast<int>(key.exponent.size()), nullptr)};
  FixedBasePower::Exponent native{};
  if (!exponent || BN_bn2nativepad(exponent.get(), native.data(), static_cast<int>(native.size())) < 0) return nullptr;
  BN_clear(exponent.get());
  const std::array<OSSL_PARAM, 5> params{
      OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_FFC_P, prime.data(), size),
      OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_FFC_G, &generator, 1),
      OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PUB_KEY, value.data(), size),
      OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native.data(), native.size()), OSSL_PARAM_construct_end()};
  void* made = usual.make(provider);
  if (made != nullptr && usual.import(made, OSSL_KEYMGMT_SELECT_ALL, params.data()) != 1) {
    usual.free(made);
    made = nullptr;
  }
  OPENSSL_cleanse(native.data(), native.size());
  return made;
}

/// The secret, computed together with others', with as many octets as TLS up to 1.2 takes: without zeros in front (RFC
/// 5246 section 8.1.2). Its size, or why there is none.
tl::expected<std::size_t, PowerQueue::Outcome> derive_in_company(const Exchange& exchange, unsigned char* secret) {
  const auto left = tl::unexpected{PowerQueue::Outcome::left};
  if (SideStack::current() == nullptr) return left;
  const auto* group = group_of(exchange.key);
  if (group == nullptr || !group->lanes) return left;
  const auto exponent = number_of(exchange.key, OSSL_PKEY_PARAM_PRIV_KEY, std::tuple_size_v<FixedBasePower::Exponent>);
  const auto value = number_of(exchange.peer, OSSL_PKEY_PARAM_PUB_KEY, kMostBytes);
  const crypto::SecretBignumPtr power{BN_new()}, greatest{BN_dup(group->prime.get())};
  if (!exponent || !value || !power || !greatest) return left;
  const PowerRequest request{.powers = {{{&*group->lanes, value.get(), exponent.get(), power.get()}, {}}},
                             .count = 1,
                             .exponent_bits = 8 * static_cast<int>(std::tuple_size_v<FixedBasePower::Exponent>)};
  if (const auto outcome = PowerQueue::compute(request); outcome != PowerQueue::Outcome::computed)
    return tl::unexpected{outcome};
  // 0, 1 and -1 are no secrets. OpenSSL says so in its own words.
  Wiped<std::array<unsigned char, kMostBytes>> octets{};
  if (BN_sub_word(greatest.get(), 1) != 1 || BN_cmp(power.get(), BN_value_one()) <= 0 ||
      BN_cmp(power.get(), greatest.get()) == 0 ||
      BN_bn2binpad(power.get(), octets.data(), static_cast<int>(octets.size())) < 0) {
    return left;
  }
  const auto first = static_cast<std::size_t>(
      std::ranges::find_if(octets, [](unsigned char octet) { return octet != 0; }) - octets.begin());
  std::copy(octets.begin() + static_cast<std::ptrdiff_t>(first), octets.end(), secret);
  return octets.size() - first;
}

// ---- called from C ----

/// libssl has p, g and the public value put into 2 KiB each, which OpenSSL fills octet by octet.
int get_params(void* key, OSSL_PARAM params[]) noexcept {
  const bool is_one_number = params[0].key != nullptr && params[1].key == nullptr &&
                             params[0].data_type == OSSL_PARAM_UNSIGNED_INTEGER && params[0].data != nullptr &&
                             params[0].data_size > kMostBytes;
  if (is_one_number && std::endian::native == std::endian::little) {
    std::array<OSSL_PARAM, 2> small{params[0], OSSL_PARAM_construct_end()};
    small[0].data_size = kMostBytes;
    ERR_set_mark();
    const bool fits = usual.get_params(key, small.data()) == 1 && small[0].return_size == kMostBytes;
    ERR_pop_to_mark();
    if (fits) {
      auto* const octets = static_cast<unsigned char*>(params[0].data);
      std::fill(octets + kMostBytes, octets + params[0].data_size, static_cast<unsigned char>(0));
      params[0].return_size = params[0].data_size;
      return 1;
    }
  }
  return usual.get_params(key, params);
}

void* gen_init(void* provider, int selection, const OSSL_PARAM params[]) noexcept {
  void* inner = usual.gen_init(provider, selection, params);
  if (inner == nullptr) return nullptr;
  auto generation = std::make_unique<Generation>();
  generation->inner = inner;
  generation->provider = provider;
  return generation.release();
}

int gen_set_template(void* self, void* key) noexcept {
  auto& generation = *static_cast<Generation*>(self);
  generation.group = group_of(key);
  return usual.gen_set_template(generation.inner, key);
}

int gen_set_params(void* self, const OSSL_PARAM params[]) noexcept {
  return usual.gen_set_params(static_cast<Generation*>(self)->inner, params);
}

const OSSL_PARAM* gen_settable_params(void* self, void* provider) noexcept {
  return usual.gen_settable_params(self != nullptr ? static_cast<Generation*>(self)->inner : nullptr, provider);
}

void* gen(void* self, OSSL_CALLBACK* callback, void* argument) noexcept {
  const auto& generation = *static_cast<Generation*>(self);
  if (generation.group != nullptr) {
    if (auto key = take_dh_key(*generation.group)) {
      if (void* made = give(generation.provider, *generation.group, *std::move(key))) return made;
    }
  }
  return usual.gen(generation.inner, callback, argument);
}

void gen_cleanup(void* self) noexcept {
  const std::unique_ptr<Generation> generation{static_cast<Generation*>(self)};
  if (generation) usual.gen_cleanup(generation->inner);
}

void* exchange_new(void* provider) noexcept {
  void* inner = usual_exchange.make(provider);
  return inner != nullptr ? std::make_unique<Exchange>(Exchange{.inner = inner}).release() : nullptr;
}

void exchange_free(void* self) noexcept {
  const std::unique_ptr<Exchange> exchange{static_cast<Exchange*>(self)};
  if (exchange) usual_exchange.free(exchange->inner);
}

void* exchange_copy(void* self) noexcept {
  auto copy = std::make_unique<Exchange>(*static_cast<const Exchange*>(self));
  copy->inner = usual_exchange.copy(copy->inner);
  return copy->inner != nullptr ? copy.release() : nullptr;
}

int exchange_init(void* self, void* key, const OSSL_PARAM params[]) noexcept {
  auto& exchange = *static_cast<Exchange*>(self);
  exchange.key = key;
  exchange.peer = nullptr;
  exchange.is_plain = params == nullptr;
  return usual_exchange.init(exchange.inner, key, params);
}

int exchange_set_peer(void* self, void* peer) noexcept {
  auto& exchange = *static_cast<Exchange*>(self);
  const int good = usual_exchange.set_peer(exchange.inner, peer);
  exchange.peer = good == 1 ? peer : nullptr;
  return good;
}

int exchange_derive(void* self, unsigned char* secret, std::size_t* size, std::size_t room) noexcept {
  const auto& exchange = *static_cast<const Exchange*>(self);
  if (secret != nullptr && room >= kMostBytes && exchange.is_plain && exchange.peer != nullptr) {
    const auto done = derive_in_company(exchange, secret);
    if (done) {
      *size = *done;
      return 1;
    }
    if (done.error() == PowerQueue::Outcome::cancelled) return 0;
  }
  return usual_exchange.derive(exchange.inner, secret, size, room);
}

int exchange_set_params(void* self, const OSSL_PARAM params[]) noexcept {
  auto& exchange = *static_cast<Exchange*>(self);
  exchange.is_plain = false;
  return usual_exchange.set_params(exchange.inner, params);
}

const OSSL_PARAM* exchange_settable_params(void* self, void* provider) noexcept {
  return usual_exchange.settable_params(self != nullptr ? static_cast<Exchange*>(self)->inner : nullptr, provider);
}

int exchange_get_params(void* self, OSSL_PARAM params[]) noexcept {
  return usual_exchange.get_params(static_cast<Exchange*>(self)->inner, params);
}

const OSSL_PARAM* exchange_gettable_params(void* self, void* provider) noexcept {
  return usual_exchange.gettable_params(self != nullptr ? static_cast<Exchange*>(self)->inner : nullptr, provider);
}

}  // namespace

const OSSL_DISPATCH* dh_key_management(const OSSL_DISPATCH* functions) {
  static Functions ours;
  ours = with_ours(functions,
                   {function(OSSL_FUNC_KEYMGMT_NEW, usual.make), function(OSSL_FUNC_KEYMGMT_FREE, usual.free),
                    function(OSSL_FUNC_KEYMGMT_IMPORT, usual.import),
                    function(OSSL_FUNC_KEYMGMT_GET_PARAMS, usual.get_params, get_params),
                    function(OSSL_FUNC_KEYMGMT_GEN_INIT, usual.gen_init, gen_init),
                    function(OSSL_FUNC_KEYMGMT_GEN_SET_TEMPLATE, usual.gen_set_template, gen_set_template),
                    function(OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, usual.gen_set_params, gen_set_params),
                    function(OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, usual.gen_settable_params, gen_settable_params),
                    function(OSSL_FUNC_KEYMGMT_GEN, usual.gen, gen),
                    function(OSSL_FUNC_KEYMGMT_GEN_CLEANUP, usual.gen_cleanup, gen_cleanup)});
  return ours.has_all ? ours.table.data() : functions;
}

const OSSL_DISPATCH* dh_key_exchange(const OSSL_DISPATCH* functions) {
  static Functions ours;
  auto& mine = usual_exchange;
  ours = with_ours(functions,
                   {function(OSSL_FUNC_KEYEXCH_NEWCTX, mine.make, exchange_new),
                    function(OSSL_FUNC_KEYEXCH_FREECTX, mine.free, exchange_free),
                    function(OSSL_FUNC_KEYEXCH_DUPCTX, mine.copy, exchange_copy),
                    function(OSSL_FUNC_KEYEXCH_INIT, mine.init, exchange_init),
                    function(OSSL_FUNC_KEYEXCH_SET_PEER, mine.set_peer, exchange_set_peer),
                    function(OSSL_FUNC_KEYEXCH_DERIVE, mine.derive, exchange_derive),
                    function(OSSL_FUNC_KEYEXCH_SET_CTX_PARAMS, mine.set_params, exchange_set_params),
                    function(OSSL_FUNC_KEYEXCH_SETTABLE_CTX_PARAMS, mine.settable_params, exchange_settable_params),
                    function(OSSL_FUNC_KEYEXCH_GET_CTX_PARAMS, mine.get_params, exchange_get_params),
                    function(OSSL_FUNC_KEYEXCH_GETTABLE_CTX_PARAMS, mine.gettable_params, exchange_gettable_params)});
  return has_lanes() && usual.get_params != nullptr && ours.has_all ? ours.table.data() : functions;
}

}  // namespace firstring::tls
