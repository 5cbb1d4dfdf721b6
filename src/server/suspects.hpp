#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstddef>
#include <map>

#include "base/ip_address.hpp"
#include "store/ledger_store.hpp"

namespace firstring::server {

/// The network that admission counts a peer under: its IPv4 address, or its IPv6 /64, which one site can hardly change.
/// (The ledger counts larger ones: ledger_network.)
IpAddress admission_network(const IpAddress& address);

/// How a connection that has ended counts for its network.
struct Conduct {
  double bad = 0;
  double good = 0;
};
Conduct conduct_of(const store::ConnectionRow& row);

/// Networks whose connections mostly misbehave: they hold a place and never finish a ClientHello, let a handshake that
/// cost us work time out, or try to renegotiate. Good connections outweigh bad ones, so that one misfit behind an
/// office's address does not make its other phones suspect. Counts decay with kHalfLife; at most kMaxNetworks are kept,
/// and the one noted longest ago is evicted. One thread's own; the caller gives the time.
class Suspects {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr std::size_t kMaxNetworks = 4096;
  static constexpr std::chrono::minutes kHalfLife{5};
  static constexpr double kEnough = 16;   ///< bad connections, decayed, before a network can be suspect
  static constexpr double kOutweigh = 3;  ///< bad ones for each good one, at least

  void note(const IpAddress& network, Conduct conduct, Time now);
  bool is_suspect(const IpAddress& network, Time now) const;
  std::size_t size() const { return records_.size(); }

 private:
  /// In the list from the one noted longest ago to the newest.
  struct Record : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    IpAddress network;
    Conduct sum;
    Time at{};  // when `sum` was so
  };
  static Conduct faded(const Record& record, Time now);

  std::map<IpAddress, Record> records_;  // ordered: no stranger can make its look-ups slow
  boost::intrusive::list<Record, boost::intrusive::constant_time_size<false>> by_age_;
};

}  // namespace firstring::server
