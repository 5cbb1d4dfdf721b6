#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mac_address.hpp"
#include "base/time.hpp"
#include "store/fleet.hpp"

namespace firstring::policy {

/// What a changed phone causes: nothing, an alarm, or an alarm and a refusal.
enum class Strictness : unsigned char { off, alarm, enforce };
std::optional<Strictness> parse_strictness(std::string_view text);  ///< "off", "alarm", "enforce"

struct WatchSettings {
  Strictness pin = Strictness::enforce;      ///< of the key that a device's first certificate had
  Strictness ratchet = Strictness::enforce;  ///< of the highest TLS version that a device has offered
  /// How often phones come: two visits from different networks within it are worth an alarm, and no alarm is repeated
  /// within it.
  std::chrono::milliseconds resync_period{std::chrono::hours{1}};
};

/// What operators have granted to one device: store::Pardon.
struct Pardons {
  std::optional<Timestamp> unpinned_at;  ///< a pin made until then is void
  Timestamp amnesty_until{};             ///< end of the grace period in which the ratchet does not apply
};

/// One request of a device, on a connection whose accepted certificate names it.
struct Sighting {
  /// What this connection alone would make the record. strongest_version 0: the hello does not tell.
  store::DeviceRecord seen;
  std::optional<MacAddress> in_url, in_user_agent;
};

/// Why a device is refused its own file though its certificate is good.
enum class WatchRefusal : unsigned char {
  none,
  pin_mismatch,  ///< its certificate has another key than the pinned one
  downgraded,    ///< it offers an older TLS version than it did before
};

struct WatchAlarm {
  enum class Kind : unsigned char { second_certificate, downgrade, two_networks, mac_disagreement };
  static constexpr std::size_t kKinds = 4;

  Kind kind;
  std::string text;  ///< a sentence for people, with what to do
};
std::string_view to_string(WatchAlarm::Kind kind);                        ///< the stable code: "two_networks"
std::optional<WatchAlarm::Kind> parse_alarm_kind(std::string_view text);  ///< nullopt for another kind

struct Watched {
  std::optional<store::DeviceRecord> record;  ///< to be kept; nothing: the old one stays
  WatchRefusal refusal = WatchRefusal::none;
  std::vector<WatchAlarm> alarms;  ///< may have been raised before: see WatchSettings::resync_period
};

/// Compares a sighting with the device's record; `old` is nullptr for the first one. Pure.
///
/// Pin on first use: the key of the first accepted certificate is the device's; the same key in another certificate is
/// a renewal. A sighting with another key, or a refused one, changes no record.
Watched watch(const store::DeviceRecord* old, const Sighting& sighting, const Pardons& pardons,
              const WatchSettings& settings);

}  // namespace firstring::policy
