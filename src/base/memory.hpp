#pragma once

#include <chrono>

namespace firstring {

/// Gives pages that the allocator keeps for later back to the kernel, whichever allocator the program is linked with:
/// tcmalloc, or the C library's. Takes as long as there are such pages; each costs a fault when it is needed again.
void give_memory_back();

/// Says when that is worth it: a storm or an attack has made the program busy, and it is over. To be asked each second.
class QuietWatch {
 public:
  using Duration = std::chrono::nanoseconds;

  static constexpr std::chrono::milliseconds kBusy{200};  ///< of processor time between two ticks
  static constexpr std::chrono::seconds kEnough{1};       ///< of it since memory was given back
  static constexpr int kQuietTicks = 3;

  /// `processor_time`: of all threads since the start.
  bool tick(Duration processor_time);

 private:
  Duration last_{}, given_back_at_{};
  int quiet_ = 0;
};

/// Of all threads of this process since its start.
QuietWatch::Duration processor_time();

}  // namespace firstring
