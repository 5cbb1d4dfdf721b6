#include "ledger/storm.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace firstring::ledger {
namespace {

constexpr std::int64_t kWindowSeconds = StormWatch::kWindow.count();
constexpr std::int64_t kHour = 3600;

std::int64_t second_of(Timestamp time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

Timestamp after(const store::ConnectionRow& row, std::int64_t micros) {
  return row.accepted + std::chrono::microseconds{micros};
}

/// "9,984".
std::string with_commas(std::size_t number) {
  if (number < 1000) return std::to_string(number);
  return fmt::format("{},{:03}", with_commas(number / 1000), number % 1000);
}

/// "0.4 s", "14 s", "3 min 12 s", "2 h 5 min".
std::string in_words(std::chrono::microseconds time) {
  using std::chrono::seconds;
  if (time < seconds{10}) return in_seconds(time);
  const auto whole = std::chrono::round<seconds>(time).count();
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < kHour) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / kHour, whole % kHour / 60);
}

}  // namespace

void StormWatch::Counts::add(std::int64_t second) {
  if (second > newest_) {
    const auto skipped = std::min(second - newest_, kSeconds);
    for (auto one = second - skipped + 1; one <= second; ++one) counts_[static_cast<std::size_t>(one % kSeconds)] = 0;
    newest_ = second;
  }
  if (second <= newest_ - kSeconds || second < 0) return;
  ++counts_[static_cast<std::size_t>(second % kSeconds)];
}

std::size_t StormWatch::Counts::sum(std::int64_t from, std::int64_t to) const {
  from = std::max({from, newest_ - kSeconds + 1, std::int64_t{0}});
  to = std::min(to, newest_ + 1);
  std::size_t total = 0;
  for (auto second = from; second < to; ++second) total += counts_[static_cast<std::size_t>(second % kSeconds)];
  return total;
}

std::size_t StormWatch::threshold(std::size_t usual) const {
  return std::max(thresholds_.connections, thresholds_.times_usual * usual);
}

/// The most in a window that holds this second: rows do not come in the order of arrival.
std::size_t StormWatch::busiest_window(std::int64_t second) const {
  auto sum = counts_.sum(second - kWindowSeconds + 1, second + 1);
  auto most = sum;
  for (std::int64_t shift = 1; shift < kWindowSeconds; ++shift) {
    sum -= counts_.sum(second - kWindowSeconds + shift, second - kWindowSeconds + shift + 1);
    sum += counts_.sum(second + shift, second + shift + 1);
    most = std::max(most, sum);
  }
  return most;
}

StormWatch::Seen StormWatch::seen(const store::ConnectionRow& row) {
  Seen one{.accepted = row.accepted,
           .ended = after(row, row.closed_us),
           .shook_hands = after(row, row.handshake_us >= 0 ? row.handshake_us : row.closed_us),
           .queued_us = row.queued_us,
           .result = Seen::Result::other,
           .who = row.device};
  if (row.cause == Cause::served && row.assurance == "certificate") {
    one.result = Seen::Result::served;
  } else if (row.outcome != Outcome::ok && row.handshake_us < 0) {
    one.result = Seen::Result::failed;
    if (one.who.empty()) one.who = row.likely_device;
  }
  return one;
}

void StormWatch::remember(Seen one) {
  while (!recent_.empty() && (recent_.front().accepted + kWindow < one.accepted || recent_.size() >= kMostRecent))
    recent_.pop_front();
  recent_.push_back(std::move(one));
}

void StormWatch::count(Storm& storm, const Seen& one) const {
  if (one.accepted < storm.earliest) return;
  storm.began = std::min(storm.began, one.accepted);
  storm.longest_wait_us = std::max(storm.longest_wait_us, one.queued_us);
  // Ordinary traffic behind it must not make it longer.
  const bool is_in_time = one.accepted <= storm.busy_until + kWindow;
  if (is_in_time) storm.last_end = std::max(storm.last_end, one.ended);
  if (one.result == Seen::Result::other) return;
  if (one.who.empty()) {
    if (one.result == Seen::Result::failed) ++storm.strangers_failed;
    return;
  }
  const bool is_back = one.result == Seen::Result::served;
  if (is_back && is_in_time) storm.last_served = std::max(storm.last_served, one.shook_hands);
  if (storm.back.contains(one.who)) return;
  if (is_back) storm.failed.erase(one.who);
  auto& phones = is_back ? storm.back : storm.failed;
  if (storm.back.size() + storm.failed.size() < thresholds_.most_phones) {
    phones.insert(one.who);
  } else if (!phones.contains(one.who)) {
    storm.is_cut = true;
  }
}

std::optional<store::AlarmRow> StormWatch::see(const store::ConnectionRow& row) {
  if (row.hello_us < 0) return std::nullopt;
  const auto second = second_of(row.accepted);
  counts_.add(second);
  const auto crowd = busiest_window(second);
  if (storm_) {
    if (crowd >= threshold(storm_->usual)) storm_->busy_until = std::max(storm_->busy_until, row.accepted);
    count(*storm_, seen(row));
    return std::nullopt;
  }
  remember(seen(row));
  if (crowd < thresholds_.connections) return std::nullopt;
  const auto before = second - 2 * kWindowSeconds;
  const auto usual = counts_.sum(before - kHour, before) / static_cast<std::size_t>(kHour / kWindowSeconds);
  if (crowd < threshold(usual)) return std::nullopt;
  storm_ = Storm{};
  storm_->earliest = row.accepted - kWindow;
  storm_->began = storm_->busy_until = row.accepted;
  storm_->usual = usual;
  for (const auto& one : recent_) count(*storm_, one);
  recent_.clear();
  return store::AlarmRow{
      .at = row.accepted,
      .kind = "storm",
      .connection = row.id,
      .text = fmt::format("{} connections within {} s, usually {}: phones come back all at once, as after a power cut. "
                          "They wait in the queue and none is refused; another row will say how many were served.",
                          with_commas(crowd), kWindowSeconds, with_commas(usual))};
}

std::optional<store::AlarmRow> StormWatch::tick(Timestamp now) {
  if (!storm_) return std::nullopt;
  // Those that came while it was busy end much later: phones compute for seconds.
  const auto last = std::max(storm_->busy_until, storm_->last_end);
  if (now - last < thresholds_.quiet_time) return std::nullopt;
  return close(now, "storm over");
}

std::optional<store::AlarmRow> StormWatch::stop(Timestamp now) {
  if (!storm_) return std::nullopt;
  return close(now, "the server was stopped in a storm");
}

store::AlarmRow StormWatch::close(Timestamp now, std::string_view how) {
  const auto& storm = *storm_;
  auto text = fmt::format("{}: {}{} {} back", how, storm.is_cut ? "at least " : "", with_commas(storm.back.size()),
                          storm.back.size() == 1 ? "phone" : "phones");
  // Those that came when it was no storm any more are back as well, but say nothing of how long it took.
  if (storm.last_served >= storm.began) text += fmt::format(" in {}", in_words(storm.last_served - storm.began));
  text += fmt::format("; longest wait {}; {} failed", in_words(std::chrono::microseconds{storm.longest_wait_us}),
                      with_commas(storm.failed.size()));
  if (storm.strangers_failed > 0)
    text += fmt::format("; {} connections of unknown clients failed too", with_commas(storm.strangers_failed));
  storm_.reset();
  return {.at = now, .kind = "storm", .text = std::move(text)};
}

}  // namespace firstring::ledger
