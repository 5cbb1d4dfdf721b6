#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "hello/client_hello.hpp"
#include "hello/test_hellos.hpp"

namespace firstring::hello {
namespace {

namespace fs = std::filesystem;
const fs::path kFixtures = fs::path{FIRSTRING_SOURCE_DIR} / "tests/fixtures/hello";

std::string read_text(const fs::path& path) {
  std::ifstream file{path};
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

ClientHello captured(const std::string& name) {
  auto text = read_text(kFixtures / (name + ".hex"));
  std::erase(text, '\n');
  const auto bytes = from_hex(text);
  EXPECT_TRUE(bytes) << name;
  Reader reader;
  EXPECT_EQ(reader.feed(bytes.value_or(Bytes{})), Reader::State::complete) << name << ": " << reader.detail();
  return reader.hello();
}

std::vector<std::string> names_with(const std::string& extension) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator{kFixtures}) {
    if (entry.path().extension() == extension) names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// Only the fields that fingerprints look at.
ClientHello with_extensions(std::initializer_list<std::uint16_t> types) {
  ClientHello hello;
  hello.version = 0x0303;
  hello.has_extensions = true;
  for (const auto type : types) hello.extensions.push_back({type, {}});
  return hello;
}

/// The example of FoxIO's JA4.md: its raw text in the original order, and GREASE as the browser had it.
ClientHello ja4_example() {
  auto hello = with_extensions({0x0a0a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023,
                                0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0xbaba, 0x0015});
  hello.suites = {0x3a3a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030,
                  0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035};
  hello.signature_algorithms = {0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601};
  hello.supported_versions = {0xdada, 0x0304, 0x0303};
  hello.alpn = {"h2", "http/1.1"};
  return hello;
}

TEST(Ja3, EqualsTsharksForEveryCapturedHello) {
  const auto names = names_with(".ja3");
  ASSERT_GE(names.size(), 13u);
  for (const auto& name : names) {
    const auto fingerprint = ja3(captured(name));
    EXPECT_EQ(fingerprint.text + "\n" + fingerprint.hash + "\n", read_text(kFixtures / (name + ".ja3"))) << name;
  }
}

TEST(Ja4, EqualsThatOfTsharksFieldsForEveryCapturedHello) {
  const auto names = names_with(".ja4");
  ASSERT_GE(names.size(), 13u);
  for (const auto& name : names) {
    EXPECT_EQ(ja4(captured(name)) + "\n", read_text(kFixtures / (name + ".ja4"))) << name;
  }
}

TEST(Ja3, MatchesThePublishedExample) {
  // The first example of the README of github.com/salesforce/ja3.
  auto hello = with_extensions({0, 10, 11});
  hello.version = 769;
  hello.suites = {47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4};
  hello.groups = {23, 24, 25};
  hello.point_formats = {0};
  EXPECT_EQ(ja3(hello).text, "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0");
  EXPECT_EQ(ja3(hello).hash, "ada70206e40642a3e4461f35503241d5");
}

TEST(Ja3, KeepsTheCommasOfAHelloWithoutExtensions) {
  // The second example there.
  ClientHello hello;
  hello.version = 769;
  hello.suites = {4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99};
  EXPECT_EQ(ja3(hello).text, "769,4-5-10-9-100-98-3-6-19-18-99,,,");
  EXPECT_EQ(ja3(hello).hash, "de350869b8c85de67a350c8d186f11e6");
}

TEST(Ja3, LeavesGreaseOut) {
  auto hello = with_extensions({0x0a0a, 10, 0xfafa});
  hello.suites = {0x1a1a, 47};
  hello.groups = {0x2a2a, 23};
  EXPECT_EQ(ja3(hello).text, "771,47,10,23,");
}

TEST(Ja3, OfAnSslv2HelloHasVersionAndTlsSuites) {
  const auto hello = captured("jsse-sslv2-tls10");
  EXPECT_EQ(hello.format, Format::sslv2);
  EXPECT_THAT(hello.sslv2_kinds, testing::Not(testing::IsEmpty()));
  EXPECT_EQ(
      ja3(hello).text,
      "769,49162-49172-49161-49171-57-56-51-50-49157-49167-49156-49166-53-47-49160-49170-22-19-49155-49165-10-255,,,");
}

TEST(CapturedHello, SaysWhatTheClientWasToldToDo) {
  EXPECT_EQ(captured("jsse-sslv2-ssl3").highest_version(), 0x0300);
  EXPECT_EQ(captured("nss-ssl3").highest_version(), 0x0300);
  EXPECT_EQ(captured("openssl-tls10").highest_version(), 0x0301);
  EXPECT_EQ(captured("openssl-tls13").highest_version(), 0x0304);
  EXPECT_EQ(captured("openssl-tls13").server_name, "phones.example");
  EXPECT_THAT(captured("openssl-tls13").alpn, testing::ElementsAre("http/1.1"));
  EXPECT_FALSE(captured("openssl-tls12").offers_ticket);
  EXPECT_TRUE(captured("openssl-tls12-resumed").offers_ticket);
  EXPECT_FALSE(captured("openssl-tls13").offers_psk);
  EXPECT_TRUE(captured("openssl-tls13-resumed").offers_psk);
}

TEST(Ja4, MatchesTheSpecificationsExample) { EXPECT_EQ(ja4(ja4_example()), "t13d1516h2_8daaf6152771_e5627efa2ab1"); }

TEST(Ja4, WithoutSignatureAlgorithmsEndsWithoutUnderscore) {
  auto hello = ja4_example();
  hello.signature_algorithms.clear();
  EXPECT_EQ(ja4(hello), "t13d1516h2_8daaf6152771_6d807ffa2a79");
}

TEST(Ja4, WithoutAlpnHasZeros) {
  // Stream 6 of tls-handshake.pcapng in FoxIO's test data.
  auto hello = with_extensions(
      {0x0033, 0x002b, 0x001b, 0x0000, 0x0012, 0x002d, 0x000d, 0x000a, 0x0005, 0x0023, 0x0017, 0xff01, 0x000b, 0x0015});
  hello.suites = ja4_example().suites;
  hello.signature_algorithms = ja4_example().signature_algorithms;
  hello.supported_versions = {0x0304};
  EXPECT_EQ(ja4(hello), "t13d151400_8daaf6152771_de4a06bb82e3");
}

TEST(Ja4, MatchesFirefoxInThePublishedTestData) {
  // tls12.pcap there.
  auto hello = with_extensions({0x0000, 0x0017, 0xff01, 0x000a, 0x000b, 0x0023, 0x0010, 0x0005, 0x0022, 0x0033, 0x002b,
                                0x000d, 0x002d, 0x001c, 0x0015});
  hello.suites = {0x1301, 0x1303, 0x1302, 0xc02b, 0xc02f, 0xcca9, 0xcca8, 0xc02c, 0xc030,
                  0xc00a, 0xc009, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035};
  hello.signature_algorithms = {0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201};
  hello.supported_versions = {0x0304, 0x0303};
  hello.alpn = {"h2", "http/1.1"};
  EXPECT_EQ(ja4(hello), "t13d1715h2_5b57614c22b0_3d5424432f57");
}

TEST(Ja4, LeavesGreaseOutOfTheSignatureAlgorithms) {
  // sigalg-grease.pcapng there.
  auto hello = with_extensions({0xfe0d, 0x0010, 0x0017, 0x44cd, 0xff01, 0x000a, 0x000d, 0x0023, 0x002b, 0x000b, 0xca34,
                                0x002d, 0x0000, 0x0005, 0x001b, 0x0012, 0x0033});
  hello.suites = ja4_example().suites;
  hello.signature_algorithms = {0x5a5a, 0x0904, 0x0905, 0x0906, 0x0403, 0x0804,
                                0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601};
  hello.supported_versions = {0x0304};
  hello.alpn = {"h2"};
  EXPECT_EQ(ja4(hello), "t13d1517h2_8daaf6152771_cb7bf5808d99");
}

TEST(Ja4, OfAHelloWithoutExtensionsHasZerosForThem) {
  ClientHello hello;
  hello.version = 0x0301;
  hello.suites = {0x0035};
  EXPECT_THAT(ja4(hello), testing::MatchesRegex("t10i010000_[0-9a-f]+_000000000000"));
}

TEST(Ja4, OfAPureSsl2HelloHasNoSuites) {
  ClientHello hello;
  hello.format = Format::sslv2;
  hello.version = 0x0002;
  hello.sslv2_kinds = {0x0700c0};
  EXPECT_EQ(ja4(hello), "ts2i000000_000000000000_000000000000");
}

TEST(Ja4, CountsNoFurtherThan99) {
  ClientHello hello;
  hello.version = 0x7f1c;
  for (std::uint16_t suite = 1; suite <= 100; ++suite) hello.suites.push_back(suite);
  EXPECT_EQ(ja4(hello).substr(0, 10), "t00i990000");
}

TEST(WithoutSession, IsWhatTheClientSendsTheFirstTime) {
  auto first = with_extensions({extension::kSupportedVersions, 0x0033});
  first.suites = {0x1301};
  auto second = first;
  second.extensions.push_back({extension::kEarlyData, {}});
  second.extensions.push_back({extension::kPreSharedKey, {0, 1}});
  second.offers_psk = true;
  EXPECT_NE(ja3(second).hash, ja3(first).hash);
  EXPECT_EQ(without_session(second), first);
  EXPECT_EQ(without_session(first), first);
}

TEST(Ja4, ShowsAProtocolOfOtherOctetsInHexadecimal) {
  // The examples of JA4.md, and others by its rules.
  const std::vector<std::pair<std::string, std::string>> examples = {
      {"\xab", "ab"},
      {"\xab\xcd", "ad"},
      {"\x30\xab", "3b"},
      {"\x30\x31\xab\xcd", "3d"},
      {"\x30\xab\xcd\x31", "01"},
      {"\xab\x30", "a0"},
      {"x", "xx"},
      {"http/1.1", "h1"},
      {"", "00"},
  };
  for (const auto& [protocol, shown] : examples) {
    auto hello = with_extensions({extension::kAlpn});
    hello.alpn = {protocol};
    EXPECT_EQ(ja4(hello).substr(8, 2), shown);
  }
}

}  // namespace
}  // namespace firstring::hello
