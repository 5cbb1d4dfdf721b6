#pragma once

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "base/result.hpp"

namespace firstring::crypto {

/// Ownership of OpenSSL's objects: one deleter template, so that a pointer stays one word.
template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const noexcept {
    Free(pointer);
  }
};

using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using BignumPtr = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using BignumContextPtr = std::unique_ptr<BN_CTX, Deleter<BN_CTX_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using PkeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using DigestPtr = std::unique_ptr<EVP_MD, Deleter<EVP_MD_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Deleter<SSL_free>>;
using X509Ptr = std::unique_ptr<X509, Deleter<X509_free>>;
using X509NamePtr = std::unique_ptr<X509_NAME, Deleter<X509_NAME_free>>;
using X509CrlPtr = std::unique_ptr<X509_CRL, Deleter<X509_CRL_free>>;
using X509StorePtr = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using X509StoreContextPtr = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;

/// The library context of this program: the default provider and nothing from any openssl.cnf or OPENSSL_CONF, since
/// Debian's sets a security level and a protocol floor that would shut old phones out. Made at the first call, which
/// must come before any other use of OpenSSL (each program's main makes it); never freed.
OSSL_LIB_CTX* library();

/// Empties this thread's error queue into one text, the first and most telling error first; "" if there was none.
std::string drain_errors();

/// fail(Errc::crypto, "doing: " + drain_errors()).
tl::unexpected<Error> openssl_failure(std::string_view doing);

}  // namespace firstring::crypto
