#include "crypto/openssl.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/provider.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/file.hpp"
#include "base/text.hpp"

namespace firstring::crypto {
namespace {

/// OpenSSL's buffering BIO takes two blocks of 4 KiB for a connection in mid-handshake, and never touches the one for
/// reading. On a page of its own such a block is never memory; among malloc's other blocks it always is. Thousands of
/// slow phones wait in that state: measured, 43.1 KiB a connection became 40.2.
constexpr std::size_t kPage = 4096;

/// What BUF_MEM_grow takes for SSL3_RT_MAX_PLAIN_LENGTH.
constexpr std::size_t kMessageBuffer = 21'848;
/// A message's header, and the short messages of a client.
constexpr std::size_t kMessageBufferOfWaiting = 256;

/// What this thread has allocated last, if it is as large as a BUF_MEM. libssl makes one and lets it grow, with nothing
/// in between.
thread_local void* last_allocated = nullptr;
thread_local MessageBuffer message_buffer;

void* allocate(std::size_t size, const char*, int) {
  auto* const block = size == kPage ? std::aligned_alloc(kPage, size) : std::malloc(size);
  if (size == kMessageBuffer && last_allocated != nullptr)
    message_buffer = {static_cast<BUF_MEM*>(last_allocated), static_cast<char*>(block)};
  last_allocated = size == sizeof(BUF_MEM) ? block : nullptr;
  return block;
}

void forget(const void* block) {
  if (block == last_allocated) last_allocated = nullptr;
  if (block == message_buffer.owner || block == message_buffer.block) message_buffer = {};
}

void release(void* block, const char*, int) {
  forget(block);
  std::free(block);
}

void* reallocate(void* block, std::size_t size, const char* file, int line) {
  if (block == nullptr) return allocate(size, file, line);
  if (size == 0) {
    release(block, file, line);
    return nullptr;
  }
  forget(block);
  return std::realloc(block, size);
}

OSSL_LIB_CTX* make_library() {
  // Refused if OpenSSL has allocated already; then its own malloc serves as well.
  CRYPTO_set_mem_functions(allocate, reallocate, release);
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

MessageBuffer take_message_buffer() { return std::exchange(message_buffer, {}); }

void set_message_buffer(MessageBuffer buffer) { message_buffer = buffer; }

void shrink_message_buffer(MessageBuffer buffer) {
  auto* const owner = buffer.owner;
  if (owner == nullptr || owner->data != buffer.block || owner->max != kMessageBuffer || owner->flags != 0) return;
  auto* const small = static_cast<char*>(OPENSSL_malloc(kMessageBufferOfWaiting));
  if (small == nullptr) return;
  std::memcpy(small, owner->data, kMessageBufferOfWaiting);
  OPENSSL_clear_free(owner->data, owner->max);
  *owner = {.length = std::min(owner->length, kMessageBufferOfWaiting),
            .data = small,
            .max = kMessageBufferOfWaiting,
            .flags = 0};
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
