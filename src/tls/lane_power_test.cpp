#include "tls/lane_power.hpp"

#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

#include "tls/test_numbers.hpp"

namespace firstring::tls {
namespace {

using namespace testing;

class LanePowers : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_lanes()) GTEST_SKIP() << "this processor has no AVX-512 IFMA";
  }

  /// One power for each lane that is to be used; what is given is kept.
  void add(crypto::BignumPtr modulus, crypto::BignumPtr base, crypto::BignumPtr exponent) {
    moduli_.push_back(*LaneModulus::make(modulus.get()));
    for (auto* number : {&modulus, &base, &exponent}) numbers_.push_back(std::move(*number));
    numbers_.push_back(make());
  }

  std::vector<LanePower> powers() const {
    std::vector<LanePower> all;
    for (std::size_t i = 0; i < moduli_.size(); ++i)
      all.push_back({&moduli_[i], number(i, 1), number(i, 2), number(i, 3)});
    return all;
  }

  void expect_as_openssl(int exponent_bits = LaneModulus::kBits) {
    const auto expected = make();
    ASSERT_TRUE(lane_powers(powers(), exponent_bits, scratch_.get()));
    for (std::size_t i = 0; i < moduli_.size(); ++i) {
      ASSERT_EQ(BN_mod_exp(expected.get(), number(i, 1), number(i, 2), number(i, 0), scratch_.get()), 1);
      EXPECT_EQ(BN_cmp(expected.get(), number(i, 3)), 0)
          << hex(number(i, 1)) << " ^ " << hex(number(i, 2)) << " mod " << hex(number(i, 0)) << " is "
          << hex(expected.get()) << ", not " << hex(number(i, 3));
    }
    clear();
  }

  void clear() {
    moduli_.clear();
    numbers_.clear();
  }

  bool takes(const BIGNUM* base, const BIGNUM* exponent, int exponent_bits = LaneModulus::kBits) {
    const auto modulus = *LaneModulus::make(random_modulus().get());
    const auto good = make(1), result = make(), other = make();
    return lane_powers({{{&modulus, good.get(), good.get(), other.get()}, {&modulus, base, exponent, result.get()}}},
                       exponent_bits, scratch_.get());
  }

  crypto::BignumContextPtr scratch_{BN_CTX_new()};

 private:
  BIGNUM* number(std::size_t lane, std::size_t which) const { return numbers_[lane * 4 + which].get(); }

  std::vector<LaneModulus> moduli_;
  Numbers numbers_;
};

TEST_F(LanePowers, AreOpenSslsAtTheLimits) {
  const auto moduli = moduli_at_limits();
  for (std::size_t i = 0; i < moduli.size(); ++i) {
    const auto numbers = numbers_at_limits(moduli[i].get());
    // Every lane has a modulus of its own, and stands beside others that are at their limits.
    for (std::size_t j = 0; j < numbers.size(); ++j) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const auto* modulus = moduli[(i + lane * 3) % moduli.size()].get();
        const auto* one = numbers[(j + lane) % numbers.size()].get();
        const auto* two = numbers[(j + lane * 5 + 2) % numbers.size()].get();
        add(copy(modulus), lane % 3 == 1 ? random() : copy(one), lane % 3 == 2 ? random() : copy(two));
      }
      expect_as_openssl();
    }
  }
}

TEST_F(LanePowers, AreOpenSslsForAnyNumbersInAnyNumberOfLanes) {
  for (int i = 0; i < 40; ++i) {
    for (std::size_t lanes = 1; lanes <= kLanes; ++lanes) {
      for (std::size_t lane = 0; lane < lanes; ++lane) add(random_modulus(), random(), random());
      expect_as_openssl();
    }
  }
}

TEST_F(LanePowers, TakeExponentsOfAnySize) {
  for (const int most : {8, 256, 1016, 1024}) {
    for (const int bits : {0, 1, 3, 4, 5, 7, 8, 255, 256, 1015, 1016, 1023, 1024}) {
      if (bits > most) continue;
      add(random_modulus(), random(), random(bits));
      add(random_modulus(), random(), copy(make(bits).get(), 1));
      expect_as_openssl(most);
    }
  }
}

TEST_F(LanePowers, MayOverwriteTheirBase) {
  const auto modulus = random_modulus(), base = random(), exponent = random(), expected = make();
  const auto prepared = *LaneModulus::make(modulus.get());
  BN_mod_exp(expected.get(), base.get(), exponent.get(), modulus.get(), scratch_.get());
  ASSERT_TRUE(lane_powers({{{&prepared, base.get(), exponent.get(), base.get()}}}, LaneModulus::kBits, scratch_.get()));
  EXPECT_EQ(BN_cmp(expected.get(), base.get()), 0);
}

TEST_F(LanePowers, RefuseWhatTheyDoNotTake) {
  const auto good = random(), large = make(kBits), negative = make(5), of_256_bits = make(256);
  BN_set_negative(negative.get(), 1);
  EXPECT_TRUE(takes(good.get(), good.get()));
  EXPECT_FALSE(takes(large.get(), good.get()));
  EXPECT_FALSE(takes(good.get(), large.get()));
  EXPECT_FALSE(takes(negative.get(), good.get()));
  EXPECT_FALSE(takes(good.get(), negative.get()));
  EXPECT_FALSE(takes(good.get(), of_256_bits.get(), 256));
  EXPECT_FALSE(lane_powers({}, kBits, scratch_.get()));
  const auto modulus = *LaneModulus::make(random_modulus().get());
  const std::vector<LanePower> many(kLanes + 1, {&modulus, good.get(), good.get(), large.get()});
  EXPECT_FALSE(lane_powers(many, kBits, scratch_.get()));

  const auto larger = make(kBits), even = make(kBits - 1), smaller = make(kBits - 2);
  BN_add_word(larger.get(), 1);
  BN_add_word(smaller.get(), 1);
  for (const auto* bad : {larger.get(), even.get(), smaller.get()}) EXPECT_FALSE(LaneModulus::make(bad));
}

TEST_F(LanePowers, ServeManyThreads) {
  const auto modulus = random_modulus(), base = random(), exponent = random(), expected = make();
  const auto shared = *LaneModulus::make(modulus.get());
  BN_mod_exp(expected.get(), base.get(), exponent.get(), modulus.get(), scratch_.get());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const crypto::BignumContextPtr scratch{BN_CTX_new()};
      for (int j = 0; j < 10; ++j) {
        const auto one = make(), two = make();
        const std::array both{LanePower{&shared, base.get(), exponent.get(), one.get()},
                              LanePower{&shared, base.get(), exponent.get(), two.get()}};
        EXPECT_TRUE(lane_powers(both, kBits, scratch.get()));
        EXPECT_TRUE(BN_cmp(one.get(), expected.get()) == 0 && BN_cmp(two.get(), expected.get()) == 0);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace firstring::tls
