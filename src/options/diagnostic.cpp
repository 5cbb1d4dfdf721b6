#include "options/diagnostic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace firstring::options {

std::string Diagnostic::to_string() const {
  auto text = file.string();
  if (position.line > 0) text += fmt::format(":{}:{}", position.line, position.column);
  text += severity == Severity::error ? ": error: " : ": warning: ";
  text += what;
  if (!remedy.empty()) text += "; " + remedy;
  return text;
}

Position Section::position_of(std::string_view key) const {
  if (const auto found = positions.find(key); found != positions.end()) return found->second;
  const auto section = positions.find("");
  return section == positions.end() ? Position{} : section->second;
}

void Findings::error(Position position, std::string what, std::string remedy) {
  found_.push_back({Severity::error, file_, position, std::move(what), std::move(remedy)});
}

void Findings::warning(Position position, std::string what, std::string remedy) {
  found_.push_back({Severity::warning, file_, position, std::move(what), std::move(remedy)});
}

void Findings::sort() {
  const auto order = [](const Diagnostic& found) {
    return std::tuple<unsigned, unsigned, std::string_view>{found.position.line, found.position.column, found.what};
  };
  std::sort(found_.begin(), found_.end(),
            [&](const Diagnostic& a, const Diagnostic& b) { return order(a) < order(b); });
}

}  // namespace firstring::options
