#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/ip_address.hpp"
#include "ledger/recorder.hpp"
#include "policy/requester.hpp"
#include "provision/fleet_keeper.hpp"
#include "provision/handler.hpp"
#include "server/exchange.hpp"
#include "server/handshake.hpp"
#include "server/state.hpp"
#include "store/ledger_store.hpp"

namespace firstring::server {

/// The ledger rows of one connection: its own, and one for each request. Copies what the parts of the connection found;
/// does not decide who asks.
class Record {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Endpoint = boost::asio::ip::tcp::endpoint;

  /// `accepted_at` is the same moment as `accepted`.
  Record(std::string listener, const Endpoint& peer, const Endpoint& local, Timestamp accepted, TimePoint accepted_at);

  /// How far the connection got.
  Stage stage() const { return stage_; }
  void reach(Stage stage) { stage_ = stage; }
  /// Microseconds.
  std::int64_t since_accept(TimePoint at) const;

  void hello_complete(TimePoint at) { hello_us_ = since_accept(at); }
  /// It was in the queue until then.
  void waited_until(TimePoint at) { queued_us_ = since_accept(at) - hello_us_; }
  std::int64_t hello_us() const { return hello_us_; }
  std::int64_t queued_us() const { return queued_us_; }

  /// Made when it is first asked for, from what is known then, and again by forget(): a connection in mid-handshake has
  /// none. `handshake`: nullptr on a connection without TLS.
  store::ConnectionRow& row(const Handshake* handshake);
  bool has_row() const { return row_ != nullptr; }
  void forget() { row_.reset(); }
  store::ConnectionRow take() { return std::move(*row_); }

  /// The handshake is over, or broken off.
  void take_handshake(const tls::TlsFacts& facts, const State& state, const tls::Personality& personality, int socket);
  /// The client has shown `leaf`, whose subject is `subject`; `requester`: what follows from `facts`.
  void take_peer(const policy::PeerFacts& facts, const policy::Requester& requester, const crypto::Certificate& leaf,
                 const crypto::DistinguishedName& subject);
  /// What the past tells of a phone that did not say it itself.
  void fill_from(const provision::DeviceRecords& records, const policy::Requester& requester,
                 const std::string& client_ja3, const IpAddress& address);

  /// A request was decided.
  void decided(const http::RequestReader& reader, const provision::Answer& answer);
  /// It could not be understood.
  void refused(const http::RequestReader& reader);
  /// A request was decided whose row is not with the ledger yet.
  bool has_request() const { return request_.decision != Decision::unknown; }
  /// Completes that row: the answer has gone out, or will not.
  store::RequestRow take_request(const Exchange& exchange, store::Standing standing);

  /// Whose the row is; after fill_from it is as much as there will be known.
  store::Standing standing(const provision::FleetView& fleet) const;
  /// Sets cause and standing.
  void judge(const provision::FleetView& fleet);

 private:
  std::int64_t id_;
  std::string listener_;
  Endpoint peer_, local_;
  Timestamp accepted_;
  TimePoint accepted_at_;
  Stage stage_ = Stage::tcp;
  std::int64_t hello_us_ = -1, queued_us_ = -1;
  std::unique_ptr<store::ConnectionRow> row_;
  store::RequestRow request_{};
  /// Of the last request that was denied, else the last; nullopt if there was none.
  std::optional<std::pair<Decision, Reason>> telling_;
};

}  // namespace firstring::server
