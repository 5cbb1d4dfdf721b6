#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "tls/lane_power.hpp"
#include "tls/side_stack.hpp"

namespace firstring::tls {

/// Powers that one operation of OpenSSL's needs: an RSA key's two, or a DH agreement's one.
struct PowerRequest {
  std::array<LanePower, 2> powers{};
  std::size_t count = 0;
  int exponent_bits = 0;  ///< as in lane_powers
};

/// Where handshakes of one thread wait for their private keys' powers, so that several are computed at once, each in a
/// lane. A handshake on a SideStack pauses in the middle of OpenSSL until its own are there; one that is alone goes on
/// with OpenSSL's arithmetic. Belongs to the thread that made it.
class PowerQueue {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// How long a handshake waits for company, if there are others that could be it.
  static constexpr std::chrono::milliseconds kPatience{4};

  PowerQueue();
  PowerQueue(const PowerQueue&) = delete;
  PowerQueue& operator=(const PowerQueue&) = delete;
  ~PowerQueue();

  /// nullptr: handshakes on this thread do their arithmetic themselves.
  static PowerQueue* of_this_thread();

  enum class Outcome : unsigned char {
    computed,
    left,       ///< to the caller: there is no queue or no company, or something went wrong
    cancelled,  ///< nobody wants the result any more
  };
  /// Called by whoever needs powers, on whatever stack. Pauses a SideStack until they are there.
  static Outcome compute(const PowerRequest& request);

  /// Stacks for handshakes; some are kept for later. nullptr if there is no room for one.
  std::unique_ptr<SideStack> take_stack();
  void give_back(std::unique_ptr<SideStack> stack);

  /// What is called once a paused `stack` can be resumed.
  void when_computed(const SideStack& stack, std::function<void()> next);
  /// Runs it to its end, with nothing computed any more.
  void cancel(SideStack& stack);

  std::size_t waiting() const { return waiting_.size(); }
  /// When the first of those that wait has done so for kPatience; waiting() must not be 0.
  Time due_at() const { return waiting_.front()->since + kPatience; }
  /// Computes what fills all lanes; and all that waits, if it is due, or if the thread is `idle` and no others are
  /// likely to come soon: few have come lately, or of those `in_handshake` all wait and they are as many as the last
  /// time. False if that is nothing.
  bool work(Time now, bool idle, std::size_t in_handshake);

 private:
  struct Waiting {
    const PowerRequest* request;
    SideStack* stack;
    Time since;
    std::function<void()> next{};
    Outcome outcome = Outcome::left;
  };
  using Batch = std::vector<Waiting*>;

  void count(Time now);
  Batch take_batch(int exponent_bits, bool even_if_not_full);
  void compute(const Batch& batch);

  std::vector<Waiting*> waiting_;        ///< on their own stacks; the first has waited longest
  Time last_{};                          ///< when the last one came
  Time::duration interval_ = kPatience;  ///< between two that come, on average
  std::size_t expected_ = 0;             ///< to come together: as many as did the last time
  std::vector<std::unique_ptr<SideStack>> spare_;
  crypto::BignumContextPtr scratch_;
};

}  // namespace firstring::tls
