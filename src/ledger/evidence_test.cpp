#include "ledger/evidence.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace firstring::ledger {
namespace {

using testing::HasSubstr;
using testing::Not;

const MacAddress kOwn = MacAddress::from_number(0x000e08abcdef);

TEST(WithoutOthers, ReplacesStrangeMacAddressesInEveryForm) {
  for (const std::string_view other :
       {"708105b37234", "708105B37234", "70:81:05:b3:72:34", "70-81-05-B3-72-34", "7081.05b3.7234"}) {
    EXPECT_EQ(without_others(kOwn, fmt::format("/{}.xml", other)), "/(another phone).xml");
    EXPECT_EQ(without_others(kOwn, other), "(another phone)");
  }
  for (const std::string_view own : {"000e08abcdef", "000E08ABCDEF", "00:0e:08:ab:cd:ef"})
    EXPECT_EQ(without_others(kOwn, fmt::format("MAC: {}, Serial", own)), fmt::format("MAC: {}, Serial", own));
}

TEST(WithoutOthers, LeavesWhatOnlyLooksAlike) {
  for (const std::string_view text : {"t12i840700_bd790527ddab_a9cca239c6e0", "1795534624859709",
                                      "fb3c36b9bbe8b7c824f540e89930904f", "", "708105b3723"})
    EXPECT_EQ(without_others(kOwn, text), text);
}

TEST(WithoutOthers, TakesPasswordsAndStrangeRequestsOutOfAnEntry) {
  store::LedgerEntry entry;
  entry.connection.hello = {'G', 'E', 'T'};
  entry.connection.likely_device = "708105b37234";
  store::RequestRow request;
  request.target = "/000e08abcdef.xml?user=1&password=2";
  request.user_agent = "Cisco/SPA504G-7.5.5 (708105B37234)(CBT153908BX)";
  entry.requests.push_back(request);
  request.target = "https://user:password@host/x";
  request.user_agent = "Cisco/SPA504G-7.5.5 (000E08ABCDEF)(CBT12345678)";
  entry.requests.push_back(request);
  request.target = "/708105B37234.xml";
  request.device = "708105b37234";
  entry.requests.push_back(request);
  const auto clean = without_others(kOwn, entry);
  EXPECT_TRUE(clean.connection.hello.empty()) << "it is no ClientHello";
  EXPECT_EQ(clean.connection.likely_device, "");
  EXPECT_EQ(clean.requests[0].target, "/000e08abcdef.xml?(left out)");
  EXPECT_EQ(clean.requests[0].user_agent, "(another phone)");
  EXPECT_EQ(clean.requests[1].target, "(left out)");
  EXPECT_EQ(clean.requests[1].user_agent, request.user_agent);
  EXPECT_EQ(clean.requests[2].target, "(another phone)");
  EXPECT_EQ(clean.requests[2].device, "");
}

TEST(Concerns, KnowsWhoseAConnectionIs) {
  store::ConnectionRow row;
  EXPECT_FALSE(concerns(kOwn, row));
  row.likely_device = kOwn.bare();
  EXPECT_TRUE(concerns(kOwn, row));
  row.device = "708105b37234";  // its certificate says more than where it comes from
  EXPECT_FALSE(concerns(kOwn, row));
  row.device = kOwn.bare();
  EXPECT_TRUE(concerns(kOwn, row));
}

TEST(Summary, PutsNothingOfAStrangerOntoACommandLine) {
  Evidence evidence;
  evidence.mac = kOwn;
  store::LedgerEntry entry;
  entry.connection.outcome = Outcome::handshake_failed;
  entry.connection.local_address = "192.0.2.1";
  entry.connection.local_port = 443;
  entry.connection.firmware = "7.5'; rm -rf / #";
  evidence.entries.push_back(entry);
  const auto text = summary(evidence);
  EXPECT_THAT(text, HasSubstr("firstring simulate --server 192.0.2.1:443 --mac 000e08abcdef --cert"));
  EXPECT_THAT(text, Not(HasSubstr("--firmware")));
}

TEST(Summary, SaysWhenNothingFailed) {
  Evidence evidence;
  evidence.mac = kOwn;
  store::LedgerEntry entry;
  entry.connection.outcome = Outcome::ok;
  evidence.entries.push_back(entry);
  const auto text = summary(evidence);
  EXPECT_THAT(text, HasSubstr("1 connections, 0 of them failed"));
  EXPECT_THAT(text, Not(HasSubstr("WHAT WE ASK")));
}

}  // namespace
}  // namespace firstring::ledger
