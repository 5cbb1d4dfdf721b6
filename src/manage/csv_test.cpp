#include "manage/csv.hpp"

#include <gtest/gtest.h>

namespace firstring::manage {
namespace {

std::vector<std::vector<std::string>> fields_of(std::string_view text) {
  std::vector<std::vector<std::string>> all;
  for (const auto& record : parse_csv(text)) {
    EXPECT_EQ(record.problem, "");
    all.push_back(record.fields);
  }
  return all;
}

using Fields = std::vector<std::vector<std::string>>;

TEST(Csv, ReadsPlainFields) { EXPECT_EQ(fields_of("a,b\n1,2\n"), (Fields{{"a", "b"}, {"1", "2"}})); }

TEST(Csv, NeedsNoLineEndAtTheEnd) { EXPECT_EQ(fields_of("a,b"), (Fields{{"a", "b"}})); }

TEST(Csv, ReadsLinesThatEndInCrLf) { EXPECT_EQ(fields_of("a,b\r\n\"1\",2\r\n"), (Fields{{"a", "b"}, {"1", "2"}})); }

TEST(Csv, SkipsAByteOrderMark) { EXPECT_EQ(fields_of("\xef\xbb\xbf\"mac\",x\n"), (Fields{{"mac", "x"}})); }

TEST(Csv, LeavesOutEmptyLines) { EXPECT_EQ(fields_of("a\n\n\r\nb\n"), (Fields{{"a"}, {"b"}})); }

TEST(Csv, KeepsEmptyFields) { EXPECT_EQ(fields_of("a,,\n,\n"), (Fields{{"a", "", ""}, {"", ""}})); }

TEST(Csv, ReadsQuotedCommasQuotesAndLineEnds) {
  EXPECT_EQ(fields_of("\"a,b\",\"say \"\"hi\"\"\",\"x\r\ny\"\n"), (Fields{{"a,b", "say \"hi\"", "x\r\ny"}}));
}

TEST(Csv, CountsTheLinesWithinAQuotedField) {
  const auto records = parse_csv("\"x\ny\"\nb\n");
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[1].line, 3U);
}

TEST(Csv, ReportsTextBehindAQuoteAndGoesOnWithTheNextLine) {
  const auto records = parse_csv("\"a\"b,c\nd\n");
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].problem, "text behind a closing quote");
  EXPECT_EQ(records[1].fields, std::vector<std::string>{"d"});
  EXPECT_EQ(records[1].line, 2U);
}

TEST(Csv, LosesOneLineOnlyToAQuoteThatIsNotClosed) {
  const auto records = parse_csv("a\n\"b\nc\nd\n");
  ASSERT_EQ(records.size(), 4U);
  EXPECT_EQ(records[1].problem, "a quote is not closed");
  EXPECT_EQ(records[2].fields, std::vector<std::string>{"c"});
  EXPECT_EQ(records[2].line, 3U);
}

TEST(Csv, ReadsWhatItWrites) {
  const std::vector<std::string> fields{"plain", "", "a,b", "\"quoted\"", "two\r\nlines", " space "};
  EXPECT_EQ(fields_of(csv_line(fields)), Fields{fields});
}

TEST(Csv, WritesNoQuotesThatAreNotNeeded) { EXPECT_EQ(csv_line({"a", "b c", ""}), "a,b c,\n"); }

TEST(Csv, GuardsWhatASpreadsheetWouldTakeForAFormula) {
  for (const auto* text : {"=1+1", "+1+1", "-1+cmd", "@x", "\tx", "\rx", "-", "+", "-.", "-1.", "--1"})
    EXPECT_EQ(guarded(text), std::string{"'"} + text);
  for (const auto* text : {"a=1", "-1", "+1", "-12.5", "0"}) EXPECT_EQ(guarded(text), text);
  EXPECT_EQ(guarded(""), "");
}

}  // namespace
}  // namespace firstring::manage
