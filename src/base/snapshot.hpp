#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>

namespace firstring {

namespace snapshot_detail {
constexpr std::size_t kSlots = 16;  ///< threads beyond that share

/// The slot of this thread, the same for every snapshot.
inline std::size_t own_slot() {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t slot = next++ % kSlots;
  return slot;
}
}  // namespace snapshot_detail

/// Read-mostly state: writers publish a whole new value, readers hold the one they took until they let it go.
///
/// Each thread reads from a slot of its own, with a lock and a reference count of its own: readers share no memory that
/// any of them writes to. load() takes the slot's mutex, which only a writer contends for, for the time of one pointer
/// copy; std::atomic<std::shared_ptr> of GCC 12 does no better. A thread never sees an older value after a newer one,
/// and when publish() has returned, every thread sees at least what was published.
template <class T>
class Snapshot {
 public:
  explicit Snapshot(const std::shared_ptr<const T>& initial = nullptr) { publish(initial); }

  std::shared_ptr<const T> load() const {
    const auto& slot = slots_[snapshot_detail::own_slot()];
    const std::lock_guard lock{slot.mutex};
    return slot.current;
  }

  /// One writer at a time.
  void publish(const std::shared_ptr<const T>& next) {
    for (auto& slot : slots_) {
      // A control block of the slot's own, which holds one reference to the value.
      std::shared_ptr<const T> own;
      if (next) own = {next.get(), [next](const T*) {}};
      {
        const std::lock_guard lock{slot.mutex};
        slot.current.swap(own);
      }
      // `own` now holds the old value: it is let go here, outside the lock.
    }
  }

 private:
  struct alignas(64) Slot {  // a cache line
    mutable std::mutex mutex;
    std::shared_ptr<const T> current;
  };
  std::array<Slot, snapshot_detail::kSlots> slots_;
};

}  // namespace firstring
