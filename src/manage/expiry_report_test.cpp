#include "manage/expiry_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.hpp"
#include "base/temporary_folder.hpp"
#include "crypto/test_crl.hpp"

namespace firstring::manage {
namespace {

using crypto::Issued;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Timestamp day(const char* text) { return *parse_timestamp(text); }

Issued make(const std::string& name, const char* end, const Issued* issuer) {
  auto key = *crypto::PrivateKey::generate_ec();
  auto certificate = *crypto::issue(
      {.subject = {{"CN", name}}, .not_before = day("2006-01-01"), .not_after = day(end), .is_ca = true}, key, issuer);
  return {std::move(certificate), std::move(key)};
}

class Report : public testing::Test {
 protected:
  void SetUp() override {
    config_.dir = folder_.path();
    write("server.pem", server_.certificate.to_pem() + root_.certificate.to_pem());
    write("roots.pem", root_.certificate.to_pem());
    write("inter.pem", inter_.certificate.to_pem());
    config::Listener listener;
    listener.personalities = {"modern-2026-11"};
    config_.listeners = {listener};
    config::ServerChain chain;
    chain.name = "modern";
    chain.certificate = "server.pem";
    config_.server_chains = {chain};
    config::DeviceCa ca;
    ca.name = "maker";
    ca.roots = "roots.pem";
    ca.intermediates = "inter.pem";
    config_.device_cas = {ca};
  }

  void write(const std::string& name, std::string_view content) {
    ASSERT_TRUE(write_file(config_.dir / name, content));
  }

  static store::CertificateInUse phone(const Issued& issued, std::string chain = "modern", std::string ca = "maker") {
    return {.device = "000e08abcdef",
            .last = {},
            .chain = std::move(chain),
            .device_ca = std::move(ca),
            .certificate_der = issued.certificate.to_der()};
  }

  /// "2030-01-01 device_ca 2"
  static std::vector<std::string> lines(const ExpiryReport& report) {
    std::vector<std::string> texts;
    for (const auto& one : report.list())
      texts.push_back(to_iso8601(one.at).substr(0, 10) + " " + one.kind + " " + std::to_string(one.phones));
    return texts;
  }

  const Issued root_ = make("Root", "2040-01-01", nullptr);
  const Issued inter_ = make("Intermediate", "2035-01-01", &root_);
  const Issued server_ = make("server", "2027-01-01", &root_);
  const Issued old_ = make("old phone", "2026-03-05", &inter_);
  const Issued young_ = make("young phone", "2030-01-02", &inter_);
  const Issued direct_ = make("direct phone", "2030-01-01", &root_);
  const TemporaryFolder folder_;
  config::Config config_;
};

TEST_F(Report, ListsTheDatesOfTheConfigurationSoonestFirst) {
  const ExpiryReport report{config_};
  EXPECT_THAT(report.problems(), IsEmpty());
  EXPECT_THAT(lines(report), ElementsAre("2027-01-01 server_chain 0", "2035-01-01 device_ca 0",
                                         "2040-01-01 server_chain 0", "2040-01-01 device_ca 0"));
  const auto all = report.list();
  EXPECT_EQ(all[0].what, "certificate of server chain 'modern': CN=server");
  EXPECT_THAT(all[0].personalities, ElementsAre("modern-2026-11"));
  EXPECT_EQ(all[1].what, "intermediate of device CA 'maker': CN=Intermediate");
}

TEST_F(Report, CountsThePhonesThatEachDateStops) {
  ExpiryReport report{config_};
  report.add(phone(old_));
  report.add(phone(young_));
  report.add(phone(direct_, "legacy"));
  EXPECT_EQ(report.phones(), 3U);
  EXPECT_THAT(lines(report),
              ElementsAre("2026-03-05 phones 1", "2027-01-01 server_chain 2", "2030-01-01 phones 2",
                          "2035-01-01 device_ca 2", "2040-01-01 server_chain 2", "2040-01-01 device_ca 3"));
}

TEST_F(Report, LeavesOutWhatIsForgivenForEver) {
  config_.device_cas[0].accept_expired = true;
  ExpiryReport report{config_};
  report.add(phone(old_));
  EXPECT_THAT(lines(report), ElementsAre("2027-01-01 server_chain 1", "2040-01-01 server_chain 1"));
}

TEST_F(Report, CountsForTheRulesDayWhatHasExpiredByThen) {
  config_.device_cas[0].accept_expired_until = std::chrono::sys_days{std::chrono::year{2028} / 6 / 30};
  ExpiryReport report{config_};
  report.add(phone(old_));
  report.add(phone(young_));
  EXPECT_THAT(lines(report),
              ElementsAre("2027-01-01 server_chain 2", "2028-07-01 accept_expired_until 1", "2030-01-02 phones 1",
                          "2035-01-01 device_ca 2", "2040-01-01 server_chain 2", "2040-01-01 device_ca 2"));
  config_.device_cas[0].accept_expired_until = std::chrono::sys_days{std::chrono::year{2036} / 1 / 1};
  ExpiryReport later{config_};
  later.add(phone(young_));
  EXPECT_THAT(lines(later), ElementsAre("2027-01-01 server_chain 1", "2036-01-02 accept_expired_until 1",
                                        "2040-01-01 server_chain 1", "2040-01-01 device_ca 1"))
      << "its intermediate will have expired too";
}

TEST_F(Report, ListsWhenACrlIsDue) {
  const crypto::testing::CrlRecipe recipe{.this_update = day("2026-01-01"), .next_update = day("2026-02-01")};
  write("maker.crl", crypto::testing::crl_pem(recipe.der(root_)));
  config_.device_cas[0].crl = "maker.crl";
  ExpiryReport report{config_};
  report.add_everywhere(7);
  EXPECT_EQ(lines(report).front(), "2026-02-01 crl 0") << "it stops nobody";
  EXPECT_EQ(lines(report).at(1), "2027-01-01 server_chain 7");
}

TEST_F(Report, GoesOnWhereAFileIsMissingOrACaIsGone) {
  std::filesystem::remove(config_.dir / "roots.pem");
  ExpiryReport report{config_};
  ASSERT_EQ(report.problems().size(), 1U);
  EXPECT_THAT(report.problems()[0], HasSubstr("roots.pem"));
  report.add(phone(old_, "gone", "gone"));
  auto damaged = phone(old_);
  damaged.certificate_der = {1, 2, 3};
  report.add(damaged);
  EXPECT_EQ(report.phones(), 2U);
}

TEST_F(Report, KnowsTheSecondPairAndTheOperatorsOwnPersonalities) {
  write("second.pem", make("second", "2026-12-31", &root_).certificate.to_pem());
  config_.server_chains[0].ecdsa_certificate = "second.pem";
  config::OwnPersonality own;
  own.name = "mine";
  own.based_on = "modern-2026-11";
  auto other = own;
  other.name = "others";
  other.chain = "legacy";
  other.positions["chain"] = {1, 1};
  config_.personalities = {own, other};
  config_.listeners[0].personalities = {"mine", "others"};
  const auto soonest = ExpiryReport{config_}.list().front();
  EXPECT_EQ(soonest.what, "ECDSA certificate of server chain 'modern': CN=second");
  EXPECT_THAT(soonest.personalities, ElementsAre("mine"));
}

TEST_F(Report, CountsAPhoneForTheOneOfTwoCertificatesThatItWasShown) {
  auto key = *crypto::PrivateKey::generate_rsa(1024);
  const crypto::CertificateRequest request{
      .subject = {{"CN", "rsa"}}, .not_before = day("2006-01-01"), .not_after = day("2026-12-31"), .is_ca = false};
  write("rsa.pem", crypto::issue(request, key, &root_)->to_pem());
  config_.server_chains[0].certificate = "rsa.pem";
  config_.server_chains[0].ecdsa_certificate = "server.pem";
  const auto counted = [&](int bits) {
    ExpiryReport report{config_};
    auto one = phone(direct_);
    one.server_key_bits = bits;
    report.add(one);
    const auto all = lines(report);
    return std::vector<std::string>{all.at(0), all.at(1)};
  };
  EXPECT_THAT(counted(1024), ElementsAre("2026-12-31 server_chain 1", "2027-01-01 server_chain 0"));
  EXPECT_THAT(counted(256), ElementsAre("2026-12-31 server_chain 0", "2027-01-01 server_chain 1"));
  EXPECT_THAT(counted(0), ElementsAre("2026-12-31 server_chain 1", "2027-01-01 server_chain 1")) << "nobody knows";
}

TEST_F(Report, ListsTheCertificateOfTheQuarantineWhereThatIsOn) {
  write("old.pem", make("old server", "2026-12-31", &root_).certificate.to_pem());
  config_.quarantine.certificate = "old.pem";
  EXPECT_EQ(lines(ExpiryReport{config_}).front(), "2027-01-01 server_chain 0");
  config_.quarantine.enabled = true;
  ExpiryReport report{config_};
  report.add(phone(direct_, "quarantine"));
  EXPECT_EQ(lines(report).front(), "2026-12-31 server_chain 1");
  EXPECT_THAT(report.list().front().personalities, ElementsAre("quarantine-2026-11"));
}

TEST_F(Report, SaysThatNobodyShowsAChain) {
  config_.listeners.clear();
  EXPECT_THAT(ExpiryReport{config_}.list().front().stops, HasSubstr("no listener presents it"));
}

}  // namespace
}  // namespace firstring::manage
