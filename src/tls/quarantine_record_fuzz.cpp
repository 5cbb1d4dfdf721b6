// What a broken-into quarantine may send: whatever is read is bounded, and is a record that could have been sent.

#include <algorithm>
#include <cstdlib>

#include "tls/chain_verdict.hpp"
#include "tls/quarantine_record.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace firstring;
  ByteView rest{data, size};
  tls::QuarantineRecordReader reader;
  std::size_t fed = 0;
  while (const auto wanted = reader.wanted()) {
    const auto part = rest.first(std::min(wanted, rest.size()));
    if (part.empty()) return 0;
    if (!reader.feed(part)) return 0;
    rest = rest.subspan(part.size());
    fed += part.size();
    require(fed <= tls::QuarantineRecord::kMaxBytes);
  }
  const auto& record = reader.record();
  require(record.client_chain.size() <= tls::DeviceTrust::kMaxDepth);
  require(record.failure.size() <= fed && record.cipher.size() <= 64);
  const auto again = tls::serialize(record);
  require(again.size() == fed && std::equal(again.begin(), again.end(), data));
  return 0;
}
