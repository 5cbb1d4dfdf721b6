// What a connection leaves in the ledger.
#include <fmt/format.h>

#include "device/known_bad.hpp"
#include "ledger/explain.hpp"
#include "server/connection.hpp"
#include "tls/round_trip.hpp"

namespace firstring::server {

namespace asio = boost::asio;

namespace {

/// What remains of an address of the peer or of ours.
void put_endpoint(const asio::ip::tcp::endpoint& endpoint, std::string& address, std::uint16_t& port) {
  address = address_of(endpoint).to_string();
  port = endpoint.port();
}

}  // namespace

IpAddress address_of(const asio::ip::tcp::endpoint& endpoint) {
  const auto ip = endpoint.address();
  return ip.is_v4() ? IpAddress::from_v4(ip.to_v4().to_bytes()) : IpAddress::from_v6(ip.to_v6().to_bytes());
}

IpAddress Connection::peer_address() const { return address_of(peer_); }

std::string Connection::model_of_product(std::string_view product) {
  const auto* model = device::Catalogue::shipped().find_product(product);
  return model != nullptr ? model->name : std::string{};
}

store::ConnectionRow& Connection::row() {
  if (row_) return *row_;
  row_ = std::make_unique<store::ConnectionRow>();
  auto& row = *row_;
  row.id = id_;
  row.accepted = accepted_;
  row.listener = fmt::format("{} {}", requester_.tls ? "phone" : "bootstrap", listener_->config.address.to_string());
  put_endpoint(peer_, row.address, row.port);
  put_endpoint(local_, row.local_address, row.local_port);
  row.verdict = "none";
  row.assurance = "none";
  // Half a ClientHello is kept as far as it came.
  if (hello_reader_) {
    row.hello.assign(hello_reader_->received().begin(), hello_reader_->received().end());
  } else {
    row.hello = std::move(hello_);
  }
  row.hello_us = hello_us_;
  row.queued_us = queued_us_;
  if (choice_.personality == nullptr) return row;
  row.personality = choice_.personality->name;
  row.personality_reason = choice_.reason;
  row.chain = choice_.personality->chain;
  row.quarantined = choice_.personality->quarantine;
  row.hello_format = hello_is_sslv2_ ? "sslv2" : "tls";
  row.server_name = server_name_;
  row.ja3 = ja3_;
  row.ja4 = ja4_;
  return row;
}

void Connection::fill_tls_facts() {
  auto& row = this->row();
  const auto& facts = stream_->facts();
  const auto step = [&](std::chrono::steady_clock::time_point at) {
    return at == std::chrono::steady_clock::time_point{} ? -1 : since_accept(at);
  };
  row.server_flight_us = step(facts.server_flight_at);
  row.client_flight_us = step(facts.client_flight_at);
  row.handshake_us = step(facts.finished_at);
  stage_ = to_string(facts.stage);
  row.version = facts.version;
  row.cipher = facts.cipher;
  row.key_exchange = facts.key_exchange;
  row.key_exchange_bits = facts.key_exchange_bits;
  row.resumed = facts.resumed;
  fill_what_was_shown();
  if (facts.client_chain.empty()) return;

  const auto& leaf = facts.client_chain.front();
  requester_.verdict = services_.verdicts->judge(state_->trust, facts.client_chain, services_.clock());
  const auto subject = leaf.subject();
  requester_.identity = device::identify(subject);
  row.certificate = leaf.fingerprint_hex();
  row.certificate_subject = crypto::to_string(subject);
  row.certificate_issuer = leaf.issuer_text();
  row.certificate_der = leaf.to_der();
  row.verdict = requester_.verdict.reason();
  row.device_ca = requester_.verdict.ca;
  for (const auto& error : requester_.verdict.errors) {
    row.verdict_errors.push_back(
        error.forgiven ? fmt::format("{} '{}': {}", store::kForgiven, requester_.verdict.ca, error.text) : error.text);
  }
  if (!requester_.identity.problem.empty()) row.verdict_errors.push_back(requester_.identity.problem);
  // A handshake that failed proved nothing: its certificate may be somebody else's.
  if (row.handshake_us < 0) requester_.verdict.accepted = false;
  if (requester_.identity.mac) row.device = requester_.identity.mac->bare();
  if (requester_.identity.known_bad != nullptr) row.known_bad = requester_.identity.known_bad->name;
  row.assurance = device::to_string(policy::assess(requester_, false));
}

void Connection::fill_what_was_shown() {
  auto& row = this->row();
  row.rtt_us = row.quarantined ? stream_->facts().rtt_us : tls::round_trip_us(socket_.native_handle());
  if (row.resumed) return;
  const auto& shown = row.quarantined
                          ? state_->quarantine->shown
                          : state_->contexts.find(choice_.personality->name)->second->shown(stream_->facts().shown_key);
  row.server_name_shown = shown.common_name;
  row.server_key_bits = static_cast<int>(shown.key_bits);
  row.server_hash = shown.hash;
  if (!row.server_name.empty()) row.server_name_matches = tls::is_for(shown.leaf, row.server_name) ? 1 : 0;
  const auto computed = row.client_flight_us - row.server_flight_us - row.rtt_us;
  if (row.server_flight_us >= 0 && row.client_flight_us >= 0 && row.rtt_us >= 0 && computed >= 0)
    row.phone_cpu_us = computed;
}

void Connection::fill_from_records() {
  auto& row = this->row();
  if (row.model.empty()) row.model = model_of_product(requester_.identity.product);
  const bool proven = requester_.verdict.accepted && requester_.identity.mac.has_value();
  if (client_ja3_.empty() || (proven && !row.firmware.empty())) return;
  const auto& records = services_.fleet->records();
  const auto record = proven ? records.find(*requester_.identity.mac) : records.last_at(peer_address(), client_ja3_);
  if (!record) return;
  if (!proven) row.likely_device = record->mac.bare();
  if (row.model.empty()) row.model = record->model;
  if (row.firmware.empty()) row.firmware = record->firmware;
}

store::Standing Connection::standing() {
  const auto& row = this->row();
  if (row.assurance == device::to_string(device::Assurance::certificate)) return store::Standing::known;
  if (row.assurance == device::to_string(device::Assurance::generic) || !row.likely_device.empty())
    return store::Standing::likely;
  const auto claimed = MacAddress::parse_bare(row.device);
  const bool is_of_fleet = claimed && services_.fleet->current()->device(*claimed) != nullptr;
  return is_of_fleet ? store::Standing::likely : store::Standing::stranger;
}

void Connection::report_if_long_lived() {
  const auto time = std::chrono::steady_clock::now();
  if (phase_ == Phase::lingering || phase_ == Phase::gone || time < report_at_) return;
  report_at_ = time + kReportAgain;
  // As it is now; what is made before the handshake is over would stay as it was.
  const bool is_early = row_ == nullptr;
  auto row = this->row();
  row.outcome = store::kOpen;
  row.stage = stage_;
  row.closed_us = since_accept(time);
  row.bytes_in = static_cast<std::int64_t>(stream_ ? stream_->bytes_in() : plain_in_);
  row.bytes_out = static_cast<std::int64_t>(stream_ ? stream_->bytes_out() : plain_out_);
  row.standing = standing();
  row.cause = ledger::cause_of(row, std::nullopt);
  if (is_early) row_.reset();
  services_.ledger->connection(std::move(row));
}

}  // namespace firstring::server
