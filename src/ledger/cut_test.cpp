#include "ledger/cut.hpp"

#include <gtest/gtest.h>

#include <random>

#include "crypto/certificate.hpp"
#include "ledger/explain.hpp"

namespace firstring::ledger {
namespace {

TEST(Cut, KeepsTheBeginningOfALongHelloWithLengthAndDigest) {
  store::ConnectionRow row;
  for (int i = 0; i < 60'000; ++i) row.hello.push_back(static_cast<std::uint8_t>(i));
  const auto whole = row.hello;
  cut(row);
  EXPECT_TRUE(is_hello_cut(row));
  EXPECT_EQ(row.hello, Bytes(whole.begin(), whole.begin() + kStrangerLimits.hello));
  EXPECT_EQ(row.hello_length, whole.size());
  EXPECT_EQ(row.hello_sha256, to_hex(crypto::sha256(whole)));
}

TEST(Cut, LeavesAPhonesHelloWhole) {
  store::ConnectionRow row;
  row.standing = store::Standing::known;
  row.hello.resize(kPhoneLimits.hello);
  cut(row);
  EXPECT_FALSE(is_hello_cut(row));
  EXPECT_EQ(row.hello.size(), kPhoneLimits.hello);
  EXPECT_EQ(row.hello_sha256, "");
}

TEST(Cut, KeepsTheCauseThatWasFoundBefore) {
  store::LedgerEntry entry;
  auto& row = entry.connection;
  row.outcome = Outcome::handshake_failed;
  row.stage = Stage::hello;
  row.hello.resize(60'000);
  row.cause = Cause::no_common_cipher;
  cut(row);
  EXPECT_EQ(explain(entry).cause, Cause::no_common_cipher);
  EXPECT_EQ(explain(entry).explanation.find('{'), std::string::npos);
}

/// Whatever comes, a row is within its bound, and cutting again changes nothing.
TEST(Cut, BoundsEveryRow) {
  std::mt19937 random{4711};
  std::uniform_int_distribution<std::size_t> length{0, 70'000};
  constexpr std::size_t kStranger = 20'000, kPhone = 64'000, kRequest = 4000;
  for (int round = 0; round < 200; ++round) {
    store::ConnectionRow row;
    row.standing = round % 2 == 0 ? store::Standing::stranger : store::Standing::known;
    row.hello.resize(length(random));
    row.certificate_der.resize(length(random));
    for (auto* text : {&row.server_name, &row.detail, &row.certificate_subject, &row.certificate_issuer, &row.firmware})
      text->assign(length(random), 'x');
    for (std::size_t i = length(random) % 100; i > 0; --i) row.verdict_errors.emplace_back(length(random), 'y');
    cut(row);
    EXPECT_LE(bytes_of(row), round % 2 == 0 ? kStranger : kPhone);
    const auto before = row;
    cut(row);
    EXPECT_EQ(row.hello, before.hello);
    EXPECT_EQ(row.hello_length, before.hello_length);
    EXPECT_EQ(row.detail, before.detail);
    store::RequestRow request;
    request.target.assign(length(random), 'x');
    request.user_agent.assign(length(random), 'x');
    request.method.assign(length(random), 'x');
    cut(request);
    EXPECT_LE(bytes_of(request), kRequest);
    EXPECT_EQ(request.target_sha256.size(), request.target_length > 0 ? 64U : 0U);
  }
}

}  // namespace
}  // namespace firstring::ledger
