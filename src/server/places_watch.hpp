#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "server/admission.hpp"

namespace firstring::server {

/// Notices when places run short and when that is over, so that each is logged once: an attack comes and goes for
/// hours. The caller gives the time.
class PlacesWatch {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::seconds kQuiet{30};          ///< not short for so long: it is over
  static constexpr std::chrono::minutes kBetweenAlarms{10};  ///< further ones are only logged

  enum class Event : unsigned char {
    none,
    began,
    began_again,
    over
  };  ///< began_again: an alarm was raised not long ago

  /// To be called about once a second.
  Event tick(bool is_short, Time now);
  /// Of what is on, or has just ended.
  std::chrono::seconds lasted() const { return std::chrono::duration_cast<std::chrono::seconds>(last_ - began_); }

 private:
  bool is_on_ = false;
  Time began_{}, last_{};
  std::optional<Time> alarmed_;
};

/// "places are short: 198 connections are open; most of them are held by 203.0.113.7 (120) and 198.51.100.4 (61)".
/// `holders`: of all workers, in any order; one network may be there several times.
std::string places_are_short(std::size_t open, const std::vector<Admission::Holder>& holders);

}  // namespace firstring::server
