#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstddef>
#include <map>
#include <set>
#include <utility>

#include "base/ip_address.hpp"
#include "server/suspects.hpp"

namespace firstring::server {

/// Who of a worker's connections begins its handshake next, and who makes room when too many say nothing. It decides
/// only: no I/O, no threads, and time is given.
///
/// A connection is silent until its ClientHello is complete, then waits for its turn with its socket open, then has
/// begun, and holds what TLS takes up, until it is settled. Nobody who has said what he wants is ever turned away:
///
/// - first those of whom nothing is known, for a phone without its configuration is deaf until it is served; then those
///   that were here before; in each lane whoever came first. Who has waited for kHeadStart longer goes before all.
/// - suspects (Suspects) last, but each kSuspectsTurn-th turn is theirs. So is it with a network that holds more than a
///   quarter of what may have begun, once three quarters have: the last quarter stays for the others.
/// - silent ones are let alone until three quarters of the places are taken. Then the oldest of the network that has
///   most of them makes room, if it has had its time to speak.
class Admission {
  using Hook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  struct Network;
  using Networks = std::map<IpAddress, Network>;  // ordered: no stranger can make its look-ups slow

 public:
  using Time = Suspects::Time;

  static constexpr std::chrono::seconds kHeadStart{5};
  static constexpr std::size_t kSuspectsTurn = 8;
  static constexpr std::size_t kNetworksLookedAt = 8;  ///< for a silent one that may go

  struct Limits {
    std::size_t connections = 0;  ///< open at once
    std::size_t begun = 0;        ///< of them, how many may have begun and not be settled
  };

  /// What is known of a connection here: a base of the connection, which must not move while it takes part.
  class Visitor : public Hook {
    friend Admission;
    enum class Stage : unsigned char { outside, silent, waiting, begun, settled };
    Stage stage_ = Stage::outside;
    Time at_{};  // silent: when it has had its time to speak; waiting: since when
    Networks::iterator network_{};
  };

  enum class Familiarity : unsigned char { unknown, known };

  void set_limits(Limits limits) { limits_ = limits; }

  /// A connection that was just accepted. From `expendable_at` on, a silent one may have to make room.
  void arrive(Visitor& visitor, const IpAddress& from, Time expendable_at);
  /// Its ClientHello is complete; next() will give it when its turn has come.
  void queue(Visitor& visitor, Familiarity familiarity, Time now);
  /// It has spoken, and what it wants needs no handshake.
  void spoke(Visitor& visitor);
  /// It is over but for the closing, and went like this.
  void settle(Visitor& visitor, Conduct conduct, Time now);
  /// Its place is free. It may not have arrived at all.
  void leave(Visitor& visitor);

  /// Whose turn it is, from now on one that has begun; nullptr if nobody waits or nobody may begin.
  Visitor* next(Time now);
  /// Whether next() may give somebody.
  bool may_begin() const { return waiting_ > 0 && begun_ < limits_.begun; }
  /// A silent one that has to go for the sake of the others, if there is pressure; it stays until it leaves.
  Visitor* expendable(Time now);

  std::size_t open() const { return open_; }
  std::size_t waiting() const { return waiting_; }
  std::size_t begun() const { return begun_; }
  const Suspects& suspects() const { return suspects_; }

 private:
  using List = boost::intrusive::list<Visitor, boost::intrusive::constant_time_size<false>>;

  /// One with open connections.
  struct Network {
    List silent;  // the oldest first
    std::size_t silent_count = 0, begun = 0, open = 0;
  };

  void count_silent(Networks::iterator network, std::ptrdiff_t change);
  void step_out(Visitor& visitor);
  bool is_held_back(const Visitor& visitor, Time now) const;
  List* next_lane();
  bool last_quarter_is_free() const;

  Limits limits_;
  Suspects suspects_;
  Networks networks_;
  std::set<std::pair<std::size_t, IpAddress>> most_silent_;  // networks with silent ones, by their number
  List unknown_, known_, held_back_;                         // those that wait, whoever came first in front
  std::size_t open_ = 0, waiting_ = 0, begun_ = 0;
  std::size_t turns_of_others_ = 0;  // since a suspect had one, while one waited
};

}  // namespace firstring::server
