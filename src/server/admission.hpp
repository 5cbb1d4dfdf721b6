#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstddef>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/ip_address.hpp"
#include "server/suspects.hpp"

namespace firstring::server {

class Connection;

/// The queue for handshakes of one worker: which of its connections begins its handshake next, which may be kept alive
/// after a response, and which is evicted when places are short. It decides only: no I/O, no threads, and the caller
/// gives the time. docs/storms.md tells operators the same.
///
/// A connection is silent until its ClientHello or its first request is complete. With a ClientHello it then waits in
/// the queue with its socket open. Once it has begun its handshake it holds TLS's memory until settle(). The order:
///
/// - first connections of which nothing is known, since a phone without its configuration is out of service; then known
///   ones; each in the order of arrival. One that has waited for kHeadStart longer than the others goes first.
/// - suspects (Suspects) last, but one start in kSuspectsTurn is theirs. The same holds for a network with more than a
///   quarter of Limits::begun, once three quarters have begun: the last quarter is left to the others.
///
/// Places: phone and bootstrap listeners each have a share that the other kind cannot take. A connection is known if
/// the fleet's records have its address with its hello, or if it has presented a certificate that was accepted: a
/// stranger elsewhere can have neither.
///
/// - When half of its places are taken (or a connection has waited for kLongWait), a kind keeps no connection alive
/// that
///   was refused, nor any whose network holds many.
/// - From three quarters on, one connection is evicted for each new one, and for each that waits once three quarters of
///   Limits::begun have begun. The order: those that have had their last response and do not close; strangers kept
///   alive; silent ones; strangers that have been in a handshake or a request for longer than kPatience (kLeastPatience
///   once fifteen sixteenths are taken), the oldest first; known ones kept alive. Of those kept alive and of the silent
///   ones, the oldest of the network that has most of them.
///
/// No other connection is evicted: none that waits for us, no known phone in a handshake or a request, no stranger
/// before its time.
class Admission {
  using Hook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  struct Network;
  using Networks = std::map<IpAddress, Network>;  // ordered: no stranger can make its look-ups slow

 public:
  using Time = Suspects::Time;

  static constexpr std::chrono::seconds kHeadStart{5};
  static constexpr std::size_t kSuspectsTurn = 8;
  static constexpr std::size_t kNetworksLookedAt = 8;  ///< to find one to evict
  static constexpr std::chrono::seconds kPatience{10};
  static constexpr std::chrono::seconds kLeastPatience{5};
  static constexpr std::chrono::milliseconds kTimeToClose{500};  ///< after the last response
  static constexpr std::chrono::seconds kLongWait{1};            ///< in the queue
  static constexpr std::size_t kFew = 8;  ///< a network with at most so many does not hold "many"

  enum class Kind : unsigned char { phone, bootstrap };
  static constexpr std::size_t kKinds = 2;

  struct Limits {
    std::size_t connections = 0;               ///< open at once
    std::size_t begun = 0;                     ///< of them, in a handshake or later: begun and not settled
    std::array<std::size_t, kKinds> own = {};  ///< of them, by Kind: places that the other kind cannot take
  };
  /// With the shares: half for phones and an eighth for bootstrap where there are listeners of both kinds, else none.
  static Limits limits(std::size_t connections, std::size_t begun, bool has_both_kinds);

  /// A connection's place, with what is known of it here: a member of the connection, which must not move.
  class Place : public Hook {
   public:
    explicit Place(Connection* holder = nullptr) : connection(holder) {}
    Connection* const connection;  ///< its owner; not used here

   private:
    friend Admission;
    enum class State : unsigned char { outside, silent, waiting, busy, idle, closing };
    State state_ = State::outside;
    Kind kind_ = Kind::phone;
    bool is_known_ = false;
    bool has_begun_ = false;  // and holds TLS's memory
    Time at_{};               // silent: when it may be evicted; else since when it is in its state
    Networks::iterator network_{};
  };

  enum class Familiarity : unsigned char { unknown, known };

  void set_limits(Limits limits) { limits_ = limits; }

  /// A connection was just accepted. If it is silent, it may be evicted from `expendable_at` on.
  void arrive(Place& place, Kind kind, const IpAddress& from, Time expendable_at);
  /// Its ClientHello is complete: it enters the queue, and next() returns it some time.
  void queue(Place& place, Familiarity familiarity, Time now);
  /// A request of it is complete, or one has begun on a connection kept alive.
  void ask(Place& place, Time now);
  /// It has presented a certificate that was accepted.
  void know(Place& place);
  /// It has its response and is kept alive.
  void idle(Place& place, Time now);
  /// All is done but for the closing; `conduct` counts for its network.
  void settle(Place& place, Conduct conduct, Time now);
  /// Frees its place. Allowed also before arrive().
  void leave(Place& place);

  /// Takes the next connection from the queue; it counts as begun. nullptr if none waits or none may begin.
  Place* next(Time now);
  /// Whether next() may return a connection.
  bool may_begin() const { return waiting_ > 0 && begun_ < limits_.begun; }
  /// Whether one more connection of this kind has a place.
  bool has_place(Kind kind) const { return open_of(kind) < places(kind); }
  /// The connection to evict so that the next of this kind has a place in time; nullptr: places are not short, or none
  /// may be evicted. Returned again until it leaves.
  Place* expendable(Kind kind, Time now);
  /// The same for those in the queue.
  Place* expendable_begun(Time now);
  enum class Answer : unsigned char { served, refused };
  /// Whether a connection may be kept alive after this response.
  bool may_stay(const Place& place, Answer answer, Time now) const;

  /// Whether the next connection of either kind, or one in the queue, needs another evicted.
  bool is_short() const { return is_tight(Kind::phone) || is_tight(Kind::bootstrap) || is_begun_tight(); }
  struct Holder {
    IpAddress network;
    std::size_t open = 0;
  };
  /// The networks with the most open connections, at most `most` of them, the largest first. O(networks).
  std::vector<Holder> holders(std::size_t most) const;

  std::size_t open() const { return open_[0] + open_[1]; }
  std::size_t waiting() const { return waiting_; }
  std::size_t begun() const { return begun_; }
  const Limits& limits() const { return limits_; }
  const Suspects& suspects() const { return suspects_; }

 private:
  using List = boost::intrusive::list<Place, boost::intrusive::constant_time_size<false>>;

  /// One with open connections.
  struct Network {
    std::size_t begun = 0, open = 0;
  };

  /// Connections by network, so that the oldest of the one with most of them is found.
  class Crowd {
   public:
    void add(Place& place);
    void remove(Place& place);
    /// The oldest of the first of the largest networks whose oldest has been here since `until`; nullptr for none.
    Place* oldest_of_largest(Time until);

   private:
    struct Group {
      List members;  // the oldest first
      std::size_t count = 0;
    };
    void recount(std::map<IpAddress, Group>::iterator group, std::size_t count);

    std::map<IpAddress, Group> groups_;
    std::set<std::pair<std::size_t, IpAddress>> by_size_;
  };

  /// Those of one kind of listener that may be evicted.
  struct Expendable {
    List closing;  // the oldest first
    Crowd strangers_idle, silent;
    List strangers_busy;  // the oldest first
    Crowd known_idle;
  };

  static std::size_t index(Kind kind) { return static_cast<std::size_t>(kind); }
  Expendable& expendables(const Place& place) { return expendable_[index(place.kind_)]; }
  std::size_t open_of(Kind kind) const { return open_[index(kind)]; }
  std::size_t places(Kind kind) const;
  bool is_tight(Kind kind) const;
  bool is_begun_tight() const;
  Time patience_ends(bool is_nearly_full, Time now) const;
  bool has_long_wait(Time now) const;
  void enter_busy(Place& place, Time now);
  void step_out(Place& place);
  bool is_held_back(const Place& place, Time now) const;
  List* next_list();
  bool last_quarter_is_free() const;

  Limits limits_;
  Suspects suspects_;
  Networks networks_;
  std::array<Expendable, kKinds> expendable_;
  List unknown_, known_, held_back_;  // the queue: three lists, the oldest first
  std::array<std::size_t, kKinds> open_{};
  std::size_t waiting_ = 0, begun_ = 0;
  std::size_t turns_of_others_ = 0;  // starts of others since a suspect had one, while one waited
};

}  // namespace firstring::server
