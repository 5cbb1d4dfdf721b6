#include "tls/certificate_weight.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

#include "tls/test_pki.hpp"

namespace firstring::tls {
namespace {

void put(Bytes& to, std::size_t number, int octets) {
  for (int i = octets - 1; i >= 0; --i) to.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
}

/// A Certificate message with its header.
Bytes message(const std::vector<Bytes>& certificates, CertificateFormat format) {
  Bytes list;
  for (const auto& der : certificates) {
    put(list, der.size(), 3);
    list.insert(list.end(), der.begin(), der.end());
    if (format == CertificateFormat::tls13) put(list, 0, 2);
  }
  Bytes body;
  if (format == CertificateFormat::tls13) put(body, 0, 1);
  put(body, list.size(), 3);
  body.insert(body.end(), list.begin(), list.end());
  Bytes all{11};
  put(all, body.size(), 3);
  all.insert(all.end(), body.begin(), body.end());
  return all;
}

std::size_t elements(const Bytes& der) {
  return weigh_certificates(message({der}, CertificateFormat::tls12), CertificateFormat::tls12).elements;
}

/// Tag, length in the definite form, content.
Bytes tlv(std::uint8_t tag, const Bytes& content) {
  Bytes made{tag};
  if (content.size() < 0x80) {
    put(made, content.size(), 1);
  } else {
    made.push_back(0x82);
    put(made, content.size(), 2);
  }
  made.insert(made.end(), content.begin(), content.end());
  return made;
}

Bytes times(std::size_t count, const Bytes& part) {
  Bytes all;
  for (std::size_t i = 0; i < count; ++i) all.insert(all.end(), part.begin(), part.end());
  return all;
}

TEST(CertificateWeight, CountsWhatAPhoneShows) {
  const auto maker = testing::make_ca("Maker");
  const auto phone = testing::make_leaf("phone", maker);
  const std::vector<Bytes> chain{phone.certificate.to_der(), maker.certificate.to_der()};
  for (const auto format : {CertificateFormat::tls12, CertificateFormat::tls13}) {
    const auto weight = weigh_certificates(message(chain, format), format);
    EXPECT_EQ(weight.certificates, 2U);
    EXPECT_GT(weight.elements, 60U);
    EXPECT_LT(weight.elements, 150U);
    EXPECT_EQ(excess_of(weight), "");
  }
}

TEST(CertificateWeight, CountsEachElementWhereverItStands) {
  EXPECT_EQ(elements({}), 0U);
  EXPECT_EQ(elements(tlv(0x30, times(100, tlv(0x05, {})))), 101U);
  EXPECT_EQ(elements(tlv(0x30, tlv(0x31, tlv(0x30, tlv(0x06, {1}))))), 4U);
  EXPECT_EQ(elements(tlv(0x04, tlv(0x30, times(50, tlv(0x82, {}))))), 52U) << "an extension's names";
  EXPECT_EQ(elements({0x30, 0x80, 0x05, 0x00, 0x05, 0x00, 0x00, 0x00}), 4U) << "the indefinite form, with its end";
  EXPECT_EQ(elements({0x1f, 0x81, 0x01, 0x00, 0x05, 0x00}), 2U) << "a tag of several octets";
}

TEST(CertificateWeight, CountsWhatIsBrokenAsFarAsItGoes) {
  EXPECT_EQ(elements({0x30}), 0U);
  EXPECT_EQ(elements({0x30, 0x85}), 0U);
  EXPECT_EQ(elements({0x04, 0x7f, 0x05, 0x00}), 1U);
  EXPECT_EQ(elements({0x30, 0x89, 1, 2, 3, 4, 5, 6, 7, 8, 9}), 0U) << "a length of nine octets";
  for (const auto format : {CertificateFormat::tls12, CertificateFormat::tls13}) {
    const auto whole = message({tlv(0x30, times(20, tlv(0x05, {})))}, format);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto weight = weigh_certificates(ByteView{whole}.first(size), format);
      EXPECT_LE(weight.certificates, 1U);
      EXPECT_LE(weight.elements, 21U);
    }
  }
}

TEST(CertificateWeight, DoesNotGoDownForEver) {
  Bytes nested = tlv(0x05, {});
  for (int i = 0; i < 1000; ++i) nested = tlv(0x04, nested);
  EXPECT_LE(elements(nested), 4U);
  for (int i = 0; i < 1000; ++i) nested = tlv(0x30, nested);
  EXPECT_GE(elements(nested), 1000U);
}

TEST(CertificateWeight, SaysWhatIsTooMuch) {
  EXPECT_EQ(excess_of({.certificates = kMaxCertificates, .elements = kMaxCertificateElements}), "");
  EXPECT_EQ(excess_of({.certificates = 11, .elements = 500}),
            "the client's certificates are too complex: there are 11, and at most 10 are taken");
  EXPECT_EQ(excess_of({.certificates = 1, .elements = 17'600}),
            "the client's certificates are too complex: they have 17600 ASN.1 elements, and at most 1000 are taken");
}

}  // namespace
}  // namespace firstring::tls
