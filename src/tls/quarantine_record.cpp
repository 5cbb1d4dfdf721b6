#include "tls/quarantine_record.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tls/chain_verdict.hpp"

namespace firstring::tls {
namespace {

constexpr std::uint8_t kVersion = 2;
constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxFailure = 512;

class Writer {
 public:
  template <class Integer>
  void number(Integer value) {
    for (int shift = 8 * (static_cast<int>(sizeof value) - 1); shift >= 0; shift -= 8)
      bytes_.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> shift));
  }

  void text(std::string_view text, std::size_t limit) {
    text = text.substr(0, limit);
    number(static_cast<std::uint16_t>(text.size()));
    bytes_.insert(bytes_.end(), text.begin(), text.end());
  }

  void block(ByteView block) {
    number(static_cast<std::uint16_t>(block.size()));
    bytes_.insert(bytes_.end(), block.begin(), block.end());
  }

  std::size_t size() const { return bytes_.size(); }
  Bytes take() && { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

/// Remembers a fault and gives zeros from then on.
class Cursor {
 public:
  explicit Cursor(ByteView bytes) : rest_(bytes) {}

  template <class Integer>
  void number(Integer& value) {
    std::uint64_t read = 0;
    for (const auto octet : take(sizeof value)) read = read << 8 | octet;
    value = static_cast<Integer>(read);
  }

  template <class Enum>
  void choice(Enum& value, Enum last) {
    std::uint8_t read = 0;
    number(read);
    if (read > static_cast<std::uint8_t>(last)) return fault("an unknown value");
    value = static_cast<Enum>(read);
  }

  void text(std::string& value, std::size_t limit) {
    std::uint16_t size = 0;
    number(size);
    if (size > limit) return fault("a text that is too long");
    const auto octets = take(size);
    if (!std::all_of(octets.begin(), octets.end(), [](auto octet) { return octet >= ' ' && octet < 0x7f; }))
      return fault("a text that is not printable");
    value = as_text(octets);
  }

  void block(Bytes& value) {
    std::uint16_t size = 0;
    number(size);
    const auto octets = take(size);
    value.assign(octets.begin(), octets.end());
  }

  void fault(std::string_view what) {
    if (fault_.empty()) fault_ = what;
    rest_ = {};
  }

  std::string_view finish() {
    if (!rest_.empty()) fault("something behind its end");
    return fault_;
  }

 private:
  ByteView take(std::size_t count) {
    if (count > rest_.size()) {
      fault("too few octets");
      return {};
    }
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

  ByteView rest_;
  std::string_view fault_;
};

std::string_view parse(ByteView body, QuarantineRecord& record) {
  Cursor cursor{body};
  std::uint8_t version = 0, flag = 0, certificates = 0;
  std::int16_t alert_code = -1;
  std::uint16_t bits = 0;
  cursor.number(version);
  if (version != kVersion) return "another version";
  cursor.choice(record.result, QuarantineRecord::Result::timed_out);
  cursor.choice(record.stage, Stage::finished);
  if (record.stage < Stage::hello) cursor.fault("an unknown value");
  cursor.number(flag);
  if (flag > 1) cursor.fault("an unknown value");
  record.resumed = flag == 1;
  cursor.choice(record.alert.from, Alert::From::server);
  cursor.number(alert_code);
  if (alert_code < -1 || alert_code > 255) cursor.fault("an alert that is none");
  record.alert.code = alert_code;
  if (record.alert.from != Alert::From::nobody) record.alert.name = alert_name(alert_code);
  for (auto* time : {&record.server_flight_us, &record.client_flight_us, &record.finished_us, &record.rtt_us}) {
    cursor.number(*time);
    if (*time < -1) cursor.fault("a negative time");
  }
  cursor.number(record.bytes_in);
  cursor.number(record.bytes_out);
  cursor.number(bits);
  record.key_exchange_bits = bits;
  for (auto* name : {&record.version, &record.cipher, &record.key_exchange}) cursor.text(*name, kMaxName);
  cursor.text(record.failure, kMaxFailure);
  cursor.number(certificates);
  if (certificates > DeviceTrust::kMaxDepth) cursor.fault("too many certificates");
  record.client_chain.resize(std::min<std::size_t>(certificates, DeviceTrust::kMaxDepth));
  for (auto& certificate : record.client_chain) cursor.block(certificate);
  const bool finished = record.stage == Stage::finished && record.finished_us >= 0;
  if (finished != (record.result == QuarantineRecord::Result::ok)) cursor.fault("a contradiction");
  return cursor.finish();
}

}  // namespace

Bytes serialize(const QuarantineRecord& record) {
  Writer writer;
  writer.number(kVersion);
  writer.number(static_cast<std::uint8_t>(record.result));
  writer.number(static_cast<std::uint8_t>(record.stage));
  writer.number(static_cast<std::uint8_t>(record.resumed ? 1 : 0));
  writer.number(static_cast<std::uint8_t>(record.alert.from));
  writer.number(static_cast<std::int16_t>(record.alert.code));
  for (const auto time : {record.server_flight_us, record.client_flight_us, record.finished_us, record.rtt_us})
    writer.number(time);
  writer.number(record.bytes_in);
  writer.number(record.bytes_out);
  writer.number(static_cast<std::uint16_t>(record.key_exchange_bits));
  for (const auto* name : {&record.version, &record.cipher, &record.key_exchange}) writer.text(*name, kMaxName);
  writer.text(record.failure, kMaxFailure);
  // A chain that is longer than OpenSSL lets any be loses its end.
  std::uint8_t count = 0;
  auto left = QuarantineRecord::kMaxBytes - QuarantineRecord::kHeaderBytes - writer.size() - 1;
  for (const auto& certificate : record.client_chain) {
    if (count == DeviceTrust::kMaxDepth || certificate.size() > 0xffff || certificate.size() + 2 > left) break;
    left -= certificate.size() + 2;
    ++count;
  }
  writer.number(count);
  for (std::size_t i = 0; i < count; ++i) writer.block(record.client_chain[i]);
  Writer whole;
  whole.number(static_cast<std::uint32_t>(writer.size()));
  auto bytes = std::move(whole).take();
  const auto body = std::move(writer).take();
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

std::size_t QuarantineRecordReader::wanted() const { return size_ - received_.size(); }

Result<void> QuarantineRecordReader::feed(ByteView bytes) {
  const auto refuse = [](std::string_view what) {
    return fail(Errc::invalid_input, fmt::format("the quarantine's record has {}", what));
  };
  if (bytes.size() > wanted()) return refuse("something behind its end");
  received_.insert(received_.end(), bytes.begin(), bytes.end());
  if (wanted() != 0) return {};
  if (size_ == QuarantineRecord::kHeaderBytes) {
    std::uint32_t body = 0;
    for (const auto octet : received_) body = body << 8 | octet;
    if (body == 0 || body > QuarantineRecord::kMaxBytes - QuarantineRecord::kHeaderBytes)
      return refuse("an impossible length");
    size_ += body;
    return {};
  }
  if (const auto fault = parse(ByteView{received_}.subspan(QuarantineRecord::kHeaderBytes), record_); !fault.empty())
    return refuse(fault);
  return {};
}

}  // namespace firstring::tls
