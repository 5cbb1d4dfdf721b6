#pragma once

#include <openssl/pem.h>

#include <string>
#include <vector>

#include "crypto/crl.hpp"
#include "crypto/issue.hpp"

namespace firstring::crypto::testing {

/// A CRL for tests. Every member may be changed before it is made.
struct CrlRecipe {
  std::vector<Certificate> revoked{};
  std::vector<long> serials{};  ///< besides
  Timestamp this_update = now() - std::chrono::days{1};
  Timestamp next_update = now() + std::chrono::days{10};
  bool partial = false;  ///< with the critical extension of a list of some certificates only

  Bytes der(const Issued& issuer) const {
    const X509CrlPtr crl{X509_CRL_new_ex(library(), nullptr)};
    X509_CRL_set_version(crl.get(), 1);
    X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(issuer.certificate.native()));
    const auto time = [](Timestamp at) {
      return ASN1_TIME_set(nullptr, std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count());
    };
    auto* from = time(this_update);
    auto* until = time(next_update);
    X509_CRL_set1_lastUpdate(crl.get(), from);
    X509_CRL_set1_nextUpdate(crl.get(), until);
    const auto add = [&](const ASN1_INTEGER* serial) {
      auto* entry = X509_REVOKED_new();
      X509_REVOKED_set_serialNumber(entry, const_cast<ASN1_INTEGER*>(serial));
      X509_REVOKED_set_revocationDate(entry, from);
      X509_CRL_add0_revoked(crl.get(), entry);
    };
    for (const auto& certificate : revoked) add(X509_get0_serialNumber(certificate.native()));
    for (const auto number : serials) {
      auto* serial = ASN1_INTEGER_new();
      ASN1_INTEGER_set(serial, number);
      add(serial);
      ASN1_INTEGER_free(serial);
    }
    if (partial) {
      auto* point = ISSUING_DIST_POINT_new();
      point->onlyuser = 0xff;
      X509_CRL_add1_ext_i2d(crl.get(), NID_issuing_distribution_point, point, 1, 0);
      ISSUING_DIST_POINT_free(point);
    }
    X509_CRL_sign(crl.get(), issuer.key.native(), EVP_sha256());
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    unsigned char* encoded = nullptr;
    const int length = i2d_X509_CRL(crl.get(), &encoded);
    Bytes bytes(encoded, encoded + length);
    OPENSSL_free(encoded);
    return bytes;
  }

  /// As if it had been read from a file.
  Crl make(const Issued& issuer) const { return Crl::from_der(der(issuer)).value(); }
};

inline std::string crl_pem(const Bytes& der) {
  const BioPtr bio{BIO_new(BIO_s_mem())};
  PEM_write_bio(bio.get(), PEM_STRING_X509_CRL, "", der.data(), static_cast<long>(der.size()));
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

}  // namespace firstring::crypto::testing
