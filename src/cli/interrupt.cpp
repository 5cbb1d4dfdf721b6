#include "cli/interrupt.hpp"

namespace firstring::cli {
namespace {

volatile std::sig_atomic_t signalled = 0;

void note(int) { signalled = 1; }

}  // namespace

InterruptGuard::InterruptGuard() {
  signalled = 0;
  // Without SA_RESTART: read and poll give EINTR.
  struct sigaction action{};
  action.sa_handler = note;
  ::sigaction(SIGINT, &action, &before_int_);
  ::sigaction(SIGTERM, &action, &before_term_);
}

InterruptGuard::~InterruptGuard() {
  ::sigaction(SIGINT, &before_int_, nullptr);
  ::sigaction(SIGTERM, &before_term_, nullptr);
}

bool InterruptGuard::interrupted() const { return signalled != 0; }

}  // namespace firstring::cli
