#include "options/node.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

#include "base/text.hpp"
#include "options/kinds.hpp"

namespace firstring::options {
namespace {

// Each dot of a key (a.b.c) is a table within a table. toml++ 3.3 bounds how deep values nest (256), but not this, and
// descends by recursion: 25,000 levels fit into a stack of 8 MiB, 50,000 do not. With this many dots a line there are
// at most 12,900.
constexpr std::ptrdiff_t kMaxDotsInLine = 50;

const ::toml::node& native(const void* node) { return *static_cast<const ::toml::node*>(node); }

Position position_from(const ::toml::source_position& at) {
  return {static_cast<unsigned>(at.line), static_cast<unsigned>(at.column)};
}

Position position_at(std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, offset);
  const auto newline = before.rfind('\n');
  return {static_cast<unsigned>(1 + std::count(before.begin(), before.end(), '\n')),
          static_cast<unsigned>(1 + offset - (newline == std::string_view::npos ? 0 : newline + 1))};
}

/// What must be so before the parser may see the text.
bool check_bytes(std::string_view text, Findings& findings) {
  if (text.size() > Document::kMaxBytes) {
    findings.error(
        {}, fmt::format("the file is {} bytes long, more than {}", text.size(), format_size(Document::kMaxBytes)),
        "is it the right file? a configuration takes a few KiB");
    return false;
  }
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    findings.error(position_at(text, nul), "the file holds a NUL byte",
                   "it is damaged or not UTF-8 text: save it as UTF-8, or restore it from a backup");
    return false;
  }
  std::size_t begin = 0;
  for (const auto line : split(text, '\n')) {
    if (!trim(line).starts_with('#') && std::count(line.begin(), line.end(), '.') > kMaxDotsInLine) {
      findings.error(position_at(text, begin), fmt::format("the line has more than {} dots", kMaxDotsInLine),
                     "break it: a list may run over several lines");
      return false;
    }
    begin += line.size() + 1;
  }
  return true;
}

}  // namespace

bool Node::is_table() const { return native(node_).is_table(); }
bool Node::is_list() const { return native(node_).is_array(); }
bool Node::is_list_of_tables() const { return native(node_).is_array_of_tables(); }

std::string_view Node::type() const {
  using enum ::toml::node_type;
  switch (native(node_).type()) {
    case table:
      return "a section";
    case array:
      return "a list";
    case string:
      return "text";
    case integer:
      return "a whole number";
    case floating_point:
      return "a number with a fraction";
    case boolean:
      return "true or false";
    case none:
      return "nothing";
    default:
      return "a date or time";
  }
}

Position Node::position() const { return position_from(native(node_).source().begin); }

std::optional<std::string> Node::text() const { return native(node_).value_exact<std::string>(); }
std::optional<std::int64_t> Node::number() const { return native(node_).value_exact<std::int64_t>(); }
std::optional<bool> Node::flag() const { return native(node_).value_exact<bool>(); }

std::optional<std::string> Node::date() const {
  const auto day = native(node_).value_exact<::toml::date>();
  if (!day) return std::nullopt;
  return fmt::format("{:04}-{:02}-{:02}", day->year, day->month, day->day);
}

std::vector<Node> Node::items() const {
  std::vector<Node> items;
  if (const auto* const list = native(node_).as_array()) {
    for (const auto& item : *list) items.push_back(Node{&item});
  }
  return items;
}

std::vector<Entry> Node::entries() const {
  std::vector<Entry> entries;
  if (const auto* const table = native(node_).as_table()) {
    for (const auto& [key, value] : *table)
      entries.push_back({key.str(), position_from(key.source().begin), Node{&value}});
  }
  return entries;
}

std::optional<Entry> Node::find(std::string_view key) const {
  const auto* const table = native(node_).as_table();
  if (table == nullptr) return std::nullopt;
  const auto found = table->find(key);
  if (found == table->end()) return std::nullopt;
  return Entry{found->first.str(), position_from(found->first.source().begin), Node{&found->second}};
}

std::optional<Document> Document::parse(std::string_view text, Findings& findings) {
  if (!check_bytes(text, findings)) return std::nullopt;
  try {
    const auto root = std::make_shared<const ::toml::table>(::toml::parse(text));
    return Document{std::shared_ptr<const void>{root, static_cast<const ::toml::node*>(root.get())}};
  } catch (const ::toml::parse_error& fault) {
    std::string what{fault.description()};
    what.replace(0, 1, to_lower(what.substr(0, 1)));
    findings.error(
        position_from(fault.source().begin), std::move(what),
        "texts stand in double quotes, lists in [ ], and no key twice; the rules of TOML are at https://toml.io");
    return std::nullopt;
  }
}

}  // namespace firstring::options
