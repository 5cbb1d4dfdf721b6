#include "tls/power_queue.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <new>
#include <utility>

namespace firstring::tls {
namespace {

/// About as many as can ever wait.
constexpr std::size_t kMostSpare = 16;

thread_local PowerQueue* own = nullptr;

}  // namespace

PowerQueue::PowerQueue() : scratch_(BN_CTX_secure_new_ex(crypto::library())) { own = this; }

PowerQueue::~PowerQueue() { own = nullptr; }

PowerQueue* PowerQueue::of_this_thread() { return own; }

PowerQueue::Outcome PowerQueue::compute(const PowerRequest& request) {
  auto* const stack = SideStack::current();
  // OpenSSL's errors are the thread's: whoever comes in between would find what belongs to somebody else.
  if (own == nullptr || stack == nullptr || ERR_peek_error() != 0) return Outcome::left;
  Waiting mine{.request = &request, .stack = stack, .since = std::chrono::steady_clock::now()};
  own->count(mine.since);
  own->waiting_.push_back(&mine);
  stack->pause();
  ERR_clear_error();
  return mine.outcome;
}

std::unique_ptr<SideStack> PowerQueue::take_stack() {
  if (spare_.empty()) {
    try {
      return std::make_unique<SideStack>();
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }
  auto stack = std::move(spare_.back());
  spare_.pop_back();
  return stack;
}

void PowerQueue::give_back(std::unique_ptr<SideStack> stack) {
  if (spare_.size() < kMostSpare) spare_.push_back(std::move(stack));
}

void PowerQueue::when_computed(const SideStack& stack, std::function<void()> next) {
  const auto found = std::ranges::find(waiting_, &stack, &Waiting::stack);
  if (found != waiting_.end()) (*found)->next = std::move(next);
}

void PowerQueue::cancel(SideStack& stack) {
  do {
    std::erase_if(waiting_, [&](Waiting* one) {
      if (one->stack != &stack) return false;
      one->outcome = Outcome::cancelled;
      return true;
    });
  } while (!stack.resume());
}

PowerQueue::Batch PowerQueue::take_batch(int exponent_bits, bool even_if_not_full) {
  Batch batch;
  std::size_t lanes = 0;
  for (auto* one : waiting_) {
    if (one->request->exponent_bits != exponent_bits || lanes + one->request->count > kLanes) continue;
    batch.push_back(one);
    lanes += one->request->count;
  }
  if (lanes < kLanes && !even_if_not_full) return {};
  std::erase_if(waiting_, [&](Waiting* one) { return std::ranges::find(batch, one) != batch.end(); });
  return batch;
}

void PowerQueue::compute(const Batch& batch) {
  if (batch.size() < 2 || !scratch_) return;
  std::vector<LanePower> powers;
  for (const auto* one : batch)
    powers.insert(powers.end(), one->request->powers.begin(),
                  one->request->powers.begin() + static_cast<std::ptrdiff_t>(one->request->count));
  if (!lane_powers(powers, batch.front()->request->exponent_bits, scratch_.get())) return;
  for (auto* one : batch) one->outcome = Outcome::computed;
}

void PowerQueue::count(Time now) {
  constexpr int kWeight = 8;
  interval_ += (std::min<Time::duration>(now - last_, 2 * kPatience) - interval_) / kWeight;
  last_ = now;
}

bool PowerQueue::work(Time now, bool idle, std::size_t in_handshake) {
  if (waiting_.empty()) return false;
  const bool others_may_come =
      interval_ <= kPatience / 2 && (in_handshake > waiting_.size() || waiting_.size() < expected_);
  const bool all = (idle && !others_may_come) || now >= due_at();
  if (all) expected_ = waiting_.size();
  std::vector<std::function<void()>> next;
  for (std::size_t i = 0; i < waiting_.size();) {
    const auto batch = take_batch(waiting_[i]->request->exponent_bits, all);
    if (batch.empty()) {
      ++i;
      continue;
    }
    compute(batch);
    for (auto* one : batch) next.push_back(std::move(one->next));
    i = 0;
  }
  for (const auto& call : next) {
    if (call) call();
  }
  return !next.empty();
}

}  // namespace firstring::tls
