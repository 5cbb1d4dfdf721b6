#include "policy/record_merge.hpp"

#include <algorithm>
#include <tuple>

namespace firstring::policy {
namespace {

using store::DeviceRecord;

/// Whoever alone has changed it decides, else `both`.
template <class Value>
Value decide(const DeviceRecord* base, Value DeviceRecord::* member, const DeviceRecord& one, const DeviceRecord& other,
             const Value& both) {
  if (base != nullptr && one.*member == base->*member) return other.*member;
  if (base != nullptr && other.*member == base->*member) return one.*member;
  return both;
}

auto pin_of(const DeviceRecord& record) { return std::tie(record.pinned_at, record.key); }

/// Whose pin is kept: that of the only writer that changed it, else the one that was made first.
DeviceRecord with_pin(const DeviceRecord* base, const DeviceRecord& one, const DeviceRecord& other) {
  if (base != nullptr && pin_of(one) == pin_of(*base)) return other;
  if (base != nullptr && pin_of(other) == pin_of(*base)) return one;
  return pin_of(one) < pin_of(other) ? one : other;
}

/// Of two at the same time any, but always the same one.
const DeviceRecord& later(const DeviceRecord& one, const DeviceRecord& other) {
  const auto order = [](const DeviceRecord& record) {
    return std::tie(record.last_seen, record.address, record.ja3, record.model, record.firmware, record.personality,
                    record.certificate);
  };
  return order(one) > order(other) ? one : other;
}

}  // namespace

DeviceRecord merge(const DeviceRecord* base, const DeviceRecord& one, const DeviceRecord& other) {
  const auto& pinned = with_pin(base, one, other);
  if (one.key != other.key) return pinned;
  // What they began with was of another key, and says nothing of this one's phone.
  if (base != nullptr && base->key != one.key) base = nullptr;
  const auto& last = later(one, other);
  auto merged = last;
  merged.pinned_at = pinned.pinned_at;
  merged.certificate = decide(base, &DeviceRecord::certificate, one, other, last.certificate);
  merged.strongest_version = decide(base, &DeviceRecord::strongest_version, one, other,
                                    std::max(one.strongest_version, other.strongest_version));
  merged.personality = decide(base, &DeviceRecord::personality, one, other, last.personality);
  return merged;
}

}  // namespace firstring::policy
