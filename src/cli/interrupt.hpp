#pragma once

#include <csignal>

namespace firstring::cli {

/// For as long as it lives, SIGINT and SIGTERM do not end the process: they end system calls that wait, and are
/// remembered. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  ~InterruptGuard();

  bool interrupted() const;

 private:
  struct sigaction before_int_{};
  struct sigaction before_term_{};
};

}  // namespace firstring::cli
