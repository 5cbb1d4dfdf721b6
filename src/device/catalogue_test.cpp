#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/text.hpp"
#include "device/model.hpp"

namespace firstring::device {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

const Catalogue& shipped() { return Catalogue::shipped(); }

// ---- the shipped data
// -------------------------------------------------------------------------------------------------

struct Lines {
  std::string_view model;
  unsigned lines;
};
class ShippedModel : public testing::TestWithParam<Lines> {};
TEST_P(ShippedModel, HasItsLines) {
  const auto* model = shipped().find(GetParam().model);
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->lines, GetParam().lines);
}
// spa-phones.md 4.4
INSTANTIATE_TEST_SUITE_P(
    Models, ShippedModel,
    testing::Values(Lines{"SPA301", 1}, Lines{"SPA303", 3}, Lines{"SPA501G", 8}, Lines{"SPA502G", 1},
                    Lines{"SPA504G", 4}, Lines{"SPA508G", 8}, Lines{"SPA509G", 12}, Lines{"SPA512G", 1},
                    Lines{"SPA514G", 4}, Lines{"SPA525G", 5}, Lines{"SPA525G2", 5}, Lines{"SPA112", 2},
                    Lines{"SPA122", 2}, Lines{"SPA2102", 2}, Lines{"SPA3102", 2}, Lines{"PAP2T", 2}, Lines{"SPA941", 4},
                    Lines{"SPA942", 4}, Lines{"SPA962", 6}, Lines{"SPA8000", 8}, Lines{"ATA191", 2}, Lines{"ATA192", 2},
                    Lines{"CP-7841-3PCC", 4}, Lines{"CP-8841-3PCC", 10}, Lines{"CP-8851-3PCC", 10},
                    Lines{"CP-8861-3PCC", 10}, Lines{"CP-6871-3PCC", 6}, Lines{"CP-7861-3PCC", 16}, Lines{"SPA3000", 2},
                    Lines{"PAP2", 2}, Lines{"SPA232D", 2}, Lines{"T46S", 16}));

TEST(ShippedModels, KnowTheParametersOfTheirLines) {
  for (const auto& model : shipped().models()) {
    const auto known = [&](std::string parameter) {
      for (auto at = parameter.find("{n}"); at != std::string::npos; at = parameter.find("{n}"))
        parameter.replace(at, 3, std::to_string(model.lines));
      EXPECT_TRUE(shipped().knows_parameter(model, parameter)) << model.name << " " << parameter;
    };
    const auto& line = model.line;
    for (const auto& parameter : {line.user, line.password, line.display, line.transport}) known(parameter);
    EXPECT_NE(line.proxy.empty(), line.proxy_host.empty()) << "the proxy is given whole or in parts";
    for (const auto& parameter : {line.auth_user, line.proxy, line.proxy_host, line.proxy_port, model.resync.periodic,
                                  model.resync.error_retry, model.resync.at, model.resync.enabled}) {
      if (!parameter.empty()) known(parameter);
    }
    for (const auto& parameter : {line.udp, line.tcp, line.tls}) EXPECT_NE(parameter, "");
    for (const auto* settings : {&line.always, &line.srtp, &model.document.first_file}) {
      EXPECT_THAT(*settings, Not(IsEmpty())) << model.name;
      for (const auto& [parameter, value] : *settings) known(parameter);
    }
    if (model.maker->name != "Cisco") continue;
    EXPECT_EQ(line.udp + line.tcp + line.tls, "UDPTCPTLS");
    for (const auto* parameter : {"Profile_Rule", "Resync_Periodic", "Upgrade_Rule", "GPP_A", "GPP_SD"})
      known(parameter);
  }
}

TEST(ShippedModels, CanBeSimulated) {
  for (const auto& model : shipped().models()) {
    EXPECT_THAT(model.firmware, Not(IsEmpty())) << model.name;
    EXPECT_THAT(model.own_profile, StartsWith("/"));
    EXPECT_EQ(model.user_agent.find("{product}"), std::string::npos);
    // Its own profile, with the macro as the phone expands it, is a file that we give.
    auto path = model.own_profile;
    const std::string macro = path.find("{mac}") != std::string::npos ? "{mac}" : "$MA";
    path.replace(path.find(macro), macro.size(), "000e08abcdef");
    EXPECT_EQ(shipped().match_file(path)->kind, FileKind::profile);
  }
}

TEST(ShippedModels, EncryptMediaWithoutSipurasWeakMethod) {
  EXPECT_THAT(shipped().find("SPA504G")->line.srtp,
              ElementsAre(std::pair{"Secure_Call_Setting", "Yes"}, std::pair{"SRTP_Method", "s-descriptor"}));
  EXPECT_THAT(shipped().find("SPA122")->line.srtp, ElementsAre(std::pair{"Secure_Call_Setting_{n}_", "Yes"}));
}

// ---- names
// ------------------------------------------------------------------------------------------------------------

TEST(Find, IgnoresCase) {
  EXPECT_EQ(shipped().find("spa504g")->name, "SPA504G");
  EXPECT_EQ(shipped().find("SPA-504G"), nullptr);
  EXPECT_EQ(shipped().find(""), nullptr);
}

TEST(FindProduct, ReadsWhatCertificatesAndUserAgentsSay) {
  for (const auto& [product, name] : std::vector<std::pair<std::string, std::string>>{{"SPA-525G2", "SPA525G2"},
                                                                                      {"SPA525g2", "SPA525G2"},
                                                                                      {"SPA-962", "SPA962"},
                                                                                      {"CP-8861", "CP-8861-3PCC"},
                                                                                      {"CP-8861-3PCC", "CP-8861-3PCC"},
                                                                                      {"ATA191-MPP", "ATA191"},
                                                                                      {"PAP2T", "PAP2T"}}) {
    ASSERT_NE(shipped().find_product(product), nullptr) << product;
    EXPECT_EQ(shipped().find_product(product)->name, name);
  }
  for (const auto* product : {"", "-", "SPA", "SPA504G2", "cisco.com"})
    EXPECT_EQ(shipped().find_product(product), nullptr) << product;
}

// ---- files
// ------------------------------------------------------------------------------------------------------------

struct Bootstrap {
  std::string_view path, model;
};
class BootstrapFile : public testing::TestWithParam<Bootstrap> {};
TEST_P(BootstrapFile, BelongsToItsModel) {
  const auto match = shipped().match_file(GetParam().path);
  ASSERT_TRUE(match);
  EXPECT_EQ(match->kind, FileKind::bootstrap);
  ASSERT_NE(match->model, nullptr);
  EXPECT_EQ(match->model->name, GetParam().model);
  EXPECT_FALSE(match->mac);
}
// spa-phones.md 3
INSTANTIATE_TEST_SUITE_P(Names, BootstrapFile,
                         testing::Values(Bootstrap{"/spa504G.cfg", "SPA504G"}, Bootstrap{"/spa504g.cfg", "SPA504G"},
                                         Bootstrap{"/SPA504G.CFG", "SPA504G"}, Bootstrap{"/spa525G2.cfg", "SPA525G2"},
                                         Bootstrap{"/spa525G.cfg", "SPA525G"}, Bootstrap{"/spa942.cfg", "SPA942"},
                                         Bootstrap{"/spa2102.cfg", "SPA2102"}, Bootstrap{"/spa112.cfg", "SPA112"},
                                         Bootstrap{"/init.cfg", "PAP2T"}, Bootstrap{"/ata191.cfg", "ATA191"},
                                         Bootstrap{"/spa192.cfg", "ATA192"},
                                         Bootstrap{"/7841-3PCC.xml", "CP-7841-3PCC"},
                                         Bootstrap{"/CP-8841-3PCC.cfg", "CP-8841-3PCC"},
                                         Bootstrap{"/y000000000066.cfg", "T46S"}));

class ProfileFile : public testing::TestWithParam<std::string_view> {};
TEST_P(ProfileFile, NamesItsDevice) {
  const auto match = shipped().match_file(GetParam());
  ASSERT_TRUE(match);
  EXPECT_EQ(match->kind, FileKind::profile);
  EXPECT_EQ(match->model, nullptr);
  EXPECT_EQ(match->mac->bare(), "000e08abcdef");
}
INSTANTIATE_TEST_SUITE_P(Names, ProfileFile,
                         testing::Values("/000e08abcdef.xml", "/000E08ABCDEF.xml", "/00:0e:08:ab:cd:ef.xml",
                                         "/00-0E-08-AB-CD-EF.XML", "/000e08abcdef.cfg", "/spa000e08abcdef.cfg",
                                         "/SPA000E08ABCDEF.cfg", "/spa00:0e:08:ab:cd:ef.xml",
                                         "/cfg/init_000e08abcdef.xml", "/Cisco/000e08abcdef.xml",
                                         "/cisco/000E08ABCDEF.xml"));

class OtherFile : public testing::TestWithParam<std::string_view> {};
TEST_P(OtherFile, IsNobodys) { EXPECT_FALSE(shipped().match_file(GetParam())); }
INSTANTIATE_TEST_SUITE_P(Names, OtherFile,
                         testing::Values("", "/", "000e08abcdef.xml", "/000e08abcde.xml", "/000e08abcdeff.xml",
                                         "/000e.08ab.cdef.xml", "/x000e08abcdef.xml", "/000e08abcdef.xml/",
                                         "/000e08abcdef.xmlx", "/000e08abcdef", "/00:0e-08:ab:cd:ef.xml",
                                         "/000e08abcdeg.xml", "/000e08abcdef.xml.xml", "//000e08abcdef.xml",
                                         "/a/000e08abcdef.xml", "/cisco/../000e08abcdef.xml", "/spa504.cfg", "/spa504G",
                                         "/.xml", "/spa.cfg", "/{mac}.xml", "/spa{psn}.cfg", "/favicon.ico"));

TEST(MatchFile, PassesOverALongPath) { EXPECT_FALSE(shipped().match_file("/" + std::string(1'000'000, 'a') + ".xml")); }

TEST(MatchFileProperty, ReadsAnyMacAndNothingLonger) {
  EXPECT_TRUE(rc::check([] {
    const auto mac = MacAddress::from_number(*rc::gen::inRange<std::uint64_t>(0, 1ULL << 48));
    const auto spelling = *rc::gen::element(mac.bare(), mac.bare_upper(), mac.colons());
    RC_ASSERT(shipped().match_file("/" + spelling + ".xml")->mac == mac);
    const auto digit = *rc::gen::element('0', '9', 'a', 'F', ':', '-', '.', ' ', '\0');
    RC_ASSERT(!shipped().match_file("/" + spelling + digit + ".xml"));
    RC_ASSERT(!shipped().match_file(std::string{"/"} + digit + spelling + ".xml"));
  }));
}

// ---- parameters
// -------------------------------------------------------------------------------------------------------

TEST(KnowsParameter, HoldsLinesToTheModel) {
  const auto& phone = *shipped().find("SPA504G");
  EXPECT_TRUE(shipped().knows_parameter(phone, "Proxy_4_"));
  EXPECT_FALSE(shipped().knows_parameter(phone, "Proxy_5_"));
  EXPECT_TRUE(shipped().knows_parameter(*shipped().find("SPA509G"), "Proxy_12_"));
  EXPECT_TRUE(shipped().knows_parameter("Proxy_12_"));
  EXPECT_FALSE(shipped().knows_parameter("Proxy_65_")) << "no model has more than 64 lines";
}

TEST(KnowsParameter, KeepsFamiliesApart) {
  const auto& phone = *shipped().find("SPA504G");
  for (const auto* parameter : {"Admin_Passwd", "Enable_SSLv3", "Unit_1_Key_32", "Default_Ring__1__",
                                "Auth_Resync-Reboot_1_", "SIP_Remote-Party-ID_1_", "Time_Offset__HH_mm_",
                                "Speed_Dial_2", "Secure_Call_Setting", "SRTP_Method", "Phone-UI-user-mode"}) {
    EXPECT_TRUE(shipped().knows_parameter(phone, parameter)) << parameter;
  }
  for (const auto* parameter : {"FXS_Port_Impedance", "Admin_Password", "Web_Login_Admin_Password", "Enable_BT",
                                "Speed_Dial_1", "proxy_1_", ""}) {
    EXPECT_FALSE(shipped().knows_parameter(phone, parameter)) << parameter;
  }
  EXPECT_TRUE(shipped().knows_parameter(*shipped().find("SPA525G2"), "Enable_BT"));
  EXPECT_TRUE(shipped().knows_parameter(*shipped().find("SPA122"), "FXS_Port_Impedance"));
  EXPECT_TRUE(shipped().knows_parameter(*shipped().find("CP-8841-3PCC"), "Admin_Password"));
}

TEST(SuggestParameter, NamesTheNearest) {
  const auto* phone = shipped().find("SPA504G");
  EXPECT_EQ(shipped().suggest_parameter("Prxy_3_", phone), "; did you mean 'Proxy_3_'?");
  EXPECT_EQ(shipped().suggest_parameter("proxy_1_"), "; did you mean 'Proxy_1_'?");
  EXPECT_EQ(shipped().suggest_parameter("Admin_Pasword", phone), "; did you mean 'Admin_Passwd'?");
  EXPECT_EQ(shipped().suggest_parameter("zzzzzzzzzzzz"), "");
}

// ---- reading data
// -----------------------------------------------------------------------------------------------------

using Files = std::vector<std::pair<std::string, std::string>>;

constexpr auto kMaker = "[maker]\nname = \"T\"";

Result<Catalogue> read(std::string text) {
  return Catalogue::from_toml(Files{{"t/maker.toml", kMaker}, {"t/test.toml", std::move(text)}});
}

constexpr std::string_view kFamily = R"([family.f]
vendor = "V"
user_agent = "V/{product}"
tls_client = "modern"
own_profile = "/$MA.xml"
format = "flat-profile"
bootstrap_files = ["/init.cfg"]
profile_files = ["/{mac}.xml"]
parameters = "A B_{n}_"
[family.f.line]
user = "User"
srtp = { "X" = "1", "Y" = "2" }
)";
constexpr std::string_view kModels = R"(
[[model]]
name = "M1"
family = "f"
psn = "1"
lines = 3
[[model]]
name = "M2"
family = "g"
psn = "2"
)";
constexpr std::string_view kChild = R"(
[family.g]
extends = "f"
vendor = "W"
profile_files = ["/g{mac}.cfg"]
parameters = "C"
[family.g.line]
srtp = { "Y" = "3" }
)";

TEST(FromToml, InheritsWhatAFamilyExtends) {
  const auto catalogue = read(fmt::format("{}{}{}", kFamily, kChild, kModels));
  ASSERT_TRUE(catalogue) << catalogue.error().what;
  const auto& model = *catalogue->find("M2");
  EXPECT_EQ(model.vendor, "W");
  EXPECT_EQ(model.user_agent, "V/M2");
  EXPECT_EQ(model.lines, 1U);
  EXPECT_EQ(model.line.user, "User");
  EXPECT_THAT(model.line.srtp, ElementsAre(std::pair{"X", "1"}, std::pair{"Y", "3"}));
  EXPECT_TRUE(catalogue->knows_parameter(model, "A"));
  EXPECT_TRUE(catalogue->knows_parameter(model, "C"));
  EXPECT_FALSE(catalogue->knows_parameter(*catalogue->find("M1"), "C"));
  EXPECT_TRUE(catalogue->match_file("/g000e08abcdef.cfg"));
}

TEST(FromToml, NamesNoModelForAFileOfSeveral) {
  const auto catalogue = read(fmt::format("{}{}{}", kFamily, kChild, kModels));
  const auto match = catalogue->match_file("/init.cfg");
  ASSERT_TRUE(match);
  EXPECT_EQ(match->kind, FileKind::bootstrap);
  EXPECT_EQ(match->model, nullptr);
}

struct Fault {
  std::string_view text, problem;
};
class BadData : public testing::TestWithParam<Fault> {};
TEST_P(BadData, IsRefusedWithFileAndLine) {
  const auto catalogue = read(fmt::format("{}{}", kFamily, GetParam().text));
  ASSERT_FALSE(catalogue);
  EXPECT_THAT(catalogue.error().what, StartsWith("t/test.toml:"));
  EXPECT_THAT(catalogue.error().what, HasSubstr(GetParam().problem));
}
INSTANTIATE_TEST_SUITE_P(
    Faults, BadData,
    testing::Values(
        Fault{"x = [", "t/test.toml:1"}, Fault{"[other]\n", "t/test.toml:13:2: error: unknown key 'other'"},
        Fault{"[family.g]\nextends = \"x\"", "14:1: error: there is no family 'x'"},
        Fault{"[family.g]\nextends = \"g\"", "family 'g' extends itself"},
        Fault{"[family.g]\nfoo = \"x\"", "14:1: error: unknown key 'foo' in [family.NAME]"},
        Fault{"[family.g]\nvendor = 1", "14:1: error: 'vendor' is a whole number, not text"},
        Fault{"[family.g]\nfirmware = \"1\"", "'firmware' is text, not a list"},
        Fault{"[family.g]\nparameters = \"A{\"", "'A{' is no name"},
        Fault{"[family.g.line]\nfoo = \"x\"", "unknown key 'foo' in [line]"},
        Fault{"[family.g.resync]\nfoo = \"x\"", "unknown key 'foo' in [resync]"},
        Fault{"[family.g.resync]\nunit_s = 0",
              "'unit_s' is 0, which is too small; write a whole number from 1 to 86400, of seconds"},
        Fault{"[family.g]\nfirst_file = \"x\"", "'first_file' is text, not a table"},
        Fault{"[maker]\nname = \"x\"", "[maker] is there twice"},
        Fault{"[[model]]\nname = \"M\"\nfamily = \"f\"\npsn = \"1\"\nformat = \"pdf\"", "there is no format 'pdf'"},
        Fault{"[[model]]\nname = \"M\"", "[[model]] has no 'family'"},
        Fault{"[[model]]\nname = \"M\"\nfamily = \"x\"\npsn = \"1\"", "there is no family 'x'"},
        Fault{"[[model]]\nname = \"M\"\nfamily = \"f\"\npsn = \"1\"\nlines = 0",
              "17:1: error: 'lines' is 0, which is too small"},
        Fault{"[[model]]\nname = \"M\"\nfamily = \"f\"\npsn = \"1\"\nparameters = \"X\"",
              "unknown key 'parameters' in [[model]]"},
        Fault{"[[model]]\nname = \"M\"\nfamily = \"f\"\npsn = \"1\"\nprofile_files = [\"/x.xml\"]",
              "'/x.xml' is no path with one {mac}"},
        Fault{"[[model]]\nname = \"M\"\nfamily = \"f\"\npsn = \"1\"\nprofile_files = [\"/{mac}{mac}\"]",
              "is no path with one {mac}"},
        Fault{"[[model]]\nname = \"M\"\nfamily = \"f\"\npsn = \"1\"\nbootstrap_files = [\"/{mac}.cfg\"]",
              "is no path with no {mac}"},
        Fault{"[[model]]\nname = \"M\"\nfamily = \"f\"\npsn = \"1\"\nbootstrap_files = [\"x.cfg\"]", "is no path"},
        Fault{"[[model]]\nname = \"M\"\nfamily = \"f\"\npsn = \"1\"\n[[model]]\nname = \"m\"\nfamily = "
              "\"f\"\npsn = \"1\"",
              "17:1: error: model 'm' is there twice"},
        Fault{"[[model]]\nname = \"M\"\nfamily = \"f\"\npsn = \"1\"\n[[model]]\nname = \"N\"\nfamily = "
              "\"f\"\npsn = \"1\"\ncertificate_products = [\"M-\"]",
              "'M-' is a product of M already"},
        Fault{"[[model]]\nname = \"M\"\nfamily = \"f\"\npsn = \"1\"\n[[model]]\nname = \"N\"\nfamily = "
              "\"f\"\npsn = \"1\"\nformat = \"key-value\"",
              "'/init.cfg' is the first file of M too"}));

struct MakerFault {
  std::string_view maker, problem;
};
class BadMaker : public testing::TestWithParam<MakerFault> {};
TEST_P(BadMaker, IsRefused) {
  const auto catalogue = Catalogue::from_toml(
      Files{{"t/maker.toml", kMaker}, {"u/maker.toml", fmt::format("[maker]\n{}", GetParam().maker)}});
  ASSERT_FALSE(catalogue);
  EXPECT_THAT(catalogue.error().what, StartsWith("u/maker.toml:"));
  EXPECT_THAT(catalogue.error().what, HasSubstr(GetParam().problem));
}
INSTANTIATE_TEST_SUITE_P(
    Faults, BadMaker,
    testing::Values(MakerFault{"issuers = [\"A\"]", "[maker] has no 'name'"},
                    MakerFault{"name = \"U\"", "U names no issuers, nor does T"},
                    MakerFault{"name = \"U\"\nfoo = 1", "3:1: error: unknown key 'foo' in [maker]"},
                    MakerFault{"name = \"U\"\ncode = \"u\"", "there is no code 'u'"},
                    MakerFault{"name = \"U\"\ncode = \"cisco\"\nissuers = [\"A\"]\nsubjects = [\"CN={mac}\"]",
                               "a maker has code, or subjects"},
                    MakerFault{"name = \"U\"\nsubjects = [\"CN={mac}\"]", "names the issuers"},
                    MakerFault{"name = \"U\"\nissuers = [\"A\"]\nsubjects = [\"{mac}\"]", "is no attribute"},
                    MakerFault{"name = \"U\"\nissuers = [\"A\"]\nsubjects = [\"CN={serial}\"]", "is no attribute"},
                    MakerFault{"name = \"U\"\nissuers = [\"A\"]\nuser_agents = [\"{x}\"]", "begins no field"}));

TEST(FromToml, RefusesAFolderWithoutAMaker) {
  const auto catalogue = Catalogue::from_toml(Files{{"t/models.toml", std::string{kFamily}}});
  ASSERT_FALSE(catalogue);
  EXPECT_EQ(catalogue.error().what, "t/maker.toml: there is no [maker]");
}

TEST(FromToml, RefusesTwoMakersOfOneIssuer) {
  const auto maker = [](std::string_view name) {
    return fmt::format("[maker]\nname = \"{}\"\nissuers = [\"CA\"]", name);
  };
  const auto catalogue = Catalogue::from_toml(Files{{"t/maker.toml", maker("T")}, {"u/maker.toml", maker("U")}});
  ASSERT_FALSE(catalogue);
  EXPECT_THAT(catalogue.error().what, HasSubstr("the issuer 'CA' is one of T already"));
}

TEST(FromToml, KeepsFamiliesOfOneNameApart) {
  const std::string model = "[[model]]\nname = \"{}\"\nfamily = \"f\"\npsn = \"1\"\nbootstrap_files = [\"/{}.cfg\"]\n";
  const std::string family =
      "[family.f]\nvendor = \"V\"\nuser_agent = \"V\"\ntls_client = \"modern\"\nown_profile = \"/{{mac}}\"\n"
      "format = \"key-value\"\nparameters = \"{}\"\n";
  const auto catalogue = Catalogue::from_toml(
      Files{{"t/maker.toml", kMaker},
            {"t/m.toml", fmt::format(fmt::runtime(family), "a.{n}") + fmt::format(fmt::runtime(model), "M", "m")},
            {"u/maker.toml", "[maker]\nname = \"U\"\nissuers = [\"CA\"]"},
            {"u/m.toml", fmt::format(fmt::runtime(family), "b") + fmt::format(fmt::runtime(model), "N", "n")}});
  ASSERT_TRUE(catalogue) << catalogue.error().what;
  EXPECT_FALSE(catalogue->knows_parameter(*catalogue->find("M"), "b"));
  EXPECT_TRUE(catalogue->knows_parameter(*catalogue->find("N"), "b"));
  EXPECT_EQ(catalogue->find("N")->maker->name, "U");
}

TEST(IsForeign, IsWhatAnotherMakersPhonesKnowAlone) {
  const auto& cisco = *shipped().find("SPA504G")->maker;
  const auto& yealink = *shipped().find("T46S")->maker;
  EXPECT_NE(&cisco, &yealink);
  for (const auto* parameter : {"Proxy_1_", "Proxy_99_", "GPP_SA", "Resync_Periodic", "G722.2_Enable_1_"}) {
    EXPECT_TRUE(shipped().is_foreign(yealink, parameter)) << parameter;
    EXPECT_FALSE(shipped().is_foreign(cisco, parameter)) << parameter;
  }
  EXPECT_TRUE(shipped().is_foreign(cisco, "account.7.sip_server.1.address"));
  EXPECT_FALSE(shipped().is_foreign(yealink, "account.7.sip_server.1.address"));
  for (const auto* maker : {&cisco, &yealink}) EXPECT_FALSE(shipped().is_foreign(*maker, "Nobody_Knows_1_"));
}

TEST(SplitProxy, FindsHostAndPort) {
  const auto split = [](std::string_view text, bool tls) {
    const auto address = split_proxy(text, tls);
    return fmt::format("{} {}", address.host, address.port);
  };
  EXPECT_EQ(split("sip.example.com", false), "sip.example.com 5060");
  EXPECT_EQ(split("sip.example.com", true), "sip.example.com 5061");
  EXPECT_EQ(split("sip.example.com:5070", true), "sip.example.com 5070");
  EXPECT_EQ(split("[2001:db8::1]:5070", false), "[2001:db8::1] 5070");
  EXPECT_EQ(split("[2001:db8::1]", false), "[2001:db8::1] 5060");
  EXPECT_EQ(split("2001:db8::1", false), "2001:db8::1 5060");
}

}  // namespace
}  // namespace firstring::device
