// Subjects as a stranger's certificate may hold them. Whatever is read as one device's must be spelled out whole in it.

#include <cstdlib>

#include "base/text.hpp"
#include "crypto/certificate.hpp"
#include "device/identity.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

bool names(const firstring::crypto::DistinguishedName& subject, const std::string& mac) {
  for (const auto& [type, value, rdn, well_formed] : subject) {
    if (type == "ST" && value == mac) return true;
    if (type == "CN" && (value.find("MAC: " + mac) != std::string::npos || value.ends_with("-SEP" + mac))) return true;
  }
  return false;
}

/// Whether some value holds the address, in whatever notation.
bool spells(const firstring::crypto::DistinguishedName& subject, const firstring::MacAddress& mac) {
  for (const auto& attribute : subject) {
    auto bare = firstring::to_lower(attribute.value);
    std::erase_if(bare, [](char c) { return c == ':' || c == '-'; });
    if (bare.find(mac.bare()) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace firstring;
  auto subject = crypto::name_from_der({data, size});
  if (!subject) return 0;
  const auto identity = device::identify(*subject, {});
  using Kind = device::CertificateIdentity::Kind;
  require((identity.kind == Kind::unusable) == !identity.problem.empty());
  require((identity.kind == Kind::device) == identity.mac.has_value());
  for (const char c : identity.problem) require(c >= ' ' && c < 0x7f);

  const auto other = device::identify(*subject, {{"CN", "Yealink Equipment Issuing CA", 0, true}});
  require((other.kind == Kind::device) == other.mac.has_value());
  require(!other.mac || spells(*subject, *other.mac));
  if (!identity.mac) return 0;
  for (auto& attribute : *subject) {
    // Digits may stand in either case, and in both at once.
    for (auto& c : attribute.value) {
      if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
    }
  }
  require(names(*subject, identity.mac->bare_upper()));
  return 0;
}
