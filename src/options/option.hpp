#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "options/kinds.hpp"

// The tables that everything about a TOML file is derived from: reading it, its faults, its reference and its example.
namespace firstring::options {

enum class Presence : unsigned char { optional, required };

template <class K>
std::optional<Refusal> read_value(const K& kind, const Node& node, typename K::Value& value, Findings& findings) {
  if constexpr (requires { read(kind, node, value, findings); }) {
    return read(kind, node, value, findings);
  } else {
    return read(kind, node, value);
  }
}

/// One key of section S: a row of its table. A default is not here: it is the member's initializer.
template <class S>
struct Option {
  /// `kind` says what the key holds and within which bounds: one of kinds.hpp, or any other type with a Value, and with
  /// describe, read and to_toml beside it. A kind that holds sections of its own reports their faults itself: its
  /// `read` takes a Findings as well.
  template <class K>
  Option(std::string_view key, K kind, typename K::Value S::* member, Presence must_be_there, std::string_view line,
         std::string_view longer = {})
      : name(key),
        presence(must_be_there),
        help(line),
        more(longer),
        takes([kind] { return describe(kind); }),
        fill([kind, member](const Node& node, S& section, Findings& findings) {
          return read_value(kind, node, section.*member, findings);
        }),
        text_of([kind, member](const S& section) { return to_toml(kind, section.*member); }) {}

  std::string_view name;
  Presence presence;
  std::string_view help;               ///< one line, a sentence
  std::string_view more;               ///< what an administrator may need besides; sentences, or empty
  std::function<std::string()> takes;  ///< describe(kind)
  std::function<std::optional<Refusal>(const Node&, S&, Findings&)> fill;
  std::function<std::string(const S&)> text_of;  ///< to_toml(kind, value)
};

/// How often a section stands in the file: [server] once, [[listener]] any number of times. `whole_file`: the keys
/// stand in the file without a head.
enum class Times : unsigned char { once, many, whole_file };

template <class S>
struct SectionTable {
  std::string_view name;
  Times times;
  std::string_view purpose;  ///< sentences: what the section is for
  S sample;                  ///< defaults, and for required keys something to show
  std::vector<Option<S>> options;
  std::string_view when_absent{};  ///< what holds for an optional key that is not there, where it is no default
};

/// "[server]", "[[listener]]"; of a whole file its name: "a personality".
template <class S>
std::string head(const SectionTable<S>& table) {
  switch (table.times) {
    case Times::once:
      return fmt::format("[{}]", table.name);
    case Times::many:
      return fmt::format("[[{}]]", table.name);
    case Times::whole_file:
      break;
  }
  return std::string{table.name};
}

template <class S>
std::string describe(const Option<S>& option) {
  return option.takes();
}

template <class S>
std::string to_toml(const Option<S>& option, const S& section) {
  return option.text_of(section);
}

template <class S>
bool is_default(const Option<S>& option, const S& section) {
  static const S defaults{};
  return to_toml(option, section) == to_toml(option, defaults);
}

template <class S>
void read_option(const SectionTable<S>& table, const Option<S>& option, const Entry& entry, S& target,
                 Findings& findings) {
  auto refusal = option.fill(entry.value, target, findings);
  if (!refusal) return;
  if (refusal->remedy.empty()) {
    refusal->remedy =
        fmt::format("write {}, as in {} = {}", describe(option), option.name, to_toml(option, table.sample));
  }
  findings.error(entry.position, fmt::format("'{}' {}", option.name, refusal->what), std::move(refusal->remedy));
}

/// Reads the keys of a table into `target`. A value with a fault keeps what it was, and the rest is still read.
template <class S>
void read_keys(const SectionTable<S>& table, const Node& content, S& target, Findings& findings) {
  const auto remember = [&](std::string_view key, Position at) {
    if constexpr (std::derived_from<S, Section>) target.positions[std::string{key}] = at;
  };
  remember("", content.position());
  std::vector<std::string> names;
  for (const auto& option : table.options) {
    names.emplace_back(option.name);
    if (const auto entry = content.find(option.name)) {
      remember(option.name, entry->position);
      read_option(table, option, *entry, target, findings);
    } else if (option.presence == Presence::required) {
      findings.error(content.position(), fmt::format("{} has no '{}'", head(table), option.name),
                     fmt::format("add for example: {} = {}", option.name, to_toml(option, table.sample)));
    }
  }
  for (const auto& entry : content.entries()) {
    if (std::find(names.begin(), names.end(), entry.key) != names.end()) continue;
    const auto meant = closest(entry.key, names);
    findings.error(
        entry.position, fmt::format("unknown key '{}' in {}", printable(entry.key), head(table)),
        meant ? fmt::format("did you mean '{}'?", *meant) : fmt::format("its keys are {}", fmt::join(names, ", ")));
  }
}

/// Reads a section that may stand once.
template <class S>
void read_section(const SectionTable<S>& table, const Entry& entry, S& target, Findings& findings) {
  if (entry.value.is_table()) return read_keys(table, entry.value, target, findings);
  findings.error(entry.position,
                 fmt::format("'{}' is {}, not a section", table.name,
                             entry.value.is_list_of_tables() ? "a list of sections" : entry.value.type()),
                 fmt::format("it may stand once: write {}", head(table)));
}

/// Reads a section that may stand several times.
template <class S>
void read_section(const SectionTable<S>& table, const Entry& entry, std::vector<S>& target, Findings& findings) {
  const auto not_in_brackets = [&](const Node& found, Position at) {
    findings.error(at, fmt::format("'{}' is {}, not a list of sections", table.name, found.type()),
                   fmt::format("there may be several: write {} with two brackets", head(table)));
  };
  if (!entry.value.is_list()) {
    not_in_brackets(entry.value, entry.position);
    // Its keys are looked at all the same, so that one run finds everything; and what follows from a missing section
    // is not reported as well.
    if (entry.value.is_table()) read_keys(table, entry.value, target.emplace_back(), findings);
    return;
  }
  for (const auto& item : entry.value.items()) {
    if (item.is_table()) {
      read_keys(table, item, target.emplace_back(), findings);
    } else {
      not_in_brackets(item, item.position());
    }
  }
}

/// A kind of key: sections within a section, each with a table of its own.
template <class S>
struct Sections {
  using Value = std::vector<S>;
  const SectionTable<S>* table;
};

template <class S>
std::string describe(const Sections<S>& kind) {
  return fmt::format("any number of {}", head(*kind.table));
}

template <class S>
std::optional<Refusal> read(const Sections<S>& kind, const Node& node, std::vector<S>& value, Findings& findings) {
  read_section(*kind.table, Entry{kind.table->name, node.position(), node}, value, findings);
  return std::nullopt;
}

/// A kind of key: one table within a section. What it says comes over what is there already.
template <class S>
struct Inner {
  using Value = S;
  const SectionTable<S>* table;
};

template <class S>
std::string describe(const Inner<S>& kind) {
  return fmt::format("a table {}", head(*kind.table));
}

template <class S>
std::optional<Refusal> read(const Inner<S>& kind, const Node& node, S& value, Findings& findings) {
  read_section(*kind.table, Entry{kind.table->name, node.position(), node}, value, findings);
  return std::nullopt;
}

/// What differs from the defaults, as an inline table.
template <class S>
std::string inline_table(const SectionTable<S>& table, const S& section) {
  std::vector<std::string> keys;
  for (const auto& option : table.options) {
    if (!is_default(option, section)) keys.push_back(fmt::format("{} = {}", option.name, to_toml(option, section)));
  }
  return keys.empty() ? "{}" : fmt::format("{{ {} }}", fmt::join(keys, ", "));
}

template <class S>
std::string to_toml(const Inner<S>& kind, const S& value) {
  return inline_table(*kind.table, value);
}

template <class S>
std::string to_toml(const Sections<S>& kind, const std::vector<S>& value) {
  std::vector<std::string> tables;
  for (const auto& one : value) tables.push_back(inline_table(*kind.table, one));
  return fmt::format("[{}]", fmt::join(tables, ", "));
}

}  // namespace firstring::options
