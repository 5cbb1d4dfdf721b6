// What weigh_certificates counts bounds what OpenSSL makes of the same octets: it must see each element that OpenSSL
// parses, for any octets.
#include "tls/certificate_weight.hpp"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstdlib>

#include "crypto/openssl.hpp"

namespace {

using namespace firstring;

/// Parts of names and extensions that OpenSSL has made objects of; each is more than one element.
std::size_t parts_of(const X509* certificate) {
  return static_cast<std::size_t>(X509_NAME_entry_count(X509_get_subject_name(certificate))) +
         static_cast<std::size_t>(X509_NAME_entry_count(X509_get_issuer_name(certificate))) +
         static_cast<std::size_t>(std::max(0, X509_get_ext_count(certificate)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  crypto::library();
  const ByteView bytes{data, size};
  for (const auto format : {tls::CertificateFormat::tls12, tls::CertificateFormat::tls13}) {
    const auto weight = tls::weigh_certificates(bytes, format);
    if (weight.elements > size || weight.certificates > size) std::abort();
  }
  // The same octets as the only certificate of a message.
  Bytes message{11, 0, 0, 0};
  const auto put = [&](std::size_t number) {
    for (const int shift : {16, 8, 0}) message.push_back(static_cast<std::uint8_t>(number >> shift));
  };
  put(size + 3);
  put(size);
  message.insert(message.end(), bytes.begin(), bytes.end());
  const auto weight = tls::weigh_certificates(message, tls::CertificateFormat::tls12);
  if (weight.certificates != 1) std::abort();
  const auto* at = data;
  const crypto::X509Ptr parsed{d2i_X509(nullptr, &at, static_cast<long>(size))};
  ERR_clear_error();
  if (parsed && weight.elements < 2 * parts_of(parsed.get())) std::abort();
  return 0;
}
