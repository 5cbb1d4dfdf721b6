#include "policy/device_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/ip_address.hpp"
#include "hello/client_hello.hpp"

namespace firstring::policy {
namespace {

using AlarmKind = WatchAlarm::Kind;

// In the order of their enumerators.
constexpr std::array<std::string_view, 3> kStrictness{"off", "alarm", "enforce"};
constexpr std::array<std::string_view, WatchAlarm::kKinds> kKinds{"second_certificate", "downgrade", "two_networks",
                                                                  "mac_disagreement"};

/// The usual size of one site. IPv4 in its mapped form.
constexpr unsigned kNetworkV4 = 96 + 24;
constexpr unsigned kNetworkV6 = 48;

bool same_network(const std::string& a, const std::string& b) {
  if (a == b) return true;
  const auto one = IpAddress::parse(a);
  const auto other = IpAddress::parse(b);
  return one && other && Prefix{*one, one->is_v4() ? kNetworkV4 : kNetworkV6}.contains(*other);
}

std::string refused_too(Strictness strictness) {
  return strictness == Strictness::enforce ? ", and its own file was refused" : "";
}

std::optional<WatchAlarm> disagreement(const MacAddress& mac, const Sighting& sighting) {
  const auto differs = [&](const std::optional<MacAddress>& other) { return other && *other != mac; };
  if (!differs(sighting.in_url) && !differs(sighting.in_user_agent)) return std::nullopt;
  auto text = fmt::format("The phone whose certificate names {}", mac.bare());
  if (sighting.in_url) text += fmt::format(" requested the file of {}", sighting.in_url->bare());
  if (sighting.in_user_agent) {
    text += fmt::format("{} calls itself {} in its User-Agent", sighting.in_url ? " and" : "",
                        sighting.in_user_agent->bare());
  }
  return WatchAlarm{
      AlarmKind::mac_disagreement,
      text + "; correct its Profile_Rule, or find out who uses its certificate: firstring explain " + mac.bare()};
}

}  // namespace

std::optional<Strictness> parse_strictness(std::string_view text) {
  const auto* found = std::find(kStrictness.begin(), kStrictness.end(), text);
  return found != kStrictness.end() ? std::optional{static_cast<Strictness>(found - kStrictness.begin())}
                                    : std::nullopt;
}

std::optional<WatchAlarm::Kind> parse_alarm_kind(std::string_view text) {
  const auto* found = std::find(kKinds.begin(), kKinds.end(), text);
  return found != kKinds.end() ? std::optional{static_cast<AlarmKind>(found - kKinds.begin())} : std::nullopt;
}

std::string_view to_string(WatchAlarm::Kind kind) { return kKinds.at(static_cast<std::size_t>(kind)); }

Watched watch(const store::DeviceRecord* old, const Sighting& sighting, const Pardons& pardons,
              const WatchSettings& settings) {
  const auto& seen = sighting.seen;
  const auto mac = seen.mac.bare();
  const auto time = seen.last_seen;
  Watched result;
  if (auto alarm = disagreement(seen.mac, sighting)) result.alarms.push_back(*std::move(alarm));

  const bool same_key = old != nullptr && old->key == seen.key;
  const bool unpinned = old != nullptr && pardons.unpinned_at && old->pinned_at <= *pardons.unpinned_at;
  // A device whose certificate was replaced with the operator's leave begins anew, with its ratchet.
  if (old == nullptr || (unpinned && !same_key)) {
    result.record = seen;
    return result;
  }

  auto next = seen;
  if (same_key && !unpinned) {
    next.pinned_at = old->pinned_at;
  } else if (!same_key && settings.pin != Strictness::off) {
    result.alarms.push_back(
        {AlarmKind::second_certificate,
         fmt::format("A second certificate for {}: its key differs from the one pinned since {}{}; if the phone or "
                     "its certificate was replaced: firstring device unpin {}",
                     mac, to_iso8601(old->pinned_at), refused_too(settings.pin), mac)});
    if (settings.pin == Strictness::enforce) result.refusal = WatchRefusal::pin_mismatch;
    return result;
  }

  const auto since = time - old->last_seen;
  if (same_key && since >= Timestamp::duration{0} && since < settings.resync_period &&
      !same_network(old->address, seen.address)) {
    result.alarms.push_back(
        {AlarmKind::two_networks,
         fmt::format(
             "The certificate of {} came from {}, and {} before that from {}: the phone was moved, has two ways "
             "out, or somebody has a copy of its key; compare: firstring explain {}",
             mac, seen.address, format_duration(std::chrono::floor<std::chrono::seconds>(since)), old->address, mac)});
  }

  if (seen.strongest_version == 0) {
    next.strongest_version = old->strongest_version;
  } else if (seen.strongest_version < old->strongest_version && settings.ratchet != Strictness::off &&
             time >= pardons.amnesty_until) {
    result.alarms.push_back(
        {AlarmKind::downgrade,
         fmt::format("{} offers no more than {} though it has offered {}{}; if its firmware was downgraded: firstring "
                     "device amnesty {} --for 1d",
                     mac, hello::version_name(seen.strongest_version), hello::version_name(old->strongest_version),
                     refused_too(settings.ratchet), mac)});
    if (settings.ratchet == Strictness::enforce) {
      result.refusal = WatchRefusal::downgraded;
      return result;
    }
    next.strongest_version = old->strongest_version;
  }
  if (next.firmware.empty()) next.firmware = old->firmware;
  result.record = std::move(next);
  return result;
}

}  // namespace firstring::policy
