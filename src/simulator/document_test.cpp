#include "simulator/document.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>

#include "simulator/gzip.hpp"

namespace firstring::simulator {
namespace {

using testing::HasSubstr;

device::Model model() {
  device::Model model;
  model.lines = 2;
  model.line.password = "Password_{n}_";
  model.resync.periodic = "Resync_Periodic";
  model.document.format = &vendor::kFlatProfile;
  return model;
}

const device::Model& t46s() { return *device::Catalogue::shipped().find("T46S"); }

// "<flat-profile><A>1</A></flat-profile>", made with gzip 1.12.
constexpr std::array<std::uint8_t, 46> kGzip{0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0xb3, 0x49,
                                             0xcb, 0x49, 0x2c, 0xd1, 0x2d, 0x28, 0xca, 0x4f, 0xcb, 0xcc, 0x49, 0xb5,
                                             0xb3, 0x71, 0xb4, 0x33, 0xb4, 0xd1, 0x77, 0xb4, 0xb3, 0xd1, 0x47, 0x11,
                                             0x06, 0x00, 0xc1, 0x6e, 0xdb, 0x25, 0x25, 0x00, 0x00, 0x00};

std::string gzip_file() { return std::string{as_text(kGzip)}; }

TEST(Document, CountsParameters) {
  const auto document = read_document(
      "<?xml version=\"1.0\"?><!-- x --><flat-profile>//SECTION<A "
      "ua=\"na\"/><B>1</B><router><C>&lt;</C></router></flat-profile>",
      model());
  ASSERT_TRUE(document) << document.error().what;
  EXPECT_EQ(document->parameters, 3U);
  EXPECT_FALSE(document->gzip);
  EXPECT_FALSE(document->has_account_password);
}

TEST(Document, FindsAnAccountPassword) {
  const auto has = [](std::string_view inside) {
    return read_document("<flat-profile>" + std::string{inside} + "</flat-profile>", model())->has_account_password;
  };
  EXPECT_TRUE(has("<Password_2_>x</Password_2_>"));
  EXPECT_FALSE(has("<Password_2_> </Password_2_>"));
  EXPECT_FALSE(has("<Password_3_>x</Password_3_>"));
  EXPECT_FALSE(has("<Admin_Passwd>x</Admin_Passwd>"));
}

TEST(Document, FindsTheTimer) {
  const auto document = read_document(
      "<device><flat-profile><Resync_Periodic> 60 </Resync_Periodic>"
      "<Resync_Error_Retry_Delay>5</Resync_Error_Retry_Delay></flat-profile></device>",
      model());
  ASSERT_TRUE(document);
  EXPECT_EQ(document->resync_periodic, "60");
}

TEST(Document, ReadsGzip) {
  const auto document = read_document(gzip_file(), model());
  ASSERT_TRUE(document) << document.error().what;
  EXPECT_TRUE(document->gzip);
  EXPECT_EQ(document->parameters, 1U);
}

TEST(Document, IsCorruptUnlessAFlatProfile) {
  const auto error = [](std::string_view body) { return read_document(body, model()).error().what; };
  EXPECT_THAT(error(""), HasSubstr("empty"));
  EXPECT_THAT(error("<html><body/></html>"), HasSubstr("root element is 'html'"));
  EXPECT_THAT(error("<device><x/></device>"), HasSubstr("root element is 'device'"));
  EXPECT_THAT(error("<flat-profile><a></flat-profile>"), HasSubstr("at byte"));
  EXPECT_THAT(error("Salted__12345678abcdefgh"), HasSubstr("encrypted"));
  EXPECT_THAT(error("\x1f\x8b"), HasSubstr("gzip"));
}

TEST(Lines, AreReadAsAYealinkDoes) {
  const auto document = read_document(
      "#!version:1.0.0.1\n\n# account.2.password = x\naccount.1.password = a=b # c\n"
      "static.auto_provision.repeat.minutes=  60 \r\naccount.1.label =\n",
      t46s());
  ASSERT_TRUE(document) << document.error().what;
  EXPECT_EQ(document->form, "lines of name = value");
  EXPECT_EQ(document->parameters, 3U);
  EXPECT_TRUE(document->has_account_password);
  EXPECT_EQ(document->resync_periodic, "60");
  EXPECT_FALSE(
      read_document("#!version:1.0.0.1\naccount.1.password = \naccount.17.password = x", t46s())->has_account_password);
}

TEST(Lines, AreCorruptWithoutTheirFirstLine) {
  const auto error = [](std::string_view body) { return read_document(body, t46s()).error().what; };
  EXPECT_THAT(error(""), HasSubstr("empty"));
  EXPECT_THAT(error("a = b\n"), HasSubstr("first line is 'a = b'"));
  EXPECT_THAT(error("\n#!version:1.0.0.1\n"), HasSubstr("first line is ''"));
  EXPECT_THAT(error("<?xml version=\"1.0\"?><flat-profile/>"), HasSubstr("first line is"));
  EXPECT_THAT(error("#!version:1.0.0.1\na\n"), HasSubstr("line 2 is no 'name = value'"));
  EXPECT_THAT(error("#!version:1.0.0.1\n = b\n"), HasSubstr("line 2 is no"));
}

TEST(Gzip, RefusesEveryTruncationAndDamage) {
  const auto good = gzip_file();
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(gunzip(as_bytes(good.substr(0, length)), 1000)) << length;
  }
  EXPECT_FALSE(gunzip(as_bytes(good + "x"), 1000));
  for (const std::size_t at : {std::size_t{0}, std::size_t{2}, std::size_t{14}, good.size() - 8, good.size() - 1}) {
    auto bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x55);
    EXPECT_FALSE(gunzip(as_bytes(bad), 1000)) << at;
  }
}

TEST(Gzip, StopsAtItsLimit) {
  EXPECT_TRUE(gunzip(as_bytes(gzip_file()), 37));
  EXPECT_EQ(gunzip(as_bytes(gzip_file()), 36).error().code, Errc::limit_exceeded);
}

}  // namespace
}  // namespace firstring::simulator
