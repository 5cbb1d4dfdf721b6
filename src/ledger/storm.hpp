#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "store/ledger_store.hpp"

namespace firstring::ledger {

/// Notices when far more phones come than usual, as after a power cut: one alarm of the kind "storm" when it begins,
/// one when it is over, with how many phones were served in what time. Connections that sent no whole ClientHello do
/// not count. Rows come when connections end, so both are told some seconds late. Bounded: an hour of counts, and the
/// phones of one storm up to a number beyond which it says "at least".
class StormWatch {
 public:
  struct Thresholds {
    std::size_t connections = 50;                    ///< accepted within kWindow; fewer are no storm
    std::size_t times_usual = 4;                     ///< and so many times the average of the hour before
    std::chrono::seconds quiet_time{30};             ///< over, when it has been no storm for so long
    std::size_t most_phones = std::size_t{1} << 18;  ///< kept apart
  };
  static constexpr std::chrono::seconds kWindow{10};

  StormWatch() : StormWatch(Thresholds{}) {}
  explicit StormWatch(Thresholds thresholds) : thresholds_(thresholds) {}

  /// In the order in which connections end. The alarm says that a storm has begun.
  std::optional<store::AlarmRow> see(const store::ConnectionRow& row);
  /// To be called now and then while one is_on(). The alarm says that it is over.
  std::optional<store::AlarmRow> tick(Timestamp now);
  /// The server stops.
  std::optional<store::AlarmRow> stop(Timestamp now);
  bool is_on() const { return storm_.has_value(); }

 private:
  /// Connections by the second in which they were accepted, of the last hour and a bit.
  class Counts {
   public:
    void add(std::int64_t second);
    /// In [from, to).
    std::size_t sum(std::int64_t from, std::int64_t to) const;

   private:
    static constexpr std::int64_t kSeconds = 4096;
    std::array<std::uint32_t, kSeconds> counts_{};
    std::int64_t newest_ = 0;
  };

  /// What counts of a row.
  struct Seen {
    Timestamp accepted{}, ended{}, shook_hands{};
    std::int64_t queued_us = 0;
    enum class Result : unsigned char { served, failed, other } result = Result::other;
    std::string who;  // bare MAC address, proven if it was served
  };
  static Seen seen(const store::ConnectionRow& row);

  struct Storm {
    Timestamp earliest{};  // of its connections may have been accepted then
    Timestamp began{}, busy_until{}, last_end{}, last_served{};
    std::size_t usual = 0;  // within kWindow
    std::size_t strangers_failed = 0;
    std::int64_t longest_wait_us = 0;
    std::unordered_set<std::string> back, failed;
    bool is_cut = false;  // there were more than were kept
  };

  std::size_t threshold(std::size_t usual) const;
  std::size_t busiest_window(std::int64_t second) const;
  void remember(Seen one);
  void count(Storm& storm, const Seen& one) const;
  store::AlarmRow close(Timestamp now, std::string_view how);

  static constexpr std::size_t kMostRecent = 4096;

  Thresholds thresholds_;
  Counts counts_;
  std::deque<Seen> recent_;  // as long as there is no storm: those that one would have begun with
  std::optional<Storm> storm_;
};

}  // namespace firstring::ledger
