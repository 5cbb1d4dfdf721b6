#include "crypto/openssl.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/provider.h>

#include <cstdio>
#include <cstdlib>

#include "base/file.hpp"
#include "base/text.hpp"

namespace firstring::crypto {
namespace {

OSSL_LIB_CTX* make_library() {
  // "No configuration" must be said before anything else of OpenSSL runs: the first implicit initialisation would read
  // openssl.cnf for the whole process, and libssl applies its system_default section to every SSL_CTX, whatever the
  // library context.
  constexpr std::uint64_t kOptions =
      OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_LOAD_SSL_STRINGS;
  if (OPENSSL_init_crypto(kOptions, nullptr) == 1 && OPENSSL_init_ssl(kOptions, nullptr) == 1) {
    OSSL_LIB_CTX* context = OSSL_LIB_CTX_new();
    if (context != nullptr && OSSL_PROVIDER_load(context, "default") != nullptr) return context;
  }
  fmt::print(stderr, "start OpenSSL: {}\n", drain_errors());
  std::abort();
}

std::string describe(unsigned long code, const char* detail, int flags) {
  std::string text;
  if (ERR_SYSTEM_ERROR(code)) {
    text = errno_text(ERR_GET_REASON(code));
  } else if (const char* reason = ERR_reason_error_string(code)) {
    text = reason;
  } else {
    text = fmt::format("error {:08x}", code);
  }
  // The detail may quote what a peer sent.
  if ((flags & ERR_TXT_STRING) != 0 && *detail != '\0') text += fmt::format(" ({})", printable(detail));
  return text;
}

}  // namespace

OSSL_LIB_CTX* library() {
  static OSSL_LIB_CTX* const context = make_library();
  return context;
}

std::string drain_errors() {
  std::string all;
  std::string last;
  const char* detail = nullptr;
  int flags = 0;
  while (const auto code = ERR_get_error_all(nullptr, nullptr, nullptr, &detail, &flags)) {
    auto text = describe(code, detail, flags);
    if (text == last) continue;
    if (!all.empty()) all += ", ";
    all += text;
    last = std::move(text);
  }
  return all;
}

tl::unexpected<Error> openssl_failure(std::string_view doing) {
  return fail(Errc::crypto, fmt::format("{}: {}", doing, drain_errors()));
}

}  // namespace firstring::crypto
