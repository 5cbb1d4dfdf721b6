// Certificates and names as a stranger sends them: whatever is read can be asked everything, and comes back the same.

#include <openssl/err.h>

#include <cstdlib>

#include "crypto/certificate.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace firstring;
  const ByteView bytes{data, size};
  if (const auto name = crypto::name_from_der(bytes)) {
    const auto text = crypto::to_string(*name);
    for (const char c : text) require(c >= ' ' && c < 0x7f);
  }
  if (const auto certificate = crypto::Certificate::from_der(bytes)) {
    certificate->subject_text();
    certificate->issuer_text();
    certificate->key_type();
    certificate->key_bits();
    certificate->signature_hash();
    certificate->is_self_issued();
    certificate->not_before();
    certificate->not_after();
    const auto again = crypto::Certificate::from_der(certificate->to_der());
    require(again && again->fingerprint() == certificate->fingerprint());
  }
  require(ERR_peek_error() == 0);  // what stays in the queue would be taken for the next connection's
  return 0;
}
