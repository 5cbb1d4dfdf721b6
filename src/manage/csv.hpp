#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace firstring::manage {

/// One record of a CSV text.
struct CsvRecord {
  std::size_t line = 1;  ///< 1-based, where the record begins: a quoted field may hold line ends
  std::vector<std::string> fields;
  std::string problem;  ///< "" or what is wrong with its quotes; the record then ends at the end of the line

  friend bool operator==(const CsvRecord&, const CsvRecord&) = default;
};

/// RFC 4180: fields between commas, quoted where they hold a comma, a quote (doubled) or a line end. Lines end in CRLF
/// or LF; empty lines are left out; a UTF-8 byte order mark is skipped.
std::vector<CsvRecord> parse_csv(std::string_view text);

/// A record with its line end (LF), quoted where it must be.
std::string csv_line(const std::vector<std::string>& fields);

/// For texts of strangers in a file that a spreadsheet may open: what it would take for a formula, and is no number,
/// gets a leading apostrophe (https://owasp.org/www-community/attacks/CSV_Injection).
std::string guarded(std::string text);

}  // namespace firstring::manage
