#include "hello/suites.hpp"

#include <gtest/gtest.h>

#include "hello/names.hpp"

namespace firstring::hello {
namespace {

TEST(SuiteName, IsOpenSslsForOldAndNew) {
  EXPECT_EQ(suite_name(0x0004), "RC4-MD5");
  EXPECT_EQ(suite_name(0x000a), "DES-CBC3-SHA");
  EXPECT_EQ(suite_name(0x0039), "DHE-RSA-AES256-SHA");
  EXPECT_EQ(suite_name(0xc014), "ECDHE-RSA-AES256-SHA");
  EXPECT_EQ(suite_name(0x1301), "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(suite_name(0x5600), "TLS_FALLBACK_SCSV");
}

TEST(SuiteNumber, IsTheOneThatHasTheName) {
  EXPECT_EQ(suite_number("DHE-RSA-DES-CBC3-SHA"), 0x0016);
  EXPECT_EQ(suite_number(suite_name(0xc014)), 0xc014);
  EXPECT_FALSE(suite_number("RC4"));
}

TEST(SuiteName, IsEmptyForWhatIsNone) {
  EXPECT_EQ(suite_name(0x0000), "");
  EXPECT_EQ(suite_name(0x0a0a), "");
  EXPECT_EQ(suite_name(0xffff), "");
}

TEST(GroupName, NamesWhatIsKnown) {
  EXPECT_EQ(group_name(23), "P-256");
  EXPECT_EQ(group_name(0x0a0a), "");
  EXPECT_EQ(signature_name(0x0201), "RSA+SHA1");
  EXPECT_EQ(signature_name(0), "");
}

}  // namespace
}  // namespace firstring::hello
