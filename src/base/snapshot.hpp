#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace firstring {

/// Read-mostly state: writers publish a whole new value, readers hold the one they took until they let it go.
/// load() takes a mutex for the time of one pointer copy; std::atomic<std::shared_ptr> of GCC 12 does no better.
template <class T>
class Snapshot {
 public:
  explicit Snapshot(std::shared_ptr<const T> initial = nullptr) : current_(std::move(initial)) {}

  std::shared_ptr<const T> load() const {
    const std::lock_guard lock{mutex_};
    return current_;
  }

  void publish(std::shared_ptr<const T> next) {
    {
      const std::lock_guard lock{mutex_};
      current_.swap(next);
    }
    // `next` now holds the old value: it is destroyed here, outside the lock.
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> current_;
};

}  // namespace firstring
