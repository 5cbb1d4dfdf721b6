// What is common to all back ends of the ledger.
#include <algorithm>
#include <type_traits>

#include "store/ledger_columns.hpp"

namespace firstring::store {
namespace {

std::size_t heap_of(const std::string& text) {
  static const auto kInPlace = std::string{}.capacity();
  return text.capacity() > kInPlace ? text.capacity() + 1 : 0;
}

std::size_t heap_of(const Bytes& bytes) { return bytes.capacity(); }

std::size_t heap_of(const std::vector<std::string>& texts) {
  std::size_t sum = texts.capacity() * sizeof(std::string);
  for (const auto& text : texts) sum += heap_of(text);
  return sum;
}

template <class Value>
  requires std::is_integral_v<Value> || std::is_enum_v<Value> || std::is_same_v<Value, Timestamp>
std::size_t heap_of(const Value&) {
  return 0;
}

}  // namespace

std::size_t bytes_of(const ConnectionRow& row) {
  auto sum = sizeof(row) + heap_of(row.certificate) + heap_of(row.certificate_subject) +
             heap_of(row.certificate_issuer) + heap_of(row.certificate_der);
  for_each_column(row, [&](const char*, const auto& value) { sum += heap_of(value); });
  return sum;
}

std::size_t bytes_of(const RequestRow& row) {
  auto sum = sizeof(row);
  for_each_request_column(row, [&](const char*, const auto& value) { sum += heap_of(value); });
  return sum;
}

std::size_t bytes_of(const AlarmRow& row) {
  auto sum = sizeof(row);
  for_each_alarm_column(row, [&](const char*, const auto& value) { sum += heap_of(value); });
  return sum;
}

LedgerBounds LedgerBounds::of(std::uint64_t bytes) {
  LedgerBounds bounds;
  if (bytes == 0) return bounds;
  // Pages of 4 KiB that a row may touch: its own and one of each index.
  constexpr std::uint64_t kTouched = std::uint64_t{14} * 4096;
  bytes = std::max(bytes, kLeast);
  bounds.log = std::min(bounds.log, bytes / 4);
  bounds.database = bytes - bounds.log;
  // One transaction takes at most half of the log, in which what came before it takes the other half.
  bounds.batch_rows = std::min<std::size_t>(bounds.batch_rows, bounds.log / 2 / kTouched);
  bounds.batch_bytes = std::min<std::size_t>(bounds.batch_bytes, bounds.log / 16);
  // A row of a stranger takes at most 20 KiB, of a phone 64 (ledger::cut): what is left of each kind fits.
  bounds.floor = std::min<std::size_t>(bounds.floor, bounds.database / (128U << 10));
  bounds.alarms = std::min<std::size_t>(bounds.alarms, bounds.database / (16U << 10));
  return bounds;
}

}  // namespace firstring::store
