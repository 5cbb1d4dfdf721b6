#include "crypto/issue.hpp"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/ip_address.hpp"
#include "base/text.hpp"

namespace firstring::crypto {
namespace {

using Asn1ObjectPtr = std::unique_ptr<ASN1_OBJECT, Deleter<ASN1_OBJECT_free>>;
using Asn1TimePtr = std::unique_ptr<ASN1_TIME, Deleter<ASN1_TIME_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using GeneralNamePtr = std::unique_ptr<GENERAL_NAME, Deleter<GENERAL_NAME_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;

const char* digest_name(Hash hash) {
  switch (hash) {
    case Hash::md5:
      return "MD5";
    case Hash::sha1:
      return "SHA1";
    case Hash::sha256:
      break;
  }
  return "SHA2-256";
}

Result<void> set_subject(X509_NAME* name, const DistinguishedName& subject) {
  int rdn = 0;
  for (const auto& attribute : subject) {
    const Asn1ObjectPtr type{OBJ_txt2obj(attribute.type.c_str(), 0)};
    if (!type) return openssl_failure(fmt::format("find the attribute type '{}'", printable(attribute.type)));
    if (attribute.value.size() > std::numeric_limits<int>::max())
      return fail(Errc::limit_exceeded, "set subject: too large");
    const bool joins = attribute.rdn > 0 && attribute.rdn == rdn;
    if (X509_NAME_add_entry_by_OBJ(name, type.get(), MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(attribute.value.data()),
                                   static_cast<int>(attribute.value.size()), -1, joins ? -1 : 0) != 1) {
      return openssl_failure(fmt::format("set {} to '{}'", attribute.type, printable(attribute.value)));
    }
    rdn = attribute.rdn;
  }
  return {};
}

Result<void> set_serial(X509* x509) {
  // 127 bits, so that the INTEGER is positive in at most 16 octets (RFC 5280 section 4.1.2.2 allows 20).
  std::array<unsigned char, 16> octets{};
  if (RAND_bytes_ex(library(), octets.data(), octets.size(), 0) != 1) return openssl_failure("make a serial number");
  octets[0] &= 0x7f;
  const BignumPtr number{BN_bin2bn(octets.data(), octets.size(), nullptr)};
  if (!number || BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(x509)) == nullptr) {
    return openssl_failure("make a serial number");
  }
  return {};
}

Result<void> set_validity(X509* x509, const CertificateRequest& request) {
  const auto to_asn1 = [](Timestamp time) {
    return Asn1TimePtr{
        ASN1_TIME_set(nullptr, std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count())};
  };
  const auto begin = to_asn1(request.not_before);
  const auto end = to_asn1(request.not_after);
  if (!begin || !end || X509_set1_notBefore(x509, begin.get()) != 1 || X509_set1_notAfter(x509, end.get()) != 1) {
    return openssl_failure("set the validity");
  }
  return {};
}

Result<void> add_extension(X509* x509, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, x509, nullptr, nullptr, 0);
  const ExtensionPtr extension{X509V3_EXT_nconf_nid(nullptr, &context, nid, value)};
  if (!extension || X509_add_ext(x509, extension.get(), -1) != 1) {
    return openssl_failure(fmt::format("add {}={}", OBJ_nid2sn(nid), value));
  }
  return {};
}

Result<GeneralNamePtr> general_name(int type, ByteView octets) {
  GeneralNamePtr name{GENERAL_NAME_new()};
  ASN1_STRING* value = ASN1_STRING_type_new(type == GEN_DNS ? V_ASN1_IA5STRING : V_ASN1_OCTET_STRING);
  if (!name || value == nullptr || ASN1_STRING_set(value, octets.data(), static_cast<int>(octets.size())) != 1) {
    ASN1_STRING_free(value);
    return openssl_failure("add subjectAltName");
  }
  GENERAL_NAME_set0_value(name.get(), type, value);
  return name;
}

Result<void> add_alternative_names(X509* x509, const CertificateRequest& request) {
  if (request.dns_names.empty() && request.ip_addresses.empty()) return {};
  // Built as values, not as OpenSSL's "DNS:a,IP:b" text: a comma in a name would make two of it.
  const GeneralNamesPtr names{GENERAL_NAMES_new()};
  if (!names) return openssl_failure("add subjectAltName");
  const auto push = [&](Result<GeneralNamePtr> name) -> Result<void> {
    if (!name) return fail(std::move(name).error());
    if (sk_GENERAL_NAME_push(names.get(), name->get()) <= 0) return openssl_failure("add subjectAltName");
    static_cast<void>(name->release());
    return {};
  };
  for (const auto& dns : request.dns_names) {
    const bool plain = std::all_of(dns.begin(), dns.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (dns.empty() || dns.size() > 253 || !plain) {
      return fail(Errc::invalid_input, fmt::format("add subjectAltName: '{}' is not a host name", printable(dns)));
    }
    FIRSTRING_CHECK(push(general_name(GEN_DNS, as_bytes(dns))));
  }
  for (const auto& text : request.ip_addresses) {
    FIRSTRING_TRY(const auto address, IpAddress::parse(text));
    const ByteView octets{address.octets()};
    FIRSTRING_CHECK(push(general_name(GEN_IPADD, address.is_v4() ? octets.last(4) : octets)));
  }
  if (X509_add1_ext_i2d(x509, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) != 1) {
    return openssl_failure("add subjectAltName");
  }
  return {};
}

Result<void> add_extensions(X509* x509, const CertificateRequest& request, const PrivateKey& key,
                            const Issued* issuer) {
  const char* usage = "critical,digitalSignature";
  if (request.is_ca) {
    usage = "critical,keyCertSign,cRLSign";
  } else if (EVP_PKEY_is_a(key.native(), "RSA")) {
    usage = "critical,digitalSignature,keyEncipherment";
  }
  FIRSTRING_CHECK(
      add_extension(x509, x509, NID_basic_constraints, request.is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE"));
  FIRSTRING_CHECK(add_extension(x509, x509, NID_key_usage, usage));
  FIRSTRING_CHECK(add_extension(x509, x509, NID_subject_key_identifier, "hash"));
  if (issuer != nullptr) {
    FIRSTRING_CHECK(add_extension(x509, issuer->certificate.native(), NID_authority_key_identifier, "keyid"));
  }
  if (!request.extended_key_usage.empty()) {
    FIRSTRING_CHECK(add_extension(x509, x509, NID_ext_key_usage, request.extended_key_usage.c_str()));
  }
  return add_alternative_names(x509, request);
}

Result<void> sign(X509* x509, Hash hash, const PrivateKey& key) {
  const DigestContextPtr context{EVP_MD_CTX_new()};
  if (!context ||
      EVP_DigestSignInit_ex(context.get(), nullptr, digest_name(hash), library(), nullptr, key.native(), nullptr) !=
          1 ||
      X509_sign_ctx(x509, context.get()) <= 0) {
    return openssl_failure("sign certificate");
  }
  return {};
}

}  // namespace

Result<Certificate> issue(const CertificateRequest& request, const PrivateKey& key, const Issued* issuer) {
  const X509Ptr x509{X509_new_ex(library(), nullptr)};
  if (!x509 || X509_set_version(x509.get(), X509_VERSION_3) != 1) return openssl_failure("make a certificate");
  FIRSTRING_CHECK(set_serial(x509.get()));
  FIRSTRING_CHECK(set_validity(x509.get(), request));
  FIRSTRING_CHECK(set_subject(X509_get_subject_name(x509.get()), request.subject));
  const X509_NAME* issuer_name = X509_get_subject_name(issuer == nullptr ? x509.get() : issuer->certificate.native());
  if (X509_set_issuer_name(x509.get(), issuer_name) != 1) return openssl_failure("set the issuer");
  if (X509_set_pubkey(x509.get(), key.native()) != 1) return openssl_failure("set the public key");
  FIRSTRING_CHECK(add_extensions(x509.get(), request, key, issuer));
  FIRSTRING_CHECK(sign(x509.get(), request.hash, issuer == nullptr ? key : issuer->key));

  // Read back from its DER: an object that was put together lacks what OpenSSL notes while it parses.
  unsigned char* encoded = nullptr;
  const int length = i2d_X509(x509.get(), &encoded);
  if (length < 0) return openssl_failure("encode certificate");
  auto certificate = Certificate::from_der({encoded, static_cast<std::size_t>(length)});
  OPENSSL_free(encoded);
  return certificate;
}

}  // namespace firstring::crypto
