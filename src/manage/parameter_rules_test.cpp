#include "manage/parameter_rules.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "render/profile.hpp"

namespace firstring::manage {
namespace {

class SecretName : public testing::TestWithParam<std::string_view> {};
TEST_P(SecretName, IsKnownAsOne) { EXPECT_TRUE(is_secret_by_nature(GetParam())); }
INSTANTIATE_TEST_SUITE_P(Names, SecretName,
                         testing::Values("Password_1_", "Admin_Passwd", "User_Password", "GPP_SA", "GPP_SD",
                                         "XML_Password", "SRTP_Private_Key_1_", "IKM_HTTP_Encrypt_Content",
                                         "Web_Login_Admin_Password"));

TEST(SecretName, IsNotEveryName) {
  for (const auto* name : {"GPP_A", "Proxy_1_", "User_ID_1_", "Enable_Web_Server"})
    EXPECT_FALSE(is_secret_by_nature(name)) << name;
}

using render::check_value;

TEST(Value, MayHoldAnyTextAndKnownVariables) {
  for (const auto* value :
       {"", "a\tb\r\nc", "<&\"'>", "M\xc3\xbcller \xf0\x9f\x93\x9e", "https://{{host}}/{{mac}}.xml"}) {
    const auto checked = check_value(value);
    EXPECT_TRUE(checked) << value << ": " << checked.error().what;
  }
}

class BadValue : public testing::TestWithParam<std::string> {};
TEST_P(BadValue, IsRefused) { EXPECT_FALSE(check_value(GetParam())); }
INSTANTIATE_TEST_SUITE_P(Forms, BadValue,
                         testing::Values("bell\a", std::string{"a\0b", 3}, "\xff", "\xc0\xaf", "\xed\xa0\x80",
                                         "\xef\xbf\xbe", "{{nobody}}", "{{mac"));

TEST(Secret, IsNotShownWhenItIsRefused) {
  for (const auto* value : {"geheim{{x}}", "geheim{{"}) {
    const auto checked = check_secret(value);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().what.find("geheim"), std::string::npos);
    EXPECT_EQ(checked.error().what.find("{{x"), std::string::npos);
  }
}

RC_GTEST_PROP(EscapeBraces, MakesEveryTextMeanItself, ()) {
  const auto pieces =
      *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>("{", "}", "a", "{{", "{{mac}}"));
  std::string text;
  for (const auto& piece : pieces) text += piece;
  const auto expanded = render::expand(escape_braces(text), {});
  RC_ASSERT(expanded.has_value());
  RC_ASSERT(*expanded == text);
}

}  // namespace
}  // namespace firstring::manage
