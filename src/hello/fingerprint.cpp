#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/text.hpp"
#include "crypto/openssl.hpp"
#include "hello/client_hello.hpp"

namespace firstring::hello {
namespace {

using Numbers = std::vector<std::uint16_t>;

Numbers without_grease(std::span<const std::uint16_t> values) {
  Numbers kept;
  kept.reserve(values.size());
  std::copy_if(values.begin(), values.end(), std::back_inserter(kept), [](auto value) { return !is_grease(value); });
  return kept;
}

Numbers extension_types(const ClientHello& hello) {
  Numbers types;
  types.reserve(hello.extensions.size());
  for (const auto& each : hello.extensions) types.push_back(each.type);
  return without_grease(types);
}

/// In hexadecimal. The digest is one of OpenSSL's default provider, so this does not fail.
std::string digest(const crypto::DigestPtr& kind, std::string_view text) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> value{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), value.data(), &size, kind.get(), nullptr) != 1) return {};
  return to_hex(ByteView{value}.first(size));
}

// Looked up once: each look-up by name takes a lock that all workers share.
std::string md5(std::string_view text) {
  static const crypto::DigestPtr kind{EVP_MD_fetch(crypto::library(), "MD5", nullptr)};
  return digest(kind, text);
}
std::string sha256(std::string_view text) {
  static const crypto::DigestPtr kind{EVP_MD_fetch(crypto::library(), "SHA256", nullptr)};
  return digest(kind, text);
}

template <class Range>
std::string decimal(const Range& values) {
  return fmt::format("{}", fmt::join(values, "-"));
}

std::string hexadecimal(const Numbers& values) { return fmt::format("{:04x}", fmt::join(values, ",")); }

std::string_view ja4_version(std::uint16_t version) {
  switch (version) {
    case 0x0304:
      return "13";
    case 0x0303:
      return "12";
    case 0x0302:
      return "11";
    case 0x0301:
      return "10";
    case 0x0300:
      return "s3";
    case 0x0002:
      return "s2";
    default:
      return "00";
  }
}

/// First and last character of the first protocol, or those of its hexadecimal form if one is not alphanumeric.
std::string ja4_alpn(const std::vector<std::string>& protocols) {
  if (protocols.empty() || protocols.front().empty()) return "00";
  auto first = protocols.front();
  if (!is_alphanumeric(first.front()) || !is_alphanumeric(first.back())) first = to_hex(as_bytes(first));
  return {first.front(), first.back()};
}

std::string ja4_hash(std::string_view text) {
  constexpr std::size_t kLength = 12;
  if (text.empty()) return std::string(kLength, '0');
  return sha256(text).substr(0, kLength);
}

}  // namespace

ClientHello without_session(ClientHello hello) {
  std::erase_if(hello.extensions, [](const auto& one) {
    return one.type == extension::kPreSharedKey || one.type == extension::kEarlyData;
  });
  hello.offers_psk = false;
  return hello;
}

Ja3 ja3(const ClientHello& hello) {
  auto text =
      fmt::format("{},{},{},{},{}", hello.version, decimal(without_grease(hello.suites)),
                  decimal(extension_types(hello)), decimal(without_grease(hello.groups)), decimal(hello.point_formats));
  auto hash = md5(text);
  return {std::move(text), std::move(hash)};
}

std::string ja4(const ClientHello& hello) {
  constexpr std::size_t kMaxCount = 99;
  auto suites = without_grease(hello.suites);
  auto types = extension_types(hello);
  const auto start =
      fmt::format("t{}{}{:02}{:02}{}", ja4_version(hello.highest_version()),
                  hello.has_extension(extension::kServerName) ? 'd' : 'i', std::min(suites.size(), kMaxCount),
                  std::min(types.size(), kMaxCount), ja4_alpn(hello.alpn));

  std::sort(suites.begin(), suites.end());
  std::erase_if(types, [](auto type) { return type == extension::kServerName || type == extension::kAlpn; });
  std::sort(types.begin(), types.end());
  auto listed = hexadecimal(types);
  const auto algorithms = without_grease(hello.signature_algorithms);
  if (!algorithms.empty()) listed += "_" + hexadecimal(algorithms);
  return fmt::format("{}_{}_{}", start, ja4_hash(hexadecimal(suites)), ja4_hash(listed));
}

}  // namespace firstring::hello
