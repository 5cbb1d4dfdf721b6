#include "ledger/cut.hpp"

#include <fmt/format.h>

#include "crypto/certificate.hpp"

namespace firstring::ledger {
namespace {

const CutLimits& limits_of(store::Standing standing) {
  return standing == store::Standing::known ? kPhoneLimits : kStrangerLimits;
}

/// Memory is what is counted, so it is given back.
template <class Text>
void shorten(Text& text, std::size_t length) {
  text.resize(length);
  text.shrink_to_fit();
}

void cut_text(std::string& text, std::size_t limit) {
  constexpr std::string_view kMark = "...";
  if (text.size() <= limit) return;
  shorten(text, limit);
  text.replace(limit - kMark.size(), kMark.size(), kMark);
}

/// `length` and `sha256` are those of the whole.
template <class Text>
void cut_with_digest(Text& text, std::size_t limit, std::uint32_t& length, std::string& sha256) {
  if (text.size() <= limit) return;
  length = static_cast<std::uint32_t>(text.size());
  if constexpr (std::is_same_v<Text, std::string>) {
    sha256 = to_hex(crypto::sha256(as_bytes(text)));
  } else {
    sha256 = to_hex(crypto::sha256(text));
  }
  shorten(text, limit);
}

}  // namespace

void cut(store::ConnectionRow& row) {
  const auto& limits = limits_of(row.standing);
  cut_with_digest(row.hello, limits.hello, row.hello_length, row.hello_sha256);
  for (auto* text : {&row.server_name, &row.detail, &row.certificate_subject, &row.certificate_issuer, &row.firmware,
                     &row.personality_reason})
    cut_text(*text, limits.text);
  if (row.certificate_der.size() > limits.certificate) shorten(row.certificate_der, 0);
  if (row.verdict_errors.size() > limits.errors) {
    row.verdict_errors.resize(limits.errors - 1);
    row.verdict_errors.emplace_back("...");
    row.verdict_errors.shrink_to_fit();
  }
  for (auto& error : row.verdict_errors) cut_text(error, limits.text);
}

std::string cut_hello_text(const store::ConnectionRow& row) {
  return fmt::format("of its {} bytes the ledger keeps the first {}, and the SHA-256 {}", row.hello_length,
                     row.hello.size(), row.hello_sha256);
}

void cut(store::RequestRow& row) {
  const auto& limits = limits_of(row.standing);
  cut_with_digest(row.target, limits.target, row.target_length, row.target_sha256);
  cut_text(row.user_agent, limits.text);
  constexpr std::size_t kMethod = 32;
  cut_text(row.method, kMethod);
}

}  // namespace firstring::ledger
