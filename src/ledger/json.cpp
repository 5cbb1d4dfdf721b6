#include "ledger/json.hpp"

#include <boost/json.hpp>

#include "base/utf8.hpp"
#include "ledger/cut.hpp"
#include "ledger/explain.hpp"

namespace firstring::ledger {
namespace {

namespace json = boost::json;

void put_request(json::object& object, const store::RequestRow& row) {
  object["method"] = to_utf8(row.method);
  object["target"] = to_utf8(row.target);
  object["target_length"] = row.target_length > 0 ? row.target_length : row.target.size();
  object["target_sha256"] = row.target_sha256;
  object["status"] = row.status;
  object["bytes"] = row.bytes;
  object["user_agent"] = to_utf8(row.user_agent);
  object["requested_device"] = row.device;
  object["decision"] = to_string(row.decision);
  object["reason"] = to_string(row.reason);
  object["duration_us"] = row.duration_us;
}

/// What a request's log line needs of its connection: who, and with which cryptography.
void put_session(json::object& object, const store::ConnectionRow& row) {
  object["connection"] = row.id;
  object["listener"] = row.listener;
  object["address"] = row.address;
  object["port"] = row.port;
  object["version"] = row.version;
  object["cipher"] = row.cipher;
  object["key_exchange"] = row.key_exchange;
  object["key_exchange_bits"] = row.key_exchange_bits;
  object["resumed"] = row.resumed;
  object["personality"] = row.personality;
  object["chain"] = row.chain;
  object["certificate"] = row.certificate;
  object["certificate_subject"] = to_utf8(row.certificate_subject);
  object["verdict"] = to_string(row.verdict);
  object["device"] = row.device;
  object["assurance"] = row.assurance;
}

// Parentheses: json::value{5} is the array [5].
json::value step(std::int64_t micros) { return micros < 0 ? json::value(nullptr) : json::value(micros); }

json::object to_object(const store::LedgerEntry& entry) {
  const auto& row = entry.connection;
  json::object object;
  object["time"] = to_iso8601(row.accepted);
  put_session(object, row);
  object["outcome"] = to_string(row.outcome);
  object["stage"] = to_string(row.stage);
  object["detail"] = to_utf8(row.detail);
  object["alert"] = row.alert;
  object["alert_from"] = row.alert_from;
  if (row.alert_code >= 0) object["alert_code"] = row.alert_code;
  object["hello_us"] = step(row.hello_us);
  object["server_flight_us"] = step(row.server_flight_us);
  object["client_flight_us"] = step(row.client_flight_us);
  object["handshake_us"] = step(row.handshake_us);
  object["closed_us"] = row.closed_us;
  object["queued_us"] = step(row.queued_us);
  object["local_address"] = row.local_address;
  object["local_port"] = row.local_port;
  object["hello"] = to_hex(row.hello);
  object["hello_length"] = is_hello_cut(row) ? row.hello_length : row.hello.size();
  object["hello_sha256"] = row.hello_sha256;
  object["hello_format"] = row.hello_format;
  object["server_name"] = to_utf8(row.server_name);
  object["ja3"] = row.ja3;
  object["ja4"] = row.ja4;
  object["personality_reason"] = row.personality_reason;
  object["certificate_issuer"] = to_utf8(row.certificate_issuer);
  object["device_ca"] = row.device_ca;
  json::array errors;
  for (const auto& error : row.verdict_errors) errors.emplace_back(to_utf8(error));
  object["verdict_errors"] = std::move(errors);
  object["bytes_in"] = row.bytes_in;
  object["bytes_out"] = row.bytes_out;
  object["model"] = row.model;
  object["firmware"] = to_utf8(row.firmware);
  object["likely_device"] = row.likely_device;
  object["server_name_shown"] = to_utf8(row.server_name_shown);
  object["server_key_bits"] = row.server_key_bits;
  object["server_hash"] = row.server_hash;
  object["server_name_matches"] =
      row.server_name_matches < 0 ? json::value(nullptr) : json::value(row.server_name_matches == 1);
  object["rtt_us"] = step(row.rtt_us);
  object["phone_cpu_us"] = step(row.phone_cpu_us);
  object["asked_renegotiation"] = row.asked_renegotiation;
  object["quarantined"] = row.quarantined;
  object["capture"] = row.capture;
  object["known_bad"] = row.known_bad;

  json::array requests;
  for (const auto& request : entry.requests) {
    json::object one;
    one["time"] = to_iso8601(request.at);
    put_request(one, request);
    requests.push_back(std::move(one));
  }
  if (!entry.requests.empty()) put_request(object, entry.requests.back());
  object["requests"] = std::move(requests);

  const auto explanation = explain(entry);
  object["cause"] = to_string(explanation.cause);
  object["explanation"] = explanation.explanation;
  object["remedy"] = explanation.remedy;
  return object;
}

std::string to_text(const json::value& value) {
  if (value.is_null()) return {};
  if (value.is_string()) return std::string{value.get_string()};
  if (!value.is_array()) return json::serialize(value);
  std::string text;
  for (const auto& item : value.get_array()) text += (text.empty() ? "" : "; ") + to_text(item);
  return text;
}

}  // namespace

std::string to_json(const store::LedgerEntry& entry) { return without_orders(json::serialize(to_object(entry))); }

std::vector<std::pair<std::string, std::string>> to_fields(const store::LedgerEntry& entry) {
  static const auto kNames = [] {
    store::LedgerEntry full;
    full.connection.alert_code = 0;
    full.requests.emplace_back();
    std::vector<std::string> names;
    for (const auto& member : to_object(full)) {
      if (member.key() != "requests" && member.key() != "hello") names.emplace_back(member.key());
    }
    return names;
  }();
  const auto object = to_object(entry);
  std::vector<std::pair<std::string, std::string>> fields;
  for (const auto& name : kNames) {
    const auto* value = object.if_contains(name);
    fields.emplace_back(name, value == nullptr ? std::string{} : to_text(*value));
  }
  return fields;
}

std::string request_to_json(const store::ConnectionRow& connection, const store::RequestRow& request) {
  json::object object;
  object["time"] = to_iso8601(request.at);
  put_session(object, connection);
  put_request(object, request);
  return without_orders(json::serialize(object));
}

}  // namespace firstring::ledger
