#include "device/known_bad.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "device/model.hpp"

namespace firstring::device {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kBatch = "2006-06-wrong-certificates";

std::string_view batch_of(std::string_view model, std::string_view serial) {
  const auto* found = find_known_bad(model, serial);
  return found == nullptr ? "" : std::string_view{found->name};
}

TEST(KnownBad, HoldsTheBatchesOf2005And2006) {
  EXPECT_EQ(batch_of("SPA2102", "FM500F345678"), kBatch);
  EXPECT_EQ(batch_of("SPA3102", "FM600F345678"), kBatch);
  EXPECT_EQ(batch_of("SPA9000", "FM700F345678"), kBatch);
  const auto& batch = *find_known_bad(kBatch);
  EXPECT_EQ(batch.certificate, KnownBad::Certificate::may_be_wrong);
  EXPECT_EQ(batch.assurance_at_most, Assurance::certificate);
  EXPECT_EQ(batch.made_from, *parse_timestamp("2005-11-15"));
  EXPECT_EQ(batch.made_to, *parse_timestamp("2006-06-15"));
  EXPECT_THAT(batch.sentence(), HasSubstr(kBatch));
}

TEST(KnownBad, BothEndsOfARangeBelongToIt) {
  EXPECT_EQ(batch_of("SPA2102", "FM500F100000"), kBatch);
  EXPECT_EQ(batch_of("SPA2102", "FM500F699999"), kBatch);
  EXPECT_EQ(batch_of("SPA2102", "FM500F099999"), "");
  EXPECT_EQ(batch_of("SPA2102", "FM500F700000"), "");
}

TEST(KnownBad, ASerialNumberOfAnotherFormIsNotOfIt) {
  for (const auto serial :
       {"", "FM500F", "FM500F1000000", "FM500F10000", "FM500G345678", "FN500F345678", "FM5000345678", "FM500F34567A",
        "FM500F 45678", "FM500F34567\xc3\xa4", "345678", " FM500F345678", "FM500F345678 "}) {
    EXPECT_EQ(batch_of("SPA2102", serial), "") << serial;
  }
}

TEST(KnownBad, ADigitMayDifferWhereTheRangeHasOne) {
  // FM400F... comes before the first number and FM700F... is the range of another model.
  EXPECT_EQ(batch_of("SPA2102", "FM400F345678"), "");
  EXPECT_EQ(batch_of("SPA2102", "FM700F345678"), "");
}

TEST(KnownBad, CaseAndTheModelsSpellingDoNotMatter) {
  EXPECT_EQ(batch_of("SPA-2102", "fm500f345678"), kBatch);
  EXPECT_EQ(batch_of("spa2102", "FM500F345678"), kBatch);
  EXPECT_EQ(batch_of("SPA504G", "FM500F345678"), "") << "another model's numbers may look alike";
  EXPECT_EQ(batch_of("", "FM500F345678"), kBatch) << "nobody said which model";
}

TEST(KnownBad, KnowsTheSharedCertificateByItsSubject) {
  const auto* found = find_known_bad_subject("CiscoGeneric");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->certificate, KnownBad::Certificate::shared);
  EXPECT_EQ(found->assurance_at_most, Assurance::generic);
  EXPECT_EQ(find_known_bad_subject(""), nullptr);
  EXPECT_EQ(find_known_bad_subject("ciscogeneric2"), nullptr);
}

TEST(KnownBad, EveryEntryIsDatedAndSaysWhatToDo) {
  ASSERT_FALSE(known_bad_hardware().empty());
  for (const auto& entry : known_bad_hardware()) {
    EXPECT_LT(entry.released, now()) << entry.name;
    EXPECT_TRUE(entry.remedy.ends_with('.')) << entry.name;
    EXPECT_FALSE(entry.fault.ends_with('.')) << entry.name << ": it stands within a sentence";
    EXPECT_TRUE(entry.confidence == "vendor" || entry.confidence == "field") << entry.name;
    EXPECT_EQ(find_known_bad(entry.name), &entry);
  }
}

// ---- what an entry takes from a certificate ----

CertificateIdentity identity_of(std::string_view product, std::string_view serial) {
  return identify(
      {{"OU", std::string{product}, 0, true}, {"L", std::string{serial}, 1, true}, {"ST", "000e08abcdef", 2, true}},
      {});
}

TEST(KnownBad, IsFoundByTheSerialNumberInACertificate) {
  const auto identity = identity_of("SPA-2102", "FM500F345678");
  EXPECT_EQ(identity.kind, CertificateIdentity::Kind::device);
  ASSERT_NE(identity.known_bad, nullptr);
  EXPECT_EQ(identity.known_bad->name, kBatch);
  EXPECT_EQ(identity.best_assurance(), Assurance::certificate) << "most of the batch are good";
  EXPECT_EQ(identity_of("SPA-2102", "FM500F700000").known_bad, nullptr);
}

TEST(KnownBad, BoundsWhatACertificateProves) {
  auto identity = identity_of("SPA-2102", "FM500F345678");
  const KnownBad worthless{.name = "worthless", .assurance_at_most = Assurance::claimed};
  identity.known_bad = &worthless;
  EXPECT_EQ(identity.best_assurance(), Assurance::claimed);
  identity.kind = CertificateIdentity::Kind::unusable;
  EXPECT_EQ(identity.best_assurance(), Assurance::none) << "never raises";
}

// ---- faults in the data ----

constexpr std::string_view kEntry =
    "[[known_bad]]\nname = \"x\"\nreleased = 2026-11-24\nfault = \"f\"\nsource = \"s\"\nconfidence = \"field\"\n"
    "remedy = \"r\"\n";

std::string fault_of(const std::string& more, std::string entry = std::string{kEntry}) {
  const std::vector<std::pair<std::string, std::string>> files{{"x.toml", entry + more}};
  const auto read = known_bad_from_toml(files);
  return read ? "" : read.error().what;
}

TEST(KnownBadData, IsTakenWhenItIsWhole) {
  EXPECT_EQ(fault_of("subject = \"x\""), "");
  EXPECT_EQ(fault_of("serials = [{ model = \"A\", from = \"X1\", to = \"X1\" }]"), "");
}

TEST(KnownBadData, NamesTheLineOfAFault) {
  EXPECT_THAT(fault_of("subjekt = \"x\""),
              StartsWith("x.toml:8:1: error: unknown key 'subjekt' in [[known_bad]]; did you mean 'subject'?"));
  EXPECT_THAT(fault_of("", "[[known_bad]\n"), StartsWith("x.toml:1"));
  EXPECT_THAT(fault_of("", "[known_bad]\n"), HasSubstr("[[known_bad]]"));
}

TEST(KnownBadData, RefusesWhatIsNotClear) {
  for (const auto more : {"", "subject = \"\"", "subject = 1", "serials = []", "serials = [1]",
                          "serials = [{ model = \"A\" }]", "serials = [{ model = \"A\", from = \"X2\", to = \"X1\" }]",
                          "serials = [{ model = \"A\", from = \"X1\", to = \"X11\" }]",
                          "serials = [{ model = \"A\", from = \"X1\", to = \"Y2\" }]",
                          "serials = [{ model = \"A\", from = \"x1\", to = \"x2\" }]",
                          "serials = [{ model = \"A\", from = \"X1\", to = \"X2\", step = \"1\" }]",
                          "subject = \"x\"\nserials = [{ model = \"A\", from = \"X1\", to = \"X2\" }]",
                          "subject = \"x\"\ncertificate = \"bad\"", "subject = \"x\"\nassurance_at_most = \"much\"",
                          "subject = \"x\"\nmade_from = \"2006\"", "subject = \"x\"\nmade_from = 2006-02-30"}) {
    EXPECT_NE(fault_of(more), "") << more;
  }
  EXPECT_THAT(fault_of("subject = \"x\"\n" + std::string{kEntry} + "subject = \"y\""), HasSubstr("twice"));
  EXPECT_NE(fault_of("subject = \"x\"", "[[known_bad]]\nname = \"x\"\nreleased = 2026-11-24\n"), "");
}

}  // namespace
}  // namespace firstring::device
