#include "tls/power_queue.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <memory>
#include <vector>

#include "tls/test_numbers.hpp"

namespace firstring::tls {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using Outcome = PowerQueue::Outcome;

constexpr std::size_t kMany = 100;  ///< in a handshake

/// Something on a stack of its own that needs `count` powers.
class Needer {
 public:
  Needer(PowerQueue& queue, std::size_t count, int exponent_bits)
      : queue_(queue), modulus_(random_modulus()), prepared_(*LaneModulus::make(modulus_.get())) {
    request_.count = count;
    request_.exponent_bits = exponent_bits;
    for (std::size_t i = 0; i < count; ++i) {
      bases_.push_back(random());
      exponents_.push_back(random(exponent_bits));
      results_.push_back(make());
      request_.powers[i] = {&prepared_, bases_[i].get(), exponents_[i].get(), results_[i].get()};
    }
  }

  /// False if it waits.
  bool begin() {
    stack_ = queue_.take_stack();
    const bool ended = stack_->run([this] { outcome = PowerQueue::compute(request_); });
    if (!ended) queue_.when_computed(*stack_, [this] { finish(); });
    return ended;
  }

  void finish() {
    EXPECT_TRUE(stack_->resume());
    queue_.give_back(std::move(stack_));
  }

  void cancel() { queue_.cancel(*stack_); }

  bool is_right() const {
    const crypto::BignumContextPtr scratch{BN_CTX_new()};
    const auto expected = make();
    bool right = true;
    for (std::size_t i = 0; i < request_.count; ++i) {
      BN_mod_exp(expected.get(), bases_[i].get(), exponents_[i].get(), modulus_.get(), scratch.get());
      right = right && BN_cmp(expected.get(), results_[i].get()) == 0;
    }
    return right;
  }

  std::optional<Outcome> outcome;

 private:
  PowerQueue& queue_;
  crypto::BignumPtr modulus_;
  LaneModulus prepared_;
  Numbers bases_, exponents_, results_;
  PowerRequest request_;
  std::unique_ptr<SideStack> stack_;
};

class PowerQueues : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_lanes()) GTEST_SKIP() << "this processor has no AVX-512 IFMA";
  }

  Needer& add(std::size_t count, int exponent_bits = LaneModulus::kBits) {
    return *needers_.emplace_back(std::make_unique<Needer>(queue_, count, exponent_bits));
  }
  Needer& waiting(std::size_t count, int exponent_bits = LaneModulus::kBits) {
    auto& one = add(count, exponent_bits);
    EXPECT_FALSE(one.begin());
    return one;
  }

  /// At once, and are served.
  void let_many_come() {
    std::vector<Needer*> many;
    for (int i = 0; i < 40; ++i) many.push_back(&add(2));
    for (auto* one : many) EXPECT_FALSE(one->begin());
    EXPECT_TRUE(queue_.work(queue_.due_at(), true, 0));
    EXPECT_EQ(queue_.waiting(), 0U);
  }

  PowerQueue queue_;
  const PowerQueue::Time now_ = std::chrono::steady_clock::now();

 private:
  std::vector<std::unique_ptr<Needer>> needers_;
};

TEST_F(PowerQueues, ComputeWhatFillsAllLanesAtOnce) {
  std::vector<Needer*> four;
  for (int i = 0; i < 3; ++i) four.push_back(&waiting(2));
  EXPECT_FALSE(queue_.work(now_, false, kMany));
  for (int i = 0; i < 2; ++i) four.push_back(&waiting(2));
  EXPECT_TRUE(queue_.work(now_, false, kMany));
  EXPECT_EQ(queue_.waiting(), 1U);
  EXPECT_FALSE(four.back()->outcome);
  four.pop_back();
  for (const auto* one : four) {
    EXPECT_EQ(one->outcome, Outcome::computed);
    EXPECT_TRUE(one->is_right());
  }
  EXPECT_TRUE(queue_.work(now_ + 1h, false, kMany));
}

TEST_F(PowerQueues, ComputeWhatIsThereWhenItHasWaitedLongEnough) {
  const auto& one = waiting(2);
  const auto& two = waiting(2);
  EXPECT_FALSE(queue_.work(now_, false, kMany));
  EXPECT_LE(queue_.due_at(), std::chrono::steady_clock::now() + PowerQueue::kPatience);
  EXPECT_TRUE(queue_.work(queue_.due_at(), false, kMany));
  for (const auto* each : {&one, &two}) {
    EXPECT_EQ(each->outcome, Outcome::computed);
    EXPECT_TRUE(each->is_right());
  }
}

TEST_F(PowerQueues, LeaveOneThatIsAloneToItself) {
  const auto& one = waiting(2);
  EXPECT_TRUE(queue_.work(now_, true, 0));
  EXPECT_EQ(one.outcome, Outcome::left);
}

/// On a thread with nothing else to do, one waits for others if others have come lately, and are on their way.
TEST_F(PowerQueues, WaitForOthersOnlyWhereManyCome) {
  waiting(2);
  EXPECT_TRUE(queue_.work(now_, true, kMany)) << "nothing is known of others";
  auto& one = add(2);
  let_many_come();
  EXPECT_FALSE(one.begin());
  EXPECT_FALSE(queue_.work(now_, true, kMany));
  EXPECT_TRUE(queue_.work(queue_.due_at(), true, kMany));
}

/// As many as came together are waited for the next time, as long as patience lasts.
TEST_F(PowerQueues, ExpectAsManyAsCameTheLastTime) {
  auto& one = add(2);
  auto& another = add(2);
  let_many_come();
  EXPECT_FALSE(one.begin());
  EXPECT_FALSE(queue_.work(now_, true, 0));
  EXPECT_TRUE(queue_.work(queue_.due_at(), true, 0));
  EXPECT_FALSE(another.begin());
  EXPECT_TRUE(queue_.work(now_, true, 0));
}

TEST_F(PowerQueues, KeepLongAndShortExponentsApart) {
  std::vector<Needer*> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(&waiting(2));
    all.push_back(&waiting(1, 256));
  }
  EXPECT_TRUE(queue_.work(now_, true, 0));
  for (const auto* one : all) {
    EXPECT_EQ(one->outcome, Outcome::computed);
    EXPECT_TRUE(one->is_right());
  }
}

TEST_F(PowerQueues, CancelOneAmongOthers) {
  auto& one = waiting(2);
  auto& two = waiting(2);
  auto& three = waiting(2);
  two.cancel();
  EXPECT_EQ(two.outcome, Outcome::cancelled);
  EXPECT_TRUE(queue_.work(now_, true, 0));
  for (const auto* each : {&one, &three}) {
    EXPECT_EQ(each->outcome, Outcome::computed);
    EXPECT_TRUE(each->is_right());
  }
}

TEST_F(PowerQueues, AreNotForWhoeverCannotWait) {
  auto& one = add(2);
  const auto& request = PowerRequest{};
  EXPECT_EQ(PowerQueue::compute(request), Outcome::left);  // on no side stack
  ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
  EXPECT_TRUE(one.begin());  // somebody's errors would get lost
  EXPECT_EQ(one.outcome, Outcome::left);
  EXPECT_NE(ERR_peek_error(), 0U);
  ERR_clear_error();
}

TEST_F(PowerQueues, KeepOpenSslsErrorsApart) {
  SideStack stack;
  auto& one = waiting(2);
  waiting(2);
  ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);  // of another connection
  EXPECT_TRUE(queue_.work(now_, true, 0));
  EXPECT_EQ(one.outcome, Outcome::computed);
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(PowerQueue, BelongsToItsThread) {
  EXPECT_EQ(PowerQueue::of_this_thread(), nullptr);
  {
    PowerQueue queue;
    EXPECT_EQ(PowerQueue::of_this_thread(), &queue);
  }
  EXPECT_EQ(PowerQueue::of_this_thread(), nullptr);
}

}  // namespace
}  // namespace firstring::tls
