#include "tls/twin_power.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cfenv>
#include <thread>
#include <vector>

#include "tls/test_numbers.hpp"

namespace firstring::tls {
namespace {

using namespace testing;

class Trial {
 public:
  explicit Trial(std::array<const BIGNUM*, 2> moduli) : moduli_(moduli), power_(*TwinPower::make(moduli)) {}

  void expect_as_openssl(const std::array<const BIGNUM*, 2>& bases, const std::array<const BIGNUM*, 2>& exponents) {
    const auto first = make(), second = make(), expected = make();
    const std::array results{first.get(), second.get()};
    ASSERT_TRUE(power_.power(bases, exponents, results, scratch_.get()));
    for (std::size_t i = 0; i < 2; ++i) {
      ASSERT_EQ(BN_mod_exp(expected.get(), bases[i], exponents[i], moduli_[i], scratch_.get()), 1);
      EXPECT_EQ(BN_cmp(expected.get(), results[i]), 0)
          << hex(bases[i]) << " ^ " << hex(exponents[i]) << " mod " << hex(moduli_[i]) << " is " << hex(expected.get())
          << ", not " << hex(results[i]);
    }
  }

  bool power(const BIGNUM* base, const BIGNUM* exponent) {
    const auto one = make(), other = make(), good = make(1);
    return power_.power({good.get(), base}, {good.get(), exponent}, {one.get(), other.get()}, scratch_.get()) &&
           power_.power({base, good.get()}, {exponent, good.get()}, {one.get(), other.get()}, scratch_.get());
  }

 private:
  std::array<const BIGNUM*, 2> moduli_;
  TwinPower power_;
  crypto::BignumContextPtr scratch_{BN_CTX_new()};
};

class TwinPowers : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!TwinPower::is_supported()) GTEST_SKIP() << "this processor has no AVX2 or no FMA";
  }
};

TEST_F(TwinPowers, AreOpenSslsAtTheLimits) {
  const auto moduli = moduli_at_limits();
  for (std::size_t i = 0; i < moduli.size(); ++i) {
    const auto *first = moduli[i].get(), *second = moduli[(i + 5) % moduli.size()].get();
    Trial trial{{first, second}};
    const auto some = random(), other = random();
    const auto numbers = numbers_at_limits(first);
    for (std::size_t j = 0; j < numbers.size(); ++j) {
      const auto *one = numbers[j].get(), *two = numbers[(j + 3) % numbers.size()].get();
      trial.expect_as_openssl({one, two}, {some.get(), other.get()});
      trial.expect_as_openssl({some.get(), other.get()}, {two, one});
      trial.expect_as_openssl({one, two}, {two, two});
    }
  }
}

// A sum whose digit is all ones, to which the one below hands something on: its balanced digit is 2^51 and more.
TEST_F(TwinPowers, HaveDigitsThatAreJustNoMoreBalanced) {
  auto modulus = make(1023), base = make(1);
  for (const int bit : {0, 103}) BN_set_bit(modulus.get(), bit);
  BIGNUM* number = nullptr;
  BN_hex2bn(&number,
            "1093B554E2F160FFEB4D2CA664B37EA42A26AE1420E085CAA435D3B75E6BAC27"
            "2224FF8C2AFADCE1ED4DC9BF8FFF30D48AF3E5813C74195545541E327627EFE1"
            "73F30E21779D77D41A4397B0877E30179380ED9FBE57E52A275E4056150BD36C"
            "BE2EE7436B862A8560E4E798E7A5D8D45EFFB98E33590CCDB8C83DEF42504768");
  const crypto::BignumPtr exponent{number};
  Trial{{modulus.get(), modulus.get()}}.expect_as_openssl({base.get(), base.get()}, {exponent.get(), exponent.get()});
}

TEST_F(TwinPowers, AreOpenSslsForAnyNumbers) {
  for (int i = 0; i < 50; ++i) {
    const auto first = random_modulus(), second = random_modulus();
    Trial trial{{first.get(), second.get()}};
    for (int j = 0; j < 4; ++j) {
      const auto base = random(), exponent = random(), other_base = random(), other_exponent = random();
      trial.expect_as_openssl({base.get(), other_base.get()}, {exponent.get(), other_exponent.get()});
    }
  }
}

TEST_F(TwinPowers, TakeExponentsOfAnySize) {
  const auto modulus = random_modulus(), other = random_modulus(), base = random();
  Trial trial{{modulus.get(), other.get()}};
  for (const int bits : {0, 1, 4, 5, 6, 7, 8, 9, 255, 256, 257, 1016, 1019, 1020, 1021, 1024}) {
    const auto exponent = random(bits), greatest = copy(make(bits).get(), 1);
    trial.expect_as_openssl({base.get(), base.get()}, {exponent.get(), greatest.get()});
  }
}

TEST_F(TwinPowers, RefuseWhatTheyDoNotTake) {
  const auto modulus = random_modulus(), good = random(), large = make(kBits);
  Trial trial{{modulus.get(), modulus.get()}};
  EXPECT_TRUE(trial.power(good.get(), good.get()));
  EXPECT_FALSE(trial.power(large.get(), good.get()));
  EXPECT_FALSE(trial.power(good.get(), large.get()));
  auto negative = make(5);
  BN_set_negative(negative.get(), 1);
  EXPECT_FALSE(trial.power(negative.get(), good.get()));
  EXPECT_FALSE(trial.power(good.get(), negative.get()));

  const auto larger = make(kBits), even = make(kBits - 1), smaller = make(kBits - 2);
  BN_add_word(larger.get(), 1);
  BN_add_word(smaller.get(), 1);
  for (const auto* bad : {larger.get(), even.get(), smaller.get()}) {
    EXPECT_FALSE(TwinPower::make({bad, modulus.get()}));
    EXPECT_FALSE(TwinPower::make({modulus.get(), bad}));
  }
}

TEST_F(TwinPowers, LeaveTheThreadsRoundingAsItWas) {
  const auto modulus = random_modulus(), base = random();
  for (const int rounding : {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    std::fesetround(rounding);
    Trial{{modulus.get(), modulus.get()}}.expect_as_openssl({base.get(), base.get()}, {base.get(), base.get()});
    EXPECT_EQ(std::fegetround(), rounding);
  }
  std::fesetround(FE_TONEAREST);
}

TEST_F(TwinPowers, ServeManyThreads) {
  const auto first = random_modulus(), second = random_modulus(), base = random(), exponent = random();
  const auto shared = *TwinPower::make({first.get(), second.get()});
  const auto compute = [&](BIGNUM* one, BIGNUM* two) {
    const crypto::BignumContextPtr scratch{BN_CTX_new()};
    return shared.power({base.get(), base.get()}, {exponent.get(), exponent.get()}, {one, two}, scratch.get());
  };
  const auto expected = make(), other = make();
  ASSERT_TRUE(compute(expected.get(), other.get()));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 10; ++j) {
        const auto one = make(), two = make();
        EXPECT_TRUE(compute(one.get(), two.get()));
        EXPECT_TRUE(BN_cmp(one.get(), expected.get()) == 0 && BN_cmp(two.get(), other.get()) == 0);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace firstring::tls
