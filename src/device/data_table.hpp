#pragma once

// Reading the data that is built into the program: internal to this module, for only few files should know toml++.

#include <fmt/format.h>
#include <toml++/toml.h>

#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/embedded.hpp"
#include "base/result.hpp"

namespace firstring::device {

/// A table and the file that it stands in.
struct Place {
  std::string_view file;
  const toml::table* table = nullptr;

  tl::unexpected<Error> error(const toml::node& node, std::string_view text) const {
    return fail(Errc::invalid_input, fmt::format("{}:{}: {}", file, node.source().begin.line, text));
  }
};

inline Result<std::string> read_text(const Place& place, std::string_view key, const toml::node& node) {
  auto text = node.value<std::string>();
  if (!text || text->empty()) return place.error(node, fmt::format("{} is a text in quotes", key));
  return *std::move(text);
}

inline Result<std::vector<std::string>> read_list(const Place& place, std::string_view key, const toml::node& node) {
  const auto* array = node.as_array();
  if (array == nullptr) return place.error(node, fmt::format("{} is a list of texts", key));
  std::vector<std::string> list;
  for (const auto& element : *array) {
    FIRSTRING_TRY(auto text, read_text(place, key, element));
    list.push_back(std::move(text));
  }
  return list;
}

inline Result<toml::table> parse_data(const std::string& name, const std::string& text) {
  try {
    return toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    return fail(Errc::invalid_input, fmt::format("{}:{}: {}", name, error.source().begin.line, error.description()));
  }
}

/// What `read` makes of embedded files; a fault in them is a bug and ends the program.
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

}  // namespace firstring::device
