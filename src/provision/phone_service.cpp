#include "provision/phone_service.hpp"

#include "provision/answer.hpp"

namespace firstring::provision {
namespace {

constexpr std::size_t kMostOfUserAgent = 200;  // bytes that are kept of a stranger's

}  // namespace

std::string model_of_product(std::string_view product) {
  const auto* model = device::Catalogue::shipped().find_product(product);
  return model != nullptr ? model->name : std::string{};
}

PhoneService::PhoneService(FleetKeeper& fleet, const crypto::SecretBox& box, Clock clock,
                           std::function<void(store::AlarmRow)> alarm)
    : fleet_(fleet), box_(box), clock_(std::move(clock)), alarm_(std::move(alarm)) {}

std::size_t PhoneService::body_limit(const http::Request& /*request*/) const { return 0; }

void PhoneService::handle(const Inquiry& inquiry, Done done) {
  auto answer = answer_to(inquiry);
  if (!answer.is_stranger) return done(std::move(answer));
  // This device has not been added: the fleet's keeper may, on its own thread; then the request is decided again.
  Stranger stranger{.mac = *answer.requested,
                    .product = inquiry.peer.identity.product,
                    .serial = inquiry.peer.identity.serial,
                    .address = inquiry.row.address,
                    .user_agent = std::string{inquiry.request.header("User-Agent").substr(0, kMostOfUserAgent)}};
  fleet_.meet(std::move(stranger), [this, inquiry, done = std::move(done)](bool) {
    inquiry.resume([this, inquiry, done] { done(answer_to(inquiry)); });
  });
}

Answer PhoneService::answer_to(const Inquiry& inquiry) {
  const auto fleet = fleet_.current();
  const auto& identity = inquiry.peer.identity;
  const auto claims = claims_of(inquiry.request);
  const auto& sender = claims.sender;
  auto model = model_of_product(identity.product);
  if (model.empty() && identity.mac) {
    if (const auto* device = fleet->device(*identity.mac)) model = device->model;
  }
  if (model.empty() && sender) model = model_of_product(sender->product);

  auto requester = policy::requester_of(inquiry.peer);
  if (requester.verdict.accepted && identity.mac && requester.wire != policy::Wire::quarantined) {
    const auto refusal = sight(inquiry, *identity.mac, *fleet, model, claims);
    if (refusal != policy::WatchRefusal::none) requester = policy::requester_of(inquiry.peer, refusal);
  }
  auto answer = provision::answer(inquiry.request, claims, requester, *fleet, box_);
  answer.model = std::move(model);
  if (sender) answer.firmware = sender->version;
  return answer;
}

/// Its certificate is accepted and names `mac`.
policy::WatchRefusal PhoneService::sight(const Inquiry& inquiry, const MacAddress& mac, const FleetView& fleet,
                                         const std::string& model, const Claims& claims) {
  const auto& row = inquiry.row;
  const auto time = clock_();
  const auto& [file, sender] = claims;
  const policy::Sighting sighting{
      .seen = {.mac = mac,
               .certificate = row.certificate,
               .key = inquiry.peer.key,
               .pinned_at = time,
               // A client may offer a session again with the session's version as its highest.
               .strongest_version = row.resumed ? std::uint16_t{0} : inquiry.peer.offered_version,
               .address = row.address,
               .last_seen = time,
               .ja3 = inquiry.peer.ja3,
               .personality = row.personality,
               .model = model,
               .firmware = sender ? sender->version : std::string{}},
      .in_url = file ? file->mac : std::nullopt,
      .in_user_agent = sender ? sender->mac : std::nullopt};
  using Kept = DeviceRecords::Kept;
  const auto watched =
      fleet_.records().meet(sighting, fleet.pardons(mac), watch_, fleet.device(mac) != nullptr ? Kept::yes : Kept::no);
  for (const auto& alarm : watched.alarms) {
    alarm_({.at = time,
            .kind = std::string{to_string(alarm.kind)},
            .device = mac.bare(),
            .address = row.address,
            .connection = row.id,
            .text = alarm.text});
  }
  return watched.refusal;
}

}  // namespace firstring::provision
