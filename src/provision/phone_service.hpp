#pragma once

#include <functional>

#include "base/time.hpp"
#include "crypto/secret_box.hpp"
#include "provision/answer.hpp"
#include "provision/fleet_keeper.hpp"
#include "provision/handler.hpp"

namespace firstring::provision {

/// What phones get: their profiles and first files. Takes note of each phone that asks, holds it against what is
/// remembered of it (policy::watch), and enters strangers while an enrolment window is open. One worker's own.
class PhoneService : public Handler {
 public:
  /// `alarm`: where alarms go, on the worker's thread. All that is given outlives this.
  PhoneService(FleetKeeper& fleet, const crypto::SecretBox& box, Clock clock,
               std::function<void(store::AlarmRow)> alarm);

  void set_watch(const policy::WatchSettings& settings) { watch_ = settings; }

  std::size_t body_limit(const http::Request& request) const override;
  void handle(const Inquiry& inquiry, Done done) override;

 private:
  Answer answer_to(const Inquiry& inquiry);
  policy::WatchRefusal sight(const Inquiry& inquiry, const MacAddress& mac, const FleetView& fleet,
                             const std::string& model, const Claims& claims);

  FleetKeeper& fleet_;
  const crypto::SecretBox& box_;
  Clock clock_;
  std::function<void(store::AlarmRow)> alarm_;
  policy::WatchSettings watch_;
};

/// device::Model::name of the product that a certificate or a User-Agent names; "" if there is none such.
std::string model_of_product(std::string_view product);

}  // namespace firstring::provision
