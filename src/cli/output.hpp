#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "cli/command.hpp"
#include "manage/json.hpp"

namespace firstring::cli {

/// Seconds are enough for people: 2026-11-23T21:43:51Z.
inline std::string in_whole_seconds(Timestamp time) { return to_iso8601(time).substr(0, 19) + "Z"; }

/// One object a line with --json, else a table; a table without rows is `if_empty` where that is given.
template <class Rows, class ToJson, class ToCells>
void print_list(const Context& context, const Rows& rows, ToJson to_json, std::vector<std::string> headings,
                ToCells to_cells, std::string_view if_empty = {}) {
  auto& terminal = context.terminal();
  Table table{std::move(headings)};
  for (const auto& row : rows) {
    if (context.json()) {
      terminal.print(to_json(row).line());
    } else {
      table.add(to_cells(row));
    }
  }
  if (context.json()) return;
  if (table.empty() && !if_empty.empty()) {
    terminal.print(if_empty);
  } else {
    table.print(terminal);
  }
}

/// The same for rows that manage::to_json knows.
inline constexpr auto kToJson = [](const auto& row) { return manage::to_json(row); };

}  // namespace firstring::cli
