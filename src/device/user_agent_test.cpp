#include <gtest/gtest.h>

#include "device/model.hpp"

namespace firstring::device {
namespace {

struct Example {
  std::string_view text, vendor, product, version, serial, mac;
};

class KnownUserAgent : public testing::TestWithParam<Example> {};
TEST_P(KnownUserAgent, IsTakenApart) {
  const auto agent = parse_user_agent(GetParam().text);
  ASSERT_TRUE(agent);
  EXPECT_EQ(agent->vendor, GetParam().vendor);
  EXPECT_EQ(agent->product, GetParam().product);
  EXPECT_EQ(agent->version, GetParam().version);
  EXPECT_EQ(agent->serial, GetParam().serial);
  EXPECT_EQ(agent->mac ? agent->mac->bare() : "", GetParam().mac);
  EXPECT_NE(Catalogue::shipped().find_product(agent->product), nullptr);
}
// spa-phones.md 2.1
INSTANTIATE_TEST_SUITE_P(
    Seen, KnownUserAgent,
    testing::Values(
        Example{"Linksys/SPA-2102-2.0.5 (88012BA01234)", "Linksys", "SPA-2102", "2.0.5", "88012BA01234", ""},
        Example{"Linksys/SPA-942-6.1.5(a) (88019FA42805)", "Linksys", "SPA-942", "6.1.5(a)", "88019FA42805", ""},
        Example{"Linksys/SPA-962-6.1.5(a) (4MM00F903042)", "Linksys", "SPA-962", "6.1.5(a)", "4MM00F903042", ""},
        Example{"Linksys/SPA8000-6.1.3", "Linksys", "SPA8000", "6.1.3", "", ""},
        Example{"Cisco/SPA501G-7.4.4 (8843E157DDCC)(CBT141100HR)", "Cisco", "SPA501G", "7.4.4", "CBT141100HR",
                "8843e157ddcc"},
        Example{"Cisco/SPA504G-7.4.9c (649EF3788E6A)(CCQ162306EA)", "Cisco", "SPA504G", "7.4.9c", "CCQ162306EA",
                "649ef3788e6a"},
        Example{"Cisco/SPA525G-7.4.7 (CBT141900G7)", "Cisco", "SPA525G", "7.4.7", "CBT141900G7", ""},
        Example{"Cisco/SPA112-1.4.1(SR5) (88755A000001)", "Cisco", "SPA112", "1.4.1(SR5)", "88755A000001", ""},
        Example{"Cisco/ATA191-MPP-11-1-0-MSR4 (FCH2443D9R4)", "Cisco", "ATA191-MPP", "11-1-0-MSR4", "FCH2443D9R4", ""},
        Example{"Cisco-CP-8841-3PCC/11.0 (00562b043615)", "Cisco", "CP-8841-3PCC", "11.0", "", "00562b043615"},
        Example{"Cisco/SPA504G-7.6.2c", "Cisco", "SPA504G", "7.6.2c", "", ""},
        // other-makers.md 1
        Example{"Yealink SIP-T46S 66.84.0.15 00:15:65:4c:4c:26", "Yealink", "SIP-T46S", "66.84.0.15", "",
                "0015654c4c26"},
        Example{"yealink SIP-T46S 66.84.0.15 0015654C4C26", "Yealink", "SIP-T46S", "66.84.0.15", "", "0015654c4c26"}));

class UnknownUserAgent : public testing::TestWithParam<std::string_view> {};
TEST_P(UnknownUserAgent, IsNoClaim) { EXPECT_FALSE(parse_user_agent(GetParam())); }
INSTANTIATE_TEST_SUITE_P(Texts, UnknownUserAgent,
                         testing::Values("", "curl/7.88.1", "Mozilla/5.0 (X11; Linux)", "Cisco", "Cisco/",
                                         "Cisco/SPA504G", "Cisco/SPA504G-", "Cisco/-7.4", "Cisco/SPA504G-7.4.4 x",
                                         "Cisco/SPA504G-7.4.4 (a)x", "Cisco/SPA504G-7.4.4 ()",
                                         "Cisco/SPA504G-7.4.4 (8843E157DDCC)(CBT141100HR)(x)",
                                         "Cisco/SPA504G-7.4.4 (not a mac)(CBT141100HR)",
                                         "Cisco/SPA504G-7.4.4 (8843E157DDC)(CBT141100HR)", "Yealink/SPA504G-7.4.4 (x)",
                                         "cisco/SPA504G-7.4.4 (x)", "Cisco-CP-8841-3PCC/11.0 (0056)",
                                         "Cisco-CP-8841-3PCC/11.0 (00562b043615)(x)", "Cisco-CP-8841-3PCC 11.0",
                                         "Cisco/SPA504G-7.4.4 (\xff)", "Cisco/SPA504G-7.4.4<b> (x)",
                                         "Yealink SIP-T46S 66.84.0.15 00:15:65:4c:4c:2", "Yealink SIP-T46S",
                                         "Yealink SIP-T46S 66.84.0.15 0015.654c.4c26", "Yealink  66.84 0015654c4c26",
                                         "Yealink SIP-T46S 66.84.0.15 00:15:65:4c:4c:26 x",
                                         "Yealink SIP<T46S 66.84.0.15 00:15:65:4c:4c:26"));

TEST(UserAgentLength, IsBounded) {
  EXPECT_FALSE(parse_user_agent("Cisco/SPA504G-7.4.4 (" + std::string(200, 'A') + ")"));
}

TEST(ModelUserAgent, IsReadBackForEveryModel) {
  for (const auto& model : Catalogue::shipped().models()) {
    for (const auto& firmware : model.firmware) {
      auto text = model.user_agent;
      const auto put = [&](std::string_view placeholder, std::string_view value) {
        if (const auto at = text.find(placeholder); at != std::string::npos)
          text.replace(at, placeholder.size(), value);
      };
      put("{version}", firmware);
      put("{mac}", "000e08abcdef");
      put("{MAC}", "000E08ABCDEF");
      put("{mac_colons}", "00:0e:08:ab:cd:ef");
      put("{serial}", "CBT141100HR");
      const auto agent = parse_user_agent(text);
      ASSERT_TRUE(agent) << text;
      EXPECT_EQ(agent->vendor, model.vendor);
      EXPECT_EQ(agent->version, firmware);
      EXPECT_EQ(Catalogue::shipped().find_product(agent->product), &model) << text;
    }
  }
}

}  // namespace
}  // namespace firstring::device
