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

void Admission::Crowd::add(Place& place) {
  const auto [group, is_new] = groups_.try_emplace(place.network_->first);
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
  group->second.members.push_back(place);
}

void Admission::Crowd::remove(Place& place) {
  place.unlink();
  const auto group = groups_.find(place.network_->first);
  if (group->second.count > 1) return recount(group, group->second.count - 1);
  by_size_.erase({1, group->first});
  groups_.erase(group);
}

Admission::Place* Admission::Crowd::oldest_of_largest(Time until) {
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
  const auto waits_long = [&](const List& list) { return !list.empty() && now - list.front().at_ >= kLongWait; };
  return waits_long(unknown_) || waits_long(known_);
}

// ---- the way of a connection ----

void Admission::arrive(Place& place, Kind kind, const IpAddress& from, Time expendable_at) {
  place.network_ = networks_.try_emplace(admission_network(from)).first;
  place.kind_ = kind;
  place.at_ = expendable_at;
  try {
    expendables(place).silent.add(place);
  } catch (...) {
    if (place.network_->second.open == 0) networks_.erase(place.network_);
    throw;
  }
  place.state_ = Place::State::silent;
  ++place.network_->second.open;
  ++open_[index(kind)];
}

/// Out of whatever list it is in.
void Admission::step_out(Place& place) {
  auto& lists = expendables(place);
  switch (place.state_) {
    case Place::State::silent:
      return lists.silent.remove(place);
    case Place::State::idle:
      return (place.is_known_ ? lists.known_idle : lists.strangers_idle).remove(place);
    case Place::State::waiting:
      --waiting_;
      return place.unlink();
    case Place::State::busy:
    case Place::State::closing:
      return place.unlink();
    case Place::State::outside:
      return;
  }
}

void Admission::queue(Place& place, Familiarity familiarity, Time now) {
  if (place.state_ != Place::State::silent) return;
  step_out(place);
  place.state_ = Place::State::waiting;
  place.is_known_ = familiarity == Familiarity::known;
  place.at_ = now;
  (place.is_known_ ? known_ : unknown_).push_back(place);
  ++waiting_;
}

void Admission::enter_busy(Place& place, Time now) {
  place.state_ = Place::State::busy;
  place.at_ = now;
  if (!place.is_known_) expendables(place).strangers_busy.push_back(place);
}

void Admission::ask(Place& place, Time now) {
  // One that is busy stays so since when it is: asking does not make it younger.
  if (place.state_ != Place::State::silent && place.state_ != Place::State::idle) return;
  step_out(place);
  enter_busy(place, now);
}

void Admission::know(Place& place) {
  if (place.is_known_ || place.state_ != Place::State::busy) return;
  place.unlink();
  place.is_known_ = true;
}

void Admission::idle(Place& place, Time now) {
  if (place.state_ != Place::State::busy) return;
  step_out(place);
  place.at_ = now;
  auto& lists = expendables(place);
  (place.is_known_ ? lists.known_idle : lists.strangers_idle).add(place);
  place.state_ = Place::State::idle;
}

void Admission::settle(Place& place, Conduct conduct, Time now) {
  if (place.state_ == Place::State::outside || place.state_ == Place::State::closing) return;
  step_out(place);
  if (place.has_begun_) {
    place.has_begun_ = false;
    --place.network_->second.begun;
    --begun_;
  }
  place.state_ = Place::State::closing;
  place.at_ = now;
  expendables(place).closing.push_back(place);
  suspects_.note(place.network_->first, conduct, now);
}

void Admission::leave(Place& place) {
  if (place.state_ == Place::State::outside) return;
  settle(place, {}, place.at_);
  step_out(place);
  place.state_ = Place::State::outside;
  if (--place.network_->second.open == 0) networks_.erase(place.network_);
  --open_[index(place.kind_)];
}

// ---- the queue ----

bool Admission::last_quarter_is_free() const { return begun_ < most_of(limits_.begun); }

bool Admission::is_held_back(const Place& place, Time now) const {
  const auto& [address, network] = *place.network_;
  const bool holds_too_much = !last_quarter_is_free() && network.begun > limits_.begun / 4;
  return holds_too_much || suspects_.is_suspect(address, now);
}

Admission::List* Admission::next_list() {
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

Admission::Place* Admission::next(Time now) {
  if (!may_begin()) return nullptr;
  for (auto* list : {&unknown_, &known_}) {
    while (!list->empty() && is_held_back(list->front(), now)) {
      auto& place = list->front();
      place.unlink();
      held_back_.push_back(place);
    }
  }
  auto* list = next_list();
  if (list == nullptr) return nullptr;
  auto& place = list->front();
  step_out(place);
  place.has_begun_ = true;
  ++place.network_->second.begun;
  ++begun_;
  enter_busy(place, now);
  return &place;
}

// ---- eviction ----

Admission::Time Admission::patience_ends(bool is_nearly_full, Time now) const {
  return now - (is_nearly_full ? kLeastPatience : kPatience);
}

Admission::Place* Admission::expendable(Kind kind, Time now) {
  if (!is_tight(kind)) return nullptr;
  auto& lists = expendable_[index(kind)];
  const auto oldest = [](List& list, Time until) -> Place* {
    return !list.empty() && list.front().at_ <= until ? &list.front() : nullptr;
  };
  if (auto* one = oldest(lists.closing, now - kTimeToClose)) return one;
  if (auto* one = lists.strangers_idle.oldest_of_largest(now)) return one;
  if (auto* one = lists.silent.oldest_of_largest(now)) return one;
  const bool is_nearly_full = open_of(kind) >= nearly_all_of(places(kind));
  if (auto* one = oldest(lists.strangers_busy, patience_ends(is_nearly_full, now))) return one;
  return lists.known_idle.oldest_of_largest(now);
}

Admission::Place* Admission::expendable_begun(Time now) {
  if (!is_begun_tight()) return nullptr;
  auto& lists = expendable_[index(Kind::phone)];  // no others begin
  if (auto* one = lists.strangers_idle.oldest_of_largest(now)) return one;
  const bool is_nearly_full = begun_ >= nearly_all_of(limits_.begun);
  auto& busy = lists.strangers_busy;
  if (!busy.empty() && busy.front().at_ <= patience_ends(is_nearly_full, now)) return &busy.front();
  return lists.known_idle.oldest_of_largest(now);
}

bool Admission::may_stay(const Place& place, Answer answer, Time now) const {
  const auto limit = places(place.kind_);
  const bool is_filling = open_of(place.kind_) >= half_of(limit) ||
                          (place.has_begun_ && begun_ >= half_of(limits_.begun)) || has_long_wait(now);
  if (!is_filling) return true;
  return answer == Answer::served && place.network_->second.open <= std::max(kFew, limit / 16);
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
