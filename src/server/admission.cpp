#include "server/admission.hpp"

#include <algorithm>

namespace firstring::server {
namespace {

/// Three quarters, but never none.
std::size_t most_of(std::size_t limit) { return std::max<std::size_t>(1, limit - limit / 4); }
std::size_t half_of(std::size_t limit) { return std::max<std::size_t>(1, limit - limit / 2); }
std::size_t nearly_all_of(std::size_t limit) { return std::max<std::size_t>(1, limit - limit / 16); }

Admission::Kind other_than(Admission::Kind kind) {
  return kind == Admission::Kind::phone ? Admission::Kind::bootstrap : Admission::Kind::phone;
}

}  // namespace

// ---- by network ----

// Memory may run out anywhere: what adds does nothing then, and what removes needs none.

void Admission::Crowd::recount(std::map<IpAddress, Group>::iterator group, std::size_t count) {
  auto node = by_size_.extract({group->second.count, group->first});
  node.value().first = group->second.count = count;
  by_size_.insert(std::move(node));
}

void Admission::Crowd::add(Visitor& visitor) {
  const auto [group, is_new] = groups_.try_emplace(visitor.network_->first);
  if (is_new) {
    try {
      by_size_.emplace(1, group->first);
    } catch (...) {
      groups_.erase(group);
      throw;
    }
    group->second.count = 1;
  } else {
    recount(group, group->second.count + 1);
  }
  group->second.members.push_back(visitor);
}

void Admission::Crowd::remove(Visitor& visitor) {
  visitor.unlink();
  const auto group = groups_.find(visitor.network_->first);
  if (group->second.count > 1) return recount(group, group->second.count - 1);
  by_size_.erase({1, group->first});
  groups_.erase(group);
}

Admission::Visitor* Admission::Crowd::oldest_of_largest(Time until) {
  std::size_t looked_at = 0;
  for (auto one = by_size_.rbegin(); one != by_size_.rend() && looked_at < kNetworksLookedAt; ++one, ++looked_at) {
    auto& oldest = groups_.find(one->second)->second.members.front();
    if (oldest.at_ <= until) return &oldest;
  }
  return nullptr;
}

// ---- places ----

Admission::Limits Admission::limits(std::size_t connections, std::size_t begun, bool has_both_kinds) {
  Limits limits{.connections = connections, .begun = begun};
  if (has_both_kinds && connections > 1) limits.own = {connections / 2, std::max<std::size_t>(1, connections / 8)};
  return limits;
}

std::size_t Admission::places(Kind kind) const {
  const auto other = index(other_than(kind));
  const auto taken = std::max(open_[other], limits_.own[other]);
  return limits_.connections > taken ? limits_.connections - taken : 0;
}

bool Admission::is_tight(Kind kind) const { return open_of(kind) > 0 && open_of(kind) >= most_of(places(kind)); }
bool Admission::is_begun_tight() const { return waiting_ > 0 && begun_ >= most_of(limits_.begun); }

bool Admission::has_long_wait(Time now) const {
  const auto waits_long = [&](const List& lane) { return !lane.empty() && now - lane.front().at_ >= kLongWait; };
  return waits_long(unknown_) || waits_long(known_);
}

// ---- the way of a connection ----

void Admission::arrive(Visitor& visitor, Kind kind, const IpAddress& from, Time expendable_at) {
  visitor.network_ = networks_.try_emplace(network_of(from)).first;
  visitor.kind_ = kind;
  visitor.at_ = expendable_at;
  try {
    expendables(visitor).silent.add(visitor);
  } catch (...) {
    if (visitor.network_->second.open == 0) networks_.erase(visitor.network_);
    throw;
  }
  visitor.stage_ = Visitor::Stage::silent;
  ++visitor.network_->second.open;
  ++open_[index(kind)];
}

/// Out of whatever list it is in.
void Admission::step_out(Visitor& visitor) {
  auto& lists = expendables(visitor);
  switch (visitor.stage_) {
    case Visitor::Stage::silent:
      return lists.silent.remove(visitor);
    case Visitor::Stage::idle:
      return (visitor.is_known_ ? lists.known_idle : lists.strangers_idle).remove(visitor);
    case Visitor::Stage::waiting:
      --waiting_;
      return visitor.unlink();
    case Visitor::Stage::busy:
    case Visitor::Stage::closing:
      return visitor.unlink();
    case Visitor::Stage::outside:
      return;
  }
}

void Admission::queue(Visitor& visitor, Familiarity familiarity, Time now) {
  if (visitor.stage_ != Visitor::Stage::silent) return;
  step_out(visitor);
  visitor.stage_ = Visitor::Stage::waiting;
  visitor.is_known_ = familiarity == Familiarity::known;
  visitor.at_ = now;
  (visitor.is_known_ ? known_ : unknown_).push_back(visitor);
  ++waiting_;
}

void Admission::enter_busy(Visitor& visitor, Time now) {
  visitor.stage_ = Visitor::Stage::busy;
  visitor.at_ = now;
  if (!visitor.is_known_) expendables(visitor).strangers_busy.push_back(visitor);
}

void Admission::ask(Visitor& visitor, Time now) {
  // One that is busy stays so since when it is: asking does not make it younger.
  if (visitor.stage_ != Visitor::Stage::silent && visitor.stage_ != Visitor::Stage::idle) return;
  step_out(visitor);
  enter_busy(visitor, now);
}

void Admission::know(Visitor& visitor) {
  if (visitor.is_known_ || visitor.stage_ != Visitor::Stage::busy) return;
  visitor.unlink();
  visitor.is_known_ = true;
}

void Admission::idle(Visitor& visitor, Time now) {
  if (visitor.stage_ != Visitor::Stage::busy) return;
  step_out(visitor);
  visitor.at_ = now;
  auto& lists = expendables(visitor);
  (visitor.is_known_ ? lists.known_idle : lists.strangers_idle).add(visitor);
  visitor.stage_ = Visitor::Stage::idle;
}

void Admission::settle(Visitor& visitor, Conduct conduct, Time now) {
  if (visitor.stage_ == Visitor::Stage::outside || visitor.stage_ == Visitor::Stage::closing) return;
  step_out(visitor);
  if (visitor.has_begun_) {
    visitor.has_begun_ = false;
    --visitor.network_->second.begun;
    --begun_;
  }
  visitor.stage_ = Visitor::Stage::closing;
  visitor.at_ = now;
  expendables(visitor).closing.push_back(visitor);
  suspects_.note(visitor.network_->first, conduct, now);
}

void Admission::leave(Visitor& visitor) {
  if (visitor.stage_ == Visitor::Stage::outside) return;
  settle(visitor, {}, visitor.at_);
  step_out(visitor);
  visitor.stage_ = Visitor::Stage::outside;
  if (--visitor.network_->second.open == 0) networks_.erase(visitor.network_);
  --open_[index(visitor.kind_)];
}

// ---- turns ----

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
  visitor.has_begun_ = true;
  ++visitor.network_->second.begun;
  ++begun_;
  enter_busy(visitor, now);
  return &visitor;
}

// ---- who goes ----

Admission::Time Admission::patience_ends(bool is_nearly_full, Time now) const {
  return now - (is_nearly_full ? kLeastPatience : kPatience);
}

Admission::Visitor* Admission::expendable(Kind kind, Time now) {
  if (!is_tight(kind)) return nullptr;
  auto& lists = expendable_[index(kind)];
  const auto oldest = [](List& list, Time until) -> Visitor* {
    return !list.empty() && list.front().at_ <= until ? &list.front() : nullptr;
  };
  if (auto* one = oldest(lists.closing, now - kTimeToClose)) return one;
  if (auto* one = lists.strangers_idle.oldest_of_largest(now)) return one;
  if (auto* one = lists.silent.oldest_of_largest(now)) return one;
  const bool is_nearly_full = open_of(kind) >= nearly_all_of(places(kind));
  if (auto* one = oldest(lists.strangers_busy, patience_ends(is_nearly_full, now))) return one;
  return lists.known_idle.oldest_of_largest(now);
}

Admission::Visitor* Admission::expendable_begun(Time now) {
  if (!is_begun_tight()) return nullptr;
  auto& lists = expendable_[index(Kind::phone)];  // no others begin
  if (auto* one = lists.strangers_idle.oldest_of_largest(now)) return one;
  const bool is_nearly_full = begun_ >= nearly_all_of(limits_.begun);
  auto& busy = lists.strangers_busy;
  if (!busy.empty() && busy.front().at_ <= patience_ends(is_nearly_full, now)) return &busy.front();
  return lists.known_idle.oldest_of_largest(now);
}

bool Admission::may_stay(const Visitor& visitor, Answer answer, Time now) const {
  const auto limit = places(visitor.kind_);
  const bool is_filling = open_of(visitor.kind_) >= half_of(limit) ||
                          (visitor.has_begun_ && begun_ >= half_of(limits_.begun)) || has_long_wait(now);
  if (!is_filling) return true;
  return answer == Answer::served && visitor.network_->second.open <= std::max(kFew, limit / 16);
}

std::vector<Admission::Holder> Admission::holders(std::size_t most) const {
  std::vector<Holder> all;
  all.reserve(networks_.size());
  for (const auto& [address, network] : networks_) all.push_back({address, network.open});
  const auto count = std::min(most, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count), all.end(),
                    [](const Holder& a, const Holder& b) { return a.open > b.open; });
  all.resize(count);
  return all;
}

}  // namespace firstring::server
