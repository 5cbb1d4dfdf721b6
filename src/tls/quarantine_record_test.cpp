#include "tls/quarantine_record.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tls/chain_verdict.hpp"

namespace firstring::tls {
namespace {

QuarantineRecord full() {
  QuarantineRecord record;
  record.result = QuarantineRecord::Result::ok;
  record.stage = Stage::finished;
  record.resumed = true;
  record.alert = {Alert::From::client, 48, "unknown_ca"};
  record.server_flight_us = 1'000;
  record.client_flight_us = 2'000'000;
  record.finished_us = 2'000'500;
  record.rtt_us = 70'000;
  record.bytes_in = 1'234;
  record.bytes_out = 5'678;
  record.version = "SSLv3";
  record.cipher = "RC4-SHA";
  record.key_exchange = "RSA";
  record.key_exchange_bits = 1024;
  record.failure = "none really";
  record.client_chain = {Bytes(700, 0x30), Bytes(900, 0x31)};
  return record;
}

/// Fed in pieces of at most `piece` octets; the reader never asks for more than there is.
Result<QuarantineRecord> read(ByteView bytes, std::size_t piece = 4096) {
  QuarantineRecordReader reader;
  while (const auto wanted = reader.wanted()) {
    const auto part = bytes.first(std::min({wanted, piece, bytes.size()}));
    if (part.empty()) return fail(Errc::invalid_input, "it wants more");
    FIRSTRING_CHECK(reader.feed(part));
    bytes = bytes.subspan(part.size());
  }
  if (!bytes.empty()) return fail(Errc::invalid_input, "it leaves something");
  return reader.record();
}

TEST(QuarantineRecord, ComesBackAsItWas) {
  for (const std::size_t piece : {1UL, 7UL, 4096UL}) {
    const auto again = read(serialize(full()), piece);
    ASSERT_TRUE(again) << again.error().what;
    EXPECT_EQ(serialize(*again), serialize(full()));
    EXPECT_EQ(again->cipher, "RC4-SHA");
    EXPECT_EQ(again->alert.name, "unknown_ca");
    EXPECT_EQ(again->client_chain, full().client_chain);
  }
  EXPECT_EQ(read(serialize({}))->result, QuarantineRecord::Result::failed);
}

TEST(QuarantineRecord, LeavesWhatFollowsIt) {
  auto bytes = serialize(full());
  const auto size = bytes.size();
  bytes.push_back('G');
  QuarantineRecordReader reader;
  std::size_t fed = 0;
  while (const auto wanted = reader.wanted()) {
    ASSERT_TRUE(reader.feed(ByteView{bytes}.subspan(fed, std::min(wanted, bytes.size() - fed))));
    fed += wanted;
  }
  EXPECT_EQ(fed, size);
}

TEST(QuarantineRecord, IsNeverLongerThanItsLimit) {
  auto record = full();
  record.client_chain.assign(20, Bytes(16'000, 0x30));
  record.failure.assign(100'000, 'x');
  const auto bytes = serialize(record);
  EXPECT_LE(bytes.size(), QuarantineRecord::kMaxBytes);
  const auto again = read(bytes);
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(again->client_chain.size(), 4U);
  EXPECT_EQ(again->failure.size(), 512U);
}

TEST(QuarantineRecord, IsRefusedWhereverItIsCutOrLengthened) {
  const auto whole = serialize(full());
  for (std::size_t size = 1; size + QuarantineRecord::kHeaderBytes < whole.size(); ++size) {
    Bytes cut{whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size + QuarantineRecord::kHeaderBytes)};
    cut[2] = static_cast<std::uint8_t>(size >> 8);
    cut[3] = static_cast<std::uint8_t>(size);
    EXPECT_FALSE(read(cut)) << size;
  }
  auto longer = whole;
  longer.push_back(0);
  const auto body = longer.size() - QuarantineRecord::kHeaderBytes;
  longer[2] = static_cast<std::uint8_t>(body >> 8);
  longer[3] = static_cast<std::uint8_t>(body);
  EXPECT_FALSE(read(longer));
}

TEST(QuarantineRecord, IsRefusedWithAnImpossibleLength) {
  EXPECT_FALSE(read(Bytes{0, 0, 0, 0}));
  EXPECT_FALSE(read(Bytes{0, 1, 0, 0}));
  EXPECT_FALSE(read(Bytes{0xff, 0xff, 0xff, 0xff}));
}

TEST(QuarantineRecord, IsRefusedIfItSaysWhatCannotBe) {
  const auto refused = [](auto change) {
    auto record = full();
    change(record);
    return !read(serialize(record));
  };
  EXPECT_TRUE(refused([](auto& r) { r.stage = Stage::client_flight; })) << "done, and not finished";
  EXPECT_TRUE(refused([](auto& r) { r.finished_us = -1; }));
  EXPECT_TRUE(refused([](auto& r) { r.result = QuarantineRecord::Result::failed; })) << "finished, and failed";
  EXPECT_TRUE(refused([](auto& r) { r.rtt_us = -2; }));
  EXPECT_TRUE(refused([](auto& r) { r.alert.code = 256; }));
  EXPECT_TRUE(refused([](auto& r) { r.version = "SSL\n"; }));
  EXPECT_TRUE(refused([](auto& r) { r.failure = "\x1b[31m"; }));
  EXPECT_FALSE(refused([](auto&) {}));
}

}  // namespace
}  // namespace firstring::tls
