#pragma once

#include <string_view>

#include "base/ip_address.hpp"
#include "base/time.hpp"
#include "tls/tape.hpp"

namespace firstring::ledger {

/// Whose connection a tape is of.
struct Flow {
  Endpoint peer, local;
  Timestamp accepted{};
};

/// The tape of a connection that has ended as a pcapng file (draft-ietf-opsawg-pcapng) of raw IP packets with
/// microseconds. Its TLS secrets stand in a Decryption Secrets Block before the packets, so that Wireshark and tshark
/// decrypt it without more ado.
///
/// The packets are made up around the bytes that we read and wrote: addresses, ports, payload and times are real;
/// segment borders, sequence numbers from 0, windows and acknowledgements are not, and there are no retransmissions.
/// The file's comment says so. `comment` stands behind it.
Bytes to_pcapng(const tls::Tape& tape, const Flow& flow, std::string_view comment);

/// The same file without the payload of the packets that a tape withholds: their headers and lengths stay. Fails on a
/// file that is not as to_pcapng writes it.
Result<Bytes> without_withheld(ByteView pcapng);

}  // namespace firstring::ledger
