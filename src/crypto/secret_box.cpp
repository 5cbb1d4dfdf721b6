#include "crypto/secret_box.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/file.hpp"
#include "base/text.hpp"

namespace firstring::crypto {
namespace {

constexpr std::size_t kKeySize = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
constexpr std::size_t kNonceSize = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTagSize = crypto_aead_xchacha20poly1305_ietf_ABYTES;

/// Before any other call of libsodium; it fails only where the system has no source of random numbers.
void start_sodium() {
  static const int status = sodium_init();
  if (status < 0) {
    std::fputs("start libsodium: no source of random numbers\n", stderr);
    std::abort();
  }
}

unsigned char* octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

Result<void> write_new_file(const std::filesystem::path& path, std::string_view content) {
  // Not write_file: its rename would replace a key that values are already sealed with.
  const FileDescriptor fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (!fd && errno == EEXIST) {
    return fail(Errc::conflict, fmt::format("create {}: there is one already, and what it protects is lost without it; "
                                            "move it away first if you mean it",
                                            path.string()));
  }
  if (!fd) return fail(Errc::io, fmt::format("create {}: {}", path.string(), errno_text(errno)));
  errno = ENOSPC;  // what a short write means
  if (::write(fd.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
      ::fsync(fd.get()) != 0) {
    auto error = fail(Errc::io, fmt::format("write {}: {}", path.string(), errno_text(errno)));
    ::unlink(path.c_str());
    return error;
  }
  return {};
}

}  // namespace

Result<SecretBox> SecretBox::open(const std::filesystem::path& key_file) {
  start_sodium();
  FIRSTRING_TRY(const auto text, read_secret_file(key_file, 4096));
  const auto digits = trim(text.reveal());
  std::string key(kKeySize, '\0');
  std::size_t length = 0;
  const char* end = nullptr;
  const bool read = sodium_hex2bin(octets(key), key.size(), digits.data(), digits.size(), nullptr, &length, &end) == 0;
  Secret secret{std::move(key)};
  if (!read || length != kKeySize || end != digits.data() + digits.size()) {
    return fail(Errc::invalid_input,
                fmt::format("read {}: it is not a key of {} hexadecimal digits; restore it from a backup",
                            key_file.string(), kKeySize * 2));
  }
  return SecretBox{std::move(secret)};
}

Result<SecretBox> SecretBox::create(const std::filesystem::path& key_file) {
  start_sodium();
  std::string key(kKeySize, '\0');
  randombytes_buf(key.data(), key.size());
  Secret secret{std::move(key)};
  std::string digits(kKeySize * 2 + 1, '\0');
  sodium_bin2hex(digits.data(), digits.size(), octets(secret.reveal()), kKeySize);
  digits.back() = '\n';  // in place of the NUL
  const Secret content{std::move(digits)};
  FIRSTRING_CHECK(write_new_file(key_file, content.reveal()));
  return SecretBox{std::move(secret)};
}

Bytes SecretBox::seal(const Secret& value, std::string_view context) const {
  const auto text = value.reveal();
  Bytes sealed(kNonceSize + text.size() + kTagSize);
  randombytes_buf(sealed.data(), kNonceSize);
  // Fails only for texts beyond 2^38 octets.
  crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data() + kNonceSize, nullptr, octets(text), text.size(),
                                             octets(context), context.size(), nullptr, sealed.data(),
                                             octets(key_.reveal()));
  return sealed;
}

Result<Secret> SecretBox::unseal(ByteView sealed, std::string_view context) const {
  if (sealed.size() < kNonceSize + kTagSize) return fail(Errc::invalid_input, "open sealed value: it is cut short");
  std::string text(sealed.size() - kNonceSize - kTagSize, '\0');
  const auto box = sealed.subspan(kNonceSize);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(octets(text), nullptr, nullptr, box.data(), box.size(),
                                                 octets(context), context.size(), sealed.data(),
                                                 octets(key_.reveal())) != 0) {
    return fail(
        Errc::crypto,
        "open sealed value: it was sealed with another key, for another place, or was changed; check that the key file "
        "belongs to this database");
  }
  return Secret{std::move(text)};
}

bool SecretBox::opens(ByteView sealed, std::string_view context) const {
  if (sealed.size() < kNonceSize + kTagSize) return false;
  const auto box = sealed.subspan(kNonceSize);
  const auto size = box.size() - kTagSize;
  // Without room for the text it only verifies.
  return crypto_aead_xchacha20poly1305_ietf_decrypt_detached(nullptr, nullptr, box.data(), size, box.data() + size,
                                                             octets(context), context.size(), sealed.data(),
                                                             octets(key_.reveal())) == 0;
}

}  // namespace firstring::crypto
