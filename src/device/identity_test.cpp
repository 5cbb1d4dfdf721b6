#include "device/identity.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>
#include <vector>

#include "crypto/issue.hpp"

namespace firstring::device {
namespace {

using Kind = CertificateIdentity::Kind;
using testing::HasSubstr;

constexpr std::string_view kMac = "708105b37234";
const std::string kRealCommonName = "SPA-525G2, MAC: 708105B37234, Serial: CBT153908BX";

/// Each attribute in an RDN of its own.
crypto::DistinguishedName name_of(const std::vector<std::pair<std::string, std::string>>& attributes) {
  crypto::DistinguishedName name;
  for (const auto& [type, value] : attributes) name.push_back({type, value, static_cast<int>(name.size()), true});
  return name;
}

const crypto::DistinguishedName kAnyIssuer = name_of({{"CN", "Some Phone CA"}});
const crypto::DistinguishedName kYealink = name_of({{"O", "Yealink"}, {"CN", "Yealink Equipment Issuing CA"}});

/// As under the CAs that no maker names.
CertificateIdentity identify_subject(const crypto::DistinguishedName& subject) {
  return device::identify(subject, kAnyIssuer);
}

CertificateIdentity identify_name(const std::vector<std::pair<std::string, std::string>>& attributes) {
  return identify_subject(name_of(attributes));
}

/// DER by hand, of less than 128 octets a part: names that OpenSSL would not write.
std::string tlv(unsigned char tag, const std::string& value) {
  return std::string{static_cast<char>(tag), static_cast<char>(value.size())} + value;
}
constexpr unsigned char kUtf8String = 0x0c, kPrintableString = 0x13, kT61String = 0x14, kUniversalString = 0x1c,
                        kBmpString = 0x1e, kSequence = 0x30, kSet = 0x31;
const std::string kCommonName{"\x06\x03\x55\x04\x03", 5};
const std::string kState{"\x06\x03\x55\x04\x08", 5};

std::string attribute(const std::string& type, unsigned char tag, const std::string& value) {
  return tlv(kSequence, type + tlv(tag, value));
}

CertificateIdentity identify_der(const std::string& rdns) {
  const auto name = crypto::name_from_der(as_bytes(tlv(kSequence, rdns)));
  if (!name) return {};
  return identify_subject(*name);
}

/// UTF-16, most significant octet first, of ASCII.
std::string bmp(std::string_view text) {
  std::string octets;
  for (const char c : text) octets += std::string{'\0', c};
  return octets;
}

// ---- the layouts
// ------------------------------------------------------------------------------------------------------

TEST(Identify, ReadsTheDocumentedLayout) {
  const auto identity = identify_name({{"OU", "SPA-962"}, {"L", "88012BA01234"}, {"ST", "000e08abcdef"}});
  EXPECT_EQ(identity.kind, Kind::device);
  EXPECT_EQ(identity.mac->bare(), "000e08abcdef");
  EXPECT_EQ(identity.serial, "88012BA01234");
  EXPECT_EQ(identity.product, "SPA-962");
  EXPECT_EQ(identity.problem, "");
}

TEST(Identify, ReadsTheSubjectOfARealSpa525g2) {
  const auto identity = identify_name({{"C", "US"},
                                       {"ST", "708105B37234"},
                                       {"L", "CBT153908BX"},
                                       {"O", "Cisco Systems, Inc."},
                                       {"OU", "cisco.com"},
                                       {"CN", kRealCommonName},
                                       {"emailAddress", "linksys-certadmin@cisco.com"}});
  EXPECT_EQ(identity.kind, Kind::device);
  EXPECT_EQ(identity.mac->bare(), kMac);
  EXPECT_EQ(identity.serial, "CBT153908BX");
  EXPECT_EQ(identity.product, "SPA-525G2");
}

TEST(Identify, TakesMacAndSerialFromCommonNameAlone) {
  const auto identity = identify_name({{"OU", "cisco.com"}, {"CN", kRealCommonName}});
  EXPECT_EQ(identity.kind, Kind::device);
  EXPECT_EQ(identity.mac->bare(), kMac);
  EXPECT_EQ(identity.serial, "CBT153908BX");
}

TEST(Identify, ReadsTheMultiplatformLayout) {
  const auto identity =
      identify_name({{"O", "Cisco Systems Inc."}, {"L", "Richardson"}, {"CN", "CP-8861-SEP00562B043615"}});
  EXPECT_EQ(identity.kind, Kind::device);
  EXPECT_EQ(identity.mac->bare(), "00562b043615");
  EXPECT_EQ(identity.product, "CP-8861");
  EXPECT_EQ(identity.serial, "");
}

TEST(Identify, TakesNoHostNameForAProduct) {
  EXPECT_EQ(identify_name({{"OU", "cisco.com"}, {"ST", "708105B37234"}}).product, "");
}

TEST(Identify, TakesNoProductFromSeveralUnits) {
  EXPECT_EQ(identify_name({{"OU", "SPA-962"}, {"OU", "Voice"}, {"ST", "708105B37234"}}).product, "");
}

TEST(Identify, PassesOverAStateThatIsOne) {
  EXPECT_EQ(identify_name({{"ST", "DE"}, {"CN", kRealCommonName}}).mac->bare(), kMac);
  EXPECT_EQ(identify_name({{"ST", "California"}, {"CN", kRealCommonName}}).mac->bare(), kMac);
}

TEST(Identify, ReadsWhatTheMakerSigned) {
  const auto key = *crypto::PrivateKey::generate_ec();
  // The issuer names a MAC too: it is nobody's identity.
  const auto root = *crypto::issue(
      {.subject = {{"CN", "Root"}, {"ST", "000e08abcdef"}}, .not_after = now() + std::chrono::hours{1}, .is_ca = true},
      key, nullptr);
  const crypto::Issued issuer{root, key};
  const auto device = *crypto::issue(
      {.subject = {{"OU", "SPA-504G"}, {"ST", "708105B37234"}}, .not_after = now() + std::chrono::hours{1}}, key,
      &issuer);
  EXPECT_EQ(identify_subject(device.subject()).mac->bare(), kMac);
  const auto nameless =
      *crypto::issue({.subject = {{"CN", "SPA-504G"}}, .not_after = now() + std::chrono::hours{1}}, key, &issuer);
  EXPECT_EQ(identify_subject(nameless.subject()).kind, Kind::unusable);
}

// ---- the generic certificate
// ------------------------------------------------------------------------------------------

TEST(Identify, KnowsTheGenericCertificate) {
  for (const auto& name : {"ciscogeneric", "CiscoGeneric"}) {
    EXPECT_EQ(identify_name({{"OU", "cisco.com"}, {"L", name}, {"ST", name}}).kind, Kind::generic);
    EXPECT_EQ(identify_name({{"OU", "cisco.com"}, {"L", name}}).kind, Kind::generic);
    EXPECT_EQ(identify_name({{"OU", "cisco.com"}, {"ST", name}}).kind, Kind::generic);
  }
}

TEST(Identify, RefusesAGenericCertificateThatNamesADevice) {
  for (const auto& identity : {identify_name({{"L", "ciscogeneric"}, {"ST", "708105B37234"}}),
                               identify_name({{"ST", "ciscogeneric"}, {"CN", kRealCommonName}})}) {
    EXPECT_EQ(identity.kind, Kind::unusable);
    EXPECT_FALSE(identity.mac);
    EXPECT_THAT(identity.problem, HasSubstr("708105b37234"));
  }
}

TEST(Identify, TakesNoOtherWordForGeneric) {
  EXPECT_EQ(identify_name({{"L", "ciscogeneric2"}, {"OU", "ciscogeneric"}, {"CN", "ciscogeneric"}}).kind,
            Kind::unusable);
}

// ---- what is no identity
// ----------------------------------------------------------------------------------------------

class NoIdentity : public testing::TestWithParam<std::vector<std::pair<std::string, std::string>>> {};
TEST_P(NoIdentity, IsUnusableAndSaysWhy) {
  const auto identity = identify_name(GetParam());
  EXPECT_EQ(identity.kind, Kind::unusable);
  EXPECT_FALSE(identity.mac);
  EXPECT_NE(identity.problem, "");
}
using Attributes = std::vector<std::pair<std::string, std::string>>;
INSTANTIATE_TEST_SUITE_P(
    Subjects, NoIdentity,
    testing::Values(
        Attributes{}, Attributes{{"CN", ""}}, Attributes{{"CN", "SPA-504G"}}, Attributes{{"ST", "70810 5B37234"}},
        // 11 and 13 digits, alone and beside a good CN
        Attributes{{"ST", "708105B3723"}}, Attributes{{"ST", "708105B372345"}},
        Attributes{{"ST", "708105B3723"}, {"CN", kRealCommonName}},
        Attributes{{"ST", "708105B372345"}, {"CN", kRealCommonName}},
        Attributes{{"CN", "SPA-525G2, MAC: 708105B3723, Serial: CBT153908BX"}},
        Attributes{{"CN", "SPA-525G2, MAC: 708105B372345, Serial: CBT153908BX"}},
        Attributes{{"CN", "CP-8861-SEP00562B04361"}}, Attributes{{"CN", "CP-8861-SEP00562B0436155"}},
        // inside a longer string
        Attributes{{"ST", "x708105B37234"}}, Attributes{{"ST", "708105B37234 "}}, Attributes{{"ST", " 708105B37234"}},
        Attributes{{"ST", "70:81:05:B3:72:34"}}, Attributes{{"ST", "MAC: 708105B37234"}},
        Attributes{{"CN", "708105B37234"}}, Attributes{{"CN", "phone 708105B37234"}},
        Attributes{{"CN", "SPA-525G2 MAC: 708105B37234"}}, Attributes{{"CN", "MAC: 708105B37234"}},
        Attributes{{"CN", "SPA-525G2, XMAC: 708105B37234"}}, Attributes{{"CN", "SPA-525G2, MAC: 708105B37234x"}},
        Attributes{{"CN", "SPA-525G2, MAC: 708105B37234 Serial: A"}},
        Attributes{{"CN", "SPA-525G2, mac: 708105B37234"}}, Attributes{{"CN", "xCP-8861-SEP00562B043615"}},
        Attributes{{"CN", "CP-8861-SEP00562B043615x"}}, Attributes{{"CN", "CP-8861 evil-SEP00562B043615"}},
        Attributes{{"CN", "CP--SEP"}}, Attributes{{"CN", "CP-SEP00562B043615"}},
        // twice
        Attributes{{"CN", "SPA-525G2, MAC: 708105B37234, MAC: 708105B37234"}},
        Attributes{{"CN", "SPA-525G2, MAC: 708105B37234, MAC: x"}},
        Attributes{{"CN", kRealCommonName}, {"CN", kRealCommonName}}, Attributes{{"CN", "a"}, {"CN", kRealCommonName}},
        Attributes{{"CN", kRealCommonName}, {"CN", "a"}}, Attributes{{"ST", "708105B37234"}, {"ST", "708105B37234"}},
        Attributes{{"ST", "708105B37234"}, {"L", "A"}, {"L", "B"}},
        // elsewhere
        Attributes{{"OU", "708105B37234"}}, Attributes{{"L", "708105B37234"}},
        Attributes{{"serialNumber", "708105B37234"}}, Attributes{{"O", kRealCommonName}},
        Attributes{{"emailAddress", "708105B37234"}},
        // letters that only look like digits (fullwidth, Arabic)
        Attributes{{"ST", "708105B3723４"}}, Attributes{{"ST", "٧٠٨١٠٥"}},
        // control characters, in any attribute
        Attributes{{"ST", std::string{"708105B37234\0", 13}}},
        Attributes{{"ST", "708105B37234"}, {"O", std::string{"A\0B", 3}}},
        Attributes{{"CN", std::string{"SPA-525G2, MAC: 708105B37234\0, MAC: 000e08abcdef", 48}}},
        Attributes{{"CN", "SPA-525G2,\nMAC: 708105B37234"}}));

TEST(Identify, RefusesTwoAttributesThatDisagree) {
  const auto identity = identify_name({{"ST", "000e08abcdef"}, {"CN", kRealCommonName}});
  EXPECT_EQ(identity.kind, Kind::unusable);
  EXPECT_FALSE(identity.mac);
  EXPECT_EQ(identity.problem, "ST names 000e08abcdef and CN names 708105b37234");
  EXPECT_EQ(identify_name({{"ST", "000e08abcdef"}, {"CN", "CP-8861-SEP00562B043615"}}).kind, Kind::unusable);
}

TEST(Identify, RefusesAnRdnOfSeveralValues) {
  auto name = name_of({{"OU", "SPA-504G"}, {"ST", "708105B37234"}});
  name[1].rdn = 0;
  EXPECT_EQ(identify_subject(name).kind, Kind::unusable);
  EXPECT_THAT(identify_subject(name).problem, HasSubstr("share one RDN"));
}

TEST(Identify, RefusesAnAttributeThatIsNotWellFormed) {
  auto name = name_of({{"O", "?"}, {"ST", "708105B37234"}});
  name[0].well_formed = false;
  EXPECT_EQ(identify_subject(name).kind, Kind::unusable);
}

TEST(Identify, ShowsHostileValuesInAscii) {
  const auto problem = identify_name({{"CN", std::string{"a\0\x1b[2J", 6}}}).problem;
  EXPECT_THAT(problem, HasSubstr("a\\x00\\x1b[2J"));
}

// ---- string types of DER
// ----------------------------------------------------------------------------------------------

TEST(IdentifyDer, ComparesCharactersNotOctets) {
  const std::string mac{"708105B37234"};
  EXPECT_EQ(identify_der(tlv(kSet, attribute(kState, kPrintableString, mac))).kind, Kind::device);
  EXPECT_EQ(identify_der(tlv(kSet, attribute(kState, kUtf8String, mac))).kind, Kind::device);
  EXPECT_EQ(identify_der(tlv(kSet, attribute(kState, kBmpString, bmp(mac)))).mac->bare(), kMac);
}

TEST(IdentifyDer, RefusesBmpOctetsInAStringOfOctets) {
  for (const auto tag : {kPrintableString, kUtf8String, kT61String}) {
    EXPECT_EQ(identify_der(tlv(kSet, attribute(kState, tag, bmp("708105B37234")))).kind, Kind::unusable);
  }
}

TEST(IdentifyDer, RefusesABmpStringWhoseOctetsSpellAMac) {
  // 12 octets of ASCII are six other characters.
  EXPECT_EQ(identify_der(tlv(kSet, attribute(kState, kBmpString, "708105B37234"))).kind, Kind::unusable);
}

TEST(IdentifyDer, RefusesABmpStringLongerThanAMac) {
  EXPECT_EQ(identify_der(tlv(kSet, attribute(kState, kBmpString, bmp("708105B372345")))).kind, Kind::unusable);
  EXPECT_EQ(identify_der(tlv(kSet, attribute(kState, kBmpString, bmp("708105B37234") + "x"))).kind, Kind::unusable);
  EXPECT_EQ(identify_der(tlv(kSet, attribute(kState, kUniversalString, bmp("708105B37234")))).kind, Kind::unusable);
}

TEST(IdentifyDer, RefusesAnEmbeddedNul) {
  EXPECT_EQ(identify_der(tlv(kSet, attribute(kState, kUtf8String, std::string{"708105B37234\0x", 14}))).kind,
            Kind::unusable);
  EXPECT_EQ(identify_der(tlv(kSet, attribute(kState, kBmpString, bmp("708105B37234") + std::string(2, '\0')))).kind,
            Kind::unusable);
}

TEST(IdentifyDer, RefusesTwoValuesInOneRdn) {
  EXPECT_EQ(identify_der(tlv(kSet, attribute(kState, kPrintableString, "708105B37234") +
                                       attribute(kCommonName, kPrintableString, "x")))
                .kind,
            Kind::unusable);
}

TEST(IdentifyDer, RefusesTwoCommonNames) {
  const auto one = tlv(kSet, attribute(kCommonName, kPrintableString, kRealCommonName));
  EXPECT_EQ(identify_der(one).kind, Kind::device);
  EXPECT_EQ(identify_der(one + one).kind, Kind::unusable);
}

// ---- properties
// -------------------------------------------------------------------------------------------------------

MacAddress any_mac() { return MacAddress::from_number(*rc::gen::inRange<std::uint64_t>(0, 1ULL << 48)); }
std::string any_spelling(const MacAddress& mac) { return *rc::gen::element(mac.bare(), mac.bare_upper()); }
/// Text that has something to do with the layouts, more often than not.
std::string any_piece() {
  return *rc::gen::oneOf(
      rc::gen::element<std::string>("MAC: ", "Serial: ", ", ", ",", "CP-", "-SEP", "8861", "ciscogeneric", " ", "0",
                                    "000e08abcdef", "708105B37234", "SPA-504G"),
      rc::gen::string<std::string>());
}
std::string any_value() {
  std::string value;
  for (auto count = *rc::gen::inRange(1, 6); count > 0; --count) value += any_piece();
  return value;
}

TEST(IdentifyProperty, ReadsAnyMacInAnyLayout) {
  EXPECT_TRUE(rc::check([] {
    const auto mac = any_mac();
    const auto in_common_name = fmt::format("SPA-525G2, MAC: {}, Serial: X", any_spelling(mac));
    for (const auto& name : {Attributes{{"ST", any_spelling(mac)}}, Attributes{{"CN", in_common_name}},
                             Attributes{{"ST", any_spelling(mac)}, {"CN", in_common_name}},
                             Attributes{{"CN", "CP-8861-SEP" + any_spelling(mac)}}}) {
      RC_ASSERT(identify_name(name).mac == mac);
    }
  }));
}

TEST(IdentifyProperty, ReadsNoMacFromInsideALongerValue) {
  EXPECT_TRUE(rc::check([] {
    const auto before = *rc::gen::string<std::string>();
    const auto behind = *rc::gen::string<std::string>();
    RC_PRE(!before.empty() || !behind.empty());
    const auto longer = before + any_spelling(any_mac()) + behind;
    RC_ASSERT(identify_name({{"ST", longer}}).kind == Kind::unusable);
    RC_ASSERT(!identify_name({{"CN", longer}}).mac);
  }));
}

TEST(IdentifyProperty, TwoDifferentMacsAreNobodys) {
  EXPECT_TRUE(rc::check([] {
    const auto one = any_mac();
    const auto other = any_mac();
    RC_PRE(one != other);
    RC_ASSERT(identify_name({{"ST", one.bare()}, {"CN", fmt::format("SPA-504G, MAC: {}", other.bare())}}).kind ==
              Kind::unusable);
    RC_ASSERT(identify_name({{"ST", one.bare()}, {"CN", fmt::format("CP-8861-SEP{}", other.bare())}}).kind ==
              Kind::unusable);
  }));
}

TEST(IdentifyProperty, ADeviceIsAlwaysSpelledOutWhole) {
  EXPECT_TRUE(rc::check([] {
    Attributes attributes;
    for (auto count = *rc::gen::inRange(1, 5); count > 0; --count) {
      attributes.emplace_back(*rc::gen::element<std::string>("ST", "CN", "L", "OU", "O"), any_value());
    }
    const auto identity = identify_name(attributes);
    RC_ASSERT((identity.kind == Kind::device) == identity.mac.has_value());
    RC_ASSERT((identity.kind == Kind::unusable) == !identity.problem.empty());
    if (!identity.mac) return;
    bool named = false;
    for (const auto& [type, value] : attributes) {
      for (const auto& spelling : {identity.mac->bare(), identity.mac->bare_upper()}) {
        named |= type == "ST" && value == spelling;
        named |= type == "CN" && (value + ",").find("MAC: " + spelling + ",") != std::string::npos;
        named |= type == "CN" && value.ends_with("-SEP" + spelling);
      }
    }
    RC_ASSERT(named);
  }));
}

// ---- words
// ------------------------------------------------------------------------------------------------------------

TEST(Assurance, IsOrderedAndHasNames) {
  EXPECT_LT(Assurance::none, Assurance::claimed);
  EXPECT_LT(Assurance::claimed, Assurance::generic);
  EXPECT_LT(Assurance::generic, Assurance::certificate);
  for (const auto assurance : {Assurance::none, Assurance::claimed, Assurance::generic, Assurance::certificate}) {
    EXPECT_EQ(parse_assurance(to_string(assurance)), assurance);
  }
  EXPECT_FALSE(parse_assurance("Certificate"));
}

// ---- makers by issuer

class YealinkSubject : public testing::TestWithParam<std::vector<std::pair<std::string, std::string>>> {};
TEST_P(YealinkSubject, NamesItsPhoneUnderItsMakersCaAlone) {
  const auto identity = device::identify(name_of(GetParam()), kYealink);
  EXPECT_EQ(identity.kind, Kind::device) << identity.problem;
  EXPECT_EQ(identity.mac->bare(), "001565000062");
  EXPECT_EQ(identify_name(GetParam()).kind, Kind::unusable) << "another CA vouches for no Yealink layout";
}
// other-makers.md 5
INSTANTIATE_TEST_SUITE_P(Layouts, YealinkSubject,
                         testing::Values(std::vector<std::pair<std::string, std::string>>{{"CN", "001565000062"}},
                                         std::vector<std::pair<std::string, std::string>>{{"CN", "00:15:65:00:00:62"}},
                                         std::vector<std::pair<std::string, std::string>>{
                                             {"O", "Yealink Network Technology Co., Ltd."},
                                             {"OU", "Yealink Equipment"},
                                             {"CN", "yealink.com"},
                                             {"serialNumber", "ffffffff-ffff-ffff-fff0-001565000062"}}));

TEST(YealinkSubject, IsUnusableIfItIsNotPlainlyOne) {
  for (const auto& attributes :
       {Attributes{}, Attributes{{"CN", "yealink.com"}}, Attributes{{"CN", "00156500006"}},
        Attributes{{"CN", "0015650000622"}}, Attributes{{"CN", "x001565000062"}}, Attributes{{"CN", "ffffffff-ffff"}},
        Attributes{{"CN", "001565000062"}, {"CN", "001565000063"}},
        Attributes{{"CN", "001565000062"}, {"serialNumber", "ffffffff-ffff-ffff-fff0-001565000063"}},
        Attributes{{"CN", std::string{"001565000062\0", 13}}}, Attributes{{"serialNumber", "001565000062"}},
        // Cisco's layouts mean nothing here.
        Attributes{{"ST", "001565000062"}, {"L", "X1"}, {"OU", "SPA-504G"}},
        Attributes{{"CN", "CP-8861-SEP001565000062"}}}) {
    const auto identity = device::identify(name_of(attributes), kYealink);
    EXPECT_EQ(identity.kind, Kind::unusable);
    EXPECT_NE(identity.problem, "");
  }
}

TEST(Issuer, IsComparedWhole) {
  for (const auto* name : {"", "yealink equipment issuing ca", "Yealink Equipment Issuing CA 2", "Yealink"})
    EXPECT_EQ(device::identify(name_of({{"CN", "001565000062"}}), name_of({{"CN", name}})).kind, Kind::unusable);
  EXPECT_EQ(device::identify(name_of({{"CN", "001565000062"}}), {}).kind, Kind::unusable);
  // Two of CN: neither of them is the name.
  EXPECT_EQ(device::identify(name_of({{"CN", "001565000062"}}),
                             name_of({{"CN", "Yealink Equipment Issuing CA"}, {"CN", "x"}}))
                .kind,
            Kind::unusable);
}

}  // namespace
}  // namespace firstring::device
