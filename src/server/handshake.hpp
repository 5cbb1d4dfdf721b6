#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/ip_address.hpp"
#include "hello/client_hello.hpp"
#include "policy/ladder.hpp"
#include "policy/personality_choice.hpp"
#include "provision/fleet_keeper.hpp"
#include "server/buffers.hpp"
#include "server/next.hpp"
#include "server/socket.hpp"
#include "server/state.hpp"
#include "store/ledger_store.hpp"
#include "tls/quarantine_link.hpp"
#include "tls/tape.hpp"

namespace firstring::server {

/// A connection's way from its first byte to a finished handshake: reads the ClientHello, chooses the personality, and
/// then has OpenSSL, here or in firstring-quarantine, do the rest:
///
///   read_hello -> (queue: Admission) -> begin -> advance
///
/// Holds of the hello what the ledger's row and the choice need, and no more: thousands wait in here for slow phones.
class Handshake {
 public:
  /// All outlive it. `address`: the client's.
  struct Surroundings {
    const State& state;
    const ListenerState& listener;
    provision::FleetKeeper& fleet;
    policy::Ladder& ladder;
    tls::QuarantineLink& quarantine;
    IpAddress address;
  };
  Handshake(const Surroundings& surroundings, Intake intake) : at_(surroundings), intake_(std::move(intake)) {}

  /// Reads the ClientHello from the socket, bare (nothing: it is complete, and the personality chosen, at `time`). What
  /// is no ClientHello is answered as far as that helps, and ends.
  Next read_hello(int socket, tls::Tape* tape, Timestamp time);
  /// Bytes that read_hello has read.
  std::uint64_t bytes_in() const { return bytes_in_; }
  std::uint64_t bytes_out() const { return bytes_out_; }
  /// The client came from there with this hello before.
  bool is_familiar() const { return is_familiar_; }

  /// How long a client waits for a quarantine that has just ended or is overloaded.
  static constexpr std::chrono::seconds kQuarantinePatience{5};
  /// Begins what costs us work (then advance()). `waited`: for the quarantine, since it left the queue; `pause` if it
  /// is to be tried again. The quarantine takes the socket, and its end of a pair comes into its place.
  Next begin(Socket& socket, tls::Tape* tape, std::chrono::microseconds waited);
  /// One step of the handshake (nothing: it is finished). Then the channel is there, whatever came of it.
  Next advance();
  /// nullptr before begin().
  tls::Channel* channel() const { return channel_.get(); }
  std::unique_ptr<tls::Channel> take_channel() { return std::move(channel_); }

  /// nullptr before the hello is complete.
  const tls::Personality* personality() const { return choice_.personality; }
  bool is_quarantined() const { return choice_.personality != nullptr && choice_.personality->quarantine; }
  /// hello::ClientHello::highest_version, at most TLS 1.3.
  std::uint16_t offered_version() const { return offered_version_; }
  /// Of the hello without_session: what the client is known by. "" before the hello is complete.
  const std::string& client_ja3() const { return client_ja3_; }

  /// What the hello tells, into the row. Half a ClientHello is kept as far as it came.
  void describe(store::ConnectionRow& row) const;
  /// The ladder learns how it ended; `row` has personality, outcome and stage.
  void tell_ladder(const store::ConnectionRow& row, Timestamp time) const;
  /// The handshake is over, and its row has been filled: gives back what the hello took.
  void release_hello();

 private:
  Next refuse_hello(int socket, tls::Tape* tape);
  void say(int socket, tls::Tape* tape, std::string_view bytes);
  void hello_complete(Timestamp time);
  policy::PersonalityChoice choose(std::optional<store::DeviceRecord> record, Timestamp time) const;
  Next begin_here(int socket, tls::Tape* tape);
  Next hand_over(Socket& socket, std::chrono::microseconds waited);

  Surroundings at_;
  Intake intake_;  ///< for a hello that is larger than kFreeBytes
  std::unique_ptr<hello::Reader> reader_ = std::make_unique<hello::Reader>();  ///< until the hello is complete
  Bytes hello_;                                                                ///< from then on
  std::uint64_t bytes_in_ = 0, bytes_out_ = 0;
  std::uint16_t offered_version_ = 0;
  std::string ja3_, ja4_, server_name_, client_ja3_;
  bool is_sslv2_ = false;
  bool is_familiar_ = false;
  int alert_sent_ = -1;  ///< to a hello that OpenSSL never sees
  policy::PersonalityChoice choice_;
  std::unique_ptr<tls::Channel> channel_;
};

}  // namespace firstring::server
