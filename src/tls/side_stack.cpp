#include "tls/side_stack.hpp"

#include <boost/context/fiber.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <cassert>
#include <cstddef>
#include <utility>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace firstring::tls {
namespace {

namespace context = boost::context;

constexpr std::size_t kBytes = 256UL * 1024;

thread_local SideStack* running = nullptr;

/// What the sanitizers keep of a stack. They have to be told of each change from one to another.
class Books {
 public:
#if defined(__SANITIZE_ADDRESS__)
  void will_change_to(const Books& other) { __sanitizer_start_switch_fiber(&own_, other.bottom_, other.size_); }
  /// `from`: what was left.
  void have_changed(Books& from) { __sanitizer_finish_switch_fiber(own_, &from.bottom_, &from.size_); }
  void begin(const void* bottom, std::size_t size) {
    bottom_ = bottom;
    size_ = size;
    __asan_unpoison_memory_region(bottom, size);  // of what was there before, whose outermost frame never returned
  }
  void end() {}

 private:
  void* own_ = nullptr;
  const void* bottom_ = nullptr;
  std::size_t size_ = 0;
#elif defined(__SANITIZE_THREAD__)
  void will_change_to(const Books& other) {
    if (own_ == nullptr) own_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(other.own_, 0);
  }
  void have_changed(Books&) {}
  void begin(const void*, std::size_t) { own_ = __tsan_create_fiber(0); }
  void end() { __tsan_destroy_fiber(own_); }

 private:
  void* own_ = nullptr;
#else
  void will_change_to(const Books&) {}
  void have_changed(Books&) {}
  void begin(const void*, std::size_t) {}
  void end() {}
#endif
};

}  // namespace

struct SideStack::Impl {
  context::fiber inside;   ///< where the work goes on
  context::fiber outside;  ///< where its thread goes on
  Books inside_books, outside_books;
  std::function<void()> work;
  bool ended = true;
  bool closing = false;

  void enter() {
    outside_books.will_change_to(inside_books);
    inside = std::move(inside).resume();
    outside_books.have_changed(inside_books);
  }
  void leave() {
    inside_books.will_change_to(outside_books);
    outside = std::move(outside).resume();
    inside_books.have_changed(outside_books);
  }
  /// All that ever runs here.
  context::fiber live(context::fiber&& from) {
    outside = std::move(from);
    inside_books.have_changed(outside_books);
    while (!closing) {
      work();
      ended = true;
      leave();
    }
    inside_books.will_change_to(outside_books);
    return std::move(outside);
  }
};

SideStack::SideStack() : impl_(std::make_unique<Impl>()) {
  context::protected_fixedsize_stack allocator{kBytes};
  const auto stack = allocator.allocate();
  impl_->inside_books.begin(static_cast<const char*>(stack.sp) - stack.size, stack.size);
  impl_->inside = context::fiber{std::allocator_arg, context::preallocated{stack.sp, stack.size, stack}, allocator,
                                 [impl = impl_.get()](context::fiber&& from) { return impl->live(std::move(from)); }};
}

SideStack::~SideStack() {
  assert(impl_->ended);
  impl_->closing = true;
  impl_->enter();
  impl_->inside_books.end();
}

bool SideStack::run(std::function<void()> work) {
  assert(impl_->ended);
  impl_->work = std::move(work);
  impl_->ended = false;
  return resume();
}

bool SideStack::resume() {
  auto* const before = std::exchange(running, this);
  impl_->enter();
  running = before;
  return impl_->ended;
}

SideStack* SideStack::current() { return running; }

void SideStack::pause() { impl_->leave(); }

}  // namespace firstring::tls
