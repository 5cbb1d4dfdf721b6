#include "tls/certificate_weight.hpp"

#include <fmt/format.h>

#include <optional>

namespace firstring::tls {
namespace {

/// Reads from the front of what is left; everything gives nothing once too little is left.
class Cursor {
 public:
  explicit Cursor(ByteView bytes) : rest_(bytes) {}

  bool at_end() const { return rest_.empty(); }
  std::size_t left() const { return rest_.size(); }

  std::optional<std::size_t> number(std::size_t octets) {
    const auto taken = take(octets);
    if (!taken) return std::nullopt;
    std::size_t value = 0;
    for (const auto octet : *taken) value = value << 8 | octet;
    return value;
  }
  std::optional<ByteView> take(std::size_t size) {
    if (size > rest_.size()) return std::nullopt;
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  /// With its length in front, in so many octets.
  std::optional<ByteView> vector(std::size_t octets) {
    const auto size = number(octets);
    return size ? take(*size) : std::nullopt;
  }

 private:
  ByteView rest_;
};

constexpr std::uint8_t kConstructed = 0x20;
constexpr std::uint8_t kOctetString = 0x04;

struct Header {
  std::uint8_t tag = 0;
  std::size_t size = 0;
  bool indefinite = false;
};

/// X.690 sections 8.1.2 and 8.1.3. OpenSSL takes BER where DER is due, so indefinite lengths are read too.
std::optional<Header> read_header(Cursor& cursor) {
  const auto tag = cursor.number(1);
  if (!tag) return std::nullopt;
  if ((*tag & 0x1f) == 0x1f) {
    for (auto more = cursor.number(1); more && (*more & 0x80) != 0;) more = cursor.number(1);
  }
  auto size = cursor.number(1);
  if (!size) return std::nullopt;
  Header header{.tag = static_cast<std::uint8_t>(*tag), .size = *size, .indefinite = *size == 0x80};
  if (*size > 0x80) {
    const auto octets = *size & 0x7f;
    size = octets <= sizeof(std::size_t) ? cursor.number(octets) : std::nullopt;
    if (!size) return std::nullopt;
    header.size = *size;
  }
  if (header.indefinite) header.size = 0;
  return header;
}

/// Inside of an OCTET STRING stands what an extension holds, which OpenSSL parses as well. Nothing that it parses lies
/// deeper.
constexpr int kDepth = 3;

std::size_t count_elements(ByteView der, int depth) {
  std::size_t count = 0;
  Cursor cursor{der};
  while (!cursor.at_end()) {
    const auto header = read_header(cursor);
    if (!header) break;
    ++count;
    // What a constructed element holds comes next by itself.
    if ((header->tag & kConstructed) != 0) continue;
    const auto content = cursor.take(header->size);
    if (!content) break;
    if (header->tag == kOctetString && depth < kDepth) count += count_elements(*content, depth + 1);
  }
  return count;
}

}  // namespace

CertificateWeight weigh_certificates(ByteView message, CertificateFormat format) {
  constexpr std::size_t kHeader = 4;
  CertificateWeight weight;
  Cursor cursor{message};
  if (!cursor.take(kHeader)) return weight;
  if (format == CertificateFormat::tls13 && !cursor.vector(1)) return weight;
  const auto list = cursor.vector(3);
  if (!list) return weight;
  Cursor certificates{*list};
  while (!certificates.at_end()) {
    const auto der = certificates.vector(3);
    if (!der) break;
    ++weight.certificates;
    weight.elements += count_elements(*der, 0);
    if (format == CertificateFormat::tls13 && !certificates.vector(2)) break;
  }
  return weight;
}

std::string excess_of(const CertificateWeight& weight) {
  if (weight.certificates > kMaxCertificates)
    return fmt::format("{}: there are {}, and at most {} are taken", kTooComplex, weight.certificates,
                       kMaxCertificates);
  if (weight.elements > kMaxCertificateElements)
    return fmt::format("{}: they have {} ASN.1 elements, and at most {} are taken", kTooComplex, weight.elements,
                       kMaxCertificateElements);
  return {};
}

}  // namespace firstring::tls
