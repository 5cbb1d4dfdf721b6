#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip_address.hpp"
#include "base/result.hpp"
#include "options/node.hpp"

namespace firstring::options {

/// Why a value cannot be taken: `what` follows the key's name ("is text, not a whole number"), `remedy` stands by
/// itself.
struct Refusal {
  std::string what;
  std::string remedy{};  ///< empty: say what the key takes
};

// The kinds of key: what a key holds, and within which bounds. A default is not here: it is the member's initializer.

struct Whole {  ///< 4
  using Value = unsigned;
  unsigned min, max;
};
struct Size {  ///< "8KiB", or a whole number of bytes
  using Value = std::size_t;
  std::size_t min, max;
};
struct Duration {  ///< "20s"
  using Value = std::chrono::milliseconds;
  std::chrono::milliseconds min, max;
};
struct Flag {  ///< true
  using Value = bool;
};
struct DateOrNone {  ///< 2027-06-30, or the same in quotes; may be ""
  using Value = std::optional<std::chrono::sys_days>;
};
struct Text {  ///< any text without control characters
  using Value = std::string;
};
struct FilledText {  ///< the same, and not empty
  using Value = std::string;
};
struct Host {  ///< a host name or an IP address
  using Value = std::string;
};
struct Name {  ///< what other places refer to: letters, digits, '.', '_', '-'
  using Value = std::string;
};
struct OneOf {
  using Value = std::string;
  std::span<const std::string_view> choices;
};
/// A text of a few, each of which stands for a value.
template <class T>
struct Word {
  using Value = T;
  std::span<const std::pair<std::string_view, T>> words;
};
/// The same, where nothing has to be said.
template <class T>
struct OptionalWord {
  using Value = std::optional<T>;
  std::span<const std::pair<std::string_view, T>> words;
};
struct Names {  ///< ["a", "b"]: at least one
  using Value = std::vector<std::string>;
};
struct AnyOf {  ///< ["a", "b"]: may be empty
  using Value = std::vector<std::string>;
  std::span<const std::string_view> choices;
};
struct Texts {  ///< ["a", "b"]: may be empty
  using Value = std::vector<std::string>;
};
struct Networks {  ///< ["192.0.2.0/24"]: may be empty
  using Value = std::vector<Prefix>;
};
struct Addresses {  ///< ["0.0.0.0:443"]: may be empty
  using Value = std::vector<std::string>;
};
struct Numbers {  ///< [0x002f, 53], each of 16 bits: may be empty
  using Value = std::vector<std::uint16_t>;
};
struct File {
  using Value = std::filesystem::path;
};
struct FileOrNone {  ///< may be ""
  using Value = std::filesystem::path;
};
struct Address {
  using Value = Endpoint;
};

// What each kind can do. A module may have kinds of its own, with the same three functions beside them.

/// What a key takes, for people: "a duration from 100ms to 2m".
std::string describe(const Whole& kind);
std::string describe(const Size& kind);
std::string describe(const Duration& kind);
std::string describe(const Flag& kind);
std::string describe(const DateOrNone& kind);
std::string describe(const Text& kind);
std::string describe(const FilledText& kind);
std::string describe(const Host& kind);
std::string describe(const Name& kind);
std::string describe(const OneOf& kind);
std::string describe(const Names& kind);
std::string describe(const AnyOf& kind);
std::string describe(const Texts& kind);
std::string describe(const Networks& kind);
std::string describe(const Addresses& kind);
std::string describe(const Numbers& kind);
std::string describe(const File& kind);
std::string describe(const FileOrNone& kind);
std::string describe(const Address& kind);

/// Reads a value; leaves the old one where it cannot be taken, and says why.
std::optional<Refusal> read(const Whole& kind, const Node& node, Whole::Value& value);
std::optional<Refusal> read(const Size& kind, const Node& node, Size::Value& value);
std::optional<Refusal> read(const Duration& kind, const Node& node, Duration::Value& value);
std::optional<Refusal> read(const Flag& kind, const Node& node, Flag::Value& value);
std::optional<Refusal> read(const DateOrNone& kind, const Node& node, DateOrNone::Value& value);
std::optional<Refusal> read(const Text& kind, const Node& node, Text::Value& value);
std::optional<Refusal> read(const FilledText& kind, const Node& node, FilledText::Value& value);
std::optional<Refusal> read(const Host& kind, const Node& node, Host::Value& value);
std::optional<Refusal> read(const Name& kind, const Node& node, Name::Value& value);
std::optional<Refusal> read(const OneOf& kind, const Node& node, OneOf::Value& value);
std::optional<Refusal> read(const Names& kind, const Node& node, Names::Value& value);
std::optional<Refusal> read(const AnyOf& kind, const Node& node, AnyOf::Value& value);
std::optional<Refusal> read(const Texts& kind, const Node& node, Texts::Value& value);
std::optional<Refusal> read(const Networks& kind, const Node& node, Networks::Value& value);
std::optional<Refusal> read(const Addresses& kind, const Node& node, Addresses::Value& value);
std::optional<Refusal> read(const Numbers& kind, const Node& node, Numbers::Value& value);
std::optional<Refusal> read(const File& kind, const Node& node, File::Value& value);
std::optional<Refusal> read(const FileOrNone& kind, const Node& node, FileOrNone::Value& value);
std::optional<Refusal> read(const Address& kind, const Node& node, Address::Value& value);

/// A value as it is written in TOML. Sizes and durations in the shortest form that loses nothing.
std::string to_toml(const Whole& kind, const Whole::Value& value);
std::string to_toml(const Size& kind, const Size::Value& value);
std::string to_toml(const Duration& kind, const Duration::Value& value);
std::string to_toml(const Flag& kind, const Flag::Value& value);
std::string to_toml(const DateOrNone& kind, const DateOrNone::Value& value);
std::string to_toml(const Text& kind, const Text::Value& value);
std::string to_toml(const FilledText& kind, const FilledText::Value& value);
std::string to_toml(const Host& kind, const Host::Value& value);
std::string to_toml(const Name& kind, const Name::Value& value);
std::string to_toml(const OneOf& kind, const OneOf::Value& value);
std::string to_toml(const Names& kind, const Names::Value& value);
std::string to_toml(const AnyOf& kind, const AnyOf::Value& value);
std::string to_toml(const Texts& kind, const Texts::Value& value);
std::string to_toml(const Networks& kind, const Networks::Value& value);
std::string to_toml(const Addresses& kind, const Addresses::Value& value);
std::string to_toml(const Numbers& kind, const Numbers::Value& value);
std::string to_toml(const File& kind, const File::Value& value);
std::string to_toml(const FileOrNone& kind, const FileOrNone::Value& value);
std::string to_toml(const Address& kind, const Address::Value& value);

/// The text of a node, without control characters; for kinds that are texts of some form. `wanted`: "a host name".
std::optional<Refusal> read_text(const Node& node, std::string_view wanted, std::string& text);
/// The same, and not empty.
std::optional<Refusal> read_filled_text(const Node& node, std::string_view wanted, std::string& text);
/// A TOML basic string.
std::string in_quotes(std::string_view text);

template <class T>
std::vector<std::string_view> names_of(std::span<const std::pair<std::string_view, T>> words) {
  std::vector<std::string_view> names;
  for (const auto& word : words) names.push_back(word.first);
  return names;
}

/// The word that stands for a value; "" if none does.
template <class T>
std::string_view word_of(const Word<T>& kind, const T& value) {
  for (const auto& [name, meaning] : kind.words) {
    if (meaning == value) return name;
  }
  return "";
}

template <class T>
std::string describe(const Word<T>& kind) {
  const auto names = names_of(kind.words);
  return describe(OneOf{names});
}

template <class T>
std::optional<Refusal> read(const Word<T>& kind, const Node& node, T& value) {
  const auto names = names_of(kind.words);
  std::string text;
  if (auto refusal = read(OneOf{names}, node, text)) return refusal;
  for (const auto& [name, meaning] : kind.words) {
    if (name == text) value = meaning;
  }
  return std::nullopt;
}

template <class T>
std::string to_toml(const Word<T>& kind, const T& value) {
  return in_quotes(word_of(kind, value));
}

template <class T>
std::string describe(const OptionalWord<T>& kind) {
  return describe(Word<T>{kind.words});
}

template <class T>
std::optional<Refusal> read(const OptionalWord<T>& kind, const Node& node, std::optional<T>& value) {
  T word{};
  auto refusal = read(Word<T>{kind.words}, node, word);
  if (!refusal) value = word;
  return refusal;
}

template <class T>
std::string to_toml(const OptionalWord<T>& kind, const std::optional<T>& value) {
  return value ? to_toml(Word<T>{kind.words}, *value) : in_quotes("");
}

/// "8KiB", "1MiB", "900".
std::string format_size(std::size_t bytes);
/// Reads what format_size writes; fails on another unit and beyond the range of size_t.
Result<std::size_t> parse_size(std::string_view text);

}  // namespace firstring::options
