#include "config/config.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace firstring::config {

Position Section::position_of(std::string_view key) const {
  if (const auto found = positions.find(key); found != positions.end()) return found->second;
  const auto section = positions.find("");
  return section == positions.end() ? Position{} : section->second;
}

std::string Diagnostic::to_string() const {
  auto text = file.string();
  if (position.line > 0) text += fmt::format(":{}:{}", position.line, position.column);
  text += severity == Severity::error ? ": error: " : ": warning: ";
  text += what;
  if (!remedy.empty()) text += "; " + remedy;
  return text;
}

bool Loaded::ok() const {
  return std::none_of(diagnostics.begin(), diagnostics.end(),
                      [](const Diagnostic& diagnostic) { return diagnostic.severity == Severity::error; });
}

Timestamp DeviceCa::expired_accepted_before() const {
  if (accept_expired) return Timestamp::max();
  return accept_expired_until ? Timestamp{*accept_expired_until + std::chrono::days{1}} : Timestamp::min();
}

}  // namespace firstring::config
