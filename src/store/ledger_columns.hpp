#pragma once

// Private to this module: the members of the ledger's rows by name, each in one order for writing, reading and
// measuring.

#include "store/ledger_store.hpp"

namespace firstring::store {

/// The columns of `connection` that are members of the row, in one order for writing and reading.
template <class Row, class Visit>
void for_each_column(Row& row, Visit&& visit) {
  visit("id", row.id);
  visit("accepted", row.accepted);
  visit("hello_us", row.hello_us);
  visit("server_flight_us", row.server_flight_us);
  visit("client_flight_us", row.client_flight_us);
  visit("handshake_us", row.handshake_us);
  visit("closed_us", row.closed_us);
  visit("listener", row.listener);
  visit("address", row.address);
  visit("port", row.port);
  visit("local_address", row.local_address);
  visit("local_port", row.local_port);
  visit("hello", row.hello);
  visit("hello_format", row.hello_format);
  visit("server_name", row.server_name);
  visit("ja3", row.ja3);
  visit("ja4", row.ja4);
  visit("personality", row.personality);
  visit("personality_reason", row.personality_reason);
  visit("outcome", row.outcome);
  visit("stage", row.stage);
  visit("detail", row.detail);
  visit("alert", row.alert);
  visit("alert_from", row.alert_from);
  visit("alert_code", row.alert_code);
  visit("version", row.version);
  visit("cipher", row.cipher);
  visit("key_exchange", row.key_exchange);
  visit("key_exchange_bits", row.key_exchange_bits);
  visit("resumed", row.resumed);
  visit("chain", row.chain);
  visit("verdict", row.verdict);
  visit("device_ca", row.device_ca);
  visit("verdict_errors", row.verdict_errors);
  visit("device", row.device);
  visit("assurance", row.assurance);
  visit("bytes_in", row.bytes_in);
  visit("bytes_out", row.bytes_out);
  visit("cause", row.cause);
  visit("model", row.model);
  visit("firmware", row.firmware);
  visit("likely_device", row.likely_device);
  visit("server_name_shown", row.server_name_shown);
  visit("server_key_bits", row.server_key_bits);
  visit("server_hash", row.server_hash);
  visit("server_name_matches", row.server_name_matches);
  visit("rtt_us", row.rtt_us);
  visit("phone_cpu_us", row.phone_cpu_us);
  visit("asked_renegotiation", row.asked_renegotiation);
  visit("quarantined", row.quarantined);
  visit("capture", row.capture);
  visit("known_bad", row.known_bad);
  visit("queued_us", row.queued_us);
  visit("hello_length", row.hello_length);
  visit("hello_sha256", row.hello_sha256);
  visit("standing", row.standing);
}

template <class Row, class Visit>
void for_each_alarm_column(Row& row, Visit&& visit) {
  visit("at", row.at);
  visit("kind", row.kind);
  visit("device", row.device);
  visit("address", row.address);
  visit("connection", row.connection);
  visit("text", row.text);
}

template <class Row, class Visit>
void for_each_gap_column(Row& row, Visit&& visit) {
  visit("network", row.network);
  visit("first", row.first);
  visit("last", row.last);
  visit("connections", row.connections);
  visit("requests", row.requests);
  visit("turned_away", row.turned_away);
}

template <class Row, class Visit>
void for_each_cost_column(Row& row, Visit&& visit) {
  visit("model", row.model);
  visit("firmware", row.firmware);
  visit("key_exchange", row.key_exchange);
  visit("key_exchange_bits", row.key_exchange_bits);
  visit("server_key_bits", row.server_key_bits);
  visit("server_hash", row.server_hash);
  visit("count", row.count);
  visit("sum_us", row.sum_us);
  visit("min_us", row.min_us);
  visit("max_us", row.max_us);
  visit("last", row.last);
}

template <class Row, class Visit>
void for_each_request_column(Row& row, Visit&& visit) {
  visit("connection", row.connection);
  visit("at", row.at);
  visit("duration_us", row.duration_us);
  visit("method", row.method);
  visit("target", row.target);
  visit("status", row.status);
  visit("bytes", row.bytes);
  visit("user_agent", row.user_agent);
  visit("device", row.device);
  visit("decision", row.decision);
  visit("reason", row.reason);
  visit("target_length", row.target_length);
  visit("target_sha256", row.target_sha256);
  visit("standing", row.standing);
}

}  // namespace firstring::store
