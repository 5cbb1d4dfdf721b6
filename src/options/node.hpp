#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "options/diagnostic.hpp"

namespace firstring::options {

struct Entry;

/// A value in a TOML document: valid as long as its Document is there.
class Node {
 public:
  bool is_table() const;
  bool is_list() const;
  bool is_list_of_tables() const;           ///< as [[section]] makes it; not an empty list
  std::string_view type() const;            ///< for people: "a whole number", "a list"
  Position position() const;                ///< of a value, not of its key
  std::optional<std::string> text() const;  ///< nothing if it is of another type; likewise below
  std::optional<std::int64_t> number() const;
  std::optional<bool> flag() const;
  std::optional<std::string> date() const;  ///< "2027-06-30"
  std::vector<Node> items() const;          ///< of a list, else none
  std::vector<Entry> entries() const;       ///< of a table by the order of its keys, else none
  std::optional<Entry> find(std::string_view key) const;

 private:
  friend class Document;
  explicit Node(const void* node) : node_(node) {}
  const void* node_;  ///< a toml::node
};

/// A key of a table, and what it holds.
struct Entry {
  std::string_view key;
  Position position;  ///< of the key
  Node value;
};

/// A text that has been read as TOML. Nothing else in the program knows the library that does it.
class Document {
 public:
  /// The longest text that is read, in bytes.
  static constexpr std::size_t kMaxBytes = 1U << 20;

  /// Nothing if the text is too long, holds a NUL, nests too deeply or is no TOML: `findings` says which and where.
  static std::optional<Document> parse(std::string_view text, Findings& findings);

  Node root() const { return Node{root_.get()}; }

 private:
  explicit Document(std::shared_ptr<const void> root) : root_(std::move(root)) {}
  std::shared_ptr<const void> root_;  ///< a toml::table, as a toml::node
};

}  // namespace firstring::options
