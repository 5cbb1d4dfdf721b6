#pragma once

#include <functional>
#include <memory>

namespace firstring::tls {

/// A stack of its own for work that may have to wait in the middle, deep inside OpenSSL, while its thread does
/// something else. 256 KiB of addresses with a guard page; memory only as far as it is used. One thread's only.
///
/// What waits must not hold a lock, and must come to its end before the stack goes.
class SideStack {
 public:
  SideStack();
  SideStack(const SideStack&) = delete;
  SideStack& operator=(const SideStack&) = delete;
  ~SideStack();

  /// Runs `work`, which throws nothing, until it ends (true) or pauses (false).
  bool run(std::function<void()> work);
  /// Goes on where it paused, as run does.
  bool resume();

  /// The one that the caller runs on, or nullptr.
  static SideStack* current();
  /// Called from the work: returns when somebody resumes it.
  void pause();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace firstring::tls
