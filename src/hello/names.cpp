#include "hello/names.hpp"

#include <algorithm>
#include <array>

namespace firstring::hello {
namespace {

struct NamedNumber {
  std::uint16_t number;
  std::string_view name;
};

constexpr std::array kGroups{NamedNumber{23, "P-256"},      NamedNumber{24, "P-384"},     NamedNumber{25, "P-521"},
                             NamedNumber{29, "X25519"},     NamedNumber{30, "X448"},      NamedNumber{256, "ffdhe2048"},
                             NamedNumber{257, "ffdhe3072"}, NamedNumber{258, "ffdhe4096"}};
constexpr std::array kSignatures{
    NamedNumber{0x0101, "RSA+MD5"},        NamedNumber{0x0201, "RSA+SHA1"},       NamedNumber{0x0202, "DSA+SHA1"},
    NamedNumber{0x0203, "ECDSA+SHA1"},     NamedNumber{0x0301, "RSA+SHA224"},     NamedNumber{0x0303, "ECDSA+SHA224"},
    NamedNumber{0x0401, "RSA+SHA256"},     NamedNumber{0x0403, "ECDSA+SHA256"},   NamedNumber{0x0501, "RSA+SHA384"},
    NamedNumber{0x0503, "ECDSA+SHA384"},   NamedNumber{0x0601, "RSA+SHA512"},     NamedNumber{0x0603, "ECDSA+SHA512"},
    NamedNumber{0x0804, "RSA-PSS+SHA256"}, NamedNumber{0x0805, "RSA-PSS+SHA384"}, NamedNumber{0x0806, "RSA-PSS+SHA512"},
    NamedNumber{0x0807, "Ed25519"},        NamedNumber{0x0808, "Ed448"}};

template <std::size_t N>
std::string_view name_in(const std::array<NamedNumber, N>& table, std::uint16_t number) {
  const auto* found = std::ranges::find(table, number, &NamedNumber::number);
  return found != table.end() ? found->name : std::string_view{};
}

}  // namespace

std::string_view group_name(std::uint16_t number) { return name_in(kGroups, number); }
std::string_view signature_name(std::uint16_t number) { return name_in(kSignatures, number); }

}  // namespace firstring::hello
