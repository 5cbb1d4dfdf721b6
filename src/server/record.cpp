#include "server/record.hpp"

#include <fmt/format.h>

#include "device/known_bad.hpp"
#include "ledger/explain.hpp"
#include "provision/phone_service.hpp"
#include "tls/round_trip.hpp"

namespace firstring::server {

namespace {

/// What remains of an address of the peer or of ours.
void put_endpoint(const Record::Endpoint& endpoint, std::string& address, std::uint16_t& port) {
  address = address_of(endpoint).to_string();
  port = endpoint.port();
}

}  // namespace

IpAddress address_of(const boost::asio::ip::tcp::endpoint& endpoint) {
  const auto ip = endpoint.address();
  return ip.is_v4() ? IpAddress::from_v4(ip.to_v4().to_bytes()) : IpAddress::from_v6(ip.to_v6().to_bytes());
}

Record::Record(std::string listener, const Endpoint& peer, const Endpoint& local, Timestamp accepted,
               TimePoint accepted_at)
    : id_(ledger::next_connection_id()),
      listener_(std::move(listener)),
      peer_(peer),
      local_(local),
      accepted_(accepted),
      accepted_at_(accepted_at) {}

std::int64_t Record::since_accept(TimePoint at) const {
  return std::chrono::duration_cast<std::chrono::microseconds>(at - accepted_at_).count();
}

store::ConnectionRow& Record::row(const Handshake* handshake) {
  if (row_) return *row_;
  row_ = std::make_unique<store::ConnectionRow>();
  auto& row = *row_;
  row.id = id_;
  row.accepted = accepted_;
  row.listener = listener_;
  put_endpoint(peer_, row.address, row.port);
  put_endpoint(local_, row.local_address, row.local_port);
  row.verdict = Reason::none;
  row.assurance = device::to_string(device::Assurance::none);
  row.hello_us = hello_us_;
  row.queued_us = queued_us_;
  if (handshake != nullptr) handshake->describe(row);
  return row;
}

// ---- what was shown ----

void Record::take_handshake(const tls::TlsFacts& facts, const State& state, const tls::Personality& personality,
                            int socket) {
  auto& row = *row_;
  const auto step = [&](TimePoint at) { return at == TimePoint{} ? -1 : since_accept(at); };
  row.server_flight_us = step(facts.server_flight_at);
  row.client_flight_us = step(facts.client_flight_at);
  row.handshake_us = step(facts.finished_at);
  stage_ = facts.stage;
  row.version = facts.version;
  row.cipher = facts.cipher;
  row.key_exchange = facts.key_exchange;
  row.key_exchange_bits = facts.key_exchange_bits;
  row.resumed = facts.resumed;
  row.rtt_us = row.quarantined ? facts.rtt_us : tls::round_trip_us(socket);
  if (row.resumed) return;
  const auto& shown =
      row.quarantined ? state.quarantine->shown : state.contexts.find(personality.name)->second->shown(facts.shown_key);
  row.server_name_shown = shown.common_name;
  row.server_key_bits = static_cast<int>(shown.key_bits);
  row.server_hash = shown.hash;
  if (!row.server_name.empty()) row.server_name_matches = tls::is_for(shown.leaf, row.server_name) ? 1 : 0;
  const auto computed = row.client_flight_us - row.server_flight_us - row.rtt_us;
  if (row.server_flight_us >= 0 && row.client_flight_us >= 0 && row.rtt_us >= 0 && computed >= 0)
    row.phone_cpu_us = computed;
}

void Record::take_peer(const policy::PeerFacts& facts, const policy::Requester& requester,
                       const crypto::Certificate& leaf, const crypto::DistinguishedName& subject) {
  auto& row = *row_;
  const auto& identity = facts.identity;
  row.certificate = leaf.fingerprint_hex();
  row.certificate_subject = crypto::to_string(subject);
  row.certificate_issuer = leaf.issuer_text();
  row.certificate_der = leaf.to_der();
  row.verdict = facts.verdict.reason();
  row.device_ca = facts.verdict.ca;
  for (const auto& error : facts.verdict.errors) {
    row.verdict_errors.push_back(
        error.forgiven ? fmt::format("{} '{}': {}", store::kForgiven, facts.verdict.ca, error.text) : error.text);
  }
  if (!identity.problem.empty()) row.verdict_errors.push_back(identity.problem);
  if (identity.mac) row.device = identity.mac->bare();
  if (identity.known_bad != nullptr) row.known_bad = identity.known_bad->name;
  row.assurance = device::to_string(policy::assess(requester, false));
}

void Record::fill_from(const provision::DeviceRecords& records, const policy::Requester& requester,
                       const std::string& client_ja3, const IpAddress& address) {
  auto& row = *row_;
  if (row.model.empty()) row.model = provision::model_of_product(requester.identity.product);
  const bool proven = requester.verdict.accepted && requester.identity.mac.has_value();
  if (client_ja3.empty() || (proven && !row.firmware.empty())) return;
  const auto record = proven ? records.find(*requester.identity.mac) : records.last_at(address, client_ja3);
  if (!record) return;
  if (!proven) row.likely_device = record->mac.bare();
  if (row.model.empty()) row.model = record->model;
  if (row.firmware.empty()) row.firmware = record->firmware;
}

// ---- requests ----

void Record::decided(const http::RequestReader& reader, const provision::Answer& answer) {
  auto& row = *row_;
  const auto& request = reader.request();
  request_ = {};
  request_.connection = id_;
  request_.method = request.method;
  request_.target = request.target;
  request_.user_agent = request.header("User-Agent");
  request_.device = answer.requested ? answer.requested->bare() : std::string{};
  request_.decision = answer.allow ? Decision::allow : Decision::deny;
  request_.reason = answer.reason;
  if (!answer.allow || !telling_ || telling_->first == Decision::allow) telling_ = {request_.decision, request_.reason};
  row.assurance = device::to_string(answer.assurance);
  row.model = answer.model;
  if (!answer.firmware.empty()) row.firmware = answer.firmware;
  if (row.device.empty()) row.device = request_.device;
  if (answer.known_bad != nullptr) row.known_bad = answer.known_bad->name;
}

void Record::refused(const http::RequestReader& reader) {
  const auto seen = reader.target_seen();
  const auto space = seen.find(' ');
  request_ = {};
  request_.connection = id_;
  request_.method = seen.substr(0, space);
  if (space != std::string_view::npos) request_.target = seen.substr(space + 1);
  request_.decision = Decision::deny;
  request_.reason = reader.reason();
  telling_ = {request_.decision, request_.reason};
}

store::RequestRow Record::take_request(const Exchange& exchange, store::Standing standing) {
  request_.at = exchange.began_at();
  request_.duration_us =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - exchange.began())
          .count();
  request_.status = static_cast<int>(exchange.status());
  request_.bytes = static_cast<std::int64_t>(exchange.body_bytes());
  request_.standing = standing;
  return std::exchange(request_, {});
}

// ---- judgement ----

store::Standing Record::standing(const provision::FleetView& fleet) const {
  const auto& row = *row_;
  if (row.assurance == device::to_string(device::Assurance::certificate)) return store::Standing::known;
  if (row.assurance == device::to_string(device::Assurance::generic) || !row.likely_device.empty())
    return store::Standing::likely;
  const auto claimed = MacAddress::parse_bare(row.device);
  return claimed && fleet.device(*claimed) != nullptr ? store::Standing::likely : store::Standing::stranger;
}

void Record::judge(const provision::FleetView& fleet) {
  auto& row = *row_;
  row.standing = standing(fleet);
  store::RequestRow telling;
  // What a connection that has not ended comes to is not known.
  if (telling_ && row.outcome != Outcome::open) {
    telling.decision = telling_->first;
    telling.reason = telling_->second;
  }
  row.cause = ledger::cause_of(row, telling.decision == Decision::unknown ? nullptr : &telling);
}

}  // namespace firstring::server
