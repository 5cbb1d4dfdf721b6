#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ip_address.hpp"
#include "base/time.hpp"
#include "hello/client_hello.hpp"
#include "policy/personality_choice.hpp"
#include "store/ledger_store.hpp"

namespace firstring::policy {

/// Whether a connection ended in a way that another personality might fix: the client refused our certificate or
/// parameters by an alert that says so, or left or went silent after our flight, or had nothing in common with us. A
/// complete handshake that no request followed does not count: all our chains have the same name, so another would not
/// help.
bool blames_personality(const store::ConnectionRow& row);

/// Which personality worked and which failed for which client, so that a client whose handshake failed gets another
/// personality the next time. A client is known by its address and its JA3: many phones may share that, and need
/// different personalities.
///
/// Any thread: kShards locks, each held for a look-up. Bounded: beyond kMaxClients the one used longest ago is evicted.
/// A stranger can fill it, and then clients begin at the bottom of the ladder again.
class Ladder {
 public:
  static constexpr std::size_t kMaxClients = 16'384;

  struct Client {
    IpAddress address;
    std::string_view ja3;
  };

  /// `usual`, unless it has failed for this client and has not worked since. Then, out of `allowed`:
  /// 1. the one that worked last and has not failed since ("ladder_worked"). If it is weaker than the usual one, the
  ///    usual one is tried again when `window` has passed since it failed, then twice the window, and so on;
  /// 2. the first that has not failed within `window`, the strongest first, and of two alike the one with a chain that
  ///    has not failed ("ladder"); from the second failure on also those that worked once;
  /// 3. when all have failed, any of them.
  /// If several have failed within the window and worked within four, different phones share the address, and the
  /// personalities alternate. This, 2 and 3 are pseudo-random: two phones that come alternately would otherwise get
  /// each other's personality for ever. The same calls in the same order give the same results.
  PersonalityChoice choose(const Client& client, const PersonalityChoice& usual, const hello::ClientHello& hello,
                           std::span<const tls::Personality* const> allowed, Timestamp now,
                           std::chrono::milliseconds window) const;

  void failed(const Client& client, std::string_view personality, Timestamp now);
  void worked(const Client& client, std::string_view personality, Timestamp now);

  std::size_t size() const;

 private:
  static constexpr std::size_t kShards = 16;
  static constexpr std::size_t kMaxRungs = 16;  ///< personalities remembered for one client

  struct Rung {
    std::size_t personality = 0;     ///< hash of its name
    Timestamp failed_at, worked_at;  ///< epoch: never
    unsigned failures = 0;           ///< since it worked

    bool is_down() const { return failed_at > worked_at; }
    bool has_worked() const { return worked_at != Timestamp{}; }
  };
  struct Entry {
    std::string key;
    std::vector<Rung> rungs;
    std::uint32_t tries = 0, failures = 0;  ///< all of them
    std::uint32_t failures_since = 0;       ///< since anything worked
  };
  struct Shard {
    mutable std::mutex mutex;
    std::list<Entry> entries;  ///< the one used last in front
    std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key;
  };

  static std::string key_of(const Client& client);
  Shard& shard_of(std::string_view key);
  const Shard& shard_of(std::string_view key) const;
  static Entry& enter(Shard& shard, std::string key);
  static Rung& rung_of(Entry& entry, std::string_view personality);
  static const Rung* find(const Entry& entry, const tls::Personality& personality);
  static PersonalityChoice climb(const Entry& entry, const PersonalityChoice& usual, const hello::ClientHello& hello,
                                 std::span<const tls::Personality* const> allowed, Timestamp now,
                                 std::chrono::milliseconds window);

  std::array<Shard, kShards> shards_;
};

}  // namespace firstring::policy
