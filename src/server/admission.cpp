#include "server/admission.hpp"

#include <algorithm>

namespace firstring::server {
namespace {

/// Three quarters, but never none.
std::size_t most_of(std::size_t limit) { return std::max<std::size_t>(1, limit - limit / 4); }

}  // namespace

void Admission::count_silent(Networks::iterator network, std::ptrdiff_t change) {
  auto& count = network->second.silent_count;
  if (count > 0) most_silent_.erase({count, network->first});
  count += static_cast<std::size_t>(change);
  if (count > 0) most_silent_.emplace(count, network->first);
}

void Admission::arrive(Visitor& visitor, const IpAddress& from, Time expendable_at) {
  visitor.network_ = networks_.try_emplace(network_of(from)).first;
  visitor.stage_ = Visitor::Stage::silent;
  visitor.at_ = expendable_at;
  visitor.network_->second.silent.push_back(visitor);
  count_silent(visitor.network_, 1);
  ++visitor.network_->second.open;
  ++open_;
}

/// Out of whatever it is counted in, but for its place.
void Admission::step_out(Visitor& visitor) {
  switch (visitor.stage_) {
    case Visitor::Stage::silent:
      visitor.unlink();
      count_silent(visitor.network_, -1);
      break;
    case Visitor::Stage::waiting:
      visitor.unlink();
      --waiting_;
      break;
    case Visitor::Stage::begun:
      --visitor.network_->second.begun;
      --begun_;
      break;
    case Visitor::Stage::outside:
    case Visitor::Stage::settled:
      return;
  }
  visitor.stage_ = Visitor::Stage::settled;
}

void Admission::queue(Visitor& visitor, Familiarity familiarity, Time now) {
  if (visitor.stage_ != Visitor::Stage::silent) return;
  step_out(visitor);
  visitor.stage_ = Visitor::Stage::waiting;
  visitor.at_ = now;
  (familiarity == Familiarity::known ? known_ : unknown_).push_back(visitor);
  ++waiting_;
}

void Admission::spoke(Visitor& visitor) {
  if (visitor.stage_ == Visitor::Stage::silent) step_out(visitor);
}

void Admission::settle(Visitor& visitor, Conduct conduct, Time now) {
  if (visitor.stage_ == Visitor::Stage::outside) return;
  step_out(visitor);
  suspects_.note(visitor.network_->first, conduct, now);
}

void Admission::leave(Visitor& visitor) {
  if (visitor.stage_ == Visitor::Stage::outside) return;
  step_out(visitor);
  visitor.stage_ = Visitor::Stage::outside;
  if (--visitor.network_->second.open == 0) networks_.erase(visitor.network_);
  --open_;
}

bool Admission::last_quarter_is_free() const { return begun_ < most_of(limits_.begun); }

bool Admission::is_held_back(const Visitor& visitor, Time now) const {
  const auto& [address, network] = *visitor.network_;
  const bool holds_too_much = !last_quarter_is_free() && network.begun > limits_.begun / 4;
  return holds_too_much || suspects_.is_suspect(address, now);
}

Admission::List* Admission::next_lane() {
  const bool others_wait = !unknown_.empty() || !known_.empty();
  if (!held_back_.empty() && last_quarter_is_free() && (!others_wait || turns_of_others_ + 1 >= kSuspectsTurn)) {
    turns_of_others_ = 0;
    return &held_back_;
  }
  if (!others_wait) return nullptr;
  if (!held_back_.empty()) ++turns_of_others_;
  if (unknown_.empty()) return &known_;
  if (known_.empty()) return &unknown_;
  return unknown_.front().at_ <= known_.front().at_ + kHeadStart ? &unknown_ : &known_;
}

Admission::Visitor* Admission::next(Time now) {
  if (!may_begin()) return nullptr;
  for (auto* lane : {&unknown_, &known_}) {
    while (!lane->empty() && is_held_back(lane->front(), now)) {
      auto& visitor = lane->front();
      visitor.unlink();
      held_back_.push_back(visitor);
    }
  }
  auto* lane = next_lane();
  if (lane == nullptr) return nullptr;
  auto& visitor = lane->front();
  step_out(visitor);
  visitor.stage_ = Visitor::Stage::begun;
  ++visitor.network_->second.begun;
  ++begun_;
  return &visitor;
}

Admission::Visitor* Admission::expendable(Time now) {
  if (open_ < most_of(limits_.connections)) return nullptr;
  std::size_t looked_at = 0;
  for (auto one = most_silent_.rbegin(); one != most_silent_.rend() && looked_at < kNetworksLookedAt;
       ++one, ++looked_at) {
    auto& oldest = networks_.find(one->second)->second.silent.front();
    if (oldest.at_ <= now) return &oldest;
  }
  return nullptr;
}

}  // namespace firstring::server
