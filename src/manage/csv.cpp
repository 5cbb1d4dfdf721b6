#include "manage/csv.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace firstring::manage {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ == text_.size(); }

  CsvRecord record() {
    CsvRecord record;
    record.line = line_;
    for (;;) {
      record.fields.push_back(!at_end() && text_[at_] == '"' ? quoted(record) : plain());
      if (!record.problem.empty()) return record;
      if (at_end() || text_[at_] != ',') break;
      ++at_;
    }
    skip_line_end();
    return record;
  }

 private:
  std::string plain() {
    const auto end = std::min(text_.find_first_of(",\n", at_), text_.size());
    auto field = text_.substr(at_, end - at_);
    at_ = end;
    if ((at_end() || text_[at_] == '\n') && field.ends_with('\r')) field.remove_suffix(1);
    return std::string{field};
  }

  std::string quoted(CsvRecord& record) {
    const auto begin = ++at_;
    const auto begin_line = line_;
    std::string field;
    for (; !at_end(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') ++line_;
      if (c != '"') {
        field += c;
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        field += '"';
        ++at_;
      } else {
        ++at_;
        const auto rest = text_.substr(at_, 2);
        if (!rest.empty() && rest[0] != ',' && rest[0] != '\n' && rest != "\r\n" && rest != "\r") {
          record.problem = "text behind a closing quote";
          skip_to_next_line();
        } else if (rest.starts_with('\r')) {
          ++at_;
        }
        return field;
      }
    }
    record.problem = "a quote is not closed";
    // One forgotten quote must not swallow the rest of the file.
    at_ = begin;
    line_ = begin_line;
    skip_to_next_line();
    return {};
  }

  void skip_to_next_line() {
    at_ = std::min(text_.find('\n', at_), text_.size());
    skip_line_end();
  }

  void skip_line_end() {
    if (at_end()) return;
    ++at_;
    ++line_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

}  // namespace

std::vector<CsvRecord> parse_csv(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::vector<CsvRecord> records;
  Reader reader{text};
  while (!reader.at_end()) {
    auto record = reader.record();
    const bool blank = record.problem.empty() && record.fields.size() == 1 && record.fields[0].empty();
    if (!blank) records.push_back(std::move(record));
  }
  return records;
}

std::string csv_line(const std::vector<std::string>& fields) {
  std::string line;
  for (const auto& field : fields) {
    if (&field != fields.data()) line += ',';
    if (field.find_first_of(",\"\r\n") == std::string::npos) {
      line += field;
      continue;
    }
    line += '"';
    for (const char c : field) line.append(c == '"' ? 2 : 1, c);
    line += '"';
  }
  return line + "\n";
}

namespace {

/// "-1", "+12.5": what a spreadsheet computes of it is what it says.
bool is_plain_number(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const auto point = text.find('.');
  const auto whole = text.substr(0, point);
  const auto part = point == std::string_view::npos ? std::string_view{"0"} : text.substr(point + 1);
  return !whole.empty() && !part.empty() && std::all_of(whole.begin(), whole.end(), is_digit) &&
         std::all_of(part.begin(), part.end(), is_digit);
}

}  // namespace

std::string guarded(std::string text) {
  if (is_plain_number(text)) return text;
  if (!text.empty() && std::string_view{"=+-@\t\r"}.find(text.front()) != std::string_view::npos)
    text.insert(0, 1, '\'');
  return text;
}

}  // namespace firstring::manage
