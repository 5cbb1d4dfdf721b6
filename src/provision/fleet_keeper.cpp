#include "provision/fleet_keeper.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "base/memory.hpp"
#include "base/text.hpp"

namespace firstring::provision {
namespace {

/// An operator who sets a value and then resyncs the phone must not meet the old one.
constexpr std::chrono::milliseconds kLookEvery{25};
constexpr std::size_t kMaxWaiting = 1000;
constexpr std::chrono::seconds kKeepRecordsEvery{1};
constexpr std::chrono::minutes kComplainEvery{1};
constexpr std::size_t kManyDevices = 1000;

/// A device that was removed, or removed and added again, begins anew.
bool is_gone(const store::DeviceRecord& record, const FleetView& view) {
  const auto* device = view.device(record.mac);
  return device == nullptr || device->created > record.pinned_at;
}

}  // namespace

FleetKeeper::FleetKeeper(std::unique_ptr<store::FleetStore> store, Site site, Chore chore)
    : store_(std::move(store)), chore_(std::move(chore)), site_(std::move(site)) {}

Result<std::unique_ptr<FleetKeeper>> FleetKeeper::start(std::unique_ptr<store::FleetStore> store, Site site,
                                                        Chore chore) {
  std::unique_ptr<FleetKeeper> keeper{new FleetKeeper{std::move(store), std::move(site), std::move(chore)}};
  FIRSTRING_CHECK(keeper->refresh());
  const auto view = keeper->current();
  FIRSTRING_CHECK(keeper->store_->each_device_record([&](const store::DeviceRecord& record) {
    if (!is_gone(record, *view)) keeper->records_.load(record);
  }));
  give_memory_back();  // what a whole fleet was read through is not needed again soon
  keeper->thread_ = std::thread{[raw = keeper.get()] { raw->run(); }};
  return keeper;
}

FleetKeeper::~FleetKeeper() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void FleetKeeper::set_site(Site site) {
  std::unique_lock lock{mutex_};
  site_ = std::move(site);
  site_changed_ = true;
  wake_.notify_one();
  site_taken_.wait(lock, [this] { return !site_changed_; });
}

void FleetKeeper::meet(Stranger stranger, std::function<void(bool)> done) {
  {
    const std::lock_guard lock{mutex_};
    if (strangers_.size() < kMaxWaiting && !stopping_) {
      strangers_.emplace_back(std::move(stranger), std::move(done));
      done = nullptr;
    }
  }
  if (done) return done(false);
  wake_.notify_one();
}

void FleetKeeper::run() {
  for (;;) {
    std::deque<std::pair<Stranger, std::function<void(bool)>>> strangers;
    bool stopping = false;
    bool site_changed = false;
    {
      std::unique_lock lock{mutex_};
      wake_.wait_for(lock, kLookEvery, [this] { return stopping_ || site_changed_ || !strangers_.empty(); });
      strangers.swap(strangers_);
      stopping = stopping_;
      site_changed = site_changed_;
    }
    std::vector<std::pair<std::function<void(bool)>, bool>> answers;
    for (auto& [stranger, done] : strangers)
      answers.emplace_back(std::move(done), !stopping && enter_or_note(stranger));
    if (site_changed) view_.publish(std::make_shared<const FleetView>(*view_.load(), site()));
    const auto revision = store_->revision();
    if (!revision || *revision != view_.load()->revision()) {
      auto refreshed = revision ? refresh() : Result<void>{fail(revision.error())};
      const auto time = std::chrono::steady_clock::now();
      if (!refreshed && time - complained_ > kComplainEvery) {
        complained_ = time;
        spdlog::error("fleet: still serving revision {}, since a newer one cannot be read: {}",
                      view_.load()->revision(), refreshed.error().what);
      }
    }
    if (site_changed) {
      {
        const std::lock_guard lock{mutex_};
        site_changed_ = false;
      }
      site_taken_.notify_all();
    }
    for (auto& [done, added] : answers) done(added);
    if (stopping || std::chrono::steady_clock::now() >= keep_records_at_) keep_records();
    if (chore_) chore_(*store_, *view_.load());
    if (stopping) return;
  }
}

Site FleetKeeper::site() {
  const std::lock_guard lock{mutex_};
  return site_;
}

Result<void> FleetKeeper::refresh() {
  auto before = view_.load();
  FIRSTRING_TRY(auto fleet, before ? store_->load_changes(before->fleet()) : store_->load());
  const auto view = std::make_shared<const FleetView>(std::move(fleet), site());
  const auto changed = before ? forget_gone(*before, *view) : 0;
  view_.publish(view);
  before.reset();
  if (changed >= kManyDevices) give_memory_back();
  return {};
}

/// Of devices that came, went, or went and came. Gives how many devices are not what they were.
std::size_t FleetKeeper::forget_gone(const FleetView& before, const FleetView& view) {
  std::size_t changed = 0;
  const auto look_at = [&](const MacAddress& mac) {
    ++changed;
    records_.forget(mac, [&](const store::DeviceRecord& record) { return is_gone(record, view); });
  };
  // Both are sorted, and share the devices that are as they were.
  const auto& devices = view.fleet().devices;
  auto next = devices.begin();
  for (const auto& old : before.fleet().devices) {
    for (; next != devices.end() && (*next)->device.mac < old->device.mac; ++next) look_at((*next)->device.mac);
    const bool is_there = next != devices.end() && (*next)->device.mac == old->device.mac;
    if (!is_there || *next != old) look_at(old->device.mac);
    if (is_there) ++next;
  }
  for (; next != devices.end(); ++next) look_at((*next)->device.mac);
  return changed;
}

void FleetKeeper::keep_records() {
  keep_records_at_ = std::chrono::steady_clock::now() + kKeepRecordsEvery;
  std::size_t count = 0;
  const auto kept = records_.write_back([&](const auto& changes) {
    count = changes.size();
    return store_->keep_device_records(changes);
  });
  if (kept) return;
  if (keep_records_at_ - complained_of_records_ < kComplainEvery) return;
  complained_of_records_ = keep_records_at_;
  spdlog::error("records of {} devices wait in memory, since they cannot be written: {}", count, kept.error().what);
}

bool FleetKeeper::enter_or_note(const Stranger& stranger) {
  // An operator may have added it since the view was made in which it is a stranger.
  if (store_->device(stranger.mac)) return true;
  const auto time = now();
  const auto* model = device::Catalogue::shipped().find_product(stranger.product);
  if (model != nullptr) {
    const auto windows = store_->enrolment(time);
    if (!windows) {
      spdlog::error("enrolment of {}: {}", stranger.mac.bare(), windows.error().what);
      return false;
    }
    const auto open = std::find_if(windows->begin(), windows->end(), [&](const auto& window) {
      return window.model.empty() || equals_ignoring_case(window.model, model->name);
    });
    if (open != windows->end()) {
      const auto added = store_->add_device({.mac = stranger.mac,
                                             .model = model->name,
                                             .serial = stranger.serial,
                                             .group = open->group,
                                             .created = time});
      if (added || added.error().code == Errc::conflict) {
        if (added)
          spdlog::info("enrolment: added device {} ({}) to group '{}'", stranger.mac.bare(), model->name, open->group);
        if (const auto forgotten = store_->forget_pending(stranger.mac); !forgotten)
          spdlog::warn("enrolment of {}: {}", stranger.mac.bare(), forgotten.error().what);
        return true;
      }
      spdlog::error("enrolment of {}: {}", stranger.mac.bare(), added.error().what);
      return false;
    }
  }
  const auto noted = store_->note_pending({.mac = stranger.mac,
                                           .product = stranger.product,
                                           .serial = stranger.serial,
                                           .address = stranger.address,
                                           .user_agent = stranger.user_agent,
                                           .first_seen = time,
                                           .last_seen = time,
                                           .attempts = 1});
  if (!noted) spdlog::error("note the unknown device {}: {}", stranger.mac.bare(), noted.error().what);
  return false;
}

}  // namespace firstring::provision
