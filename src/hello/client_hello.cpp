#include "hello/client_hello.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <optional>
#include <utility>

namespace firstring::hello {
namespace {

// Alerts, RFC 8446 section 6.
constexpr std::uint8_t kUnexpectedMessage = 10;
constexpr std::uint8_t kRecordOverflow = 22;
constexpr std::uint8_t kIllegalParameter = 47;
constexpr std::uint8_t kDecodeError = 50;
constexpr std::uint8_t kProtocolVersion = 70;

constexpr std::string_view kTwice = "an extension comes twice";

constexpr std::uint8_t kFirstRecordType = 20, kLastRecordType = 23;  // RFC 5246 section 6.2.1
constexpr std::uint8_t kAlertRecord = 21;
constexpr std::uint8_t kHandshakeRecord = 22;
constexpr std::uint8_t kClientHello = 1;
constexpr std::uint8_t kMajorVersion = 3;
constexpr std::uint16_t kSsl2 = 0x0002;

constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kMaxRecord = 16384;
constexpr std::size_t kMessageHeader = 4;
constexpr std::size_t kRandom = 32;
constexpr std::size_t kMaxSessionId = 32;

constexpr std::size_t kSslv2RecordHeader = 2;
constexpr std::size_t kSslv2Fixed = 9;  // type, version and the three lengths
constexpr std::size_t kSslv2Spec = 3;
constexpr std::size_t kMinChallenge = 16;
constexpr std::size_t kMaxChallenge = 32;

constexpr std::size_t kMaxServerName = 255;

constexpr std::array<std::string_view, 10> kMethods{"GET ",     "HEAD ",   "POST ",  "PUT ",   "OPTIONS ",
                                                    "CONNECT ", "DELETE ", "PATCH ", "TRACE ", "PRI "};

constexpr std::uint16_t u16_at(ByteView bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

/// Takes big-endian fields from the front; nothing if what is left is too short for the field.
class Cursor {
 public:
  explicit Cursor(ByteView bytes) : rest_(bytes) {}

  bool at_end() const { return rest_.empty(); }

  std::optional<ByteView> take(std::size_t size) {
    if (size > rest_.size()) return std::nullopt;
    const auto front = rest_.first(size);
    rest_ = rest_.subspan(size);
    return front;
  }

  std::optional<std::uint8_t> u8() {
    const auto octet = take(1);
    if (!octet) return std::nullopt;
    return octet->front();
  }

  std::optional<std::uint16_t> u16() {
    const auto octets = take(2);
    if (!octets) return std::nullopt;
    return u16_at(*octets, 0);
  }

  /// A vector behind its length of one octet, or of two. RFC 5246 section 4.3.
  std::optional<ByteView> vector8() {
    const auto size = u8();
    if (!size) return std::nullopt;
    return take(*size);
  }

  std::optional<ByteView> vector16() {
    const auto size = u16();
    if (!size) return std::nullopt;
    return take(*size);
  }

 private:
  ByteView rest_;
};

/// The vector that is the whole of an extension's body; empty if it does not fill it.
ByteView only_vector8(ByteView body) {
  Cursor cursor{body};
  const auto vector = cursor.vector8();
  return vector && cursor.at_end() ? *vector : ByteView{};
}

ByteView only_vector16(ByteView body) {
  Cursor cursor{body};
  const auto vector = cursor.vector16();
  return vector && cursor.at_end() ? *vector : ByteView{};
}

/// Empty if the octets are odd in number.
std::vector<std::uint16_t> numbers(ByteView octets) {
  std::vector<std::uint16_t> values;
  if (octets.size() % 2 != 0) return values;
  values.reserve(octets.size() / 2);
  for (std::size_t at = 0; at < octets.size(); at += 2) values.push_back(u16_at(octets, at));
  return values;
}

Bytes copy(ByteView octets) { return {octets.begin(), octets.end()}; }

/// RFC 6066 section 3.
std::string read_server_name(ByteView body) {
  constexpr std::uint8_t kHostName = 0;
  std::string name;
  Cursor list{only_vector16(body)};
  while (!list.at_end()) {
    const auto type = list.u8();
    const auto value = list.vector16();
    if (!type || !value) return {};
    if (*type == kHostName && name.empty()) name = as_text(*value);
  }
  if (name.size() > kMaxServerName || name.find('\0') != std::string::npos) return {};
  return name;
}

/// RFC 7301 section 3.1.
std::vector<std::string> read_alpn(ByteView body) {
  std::vector<std::string> protocols;
  Cursor list{only_vector16(body)};
  while (!list.at_end()) {
    const auto name = list.vector8();
    if (!name || name->empty()) return {};
    protocols.emplace_back(as_text(*name));
  }
  return protocols;
}

void read_extension(ClientHello& hello, std::uint16_t type, ByteView body) {
  switch (type) {
    case extension::kServerName:
      hello.server_name = read_server_name(body);
      break;
    case extension::kSupportedGroups:
      hello.groups = numbers(only_vector16(body));
      break;
    case extension::kEcPointFormats:
      hello.point_formats = copy(only_vector8(body));
      break;
    case extension::kSignatureAlgorithms:
      hello.signature_algorithms = numbers(only_vector16(body));
      break;
    case extension::kAlpn:
      hello.alpn = read_alpn(body);
      break;
    case extension::kSessionTicket:
      hello.offers_ticket = !body.empty();
      break;
    case extension::kPreSharedKey:
      hello.offers_psk = true;
      break;
    case extension::kSupportedVersions:
      hello.supported_versions = numbers(only_vector8(body));
      break;
    default:
      break;
  }
}

/// Returns what is wrong, or nothing.
std::string_view read_extensions(ByteView block, ClientHello& hello) {
  std::bitset<65536> seen;  // 8 KiB for a moment keep the search for duplicates linear
  Cursor cursor{block};
  while (!cursor.at_end()) {
    const auto type = cursor.u16();
    const auto body = cursor.vector16();
    if (!type || !body) return "an extension is cut off";
    if (seen.test(*type)) return kTwice;
    seen.set(*type);
    hello.extensions.push_back({*type, copy(*body)});
    read_extension(hello, *type, *body);
  }
  return {};
}

/// RFC 5246 section 7.4.1.2, RFC 8446 section 4.1.2. Returns what is wrong, or nothing.
std::string_view read_message(ByteView body, ClientHello& hello) {
  Cursor cursor{body};
  const auto version = cursor.u16();
  if (!version || !cursor.take(kRandom)) return "the hello ends within version and random";
  hello.version = *version;

  const auto session_id = cursor.vector8();
  if (!session_id) return "the hello ends within the session id";
  if (session_id->size() > kMaxSessionId) return "the session id is longer than 32 octets";
  hello.session_id = copy(*session_id);

  const auto suites = cursor.vector16();
  if (!suites) return "the hello ends within the cipher suites";
  if (suites->empty()) return "there are no cipher suites";
  if (suites->size() % 2 != 0) return "the cipher suites have an odd length";
  hello.suites = numbers(*suites);

  const auto compressions = cursor.vector8();
  if (!compressions) return "the hello ends within the compression methods";
  if (compressions->empty()) return "there are no compression methods";
  hello.compressions = copy(*compressions);

  if (cursor.at_end()) return {};
  const auto extensions = cursor.vector16();
  if (!extensions) return "the hello ends within the extensions";
  if (!cursor.at_end()) return "octets follow the extensions";
  hello.has_extensions = true;
  return read_extensions(*extensions, hello);
}

}  // namespace

bool ClientHello::has_extension(std::uint16_t type) const {
  return std::any_of(extensions.begin(), extensions.end(), [&](const Extension& each) { return each.type == type; });
}

std::uint16_t ClientHello::highest_version() const {
  std::uint16_t highest = 0;
  for (const auto each : supported_versions) {
    if (!is_grease(each)) highest = std::max(highest, each);
  }
  return highest != 0 ? highest : version;
}

std::string_view to_string(NotHello reason) {
  switch (reason) {
    case NotHello::http:
      return "http";
    case NotHello::tls_alert:
      return "tls_alert";
    case NotHello::not_tls:
      return "not_tls";
    case NotHello::malformed:
      return "malformed";
    case NotHello::too_large:
      return "too_large";
  }
  return "";
}

std::string version_name(std::uint16_t version) {
  if (version == kSsl2) return "SSL 2.0";
  if (version == 0x0300) return "SSL 3.0";
  if (version > 0x0300 && version <= 0x0304) return fmt::format("TLS 1.{}", version - 0x0301);
  return fmt::format("{:#06x}", version);
}

Reader::State Reader::feed(ByteView bytes) {
  if (state_ != State::need_more) return state_;
  received_.insert(received_.end(), bytes.begin(), bytes.end());
  // Never a byte beyond the limit: the verdict would then depend on how the bytes were fed.
  const auto stream = ByteView{received_}.first(std::min(received_.size(), kMaxBytes));
  if (stream.empty()) return state_;
  advance(stream);
  if (state_ == State::need_more && stream.size() == kMaxBytes) fail(NotHello::too_large);
  return state_;
}

void Reader::fail(NotHello reason, std::string_view detail, std::optional<std::uint8_t> alert) {
  state_ = State::failed;
  reason_ = reason;
  detail_ = detail;
  alert_ = alert;
  if (!alert_ && reason == NotHello::malformed) alert_ = kDecodeError;
  if (!alert_ && reason == NotHello::too_large) alert_ = kIllegalParameter;  // as OpenSSL says it
  message_ = Bytes{};
  hello_ = ClientHello{};
}

void Reader::finish() {
  state_ = State::complete;
  message_ = Bytes{};
}

void Reader::advance(ByteView stream) {
  if (stream[0] >= kFirstRecordType && stream[0] <= kLastRecordType) return advance_records(stream);
  if ((stream[0] & 0x80) != 0) return advance_sslv2(stream);

  const auto text = as_text(stream);
  const auto starts = [&](std::string_view method) { return text.starts_with(method); };
  const auto may_start = [&](std::string_view method) { return method.starts_with(text); };
  if (std::any_of(kMethods.begin(), kMethods.end(), starts)) return fail(NotHello::http);
  if (std::none_of(kMethods.begin(), kMethods.end(), may_start)) return fail(NotHello::not_tls);
}

void Reader::advance_records(ByteView stream) {
  while (state_ == State::need_more && at_ < stream.size()) {
    if (record_left_ != 0) {
      const auto part = stream.subspan(at_, std::min(record_left_, stream.size() - at_));
      message_.insert(message_.end(), part.begin(), part.end());
      at_ += part.size();
      record_left_ -= part.size();
      advance_message();
      continue;
    }

    const auto header = stream.subspan(at_, std::min(kRecordHeader, stream.size() - at_));
    const bool first = at_ == 0;
    const bool alert = header[0] == kAlertRecord;
    const bool other = header[0] != kHandshakeRecord && !alert;
    if (other && !first)
      return fail(NotHello::malformed, "another record stands in the middle of the hello", kUnexpectedMessage);
    if (header.size() < 2) return;
    if (header[1] != kMajorVersion) {
      if (first) return fail(NotHello::not_tls);
      return fail(NotHello::malformed, "a record's major version is not 3", kProtocolVersion);
    }
    if (alert) return fail(NotHello::tls_alert);
    if (other) return fail(NotHello::malformed, "another record stands where the hello is due", kUnexpectedMessage);
    if (header.size() < kRecordHeader) return;
    record_left_ = u16_at(header, 3);
    if (record_left_ == 0) return fail(NotHello::malformed, "a handshake record is empty");
    if (record_left_ > kMaxRecord)
      return fail(NotHello::malformed, "a record is longer than 16384 octets", kRecordOverflow);
    if (first) hello_.record_version = u16_at(header, 1);
    at_ += kRecordHeader;
  }
}

void Reader::advance_message() {
  if (message_[0] != kClientHello)
    return fail(NotHello::malformed, "the first handshake message is no ClientHello", kUnexpectedMessage);
  if (message_.size() < kMessageHeader) return;
  const auto size = kMessageHeader + (static_cast<std::size_t>(message_[1]) << 16 | u16_at(message_, 2));
  if (size > kMaxBytes) return fail(NotHello::too_large);
  if (message_.size() < size) return;

  const auto problem = read_message(ByteView{message_}.first(size).subspan(kMessageHeader), hello_);
  if (problem == kTwice) return fail(NotHello::malformed, problem, kIllegalParameter);
  if (!problem.empty()) return fail(NotHello::malformed, problem);
  finish();
}

void Reader::advance_sslv2(ByteView stream) {
  if (stream.size() < 3) return;
  if (stream[2] != kClientHello) return fail(NotHello::not_tls);
  if (stream.size() < 5) return;
  const auto version = u16_at(stream, 3);
  if (version != kSsl2 && stream[3] < kMajorVersion) return fail(NotHello::not_tls);

  const std::size_t size = u16_at(stream, 0) & 0x7fffU;
  if (size < kSslv2Fixed) return fail(NotHello::malformed, "the SSLv2-format hello is too short");
  if (stream.size() < kSslv2RecordHeader + kSslv2Fixed) return;
  const std::size_t specs_size = u16_at(stream, 5);
  const std::size_t session_id_size = u16_at(stream, 7);
  const std::size_t challenge_size = u16_at(stream, 9);
  if (specs_size == 0) return fail(NotHello::malformed, "there are no cipher specs");
  if (specs_size % kSslv2Spec != 0)
    return fail(NotHello::malformed, "the length of the cipher specs is no multiple of 3");
  if (session_id_size > kMaxSessionId) return fail(NotHello::malformed, "the session id is longer than 32 octets");
  if (challenge_size < kMinChallenge || challenge_size > kMaxChallenge) {
    return fail(NotHello::malformed, "the challenge is not of 16 to 32 octets");
  }
  if (size != kSslv2Fixed + specs_size + session_id_size + challenge_size) {
    return fail(NotHello::malformed, "the lengths in the SSLv2-format hello do not add up");
  }
  if (stream.size() < kSslv2RecordHeader + size) return;

  hello_.format = Format::sslv2;
  hello_.record_version = version;
  hello_.version = version;
  const auto specs = stream.subspan(kSslv2RecordHeader + kSslv2Fixed, specs_size);
  for (std::size_t at = 0; at < specs.size(); at += kSslv2Spec) {
    const auto number = u16_at(specs, at + 1);
    if (specs[at] == 0) {
      hello_.suites.push_back(number);
    } else {
      hello_.sslv2_kinds.push_back(static_cast<std::uint32_t>(specs[at]) << 16 | number);
    }
  }
  hello_.session_id = copy(stream.subspan(kSslv2RecordHeader + kSslv2Fixed + specs_size, session_id_size));
  finish();
}

}  // namespace firstring::hello
