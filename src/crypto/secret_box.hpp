#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace firstring::crypto {

/// Encrypts single values for the database with a key that lies outside it (libsodium, XChaCha20-Poly1305). `context`
/// says which value it is ("parameter:mac:000e08abcdef:Password_1_"): a ciphertext moved to another row does not open.
class SecretBox {
 public:
  /// Reads the key file (64 hexadecimal digits, mode 0600); refuses one that other users can read.
  static Result<SecretBox> open(const std::filesystem::path& key_file);
  /// Makes a new key file with mode 0600; fails if there is one.
  static Result<SecretBox> create(const std::filesystem::path& key_file);

  Bytes seal(const Secret& value, std::string_view context) const;
  Result<Secret> unseal(ByteView sealed, std::string_view context) const;
  /// Whether unseal would open it. The value itself is not decrypted.
  bool opens(ByteView sealed, std::string_view context) const;

 private:
  explicit SecretBox(Secret key) : key_(std::move(key)) {}

  Secret key_;  // 32 octets
};

}  // namespace firstring::crypto
