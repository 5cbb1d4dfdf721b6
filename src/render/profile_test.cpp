#include "render/profile.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstdlib>
#include <filesystem>
#include <pugixml.hpp>
#include <sstream>

#include "base/file.hpp"
#include "base/temporary_folder.hpp"

namespace firstring::render {
namespace {

using device::Assurance;
using policy::Audience;
using store::Parameter;
using store::ParameterClass;
using store::Scope;
using store::UserAccess;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

const MacAddress kMac{{0x00, 0x0e, 0x08, 0xab, 0xcd, 0xef}};

const device::Model* model(std::string_view name = "SPA504G") { return device::Catalogue::shipped().find(name); }

/// A key of its own for this run.
const crypto::SecretBox& box() {
  static const crypto::SecretBox made = [] {
    const TemporaryFolder folder;
    return *crypto::SecretBox::create(folder.path() / "secrets.key");
  }();
  return made;
}

Parameter plain(std::string name, std::string value, ParameterClass parameter_class = ParameterClass::public_,
                std::optional<UserAccess> access = {}) {
  return {std::move(name), parameter_class, access, std::move(value), {}};
}

Parameter secret(const Scope& scope, std::string name, std::string value) {
  auto sealed = box().seal(Secret{std::move(value)}, store::seal_context(scope, name));
  return {std::move(name), ParameterClass::secret, {}, {}, std::move(sealed)};
}

store::Line line(unsigned number, std::string user, std::string password = {}) {
  store::Line made;
  made.number = number;
  made.user = std::move(user);
  made.proxy = "sip.example.com";
  if (!password.empty())
    made.sealed_password = box().seal(Secret{std::move(password)}, store::seal_context_line(kMac, number));
  return made;
}

/// Owns what Sources only looks at.
struct Fixture {
  std::vector<std::pair<Scope, std::vector<Parameter>>> layers;
  std::vector<store::Line> lines;
  Variables variables;
  std::string serial = "CCQ162306EA";

  Sources sources(std::optional<MacAddress> mac = kMac, const device::Model* of = model()) const {
    Sources made;
    made.model = of;
    made.mac = mac;
    made.serial = serial;
    for (const auto& [scope, parameters] : layers) made.layers.push_back({scope, parameters});
    made.lines = lines;
    made.variables = variables;
    return made;
  }

  Result<std::string> render(Assurance assurance = Assurance::certificate) const {
    return render::render(sources(), Audience::operator_preview(assurance), box());
  }
};

Fixture with_base(std::vector<Parameter> parameters) {
  return {.layers = {{Scope::base(), std::move(parameters)}}, .lines = {}, .variables = {}};
}

struct Element {
  std::string name, value, access;

  friend bool operator==(const Element&, const Element&) = default;
};

/// What a parser that is not ours makes of the document.
std::vector<Element> parse(const std::string& text) {
  pugi::xml_document document;
  const auto parsed = document.load_buffer(text.data(), text.size(), pugi::parse_default | pugi::parse_ws_pcdata_single,
                                           pugi::encoding_utf8);
  EXPECT_TRUE(parsed) << parsed.description() << "\n" << text;
  std::vector<Element> elements;
  EXPECT_STREQ(document.document_element().name(), "flat-profile");
  for (const auto& node : document.document_element().children()) {
    if (node.type() != pugi::node_element) continue;
    elements.push_back({node.name(), node.text().get(), node.attribute("ua").value()});
    EXPECT_EQ(node.select_nodes("*").size(), 0U);
  }
  return elements;
}

std::string value_of(const Result<std::string>& document, std::string_view name) {
  if (!document) return "error: " + document.error().what;
  for (const auto& element : parse(*document)) {
    if (element.name == name) return element.value;
  }
  return "not there";
}

// ---- layers
// -----------------------------------------------------------------------------------------------------------

TEST(Render, HoldsOnlyWhatIsSet) {
  EXPECT_EQ(Fixture{}.render().value(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<flat-profile>\n</flat-profile>\n");
}

TEST(Render, LetsTheLaterLayerWin) {
  const Fixture fixture{.layers = {{Scope::base(), {plain("A", "base"), plain("B", "base")}},
                                   {{Scope::Kind::model, "SPA504G"}, {plain("A", "model")}},
                                   {{Scope::Kind::group, "parent"}, {plain("A", "parent"), plain("C", "parent")}},
                                   {{Scope::Kind::group, "child"}, {plain("C", "child")}},
                                   {Scope::of_device(kMac), {plain("A", "device")}}},
                        .lines = {},
                        .variables = {}};
  EXPECT_THAT(parse(fixture.render().value()),
              ElementsAre(Element{"A", "device", ""}, Element{"B", "base", ""}, Element{"C", "child", ""}));
}

TEST(Render, WritesAccessWhereItIsSet) {
  const auto fixture = with_base({plain("A", "1", ParameterClass::public_, UserAccess::na),
                                  plain("B", "2", ParameterClass::public_, UserAccess::ro),
                                  plain("C", "3", ParameterClass::public_, UserAccess::rw), plain("D", "4")});
  EXPECT_THAT(fixture.render().value(),
              HasSubstr("<A ua=\"na\">1</A>\n  <B ua=\"ro\">2</B>\n  <C ua=\"rw\">3</C>\n  <D>4</D>\n"));
}

TEST(Render, KeepsAnEmptyValueToClearWhatThePhoneHas) {
  EXPECT_THAT(with_base({plain("A", "")}).render().value(), HasSubstr("  <A></A>\n"));
}

// ---- lines
// ------------------------------------------------------------------------------------------------------------

TEST(Render, WritesAnAccountInTheModelsOwnParameters) {
  Fixture fixture;
  fixture.lines = {line(2, "1001", "hunter2")};
  fixture.lines[0].display = "Reception & Co";
  fixture.lines[0].transport = store::Transport::tls;
  fixture.lines[0].srtp = true;
  EXPECT_THAT(parse(fixture.render().value()),
              ElementsAre(Element{"Display_Name_2_", "Reception & Co", ""}, Element{"Line_Enable_2_", "Yes", ""},
                          Element{"Password_2_", "hunter2", ""}, Element{"Proxy_2_", "sip.example.com", ""},
                          Element{"SIP_Transport_2_", "TLS", ""}, Element{"SRTP_Method", "s-descriptor", ""},
                          Element{"Secure_Call_Setting", "Yes", ""}, Element{"User_ID_2_", "1001", ""}));
}

TEST(Render, NumbersTheSecuritySettingWhereTheModelDoes) {
  Fixture fixture;
  fixture.lines = {line(1, "1001")};
  fixture.lines[0].srtp = true;
  const auto document =
      render(fixture.sources(kMac, model("SPA122")), Audience::operator_preview(Assurance::certificate), box());
  EXPECT_EQ(value_of(document, "Secure_Call_Setting_1_"), "Yes");
  EXPECT_EQ(value_of(document, "SRTP_Method"), "not there");
}

TEST(Render, WritesNoPasswordWhereNoneIsSet) {
  Fixture fixture;
  fixture.lines = {line(1, "1001")};
  EXPECT_EQ(value_of(fixture.render(), "Password_1_"), "not there");
}

TEST(Render, LetsAnAccountWinOverLayers) {
  Fixture fixture{.layers = {{Scope::of_device(kMac), {plain("User_ID_1_", "old"), plain("Proxy_2_", "kept")}}},
                  .lines = {line(1, "1001")},
                  .variables = {}};
  EXPECT_EQ(value_of(fixture.render(), "User_ID_1_"), "1001");
  EXPECT_EQ(value_of(fixture.render(), "Proxy_2_"), "kept");
}

// ---- who sees what
// ----------------------------------------------------------------------------------------------------

Fixture one_of_each_class() {
  Fixture fixture = with_base(
      {plain("Open", "a"), plain("Tenant", "b", ParameterClass::tenant), secret(Scope::base(), "Hidden", "hunter2")});
  fixture.lines = {line(1, "1001", "hunter3")};
  return fixture;
}

TEST(RenderAudience, ShowsEachWhatItMaySee) {
  const auto names = [](Assurance assurance) {
    std::vector<std::string> found;
    for (const auto& element : parse(one_of_each_class().render(assurance).value())) found.push_back(element.name);
    return found;
  };
  EXPECT_THAT(names(Assurance::none), ElementsAre("Open"));
  EXPECT_THAT(names(Assurance::claimed), ElementsAre("Open"));
  EXPECT_THAT(names(Assurance::generic),
              ElementsAre("Line_Enable_1_", "Open", "Proxy_1_", "SIP_Transport_1_", "Tenant", "User_ID_1_"));
  EXPECT_THAT(names(Assurance::certificate), ElementsAre("Hidden", "Line_Enable_1_", "Open", "Password_1_", "Proxy_1_",
                                                         "SIP_Transport_1_", "Tenant", "User_ID_1_"));
}

TEST(RenderAudience, ShowsNoPublicValueInPlaceOfASecretOne) {
  const auto scope = Scope::of_device(kMac);
  const Fixture fixture{.layers = {{Scope::base(), {plain("Admin_Passwd", "default")}},
                                   {scope, {secret(scope, "Admin_Passwd", "hunter2")}}},
                        .lines = {},
                        .variables = {}};
  EXPECT_EQ(value_of(fixture.render(Assurance::generic), "Admin_Passwd"), "not there");
  EXPECT_EQ(value_of(fixture.render(), "Admin_Passwd"), "hunter2");
}

TEST(RenderAudience, OpensNoSecretThatWasMovedToAnotherPlace) {
  const auto scope = Scope::of_device(kMac);
  auto moved = secret(Scope::base(), "Admin_Passwd", "hunter2");
  const Fixture fixture{.layers = {{scope, {moved}}}, .lines = {}, .variables = {}};
  ASSERT_FALSE(fixture.render());
  EXPECT_THAT(fixture.render().error().what, HasSubstr("parameter Admin_Passwd of 000e08abcdef"));
  EXPECT_TRUE(fixture.render(Assurance::generic));
}

TEST(RenderAudience, OpensNoPasswordOfAnotherLine) {
  Fixture fixture;
  fixture.lines = {line(1, "1001", "hunter2")};
  fixture.lines[0].number = 2;
  ASSERT_FALSE(fixture.render());
  EXPECT_THAT(fixture.render().error().what, HasSubstr("parameter Password_2_ of line 2"));
}

TEST(RenderAudience, TakesNoPlainValueForASecret) {
  auto fixture = with_base({plain("Admin_Passwd", "plain", ParameterClass::secret)});
  EXPECT_FALSE(fixture.render());
}

// ---- variables
// --------------------------------------------------------------------------------------------------------

TEST(RenderVariables, KnowsTheDeviceAndWhatTheCallerAdds) {
  auto fixture = with_base({plain("A", "{{mac}} {{MAC}} {{mac_colons}}"), plain("B", "{{serial}} {{model}} {{psn}}"),
                            plain("C", "{{profile_url}}?{{{{x}}")});
  fixture.variables = {{"profile_url", "https://{{host}}/$MA.xml"}, {"mac", "not this"}};
  EXPECT_EQ(value_of(fixture.render(), "A"), "000e08abcdef 000E08ABCDEF 00:0e:08:ab:cd:ef");
  EXPECT_EQ(value_of(fixture.render(), "B"), "CCQ162306EA SPA504G 504G");
  EXPECT_EQ(value_of(fixture.render(), "C"), "https://{{host}}/$MA.xml?{{x}}");  // values are not expanded again
}

TEST(RenderVariables, NamesParameterAndScopeOfAnUnknownOne) {
  const Fixture fixture{.layers = {{{Scope::Kind::group, "lobby"}, {plain("Station_Name", "{{seriall}}")}}},
                        .lines = {},
                        .variables = {}};
  ASSERT_FALSE(fixture.render());
  EXPECT_EQ(fixture.render().error().what,
            "parameter Station_Name of group:lobby: '{{seriall}}' is not known; did you mean 'serial'?");
}

TEST(RenderVariables, LeavesOutWhatABootstrapFileHasNoValueFor) {
  const auto fixture = with_base({plain("Station_Name", "phone {{mac}}"), plain("Profile_Rule", "{{profile_url}}"),
                                  plain("Text_Logo", "{{model}}")});
  auto sources = fixture.sources(std::nullopt, nullptr);
  sources.form = &model()->document;
  sources.variables = {{"profile_url", "https://host/$MA.xml"}};
  const auto document = render(sources, Audience::anyone(), box());
  ASSERT_TRUE(document) << document.error().what;
  EXPECT_THAT(parse(*document), ElementsAre(Element{"Profile_Rule", "https://host/$MA.xml", ""}));
}

TEST(RenderVariables, ShowsNothingOfASecretInAnError) {
  auto fixture = with_base({secret(Scope::base(), "Admin_Passwd", "hunter{{fourteen}}")});
  ASSERT_FALSE(fixture.render());
  EXPECT_THAT(fixture.render().error().what, Not(HasSubstr("fourteen")));
  fixture = with_base({secret(Scope::base(), "Admin_Passwd", "hunter\x01")});
  ASSERT_FALSE(fixture.render());
  EXPECT_THAT(fixture.render().error().what, Not(HasSubstr("hunter")));
}

TEST(Expand, RefusesBracesWithoutEnd) {
  EXPECT_EQ(expand("a {{b", {}).error().what,
            "a '{{' has no '}}' behind it; write {{{{ for two braces that mean themselves");
  EXPECT_EQ(expand("}} { } {{{{", {}).value(), "}} { } {{");
  EXPECT_FALSE(expand("{{}}", {}));
  EXPECT_FALSE(expand("{{ mac }}", {{"mac", "x"}}));
}

TEST(CheckValue, KnowsWhatEveryProfileHas) {
  const Fixture fixture{
      .layers = {{Scope::base(), {plain("A", "{{mac}}{{MAC}}{{mac_colons}}{{serial}}{{model}}{{psn}}")}}},
      .lines = {},
      .variables = {}};
  EXPECT_TRUE(fixture.render());
  EXPECT_TRUE(check_value("{{mac}}{{MAC}}{{mac_colons}}{{serial}}{{model}}{{psn}}{{host}}{{profile_url}}"));
  EXPECT_FALSE(check_value("{{nobody}}"));
}

// ---- hostile values
// ---------------------------------------------------------------------------------------------------

class HostileValue : public testing::TestWithParam<std::string> {};
TEST_P(HostileValue, ComesBackAsItIs) {
  EXPECT_THAT(parse(with_base({plain("A", GetParam()), plain("B", "b")}).render().value()),
              ElementsAre(Element{"A", GetParam(), ""}, Element{"B", "b", ""}));
}
INSTANTIATE_TEST_SUITE_P(Values, HostileValue,
                         testing::Values("]]>", "<![CDATA[x]]>", "</A></flat-profile>", "<B>x</B>", "\"'", "&amp;",
                                         "&#0;", "&", "a<b>c", "<!-- x", "-->", "<?x?>",
                                         "<!DOCTYPE x [<!ENTITY y SYSTEM \"file:///etc/passwd\">]>", "Empfang Köln",
                                         "☎ 電話", "\xf4\x8f\xbf\xbf", "\x7f", "two\nlines", "a\tb",
                                         "( $SWVER lt 7.5.2b )? http://h/a | http://h/b", "(*xx|[3469]11|<:1>xxxS0)"));

TEST(RenderText, MakesEveryLineEndANewline) {
  EXPECT_EQ(value_of(with_base({plain("A", "a\r\nb\rc\nd")}).render(), "A"), "a\nb\nc\nd");
}

class ImpossibleValue : public testing::TestWithParam<std::string> {};
TEST_P(ImpossibleValue, IsAnErrorThatNamesTheParameter) {
  const auto document = with_base({plain("Text_Logo", GetParam())}).render();
  ASSERT_FALSE(document);
  EXPECT_THAT(document.error().what, HasSubstr("parameter Text_Logo of base: "));
  EXPECT_FALSE(check_text(GetParam()));
}
INSTANTIATE_TEST_SUITE_P(Values, ImpossibleValue,
                         testing::Values(std::string{"a\0b", 3}, "\x01", "\x1b[2J", "\x0b", "\x1f", "\xff", "\x80",
                                         "\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xef\xbf\xbe",
                                         "\xef\xbf\xbf", "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                                         "\xe2\x82"));

class ImpossibleName : public testing::TestWithParam<std::string> {};
TEST_P(ImpossibleName, IsAnError) {
  EXPECT_FALSE(with_base({plain(GetParam(), "x")}).render());
  EXPECT_FALSE(check_parameter_name(GetParam()));
}
INSTANTIATE_TEST_SUITE_P(Names, ImpossibleName,
                         testing::Values("", "A B", "1A", "-A", ".A", "A>", "A/", "A ua=\"rw\"", "A\n", "Ä", "A:B",
                                         std::string{"A\0", 2}));

// ---- properties
// -------------------------------------------------------------------------------------------------------

/// Text with more than its share of what XML and variables treat specially.
std::string any_text() {
  std::string text;
  for (auto count = *rc::gen::inRange(0, 12); count > 0; --count) {
    text += *rc::gen::oneOf(
        rc::gen::element<std::string>("<", ">", "&", "]]>", "\"", "'", " ", "\n", "\t", "&#10;", "{", "}", "{{{{", "é",
                                      "☎", "\xf0\x9f\x93\x9e", "</A>"),
        rc::gen::map(rc::gen::inRange(0x20, 0x7f), [](int c) { return std::string(1, static_cast<char>(c)); }));
  }
  return text;
}

TEST(RenderProperty, AParserGivesEveryValueBack) {
  EXPECT_TRUE(rc::check([] {
    std::vector<Parameter> parameters;
    std::vector<Element> expected;
    for (auto count = *rc::gen::inRange(0, 6); count > 0; --count) {
      const auto text = any_text();
      const auto value = expand(text, {});
      if (!value) continue;
      const auto name = fmt::format("P{}_{}_", count, *rc::gen::inRange(0, 100));
      const auto access = *rc::gen::element<std::optional<UserAccess>>(std::nullopt, UserAccess::na, UserAccess::rw);
      parameters.push_back(plain(name, text, ParameterClass::public_, access));
      expected.push_back({name, *value, access ? std::string{store::to_string(*access)} : ""});
    }
    std::reverse(expected.begin(), expected.end());  // by name
    RC_ASSERT(parse(with_base(parameters).render().value()) == expected);
  }));
}

TEST(RenderProperty, AnyOctetsAreEitherWellFormedOrAnError) {
  EXPECT_TRUE(rc::check([] {
    const auto value = *rc::gen::container<std::string>(rc::gen::arbitrary<char>());
    const auto name =
        *rc::gen::oneOf(rc::gen::just<std::string>("A"), rc::gen::container<std::string>(rc::gen::arbitrary<char>()));
    const auto document = with_base({plain(name, value)}).render();
    if (document) RC_ASSERT(parse(*document).size() == 1U);
  }));
}

TEST(RenderProperty, NoSecretIsSeenBelowCertificate) {
  EXPECT_TRUE(rc::check([] {
    const std::string password = "pw-" + std::to_string(*rc::gen::inRange<std::uint64_t>(1ULL << 40, 1ULL << 50));
    const auto scope = *rc::gen::element(Scope::base(), Scope{Scope::Kind::model, "SPA504G"},
                                         Scope{Scope::Kind::group, "g"}, Scope::of_device(kMac));
    Fixture fixture{
        .layers = {{Scope::base(), {plain("Other", "x")}},
                   {scope, {secret(scope, *rc::gen::element<std::string>("Other", "Admin_Passwd"), password)}}},
        .lines = {},
        .variables = {}};
    if (*rc::gen::arbitrary<bool>()) fixture.lines = {line(*rc::gen::inRange(1U, 5U), "1001", password)};
    for (const auto& audience :
         {Audience::anyone(), Audience::unproven(Assurance::none), Audience::unproven(Assurance::claimed),
          Audience::unproven(Assurance::generic), Audience::unproven(Assurance::certificate)}) {
      const auto document = render(fixture.sources(), audience, box());
      RC_ASSERT(document.has_value());
      RC_ASSERT(document->find(password) == std::string::npos);
    }
    for (const auto& origin : origins(fixture.sources())) RC_ASSERT(origin.value.find(password) == std::string::npos);
    RC_ASSERT(fixture.render()->find(password) != std::string::npos);
  }));
}

// ---- origins
// ----------------------------------------------------------------------------------------------------------

TEST(Origins, SayWhereEachValueComesFrom) {
  Fixture fixture{.layers = {{Scope::base(),
                              {plain("Proxy_1_", "old", ParameterClass::public_, UserAccess::ro),
                               secret(Scope::base(), "Admin_Passwd", "hunter2")}},
                             {{Scope::Kind::group, "lobby"},
                              {plain("Station_Name", "{{model}} {{unknown}}"), plain("Text_Logo", "{{model}}")}}},
                  .lines = {line(1, "1001")},
                  .variables = {}};
  fixture.lines[0].proxy = "sip.example.com";
  const auto found = origins(fixture.sources());
  const auto origin = [](std::string name, ParameterClass parameter_class, std::string scope, std::string value) {
    return Origin{.parameter = std::move(name),
                  .parameter_class = parameter_class,
                  .access = {},
                  .scope = std::move(scope),
                  .value = std::move(value)};
  };
  auto old = origin("Proxy_1_", ParameterClass::public_, "base", "old");
  old.access = UserAccess::ro;
  old.overridden = true;
  EXPECT_THAT(found,
              ElementsAre(origin("Admin_Passwd", ParameterClass::secret, "base", ""),
                          origin("Line_Enable_1_", ParameterClass::tenant, "line 1", "Yes"), old,
                          origin("Proxy_1_", ParameterClass::tenant, "line 1", "sip.example.com"),
                          origin("SIP_Transport_1_", ParameterClass::tenant, "line 1", "UDP"),
                          origin("Station_Name", ParameterClass::public_, "group:lobby", "{{model}} {{unknown}}"),
                          origin("Text_Logo", ParameterClass::public_, "group:lobby", "SPA504G"),
                          origin("User_ID_1_", ParameterClass::tenant, "line 1", "1001")));
}

// ---- golden
// -----------------------------------------------------------------------------------------------------------

/// Compares with the kept file; with FIRSTRING_UPDATE_GOLDEN set it is written anew.
void expect_golden(const std::string& document, std::string_view name) {
  const auto path = std::filesystem::path{FIRSTRING_SOURCE_DIR "/tests/golden/render"} / name;
  if (std::getenv("FIRSTRING_UPDATE_GOLDEN") != nullptr) {
    ASSERT_TRUE(write_file(path, document));
  }
  EXPECT_EQ(document, read_file(path).value_or("no golden file"));
}

TEST(RenderGolden, Spa504g) {
  const auto device = Scope::of_device(kMac);
  Fixture fixture{
      .layers = {{Scope::base(),
                  {secret(Scope::base(), "Admin_Passwd", "correct horse"),
                   plain("Daylight_Saving_Time_Enable", "Yes", ParameterClass::public_, UserAccess::ro),
                   plain("Primary_NTP_Server", "ntp.example.com"),
                   plain("Profile_Rule", "{{profile_url}}", ParameterClass::public_, UserAccess::na),
                   plain("Resync_Periodic", "3600"), plain("Syslog_Server", "")}},
                 {{Scope::Kind::model, "SPA504G"},
                  {plain("Upgrade_Rule", "( $SWVER lt 7.5.2b )? http://{{host}}/spa50x-30x-7-5-2b.bin")}},
                 {{Scope::Kind::group, "lobby"},
                  {plain("Dial_Plan_1_", "(*xx|[3469]11|0|00|<:+49>xxxxxxS0)"),
                   plain("Station_Name", "Lobby {{mac_colons}}", ParameterClass::tenant),
                   plain("Unit_1_Key_1", "fnc=blf+sd;sub=1002@$PROXY;ext=1002@$PROXY", ParameterClass::tenant)}},
                 {device, {plain("Text_Logo", "Müller & Söhne", ParameterClass::tenant)}}},
      .lines = {line(1, "1001", "s3cret<&>\"'"), line(2, "1002", "p")},
      .variables = {{"host", "pv.example.com"}, {"profile_url", "https://pv.example.com/$MA.xml"}}};
  fixture.lines[0].display = "Reception";
  fixture.lines[0].transport = store::Transport::tls;
  fixture.lines[0].srtp = true;
  const auto document = fixture.render().value();
  expect_golden(document, "spa504g.xml");
  for (const auto& element : parse(document))
    EXPECT_TRUE(device::Catalogue::shipped().knows_parameter(*model(), element.name)) << element.name;
}

/// A fleet of two makers: base has parameters for both.
Fixture yealink_fixture() {
  Fixture fixture{
      .layers = {{Scope::base(),
                  {secret(Scope::base(), "Admin_Passwd", "correct horse"), plain("Resync_Periodic", "3600"),
                   plain("Made_Up_By_The_Operator", "yes"), plain("static.auto_provision.repeat.enable", "1"),
                   plain("static.auto_provision.repeat.minutes", "60", ParameterClass::public_, UserAccess::na),
                   plain("static.auto_provision.server.url", "{{base_url}}/"),
                   plain("static.firmware.url", "https://{{host}}/{{model}}.rom")}},
                 {{Scope::Kind::group, "lobby"},
                  {plain("Station_Name", "Lobby"), plain("account.1.label", "Lobby = {{MAC}} # 1")}}},
      .lines = {line(1, "1001", "s3cret<&>\"' =#"), line(2, "1002")},
      .variables = {{"host", "pv.example.com"}, {"base_url", "https://pv.example.com"}}};
  fixture.lines[0].display = "Empfang Müller & Söhne";
  fixture.lines[0].transport = store::Transport::tls;
  fixture.lines[0].srtp = true;
  fixture.lines[1].proxy = "sip.example.com:5070";
  return fixture;
}

const std::unordered_set<std::string_view> kForeign{"Admin_Passwd", "Resync_Periodic", "Station_Name"};

Sources yealink_sources(const Fixture& fixture) {
  auto sources = fixture.sources(kMac, model("T46S"));
  sources.foreign = &kForeign;
  return sources;
}

/// By the words of other-makers.md 2 alone: the first line, then `name = value` to the end of the line.
std::vector<std::pair<std::string, std::string>> parse_lines(const std::string& text) {
  EXPECT_TRUE(text.starts_with("#!version:1.0.0.1\n")) << text;
  std::vector<std::pair<std::string, std::string>> values;
  std::istringstream lines{text};
  std::string one;
  std::getline(lines, one);
  while (std::getline(lines, one)) {
    const auto equals = one.find(" = ");
    EXPECT_NE(equals, std::string::npos) << one;
    values.emplace_back(one.substr(0, equals), one.substr(equals + 3));
  }
  return values;
}

TEST(RenderGolden, T46s) {
  const auto fixture = yealink_fixture();
  const auto document =
      render::render(yealink_sources(fixture), Audience::operator_preview(Assurance::certificate), box());
  ASSERT_TRUE(document) << document.error().what;
  expect_golden(*document, "t46s.cfg");
  const auto values = parse_lines(*document);
  EXPECT_THAT(
      values,
      testing::IsSupersetOf(
          {Pair("account.1.user_name", "1001"), Pair("account.1.auth_name", "1001"),
           Pair("account.1.password", "s3cret<&>\"' =#"), Pair("account.1.sip_server.1.address", "sip.example.com"),
           Pair("account.1.sip_server.1.port", "5061"), Pair("account.1.sip_server.1.transport_type", "2"),
           Pair("account.1.srtp_encryption", "2"), Pair("account.2.sip_server.1.port", "5070"),
           Pair("account.2.srtp_encryption", "0"), Pair("account.1.label", "Lobby = 000E08ABCDEF # 1")}));
  const auto& catalogue = device::Catalogue::shipped();
  for (const auto& [name, value] : values) {
    if (name != "Made_Up_By_The_Operator") {
      EXPECT_TRUE(catalogue.knows_parameter(*model("T46S"), name)) << name;
    }
  }
}

TEST(RenderForeign, LeavesOutOfSharedLayersWhatIsAnotherMakers) {
  auto fixture = with_base({plain("Resync_Periodic", "3600")});
  fixture.layers.push_back({Scope{Scope::Kind::model, "T46S"}, {plain("Station_Name", "asked for by name")}});
  const auto document = render::render(yealink_sources(fixture), Audience::anyone(), box()).value();
  EXPECT_EQ(document, "#!version:1.0.0.1\nStation_Name = asked for by name\n");
  for (const auto& origin : origins(yealink_sources(fixture))) EXPECT_NE(origin.parameter, "Resync_Periodic");
}

TEST(RenderKeyValue, LetsNoValueBeginAnotherParameter) {
  for (const std::string_view end : {"\n", "\r", "\r\n", "\x01", "\x0b", "\x0c", "\u0085", "\u2028"}) {
    auto fixture = with_base({plain("account.1.label", fmt::format("x{}account.1.enable = 0", end))});
    const auto document = render::render(yealink_sources(fixture), Audience::anyone(), box());
    ASSERT_FALSE(document) << *document;
    EXPECT_THAT(document.error().what, HasSubstr("parameter account.1.label of base: the character U+"));
    EXPECT_FALSE(check_value(fmt::format("x{}y", end), model("T46S")));
  }
  EXPECT_TRUE(check_value("a = b # c %NULL% <&>", model("T46S")));
  EXPECT_TRUE(check_value("two\nlines", model("SPA504G")));
  auto fixture = with_base({secret(Scope::base(), "account.1.password", "hunter\n2")});
  const auto document =
      render::render(yealink_sources(fixture), Audience::operator_preview(Assurance::certificate), box());
  ASSERT_FALSE(document);
  EXPECT_THAT(document.error().what, Not(HasSubstr("hunter")));
}

TEST(RenderKeyValueProperty, EveryTextIsRefusedOrComesBackAlone) {
  EXPECT_TRUE(rc::check([] {
    const auto value = *rc::gen::string<std::string>();
    if (value.find("{{") != std::string::npos) return;
    const auto fixture = with_base({plain("account.1.label", value), plain("account.2.label", "behind it")});
    const auto document = render::render(yealink_sources(fixture), Audience::anyone(), box());
    if (!document) return;
    const auto values = parse_lines(*document);
    RC_ASSERT(values == (std::vector<std::pair<std::string, std::string>>{{"account.1.label", value},
                                                                          {"account.2.label", "behind it"}}));
  }));
}

}  // namespace
}  // namespace firstring::render
