#include "hello/client_hello.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <numeric>

#include "hello/test_hellos.hpp"

namespace firstring::hello {
namespace {

using test::Extensions;
using test::Fields;
using test::Sslv2Fields;
using testing::ElementsAre;
using testing::IsEmpty;
using State = Reader::State;

Reader read(ByteView stream) {
  Reader reader;
  reader.feed(stream);
  return reader;
}

Reader read_body(ByteView body) { return read(test::records(test::message(body))); }

Reader read_with(std::uint16_t type, Bytes body) {
  Fields fields;
  fields.extensions = Extensions{{type, std::move(body)}};
  return read(test::stream(fields));
}

void expect_malformed(const Reader& reader, std::string_view detail) {
  ASSERT_EQ(reader.state(), State::failed);
  EXPECT_EQ(reader.reason(), NotHello::malformed);
  EXPECT_EQ(reader.detail(), detail);
}

void expect_refused(const Reader& reader, NotHello reason) {
  ASSERT_EQ(reader.state(), State::failed);
  EXPECT_EQ(to_string(reader.reason()), to_string(reason));
}

TEST(HelloReader, NeedsMoreBeforeTheFirstOctet) {
  Reader reader;
  EXPECT_EQ(reader.feed({}), State::need_more);
  EXPECT_THAT(reader.received(), IsEmpty());
}

TEST(HelloReader, ReadsAHelloWithoutExtensions) {
  Fields fields;
  fields.version = 0x0300;
  fields.session_id = Bytes(32, 7);
  fields.compressions = {1, 0};
  const auto reader = read(test::stream(fields));
  ASSERT_EQ(reader.state(), State::complete);
  const auto& hello = reader.hello();
  EXPECT_EQ(hello.format, Format::tls);
  EXPECT_EQ(hello.record_version, 0x0301);
  EXPECT_EQ(hello.version, 0x0300);
  EXPECT_EQ(hello.session_id, fields.session_id);
  EXPECT_EQ(hello.suites, fields.suites);
  EXPECT_EQ(hello.compressions, fields.compressions);
  EXPECT_FALSE(hello.has_extensions);
  EXPECT_EQ(hello.highest_version(), 0x0300);
}

TEST(HelloReader, TellsAnEmptyExtensionsBlockFromNone) {
  Fields fields;
  fields.extensions.emplace();
  const auto reader = read(test::stream(fields));
  ASSERT_EQ(reader.state(), State::complete);
  EXPECT_TRUE(reader.hello().has_extensions);
  EXPECT_THAT(reader.hello().extensions, IsEmpty());
}

TEST(HelloReader, IsCompleteWithTheLastOctetAndNotBefore) {
  const auto stream = test::stream(Fields{});
  Reader reader;
  for (std::size_t i = 0; i + 1 < stream.size(); ++i) ASSERT_EQ(reader.feed({&stream[i], 1}), State::need_more) << i;
  EXPECT_EQ(reader.feed({&stream.back(), 1}), State::complete);
  EXPECT_EQ(Bytes(reader.received().begin(), reader.received().end()), stream);
}

TEST(HelloReader, JoinsAMessageFromRecordsOfOneOctet) {
  Fields fields;
  fields.extensions = Extensions{{extension::kAlpn, {0, 3, 2, 'h', '2'}}};
  const auto reader = read(test::records(test::message(test::body(fields)), 1));
  ASSERT_EQ(reader.state(), State::complete);
  EXPECT_EQ(reader.hello(), read(test::stream(fields)).hello());
}

TEST(HelloReader, HasTheVersionOfTheFirstRecord) {
  const auto message = test::message(test::body(Fields{}));
  auto stream = test::records(message, message.size() - 1);
  stream[2] = 0;
  EXPECT_EQ(read(stream).hello().record_version, 0x0300);
}

TEST(HelloReader, KeepsWhatCameBehindTheHello) {
  auto payload = test::message(test::body(Fields{}));
  test::put(payload, as_bytes("rest of the record"));
  auto stream = test::records(payload);
  test::put(stream, as_bytes("next record"));
  const auto reader = read(stream);
  ASSERT_EQ(reader.state(), State::complete);
  EXPECT_EQ(reader.received().size(), stream.size());
}

TEST(HelloReader, TakesNothingOnceComplete) {
  auto reader = read(test::stream(Fields{}));
  const auto size = reader.received().size();
  EXPECT_EQ(reader.feed(as_bytes("more")), State::complete);
  EXPECT_EQ(reader.received().size(), size);
}

TEST(HelloReader, TakesNothingOnceFailed) {
  auto reader = read(as_bytes("garbage"));
  EXPECT_EQ(reader.feed(test::stream(Fields{})), State::failed);
  EXPECT_EQ(reader.received().size(), 7u);
}

TEST(HelloReader, RefusesOtherProtocolsAtTheFirstOctet) {
  for (const std::string_view start : {"\n", "S", "g", "SSH-2.0-x", "\x01"}) {
    expect_refused(read(as_bytes(start)), NotHello::not_tls);
  }
  const Bytes zero{0};
  expect_refused(read(zero), NotHello::not_tls);
}

TEST(HelloReader, RefusesAnotherRecordInTheHellosPlace) {
  for (const std::uint8_t type : {std::uint8_t{20}, std::uint8_t{23}}) {
    const Bytes other{type, 3};
    expect_malformed(read(other), "another record stands where the hello is due");
    const Bytes no_record{type, 2};
    expect_refused(read(no_record), NotHello::not_tls);
  }
}

TEST(HelloReader, NamesTheAlertThatIsDue) {
  const auto alert_of = [](const Bytes& bytes) { return read(bytes).alert(); };
  const auto alert_of_text = [](std::string_view text) { return read(as_bytes(text)).alert(); };
  EXPECT_EQ(alert_of_text("GET / HTTP/1.1"), std::nullopt);
  EXPECT_EQ(alert_of_text("garbage"), std::nullopt);
  EXPECT_EQ(alert_of({21, 3, 1, 0, 2, 1, 0}), std::nullopt) << "an alert is not answered";
  EXPECT_EQ(alert_of({23, 3}), 10) << "unexpected_message";
  EXPECT_EQ(alert_of({22, 3, 1, 0, 4, 2, 0, 0, 0}), 10) << "no ClientHello";
  EXPECT_EQ(alert_of({22, 3, 1, 0x40, 1}), 22) << "record_overflow";
  EXPECT_EQ(alert_of({22, 3, 1, 0, 0}), 50) << "decode_error";
  EXPECT_EQ(alert_of({22, 3, 1, 0, 1, 1, 22, 4}), 70) << "protocol_version";
  EXPECT_EQ(alert_of({22, 3, 1, 0, 4, 1, 1, 0, 0}), 47) << "too large: illegal_parameter";
  Fields twice;
  twice.extensions = Extensions{{extension::kAlpn, {}}, {extension::kAlpn, {}}};
  EXPECT_EQ(alert_of(test::stream(twice)), 47);
  EXPECT_EQ(read(test::stream(Fields{})).alert(), std::nullopt);
}

TEST(HelloReader, RefusesAHandshakeRecordOfAnotherMajorVersion) {
  const Bytes start{22, 2};
  expect_refused(read(start), NotHello::not_tls);
}

TEST(HelloReader, KnowsHttpByMethodAndSpace) {
  for (const std::string_view start :
       {"GET ", "HEAD ", "POST ", "PUT ", "OPTIONS ", "CONNECT ", "DELETE ", "PRI * HTTP/2"}) {
    Reader reader;
    EXPECT_EQ(reader.feed(as_bytes(start.substr(0, 2))), State::need_more) << start;
    EXPECT_EQ(reader.feed(as_bytes(start.substr(2))), State::failed) << start;
    EXPECT_EQ(reader.reason(), NotHello::http) << start;
  }
}

TEST(HelloReader, DoesNotTakeALongerWordForAMethod) { expect_refused(read(as_bytes("GETS ")), NotHello::not_tls); }

TEST(HelloReader, KnowsAnAlertByTypeAndMajorVersion) {
  const Bytes alert{21, 3, 1, 0, 2, 1, 0};
  expect_refused(read(alert), NotHello::tls_alert);
  const Bytes no_alert{21, 4};
  expect_refused(read(no_alert), NotHello::not_tls);
}

TEST(HelloReader, KnowsAnAlertInTheMiddleOfTheHello) {
  const Bytes stream{22, 3, 1, 0, 1, 1, 21, 3, 1};
  expect_refused(read(stream), NotHello::tls_alert);
}

TEST(HelloReader, RefusesAnotherRecordInTheMiddleOfTheHello) {
  const Bytes stream{22, 3, 1, 0, 1, 1, 23};
  expect_malformed(read(stream), "another record stands in the middle of the hello");
}

TEST(HelloReader, RefusesASecondRecordOfAnotherMajorVersion) {
  const Bytes stream{22, 3, 1, 0, 1, 1, 22, 4};
  expect_malformed(read(stream), "a record's major version is not 3");
}

TEST(HelloReader, RefusesAnEmptyHandshakeRecord) {
  const Bytes stream{22, 3, 1, 0, 0};
  expect_malformed(read(stream), "a handshake record is empty");
}

TEST(HelloReader, TakesARecordOfTheLargestSizeAndNoLarger) {
  const Bytes largest{22, 3, 1, 0x40, 0x00};
  EXPECT_EQ(read(largest).state(), State::need_more);
  const Bytes larger{22, 3, 1, 0x40, 0x01};
  expect_malformed(read(larger), "a record is longer than 16384 octets");
}

TEST(HelloReader, RefusesAnotherHandshakeMessageAtItsFirstOctet) {
  const Bytes stream{22, 3, 1, 0, 4, 2};
  expect_malformed(read(stream), "the first handshake message is no ClientHello");
}

TEST(HelloReader, RefusesAnAnnouncedSizeAboveTheLimitAtOnce) {
  const Bytes stream{22, 3, 1, 0, 4, 1, 0x01, 0x00, 0x00};
  expect_refused(read(stream), NotHello::too_large);
}

TEST(HelloReader, RefusesAHelloThatIsNotWholeAtTheLimit) {
  // 10,923 records of one octet fill the limit long before the message that they begin.
  auto start = test::message(Bytes(60000, 0));
  const auto stream = test::records(start, 1);
  Reader reader;
  EXPECT_EQ(reader.feed(ByteView{stream}.first(Reader::kMaxBytes - 1)), State::need_more);
  EXPECT_EQ(reader.feed(ByteView{stream}.subspan(Reader::kMaxBytes - 1, 1)), State::failed);
  EXPECT_EQ(reader.reason(), NotHello::too_large);
}

TEST(HelloReader, TakesAHelloThatEndsAtTheLimit) {
  Fields fields;
  fields.extensions = Extensions{{0x1234, {}}};
  const auto records = (Reader::kMaxBytes + 16388) / 16389;
  const auto room = Reader::kMaxBytes - records * 5 - test::message(test::body(fields)).size();
  fields.extensions->front().body = Bytes(room, 1);
  const auto stream = test::stream(fields);
  ASSERT_EQ(stream.size(), Reader::kMaxBytes);
  EXPECT_EQ(read(stream).state(), State::complete);
}

TEST(HelloBody, IsMalformedIfCutOffAnywhere) {
  Fields fields;
  fields.session_id = {1, 2, 3};
  fields.extensions = Extensions{{0x1234, {1, 2, 3}}};
  const auto whole = test::body(fields);
  fields.extensions.reset();
  const auto without_extensions = test::body(fields).size();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto reader = read_body(ByteView{whole}.first(size));
    if (size == without_extensions) {
      EXPECT_EQ(reader.state(), State::complete);
    } else {
      EXPECT_EQ(reader.state(), State::failed) << size;
    }
  }
}

TEST(HelloBody, RefusesALongSessionId) {
  Fields fields;
  fields.session_id = Bytes(33, 0);
  expect_malformed(read(test::stream(fields)), "the session id is longer than 32 octets");
}

TEST(HelloBody, RefusesNoSuites) {
  Fields fields;
  fields.suites.clear();
  expect_malformed(read(test::stream(fields)), "there are no cipher suites");
}

TEST(HelloBody, RefusesSuitesOfOddLength) {
  auto body = test::body(Fields{});
  const std::size_t suites_size_at = 2 + 32 + 1 + 1;
  body[suites_size_at] = 3;
  expect_malformed(read_body(body), "the cipher suites have an odd length");
}

TEST(HelloBody, RefusesNoCompressionMethods) {
  Fields fields;
  fields.compressions.clear();
  expect_malformed(read(test::stream(fields)), "there are no compression methods");
}

TEST(HelloBody, RefusesOctetsBehindTheExtensions) {
  Fields fields;
  fields.extensions = Extensions{{0x1234, {}}};
  auto body = test::body(fields);
  body.push_back(0);
  expect_malformed(read_body(body), "octets follow the extensions");
}

TEST(HelloBody, RefusesAnExtensionThatReachesBehindTheBlock) {
  Fields fields;
  fields.extensions = Extensions{{0x1234, {0}}};
  auto body = test::body(fields);
  body[body.size() - 2] = 2;
  expect_malformed(read_body(body), "an extension is cut off");
}

TEST(HelloBody, RefusesAnExtensionTwice) {
  Fields fields;
  fields.extensions = Extensions{{0x1234, {}}, {0x1235, {}}, {0x1234, {}}};
  expect_malformed(read(test::stream(fields)), "an extension comes twice");
}

TEST(HelloExtensions, KeepTheirOrderAndGrease) {
  Fields fields;
  fields.extensions =
      Extensions{{0xfafa, {}}, {23, {}}, {extension::kSupportedGroups, {0, 4, 0x0a, 0x0a, 0, 23}}, {5, {1, 2}}};
  const auto reader = read(test::stream(fields));
  ASSERT_EQ(reader.state(), State::complete);
  EXPECT_EQ(reader.hello().extensions, *fields.extensions);
  EXPECT_THAT(reader.hello().groups, ElementsAre(0x0a0a, 23));
  EXPECT_TRUE(reader.hello().has_extension(23));
  EXPECT_FALSE(reader.hello().has_extension(24));
}

TEST(HelloExtensions, AreReadIntoTheirLists) {
  Fields fields;
  fields.extensions = Extensions{
      {extension::kServerName, {0, 7, 0, 0, 4, 'h', 'o', 's', 't'}},
      {extension::kEcPointFormats, {2, 0, 1}},
      {extension::kSignatureAlgorithms, {0, 4, 4, 3, 2, 1}},
      {extension::kAlpn, {0, 12, 2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'}},
      {extension::kSessionTicket, {1}},
      {extension::kSupportedVersions, {4, 3, 4, 3, 3}},
      {extension::kPreSharedKey, {1, 2, 3}},
  };
  const auto reader = read(test::stream(fields));
  ASSERT_EQ(reader.state(), State::complete);
  const auto& hello = reader.hello();
  EXPECT_EQ(hello.server_name, "host");
  EXPECT_THAT(hello.point_formats, ElementsAre(0, 1));
  EXPECT_THAT(hello.signature_algorithms, ElementsAre(0x0403, 0x0201));
  EXPECT_THAT(hello.alpn, ElementsAre("h2", "http/1.1"));
  EXPECT_TRUE(hello.offers_ticket);
  EXPECT_TRUE(hello.offers_psk);
  EXPECT_THAT(hello.supported_versions, ElementsAre(0x0304, 0x0303));
  EXPECT_EQ(hello.highest_version(), 0x0304);
}

TEST(HelloExtensions, EmptySessionTicketOffersNone) {
  const auto reader = read_with(extension::kSessionTicket, {});
  ASSERT_EQ(reader.state(), State::complete);
  EXPECT_FALSE(reader.hello().offers_ticket);
}

TEST(HelloExtensions, ABrokenBodyLeavesItsListEmpty) {
  const std::vector<Extension> broken = {
      {extension::kServerName, {0, 7, 0, 0, 5, 'h', 'o', 's', 't'}},
      {extension::kServerName, {0, 6, 0, 0, 3, 'a', 0, 'b'}},
      {extension::kServerName, {}},
      {extension::kSupportedGroups, {0, 3, 0, 23, 0}},
      {extension::kSupportedGroups, {0, 2, 0, 23, 0}},
      {extension::kEcPointFormats, {3, 0, 1}},
      {extension::kSignatureAlgorithms, {0}},
      {extension::kAlpn, {0, 4, 2, 'h', '2', 0}},
      {extension::kAlpn, {0, 4, 2, 'h', '2', 9}},
      {extension::kSupportedVersions, {3, 3, 4, 3}},
  };
  for (const auto& each : broken) {
    const auto reader = read_with(each.type, each.body);
    ASSERT_EQ(reader.state(), State::complete);
    auto hello = reader.hello();
    EXPECT_THAT(hello.extensions, ElementsAre(each));
    hello.extensions.clear();
    EXPECT_EQ(hello, [] {
      Fields fields;
      fields.extensions.emplace();
      return read(test::stream(fields)).hello();
    }()) << each.type;
  }
}

TEST(HelloExtensions, ServerNameMayHave255OctetsAndNoMore) {
  for (const std::size_t size : {255UL, 256UL}) {
    Bytes body;
    test::put16(body, size + 3);
    test::put8(body, 0);
    test::put16(body, size);
    body.insert(body.end(), size, 'a');
    EXPECT_EQ(read_with(extension::kServerName, body).hello().server_name.size(), size == 255 ? 255u : 0u);
  }
}

TEST(HighestVersion, LeavesGreaseOut) {
  EXPECT_EQ(read_with(extension::kSupportedVersions, {6, 0x8a, 0x8a, 3, 1, 3, 2}).hello().highest_version(), 0x0302);
}

TEST(HighestVersion, IsTheLegacyVersionIfOnlyGreaseIsOffered) {
  EXPECT_EQ(read_with(extension::kSupportedVersions, {2, 0x8a, 0x8a}).hello().highest_version(), 0x0303);
}

TEST(Sslv2Hello, TellsTlsSuitesFromSsl2Kinds) {
  Sslv2Fields fields;
  fields.session_id = Bytes(16, 9);
  const auto reader = read(test::stream(fields));
  ASSERT_EQ(reader.state(), State::complete);
  const auto& hello = reader.hello();
  EXPECT_EQ(hello.format, Format::sslv2);
  EXPECT_EQ(hello.record_version, 0x0301);
  EXPECT_EQ(hello.version, 0x0301);
  EXPECT_EQ(hello.highest_version(), 0x0301);
  EXPECT_THAT(hello.suites, ElementsAre(0x0039, 0x00ff));
  EXPECT_THAT(hello.sslv2_kinds, ElementsAre(0x010080));
  EXPECT_EQ(hello.session_id, fields.session_id);
  EXPECT_FALSE(hello.has_extensions);
}

TEST(Sslv2Hello, MayBePureSsl2) {
  Sslv2Fields fields;
  fields.version = 0x0002;
  fields.specs = {0x07, 0x00, 0xc0};
  const auto reader = read(test::stream(fields));
  ASSERT_EQ(reader.state(), State::complete);
  EXPECT_EQ(reader.hello().highest_version(), 0x0002);
  EXPECT_THAT(reader.hello().suites, IsEmpty());
}

TEST(Sslv2Hello, IsCompleteWithTheLastOctetAndNotBefore) {
  const auto stream = test::stream(Sslv2Fields{});
  EXPECT_EQ(read(ByteView{stream}.first(stream.size() - 1)).state(), State::need_more);
  EXPECT_EQ(read(stream).state(), State::complete);
}

TEST(Sslv2Hello, RefusesAnotherMessageTypeOrVersion) {
  const Bytes type{0x80, 0x2e, 4};
  expect_refused(read(type), NotHello::not_tls);
  const Bytes version{0x80, 0x2e, 1, 2, 0};
  expect_refused(read(version), NotHello::not_tls);
}

TEST(Sslv2Hello, RefusesTheThreeByteHeader) {
  const Bytes stream{0x00, 0x2e, 0x00, 1, 3, 1};
  expect_refused(read(stream), NotHello::not_tls);
}

TEST(Sslv2Hello, RefusesSpecsThatAreNoMultipleOfThree) {
  Sslv2Fields fields;
  fields.specs.push_back(0);
  expect_malformed(read(test::stream(fields)), "the length of the cipher specs is no multiple of 3");
}

TEST(Sslv2Hello, RefusesNoSpecs) {
  Sslv2Fields fields;
  fields.specs.clear();
  expect_malformed(read(test::stream(fields)), "there are no cipher specs");
}

TEST(Sslv2Hello, RefusesALongSessionId) {
  Sslv2Fields fields;
  fields.session_id = Bytes(33, 0);
  expect_malformed(read(test::stream(fields)), "the session id is longer than 32 octets");
}

TEST(Sslv2Hello, TakesAChallengeOf16To32Octets) {
  for (const std::size_t size : {15UL, 16UL, 32UL, 33UL}) {
    Sslv2Fields fields;
    fields.challenge = Bytes(size, 1);
    EXPECT_EQ(read(test::stream(fields)).state() == State::complete, size == 16 || size == 32) << size;
  }
}

TEST(Sslv2Hello, RefusesLengthsThatDoNotAddUp) {
  for (const int change : {-1, 1}) {
    auto stream = test::stream(Sslv2Fields{});
    stream[1] = static_cast<std::uint8_t>(stream[1] + change);
    expect_malformed(read(stream), "the lengths in the SSLv2-format hello do not add up");
  }
}

TEST(Sslv2Hello, RefusesALengthWithoutRoomForItsFields) {
  const Bytes stream{0x80, 8, 1, 3, 1};
  expect_malformed(read(stream), "the SSLv2-format hello is too short");
}

TEST(VersionName, NamesWhatItKnowsAndNumbersTheRest) {
  EXPECT_EQ(version_name(0x0002), "SSL 2.0");
  EXPECT_EQ(version_name(0x0300), "SSL 3.0");
  EXPECT_EQ(version_name(0x0301), "TLS 1.0");
  EXPECT_EQ(version_name(0x0304), "TLS 1.3");
  EXPECT_EQ(version_name(0x0305), "0x0305");
  EXPECT_EQ(version_name(0x0a0a), "0x0a0a");
}

/// Cuts `bytes` at arbitrary places; never an empty part.
std::vector<ByteView> arbitrary_cuts(ByteView bytes) {
  std::vector<ByteView> parts;
  while (!bytes.empty()) {
    const auto size = *rc::gen::inRange<std::size_t>(1, std::min<std::size_t>(bytes.size(), 64) + 1);
    parts.push_back(bytes.first(size));
    bytes = bytes.subspan(size);
  }
  return parts;
}

Fields arbitrary_fields() {
  Fields fields;
  fields.version = *rc::gen::arbitrary<std::uint16_t>();
  fields.session_id = *rc::gen::arbitrary<Bytes>();
  fields.session_id.resize(std::min<std::size_t>(fields.session_id.size(), 32));
  fields.suites = *rc::gen::nonEmpty<std::vector<std::uint16_t>>();
  if (*rc::gen::arbitrary<bool>()) {
    // Mostly the extensions that are read, and any number besides; bodies are seldom well-formed.
    const auto type = rc::gen::oneOf(rc::gen::inRange<std::uint16_t>(0, 52), rc::gen::arbitrary<std::uint16_t>());
    fields.extensions.emplace();
    for (const auto each : *rc::gen::unique<std::vector<std::uint16_t>>(type)) {
      fields.extensions->push_back({each, *rc::gen::arbitrary<Bytes>()});
    }
  }
  return fields;
}

TEST(HelloProperty, AnySplitIntoRecordsAndFeedsGivesTheSameHello) {
  EXPECT_TRUE(rc::check([] {
    const auto fields = arbitrary_fields();
    const auto reference = read(test::stream(fields));
    RC_ASSERT(reference.state() == State::complete);
    RC_ASSERT(reference.hello().suites == fields.suites);
    RC_ASSERT(reference.hello().has_extensions == fields.extensions.has_value());
    if (fields.extensions) RC_ASSERT(reference.hello().extensions == *fields.extensions);

    Bytes stream;
    const auto message = test::message(test::body(fields));
    for (const auto part : arbitrary_cuts(message)) test::put(stream, test::records(part));
    Reader reader;
    std::size_t fed = 0;
    for (const auto part : arbitrary_cuts(stream)) {
      RC_ASSERT(reader.state() == State::need_more);
      reader.feed(part);
      fed += part.size();
      RC_ASSERT(reader.received().size() == fed);
    }
    RC_ASSERT(reader.state() == State::complete);
    RC_ASSERT(reader.hello() == reference.hello());
  }));
}

TEST(HelloProperty, ADamagedStreamGetsTheSameVerdictHoweverItIsFed) {
  EXPECT_TRUE(rc::check([] {
    auto stream = *rc::gen::arbitrary<bool>() ? test::stream(arbitrary_fields()) : test::stream(Sslv2Fields{});
    const auto at = *rc::gen::inRange<std::size_t>(0, stream.size());
    stream[at] = *rc::gen::arbitrary<std::uint8_t>();
    const auto whole = read(stream);
    Reader reader;
    for (const auto part : arbitrary_cuts(stream)) {
      if (reader.feed(part) != State::need_more) break;
    }
    RC_ASSERT(reader.state() == whole.state());
    RC_ASSERT(reader.hello() == whole.hello());
    RC_ASSERT(reader.detail() == whole.detail());
  }));
}

}  // namespace
}  // namespace firstring::hello
