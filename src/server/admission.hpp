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

/// Who of a worker's connections begins its handshake next, who may stay when it has its answer, and who makes room
/// when places are short. It decides only: no I/O, no threads, and time is given.
///
/// A connection is silent until its ClientHello or its first request is complete. With a ClientHello it then waits for
/// its turn with its socket open, and then has begun, and holds what TLS takes up, until it is settled. Turns:
///
/// - first those of whom nothing is known, for a phone without its configuration is deaf until it is served; then those
///   that were here before; in each lane whoever came first. Who has waited for kHeadStart longer goes before all.
/// - suspects (Suspects) last, but each kSuspectsTurn-th turn is theirs. So is it with a network that holds more than a
///   quarter of what may have begun, once three quarters have: the last quarter stays for the others.
///
/// Places: phone and bootstrap listeners have each a share that the other kind cannot take. Known is who comes with an
/// address and a hello that the fleet's records know, or has shown a certificate that was accepted: a stranger
/// elsewhere can have neither.
///
/// - From the half of its places on (or when somebody has waited for kLongWait), a kind keeps nobody alive who was
///   refused, nor anybody whose network holds many.
/// - From three quarters on, each new connection makes room for itself; so does one that waits for its turn when three
///   quarters of what may have begun have. In this order go: who has its last answer and does not close; strangers that
///   are kept alive; silent ones; strangers that have been in a handshake or a request for longer than kPatience
///   (kLeastPatience once fifteen sixteenths are taken), the oldest first; known ones that are kept alive. Of those
///   kept alive and of the silent ones it is the oldest of the network that has most of them.
///
/// Nobody else goes: not who waits for us, no known phone in a handshake or a request, no stranger before its time.
class Admission {
  using Hook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  struct Network;
  using Networks = std::map<IpAddress, Network>;  // ordered: no stranger can make its look-ups slow

 public:
  using Time = Suspects::Time;

  static constexpr std::chrono::seconds kHeadStart{5};
  static constexpr std::size_t kSuspectsTurn = 8;
  static constexpr std::size_t kNetworksLookedAt = 8;  ///< for one that may go
  static constexpr std::chrono::seconds kPatience{10};
  static constexpr std::chrono::seconds kLeastPatience{5};
  static constexpr std::chrono::milliseconds kTimeToClose{500};  ///< with the last answer in hand
  static constexpr std::chrono::seconds kLongWait{1};            ///< for its turn
  static constexpr std::size_t kFew = 8;                         ///< so many no network holds "many"

  enum class Kind : unsigned char { phone, bootstrap };
  static constexpr std::size_t kKinds = 2;

  struct Limits {
    std::size_t connections = 0;               ///< open at once
    std::size_t begun = 0;                     ///< of them, how many may have begun and not be settled
    std::array<std::size_t, kKinds> own = {};  ///< of them, by Kind: places that the other kind cannot take
  };
  /// With the shares: half for phones and an eighth for bootstrap where there are listeners of both kinds, else none.
  static Limits limits(std::size_t connections, std::size_t begun, bool has_both_kinds);

  /// A connection's place, with what is known of it here: a member of the connection, which must not move.
  class Place : public Hook {
   public:
    explicit Place(Connection* holder = nullptr) : connection(holder) {}
    Connection* const connection;  ///< whose it is; of no interest here

   private:
    friend Admission;
    enum class State : unsigned char { outside, silent, waiting, busy, idle, closing };
    State state_ = State::outside;
    Kind kind_ = Kind::phone;
    bool is_known_ = false;
    bool has_begun_ = false;  // and holds what TLS takes up
    Time at_{};               // silent: when it has had its time to speak; else since when it is in its state
    Networks::iterator network_{};
  };

  enum class Familiarity : unsigned char { unknown, known };

  void set_limits(Limits limits) { limits_ = limits; }

  /// A connection that was just accepted. From `expendable_at` on, a silent one may have to make room.
  void arrive(Place& place, Kind kind, const IpAddress& from, Time expendable_at);
  /// Its ClientHello is complete; next() will give it when its turn has come.
  void queue(Place& place, Familiarity familiarity, Time now);
  /// A request of it is complete, or one has begun on a connection kept alive.
  void ask(Place& place, Time now);
  /// It has shown a certificate that was accepted.
  void know(Place& place);
  /// It has its answer and is kept alive.
  void idle(Place& place, Time now);
  /// It is over but for the closing, and went like this.
  void settle(Place& place, Conduct conduct, Time now);
  /// Its place is free. It may not have arrived at all.
  void leave(Place& place);

  /// Whose turn it is, from now on one that has begun; nullptr if nobody waits or nobody may begin.
  Place* next(Time now);
  /// Whether next() may give somebody.
  bool may_begin() const { return waiting_ > 0 && begun_ < limits_.begun; }
  /// Whether one more connection of this kind has a place.
  bool has_place(Kind kind) const { return open_of(kind) < places(kind); }
  /// One that has to go so that the next of this kind has a place in time; nullptr: none is short, or nobody may go. It
  /// stays until it leaves.
  Place* expendable(Kind kind, Time now);
  /// The same for those that wait for their turn.
  Place* expendable_begun(Time now);
  enum class Answer : unsigned char { served, refused };
  /// Whether a connection with this answer may be kept alive.
  bool may_stay(const Place& place, Answer answer, Time now) const;

  /// Whether somebody has to go for the next one, of either kind or for those that wait.
  bool is_short() const { return is_tight(Kind::phone) || is_tight(Kind::bootstrap) || is_begun_tight(); }
  struct Holder {
    IpAddress network;
    std::size_t open = 0;
  };
  /// Networks with most places, at most `most`, the largest first. Looks at all of them.
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

  /// Those of one kind of listener that may have to go.
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
  List* next_lane();
  bool last_quarter_is_free() const;

  Limits limits_;
  Suspects suspects_;
  Networks networks_;
  std::array<Expendable, kKinds> expendable_;
  List unknown_, known_, held_back_;  // those that wait, whoever came first in front
  std::array<std::size_t, kKinds> open_{};
  std::size_t waiting_ = 0, begun_ = 0;
  std::size_t turns_of_others_ = 0;  // since a suspect had one, while one waited
};

}  // namespace firstring::server
