#include "options/kinds.hpp"

#include <gtest/gtest.h>

namespace firstring::options {
namespace {

TEST(Size, ReadsWhatItWrites) {
  for (const std::size_t bytes : {0UL, 1UL, 1023UL, 1024UL, 1025UL, 8192UL, 3UL << 20, 5UL << 30}) {
    const auto read = parse_size(format_size(bytes));
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, bytes);
  }
}

TEST(Size, RefusesWhatIsNotOne) {
  for (const auto text : {"", "KiB", "-1", "1 KiB", "1kib", "1KB", "1.5KiB", "1KiBx", "18446744073709551616"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

}  // namespace
}  // namespace firstring::options
