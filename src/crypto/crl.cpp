#include "crypto/crl.hpp"

#include <fmt/format.h>
#include <openssl/pem.h>

#include <climits>

#include "base/file.hpp"
#include "crypto/asn1.hpp"

namespace firstring::crypto {
namespace {

constexpr std::string_view kDoing = "read CRL";

/// "" or the first critical extension: none of those that may be critical means something that we act by.
std::string critical_extension(const X509_CRL* crl) {
  for (int i = 0; i < X509_CRL_get_ext_count(crl); ++i) {
    auto* extension = X509_CRL_get_ext(crl, i);
    if (X509_EXTENSION_get_critical(extension) == 0) continue;
    const auto* object = X509_EXTENSION_get_object(extension);
    const int nid = OBJ_obj2nid(object);
    return nid == NID_undef ? "of an unknown kind" : OBJ_nid2ln(nid);
  }
  return {};
}

}  // namespace

Result<Crl> Crl::from_der(ByteView der) {
  if (der.size() > LONG_MAX) return fail(Errc::limit_exceeded, "read CRL: too large");
  X509_CRL* parsed = X509_CRL_new_ex(library(), nullptr);
  if (parsed == nullptr) return openssl_failure(kDoing);
  const unsigned char* position = der.data();
  const bool read = d2i_X509_CRL(&parsed, &position, static_cast<long>(der.size())) != nullptr;
  X509CrlPtr owned{parsed};  // null where d2i has freed it
  if (!read) return fail(Errc::invalid_input, fmt::format("{}: {}", kDoing, drain_errors()));
  if (position != der.data() + der.size()) {
    return fail(Errc::invalid_input,
                fmt::format("{}: {} bytes follow its end", kDoing, der.data() + der.size() - position));
  }
  if (const auto extension = critical_extension(owned.get()); !extension.empty()) {
    return fail(Errc::invalid_input,
                fmt::format("{}: it has a critical extension ({}): only complete lists of one CA are understood",
                            kDoing, extension));
  }
  Crl crl;
  FIRSTRING_TRY(crl.this_update_, to_timestamp(X509_CRL_get0_lastUpdate(owned.get())));
  if (const auto* next = X509_CRL_get0_nextUpdate(owned.get()); next != nullptr) {
    FIRSTRING_TRY(crl.next_update_, to_timestamp(next));
  }
  // OpenSSL sorts the list at the first look-up, behind a lock: here, so that no handshake waits for it.
  if (auto* revoked = X509_CRL_get_REVOKED(owned.get()); revoked != nullptr) sk_X509_REVOKED_sort(revoked);
  crl.crl_ = std::move(owned);
  return crl;
}

Result<std::vector<Crl>> Crl::from_file(const std::filesystem::path& path) {
  FIRSTRING_TRY(const auto text, read_file(path, kMaxFile));
  const auto here = [&](Error error) { return fail(std::move(error).while_(path.string())); };
  std::vector<Crl> crls;
  if (text.find("-----BEGIN ") == std::string::npos) {
    auto crl = from_der({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    if (!crl) return here(crl.error());
    crls.push_back(*std::move(crl));
    return crls;
  }
  auto blocks = read_pem(text, {PEM_STRING_X509_CRL});
  if (!blocks) return here(blocks.error());
  for (const auto& der : *blocks) {
    auto crl = from_der(der);
    if (!crl) return here(crl.error());
    crls.push_back(*std::move(crl));
  }
  if (crls.empty()) {
    return here({Errc::invalid_input,
                 "read PEM: there is no CRL in it; it must hold a block that begins with -----BEGIN "
                 "X509 CRL-----"});
  }
  return crls;
}

bool Crl::bind(const Certificate& authority) {
  auto* key = X509_get0_pubkey(authority.native());
  const bool signed_by_it =
      key != nullptr &&
      X509_NAME_cmp(X509_CRL_get_issuer(crl_.get()), X509_get_subject_name(authority.native())) == 0 &&
      X509_CRL_verify(crl_.get(), key) == 1;
  drain_errors();
  if (signed_by_it) authority_ = authority;
  return signed_by_it;
}

bool Crl::is_of(X509* issuer) const {
  if (!authority_) return false;
  const auto* key = X509_get0_pubkey(issuer);
  return key != nullptr &&
         X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_subject_name(authority_->native())) == 0 &&
         EVP_PKEY_eq(key, X509_get0_pubkey(authority_->native())) == 1;
}

std::optional<Timestamp> Crl::revoked_at(X509* certificate) const {
  X509_REVOKED* entry = nullptr;
  if (X509_CRL_get0_by_cert(crl_.get(), &entry, certificate) != 1) return std::nullopt;
  // An entry whose date cannot be read is revoked all the same.
  return to_timestamp(X509_REVOKED_get0_revocationDate(entry)).value_or(this_update_);
}

std::string Crl::issuer_text() const { return to_string(to_name(X509_CRL_get_issuer(crl_.get()))); }

std::size_t Crl::size() const {
  const auto* revoked = X509_CRL_get_REVOKED(crl_.get());
  return revoked == nullptr ? 0 : static_cast<std::size_t>(sk_X509_REVOKED_num(revoked));
}

}  // namespace firstring::crypto
