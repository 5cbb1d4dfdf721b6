#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <type_traits>

#include "base/bytes.hpp"
#include "base/file.hpp"
#include "base/ip_address.hpp"
#include "base/secret.hpp"
#include "base/snapshot.hpp"
#include "base/temporary_folder.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "base/utf8.hpp"

namespace firstring {
namespace {

class Files : public testing::Test {
 protected:
  const TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path();
};

TEST(Hex, ReadsWhatItWrites) {
  const Bytes bytes{0x00, 0x0e, 0xff};
  EXPECT_EQ(to_hex(bytes), "000eff");
  EXPECT_EQ(*from_hex("000EfF"), bytes);
}

TEST(Hex, RefusesOddLengthAndOtherCharacters) {
  EXPECT_FALSE(from_hex("abc"));
  EXPECT_FALSE(from_hex("0g"));
  EXPECT_FALSE(from_hex(" 0"));
}

TEST(Time, WritesAndReadsRfc3339) {
  const auto time = from_micros(1'795'470'231'123'456);
  EXPECT_EQ(to_iso8601(time), "2026-11-23T21:43:51.123456Z");
  EXPECT_EQ(*parse_timestamp("2026-11-23T21:43:51.123456Z"), time);
  EXPECT_EQ(to_iso8601(*parse_timestamp("2026-11-23")), "2026-11-23T00:00:00.000000Z");
}

TEST(Time, RefusesDatesThatAreNone) {
  for (const auto* text :
       {"", "2026-13-01", "2026-02-30", "2026-11-23T25:00:00Z", "2026-11-23T21:43:51", "2026-11-23 x", "yesterday"}) {
    EXPECT_FALSE(parse_timestamp(text)) << text;
  }
}

TEST(Duration, ReadsANumberAndItsUnit) {
  using namespace std::chrono_literals;
  EXPECT_EQ(*parse_duration("250ms"), 250ms);
  EXPECT_EQ(*parse_duration("30s"), 30s);
  EXPECT_EQ(*parse_duration("15m"), 15min);
  EXPECT_EQ(*parse_duration("2h"), 2h);
  EXPECT_EQ(*parse_duration("7d"), 168h);
}

TEST(Duration, RefusesWhatCouldMeanSomethingElse) {
  for (const auto* text : {"", "5", "s", "-5s", "5 s", "1h30m", "5sec", "99999999999999999999d", "9999999999999d"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Duration, IsWrittenInTheLargestUnitThatFits) {
  using namespace std::chrono_literals;
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(120s), "2m");
  EXPECT_EQ(format_duration(0ms), "0s");
  EXPECT_EQ(format_duration(1500ms), "1500ms");
}

TEST(Secret, CannotBeCopied) {
  static_assert(!std::is_copy_constructible_v<Secret>);
  static_assert(!std::is_copy_assignable_v<Secret>);
  static_assert(!std::is_convertible_v<Secret, std::string>);
}

TEST(Secret, IsEmptyAfterItWasMoved) {
  Secret first{"a password that is longer than the small string buffer"};
  const Secret second = std::move(first);
  EXPECT_EQ(second.reveal(), "a password that is longer than the small string buffer");
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
}

TEST(Secret, LeavesNoCoreDump) {
  forbid_core_dumps();
  EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 0);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_CORE, &limit), 0);
  EXPECT_EQ(limit.rlim_max, 0U);
}

TEST(Text, SuggestsWhatWasProbablyMeant) {
  const std::vector<std::string> names{"address", "kind", "personalities"};
  EXPECT_EQ(closest("adress", names), "address");
  EXPECT_EQ(closest("ADDRESS", names), "address");
  EXPECT_EQ(closest("zzz", names), std::nullopt);
  EXPECT_EQ(did_you_mean("knd", names), "; did you mean 'kind'?");
  EXPECT_EQ(did_you_mean("zzz", names), "");
}

TEST(Text, MakesUntrustedBytesPrintable) {
  EXPECT_EQ(printable("a\x1b[31m\n\"b\\"), "a\\x1b[31m\\x0a\\x22b\\x5c");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
  EXPECT_EQ(printable("\xff"), "\\xff");
}

TEST(Text, SplitsAndTrims) {
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_EQ(trim(" \t a b \r\n"), "a b");
  EXPECT_EQ(trim("  "), "");
}

TEST(Utf8, ReplacesWhatIsNone) {
  EXPECT_EQ(to_utf8("K\xc3\xb6ln"), "K\xc3\xb6ln");
  EXPECT_EQ(to_utf8("a\xff"
                    "b"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(to_utf8("\xc3"), "\xef\xbf\xbd");
  EXPECT_FALSE(first_character("\xed\xa0\x80")) << "a surrogate";
  EXPECT_FALSE(first_character("\xc0\x80")) << "an overlong form";
  EXPECT_EQ(first_character("\xf0\x9f\x93\x9e")->code, 0x1f4deU);
}

TEST(IpAddress, IsPrivateWhereNobodyOnTheInternetCanSendToIt) {
  for (const auto* text : {"127.0.0.1", "10.255.0.1", "172.31.255.255", "192.168.1.1", "169.254.1.1", "100.64.0.1",
                           "::1", "fe80::1", "fd00::1", "::ffff:10.0.0.1"})
    EXPECT_TRUE(is_internal(*IpAddress::parse(text))) << text;
  for (const auto* text : {"0.0.0.0", "::", "172.32.0.1", "192.0.2.1", "100.128.0.1", "8.8.8.8", "2001:db8::1"})
    EXPECT_FALSE(is_internal(*IpAddress::parse(text))) << text;
}

TEST(IpAddress, ReadsAndWritesBothFamilies) {
  EXPECT_EQ(IpAddress::parse("192.0.2.1")->to_string(), "192.0.2.1");
  EXPECT_EQ(IpAddress::parse("2001:DB8::1")->to_string(), "2001:db8::1");
  EXPECT_TRUE(IpAddress::parse("::ffff:192.0.2.1")->is_v4());
  for (const auto* text : {"", "192.0.2", "192.0.2.256", "[::1]", "::1%lo", "localhost"})
    EXPECT_FALSE(IpAddress::parse(text)) << text;
}

TEST(Endpoint, ReadsAddressAndPort) {
  EXPECT_EQ(Endpoint::parse("127.0.0.1:8443")->to_string(), "127.0.0.1:8443");
  EXPECT_EQ(Endpoint::parse("[::]:443")->to_string(), "[::]:443");
  EXPECT_EQ(Endpoint::parse("127.0.0.1:0")->port, 0);
  for (const auto* text : {"", "127.0.0.1", "::1:443", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "host:443"})
    EXPECT_FALSE(Endpoint::parse(text)) << text;
}

TEST(Prefix, ContainsItsAddressesOnly) {
  const auto v4 = *Prefix::parse("192.0.2.0/25");
  EXPECT_TRUE(v4.contains(*IpAddress::parse("192.0.2.127")));
  EXPECT_FALSE(v4.contains(*IpAddress::parse("192.0.2.128")));
  EXPECT_FALSE(v4.contains(*IpAddress::parse("2001:db8::1")));
  EXPECT_TRUE(Prefix::parse("0.0.0.0/0")->contains(*IpAddress::parse("203.0.113.9")));
  EXPECT_TRUE(Prefix::parse("2001:db8::/32")->contains(*IpAddress::parse("2001:db8:ffff::1")));
  EXPECT_FALSE(Prefix::parse("192.0.2.0/33"));
  for (const auto text : {"192.0.2.0/25", "0.0.0.0/0", "2001:db8::/32"})
    EXPECT_EQ(Prefix::parse(text)->to_string(), text);
  EXPECT_EQ(Prefix::parse("192.0.2.1")->to_string(), "192.0.2.1/32");
}

TEST_F(Files, WriteFileReplacesTheWholeFileWithItsMode) {
  const auto file = path_ / "a";
  ASSERT_TRUE(write_file(file, "one", 0600));
  ASSERT_TRUE(write_file(file, "two", 0600));
  EXPECT_EQ(*read_file(file), "two");
  struct stat status{};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator{path_}, {}), 1);
}

TEST_F(Files, ReadFileSaysWhatIsMissing) {
  const auto content = read_file(path_ / "none");
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code, Errc::not_found);
  EXPECT_NE(content.error().what.find("none: no such file"), std::string::npos);
}

TEST_F(Files, ReadFileStopsAtItsLimit) {
  ASSERT_TRUE(write_file(path_ / "big", std::string(5000, 'x')));
  EXPECT_EQ(read_file(path_ / "big", 4999).error().code, Errc::limit_exceeded);
}

TEST_F(Files, ASecretThatOthersCanReadIsRefusedWithTheRemedy) {
  ASSERT_TRUE(write_file(path_ / "key", "secret", 0640));
  const auto secret = read_secret_file(path_ / "key");
  ASSERT_FALSE(secret);
  EXPECT_EQ(secret.error().code, Errc::denied);
  EXPECT_NE(secret.error().what.find("chmod 600"), std::string::npos);
  ASSERT_EQ(::chmod((path_ / "key").c_str(), 0600), 0);
  EXPECT_EQ(read_secret_file(path_ / "key")->reveal(), "secret");
}

TEST(Snapshot, ReadersKeepWhatTheyTookWhileWritersPublish) {
  Snapshot<int> snapshot{std::make_shared<const int>(0)};
  const auto first = snapshot.load();
  std::thread writer{[&] {
    for (int i = 1; i <= 1000; ++i) snapshot.publish(std::make_shared<const int>(i));
  }};
  int last = 0;
  while (last < 1000) {
    const auto seen = *snapshot.load();
    EXPECT_GE(seen, last);
    last = seen;
  }
  writer.join();
  EXPECT_EQ(*first, 0);
}

TEST(Snapshot, HoldsNoOldValueOnceItsReadersHaveLetItGo) {
  const auto old = std::make_shared<const int>(1);
  Snapshot<int> snapshot{old};
  auto taken = snapshot.load();
  std::thread{[&] { EXPECT_EQ(*snapshot.load(), 1); }}.join();
  snapshot.publish(std::make_shared<const int>(2));
  EXPECT_EQ(old.use_count(), 2);  // ours, and the reader's
  taken.reset();
  EXPECT_EQ(old.use_count(), 1);
  std::thread{[&] { EXPECT_EQ(*snapshot.load(), 2); }}.join();
  snapshot.publish(nullptr);
  EXPECT_EQ(snapshot.load(), nullptr);
}

TEST(WithoutOrders, WritesWhatATerminalWouldObeyAsJsonEscapes) {
  EXPECT_EQ(without_orders("{\"a\":\"\x7f \xc2\x9b \xe2\x80\xae K\xc3\xb6ln\"}\n"),
            "{\"a\":\"\\u007f \\u009b \\u202e K\xc3\xb6ln\"}\n");
}

}  // namespace
}  // namespace firstring
