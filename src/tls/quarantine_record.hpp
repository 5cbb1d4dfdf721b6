#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "tls/channel.hpp"

namespace firstring::tls {

/// The assurance record: what firstring-quarantine tells of a handshake that it has done or failed, before the
/// plaintext. The quarantine is not trusted: what is read is bounded, complete and printable, or it is refused.
struct QuarantineRecord {
  enum class Result : unsigned char { ok, failed, closed, timed_out };

  /// Octets of a whole record, more than OpenSSL lets a client's chain be.
  static constexpr std::size_t kMaxBytes = std::size_t{64} * 1024;
  static constexpr std::size_t kHeaderBytes = 4;

  Result result = Result::failed;
  Stage stage = Stage::hello;
  bool resumed = false;
  Alert alert;
  // Microseconds after the hand-over; -1: not yet.
  std::int64_t server_flight_us = -1, client_flight_us = -1, finished_us = -1;
  std::int64_t rtt_us = -1;  ///< round_trip_us of its socket
  std::uint64_t bytes_in = 0, bytes_out = 0;
  std::string version, cipher, key_exchange;
  int key_exchange_bits = 0;
  std::string failure;
  std::vector<Bytes> client_chain;  ///< DER, leaf first, at most DeviceTrust::kMaxDepth
};

/// With its length in front: what goes over the wire. What is too long for it is cut.
Bytes serialize(const QuarantineRecord& record);

/// Collects a record from a stream, however it was cut. Sans-I/O; holds at most QuarantineRecord::kMaxBytes.
class QuarantineRecordReader {
 public:
  /// How many octets to read next: never more than belong to the record, for the plaintext follows it. 0 at its end.
  std::size_t wanted() const;
  /// Takes at most wanted() octets. Errors: invalid_input; the reader is of no use then.
  firstring::Result<void> feed(ByteView bytes);
  /// Once wanted() is 0.
  const QuarantineRecord& record() const { return record_; }

 private:
  Bytes received_;
  std::size_t size_ = QuarantineRecord::kHeaderBytes;
  QuarantineRecord record_;
};

}  // namespace firstring::tls
