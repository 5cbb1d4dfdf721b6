#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "base/snapshot.hpp"
#include "provision/device_records.hpp"
#include "provision/fleet_view.hpp"
#include "store/fleet.hpp"

namespace firstring::provision {

/// A device with a good certificate that has not been added.
struct Stranger {
  MacAddress mac;
  std::string product, serial;  ///< from its certificate
  std::string address, user_agent;
};

/// Keeps the fleet that is served: loads it, sees within 25 ms when another process (the command line) has changed it,
/// publishes each revision whole, and writes back what is learnt of devices. Owns the database connection; everything
/// with it happens on its own thread.
class FleetKeeper {
 public:
  /// What else is to be done in every round on the keeper's thread, and once more at the end. Phones wait for the next
  /// revision meanwhile: what may block (files, a locked database) belongs on another thread.
  using Chore = std::function<void(store::FleetStore&, const FleetView&)>;

  /// Loads once, at once; fails if that fails.
  static Result<std::unique_ptr<FleetKeeper>> start(std::unique_ptr<store::FleetStore> store, Site site,
                                                    Chore chore = nullptr);
  ~FleetKeeper();

  std::shared_ptr<const FleetView> current() const { return view_.load(); }

  /// What is remembered of the devices. Changes reach the store at most a second later, and at the end; one that cannot
  /// take them is tried again.
  DeviceRecords& records() { return records_; }

  /// Loads again under another site (a reload may have changed host or ports); returns when current() has it.
  void set_site(Site site);

  /// Adds the stranger if an enrolment window is open for it, else notes it as pending; then calls `done` on the
  /// keeper's thread with whether it was added, and current() has it. Calls it with false at once if too many wait.
  void meet(Stranger stranger, std::function<void(bool added)> done);

 private:
  FleetKeeper(std::unique_ptr<store::FleetStore> store, Site site, Chore chore);
  void run();
  Site site();
  Result<void> refresh();
  std::size_t forget_gone(const FleetView& before, const FleetView& view);
  void keep_records();
  bool enter_or_note(const Stranger& stranger);

  std::unique_ptr<store::FleetStore> store_;
  Chore chore_;
  Snapshot<FleetView> view_;
  DeviceRecords records_;
  std::chrono::steady_clock::time_point complained_{}, keep_records_at_{}, complained_of_records_{};

  std::mutex mutex_;
  std::condition_variable wake_, site_taken_;
  Site site_;
  bool site_changed_ = false;
  bool stopping_ = false;
  std::deque<std::pair<Stranger, std::function<void(bool)>>> strangers_;
  std::thread thread_;
};

}  // namespace firstring::provision
