// OpenSSL 3.0's own makes two HMAC objects for each block and copies them through its provider interface: 0.4 of the
// 1.4 million instructions of a resumed TLS 1.0 handshake (callgrind). The hash functions stay OpenSSL's, by its old
// interface, whose states are plain structures that can be kept and copied.
#define OPENSSL_SUPPRESS_DEPRECATED  // NOLINT(cppcoreguidelines-macro-usage): OpenSSL's own switch
#include "tls/tls1_prf.hpp"

#include <openssl/crypto.h>
#include <openssl/md5.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace firstring::tls {
namespace {

template <class State_, std::size_t kSize_, std::size_t kBlock_, auto kInit, auto kUpdate, auto kFinal>
struct Hash {
  using State = State_;
  using Digest = std::array<std::uint8_t, kSize_>;
  static constexpr std::size_t kBlock = kBlock_;

  static void begin(State& state) { kInit(&state); }
  static void add(State& state, ByteView bytes) { kUpdate(&state, bytes.data(), bytes.size()); }
  static void end(State& state, Digest& digest) { kFinal(digest.data(), &state); }
};
// Digests and blocks in octets: RFC 1321, FIPS 180-4.
using Md5 = Hash<MD5_CTX, MD5_DIGEST_LENGTH, 64, MD5_Init, MD5_Update, MD5_Final>;
using Sha1 = Hash<SHA_CTX, SHA_DIGEST_LENGTH, 64, SHA1_Init, SHA1_Update, SHA1_Final>;
using Sha256 = Hash<SHA256_CTX, SHA256_DIGEST_LENGTH, 64, SHA256_Init, SHA256_Update, SHA256_Final>;
using Sha384 = Hash<SHA512_CTX, SHA384_DIGEST_LENGTH, 128, SHA384_Init, SHA384_Update, SHA384_Final>;

/// RFC 2104, with both states kept as they are behind the key.
template <class H>
class Hmac {
 public:
  using Digest = typename H::Digest;

  explicit Hmac(ByteView key) {
    std::array<std::uint8_t, H::kBlock> block{};
    if (key.size() <= block.size()) {
      std::copy(key.begin(), key.end(), block.begin());
    } else {
      Digest digest;
      H::begin(inner_);
      H::add(inner_, key);
      H::end(inner_, digest);
      std::copy(digest.begin(), digest.end(), block.begin());
      OPENSSL_cleanse(digest.data(), digest.size());
    }
    for (auto& octet : block) octet ^= 0x36U;
    H::begin(inner_);
    H::add(inner_, block);
    for (auto& octet : block) octet ^= 0x36U ^ 0x5cU;
    H::begin(outer_);
    H::add(outer_, block);
    OPENSSL_cleanse(block.data(), block.size());
  }
  Hmac(const Hmac&) = delete;
  Hmac& operator=(const Hmac&) = delete;
  ~Hmac() {
    OPENSSL_cleanse(&inner_, sizeof inner_);
    OPENSSL_cleanse(&outer_, sizeof outer_);
    OPENSSL_cleanse(&running_, sizeof running_);
  }

  /// Of `first` and then `second`. `digest` may be what `first` shows.
  void operator()(ByteView first, ByteView second, Digest& digest) {
    running_ = inner_;
    H::add(running_, first);
    H::add(running_, second);
    H::end(running_, digest);
    running_ = outer_;
    H::add(running_, digest);
    H::end(running_, digest);
  }

 private:
  typename H::State inner_, outer_, running_;
};

/// P_hash of RFC 2246 and RFC 5246, section 5, laid over `out`.
template <class H>
void expand(ByteView secret, ByteView seed, std::span<std::uint8_t> out) {
  Hmac<H> hmac{secret};
  typename H::Digest link, block;  // A(i), and the output that it makes
  hmac(seed, {}, link);
  while (!out.empty()) {
    hmac(link, seed, block);
    const auto size = std::min(out.size(), block.size());
    for (std::size_t i = 0; i < size; ++i) out[i] ^= block[i];
    out = out.subspan(size);
    if (!out.empty()) hmac(link, {}, link);
  }
  OPENSSL_cleanse(link.data(), link.size());
  OPENSSL_cleanse(block.data(), block.size());
}

}  // namespace

void tls1_prf(PrfHash hash, ByteView secret, ByteView seed, std::span<std::uint8_t> out) {
  std::fill(out.begin(), out.end(), std::uint8_t{0});
  switch (hash) {
    case PrfHash::md5_sha1: {
      // Two halves, which share the middle octet of an odd secret.
      const auto half = (secret.size() + 1) / 2;
      expand<Md5>(secret.first(half), seed, out);
      return expand<Sha1>(secret.last(half), seed, out);
    }
    case PrfHash::sha256:
      return expand<Sha256>(secret, seed, out);
    case PrfHash::sha384:
      return expand<Sha384>(secret, seed, out);
  }
}

}  // namespace firstring::tls
