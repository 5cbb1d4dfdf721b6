#include "base/memory.hpp"

#include <malloc.h>

#include <ctime>

/// gperftools/malloc_extension_c.h. Weak: not there where the program is linked without tcmalloc.
extern "C" __attribute__((weak)) void MallocExtension_ReleaseFreeMemory(void);

namespace firstring {

void give_memory_back() {
  if (MallocExtension_ReleaseFreeMemory != nullptr) return MallocExtension_ReleaseFreeMemory();
  ::malloc_trim(0);
}

bool QuietWatch::tick(Duration processor_time) {
  const bool is_busy = processor_time - last_ >= kBusy;
  last_ = processor_time;
  quiet_ = is_busy ? 0 : quiet_ + 1;
  if (quiet_ != kQuietTicks || processor_time - given_back_at_ < kEnough) return false;
  given_back_at_ = processor_time;
  return true;
}

QuietWatch::Duration processor_time() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

}  // namespace firstring
