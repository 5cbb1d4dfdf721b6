#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/embedded.hpp"
#include "options/option.hpp"

// Data that was built into the program.
namespace firstring::options {

/// "x.toml:8:1: error: unknown key ..."
inline auto fault_at(const std::string& file, Position position, std::string what) {
  return fail(Errc::invalid_input, Diagnostic{Severity::error, file, position, std::move(what), {}}.to_string());
}

/// Calls read(findings); fails with the first thing in the file that it finds wrong.
template <class Read>
Result<void> read_all(const std::string& file, Read&& read) {
  std::vector<Diagnostic> found;
  Findings findings{file, found};
  read(findings);
  if (found.empty()) return {};
  findings.sort();
  return fail(Errc::invalid_input, found.front().to_string());
}

/// One file by its table.
template <class S>
Result<S> read_whole_file(const SectionTable<S>& table, const std::string& file, std::string_view text) {
  S target{};
  FIRSTRING_CHECK(read_all(file, [&](Findings& findings) {
    if (const auto document = Document::parse(text, findings)) read_keys(table, document->root(), target, findings);
  }));
  return target;
}

/// What `read` makes of embedded files, each (name, content); a fault in them is a bug and ends the program.
template <class Read>
auto read_shipped(std::span<const base::EmbeddedFile> files, Read&& read) {
  std::vector<std::pair<std::string, std::string>> texts;
  for (const auto& file : files) texts.emplace_back(file.name, file.content);
  auto result = read(std::span<const std::pair<std::string, std::string>>{texts});
  if (!result) {
    fmt::print(stderr, "firstring: bug in the data that it was built with: {}\n", result.error().what);
    std::abort();
  }
  return *std::move(result);
}

}  // namespace firstring::options
