#include "manage/json.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "hello/client_hello.hpp"
#include "ledger/explain.hpp"
#include "tls/knobs.hpp"

namespace firstring::manage {
namespace {

JsonObject& add_steps(JsonObject& object, std::string_view name, std::int64_t micros) {
  return micros < 0 ? object.add_null(name) : object.add(name, micros);
}

JsonObject& add_time(JsonObject& object, std::string_view name, const std::optional<Timestamp>& time) {
  return time ? object.add(name, to_iso8601(*time)) : object.add_null(name);
}

JsonObject& add_account(JsonObject& object, const store::Line& line) {
  object.add("line", line.number).add("user", line.user).add("proxy", line.proxy).add("display", line.display);
  object.add("transport", store::to_string(line.transport)).add("srtp", line.srtp);
  return object.add("password", !line.sealed_password.empty());
}

/// What a knob holds, where that is no number and no text by its word.
template <class K>
const auto& plain(const K&, const typename K::Value& value) {
  return value;
}
template <class T>
std::string_view plain(const options::Word<T>& kind, const T& value) {
  return options::word_of(kind, value);
}

JsonObject json_of(const store::DeviceRecord& record) {
  JsonObject object;
  object.add("last_seen", to_iso8601(record.last_seen)).add("address", record.address).add("ja3", record.ja3);
  object.add("personality", record.personality).add("model", record.model).add("firmware", record.firmware);
  object.add("certificate", record.certificate).add("key", record.key);
  object.add("pinned_at", to_iso8601(record.pinned_at));
  return object.add("strongest_version", hello::version_name(record.strongest_version));
}

JsonObject json_of(const store::Pardon& pardon) {
  JsonObject object;
  object.add("kind", store::to_string(pardon.kind)).add("all", !pardon.mac.has_value());
  return object.add("at", to_iso8601(pardon.at)).add("until", to_iso8601(pardon.until));
}

JsonObject json_of(const ledger::Story::Chapter& chapter) {
  const auto& row = chapter.entry.connection;
  const auto explanation = ledger::explain(chapter.entry, chapter.history);
  JsonObject object;
  object.add("time", to_iso8601(row.accepted)).add("connection", row.id).add("address", row.address);
  object.add("device", row.device).add("likely_device", row.likely_device);
  object.add("model", row.model).add("firmware", row.firmware);
  object.add("outcome", to_string(row.outcome)).add("stage", to_string(row.stage));
  add_steps(object, "hello_us", row.hello_us);
  add_steps(object, "queued_us", row.queued_us);
  add_steps(object, "server_flight_us", row.server_flight_us);
  add_steps(object, "client_flight_us", row.client_flight_us);
  add_steps(object, "handshake_us", row.handshake_us);
  object.add("closed_us", row.closed_us);
  add_steps(object, "rtt_us", row.rtt_us);
  add_steps(object, "phone_cpu_us", row.phone_cpu_us);
  object.add("cause", to_string(explanation.cause))
      .add("explanation", explanation.explanation)
      .add("remedy", explanation.remedy);
  return object;
}

JsonObject json_of(const ledger::NextContact& next, Timestamp at) {
  JsonObject contact;
  add_time(contact, "earliest", next.earliest);
  add_time(contact, "latest", next.latest);
  contact.add("parameter", next.parameter).add("text", ledger::to_text(next, at));
  const auto overdue = next.latest ? std::max(at - *next.latest, Timestamp::duration{0}) : Timestamp::duration{0};
  return contact.add("overdue_s", std::chrono::duration_cast<std::chrono::seconds>(overdue).count());
}

}  // namespace

JsonObject to_json(const store::Device& device) {
  JsonObject object;
  object.add("mac", device.mac.bare()).add("model", device.model).add("serial", device.serial);
  object.add("group", device.group).add("created", to_iso8601(device.created));
  const auto* bad = device::find_known_bad(device.model, device.serial);
  return object.add("known_bad", bad == nullptr ? std::string{} : bad->name);
}

JsonObject to_json(const DeviceView& view) {
  std::vector<JsonObject> accounts, pardons;
  for (const auto& line : view.lines) {
    JsonObject account;
    accounts.push_back(add_account(account, line));
  }
  for (const auto& pardon : view.pardons) pardons.push_back(json_of(pardon));
  auto object = to_json(view.device);
  object.add("lines", accounts).add("parameters", view.parameters);
  if (view.record) {
    object.add("record", json_of(*view.record));
  } else {
    object.add_null("record");
  }
  return object.add("pardons", pardons);
}

JsonObject to_json(const store::PendingDevice& device) {
  JsonObject object;
  object.add("mac", device.mac.bare()).add("product", device.product).add("serial", device.serial);
  object.add("address", device.address).add("user_agent", device.user_agent);
  object.add("first_seen", to_iso8601(device.first_seen)).add("last_seen", to_iso8601(device.last_seen));
  return object.add("attempts", device.attempts);
}

JsonObject to_json(const GroupView& view) {
  JsonObject object;
  return object.add("name", view.group.name).add("parent", view.group.parent).add("devices", view.devices);
}

JsonObject to_json(const store::EnrolmentWindow& window) {
  JsonObject object;
  object.add("group", window.group).add("model", window.model);
  return object.add("opened", to_iso8601(window.opened)).add("until", to_iso8601(window.until));
}

JsonObject to_json(const MacAddress& mac, const store::Line& line) {
  JsonObject object;
  object.add("mac", mac.bare());
  return add_account(object, line);
}

JsonObject to_json(const render::Origin& origin) {
  JsonObject object;
  object.add("parameter", origin.parameter);
  if (origin.parameter_class == store::ParameterClass::secret) {
    object.add_null("value");
  } else {
    object.add("value", origin.value);
  }
  object.add("scope", origin.scope).add("class", store::to_string(origin.parameter_class));
  object.add("access", origin.access ? store::to_string(*origin.access) : std::string_view{});
  return object.add("overridden", origin.overridden);
}

JsonObject to_json(const store::CaptureOrder& order, Timestamp at) {
  JsonObject object;
  object.add("who", order.who).add("ordered", to_iso8601(order.ordered)).add("until", to_iso8601(order.until));
  return object.add("state", order.is_on(at) ? "on" : "over").add("wanted", order.wanted).add("files", order.files);
}

JsonObject to_json(const config::Diagnostic& diagnostic) {
  JsonObject object;
  object.add("severity", diagnostic.severity == config::Severity::error ? "error" : "warning")
      .add("file", diagnostic.file.string());
  object.add("line", diagnostic.position.line).add("column", diagnostic.position.column);
  return object.add("what", diagnostic.what).add("remedy", diagnostic.remedy);
}

JsonObject to_json(const Expiry& expiry, const Expiries& all) {
  JsonObject object;
  object.add("at", to_iso8601(expiry.at)).add("days", all.days_left(expiry)).add("kind", expiry.kind);
  object.add("name", expiry.name).add("what", expiry.what).add("stops", expiry.stops);
  object.add("personalities", expiry.personalities).add("phones", expiry.phones);
  return object.add("counted", all.added ? "entered" : "ledger");
}

JsonObject to_json(const KnownPersonalities& known, const tls::Personality& personality) {
  JsonObject object;
  object.add("name", personality.name).add("chain", personality.chain).add("description", personality.description);
  object.add("min_version", tls::version_text(personality.min_version));
  object.add("max_version", tls::version_text(personality.max_version));
  return object.add("listeners", known.listeners_of(personality));
}

JsonObject to_json_in_full(const KnownPersonalities& known, const tls::Personality& personality) {
  JsonObject object;
  object.add("name", personality.name).add("description", personality.description).add("order", personality.order);
  tls::for_each_knob([&](const auto& knob) { object.add(knob.name, plain(knob.kind, personality.*knob.member)); });
  object.add("suites", suites_of(personality)).add("matches", matches_of(personality));
  return object.add("rules", known.rules_to(personality)).add("listeners", known.listeners_of(personality));
}

JsonObject to_json(const HelloTrial& trial, const HelloTrial::OnListener& choice) {
  JsonObject object;
  object.add("listener", choice.listener).add("personality", choice.personality->name);
  object.add("reason", choice.reason).add("chain", choice.personality->chain);
  return object.add("ja3", trial.ja3).add("ja4", trial.ja4);
}

JsonObject to_json(const LearntRule& rule, bool written) {
  JsonObject object;
  object.add("personality", rule.personality).add("ja3", rule.ja3).add("ja4", rule.ja4);
  return object.add("connection", rule.connection).add("rule", rule.text).add("written", written);
}

std::vector<JsonObject> to_json(const ledger::Story& story, Timestamp at) {
  std::vector<JsonObject> objects;
  for (const auto& chapter : story.chapters) objects.push_back(json_of(chapter));
  if (objects.empty()) return objects;
  // What concerns the device and no single connection.
  std::vector<JsonObject> alarms;
  for (const auto& alarm : story.alarms) {
    alarms.push_back(JsonObject{}.add("time", to_iso8601(alarm.at)).add("kind", alarm.kind).add("text", alarm.text));
  }
  objects.back().add("alarms", alarms);
  if (story.next) objects.back().add("next_contact", json_of(*story.next, at));
  return objects;
}

JsonObject to_json(const ClientCauses& client) {
  const auto& report = client.report;
  JsonObject causes;
  for (const auto& cause : report.causes) causes.add(to_string(cause.cause), cause.count);
  JsonObject object;
  object.add("model", report.model).add("firmware", report.firmware).add("ja4", report.ja4);
  object.add("connections", report.connections).add("failed", report.failed).add("failing", report.failing);
  add_time(object, "failing_since", report.failing > 0 ? std::optional{report.failing_since} : std::nullopt);
  object.add("causes", causes).add("headline", client.headline()).add("cause", to_string(client.main_cause.cause));
  return object.add("explanation", client.main_cause.explanation).add("remedy", client.main_cause.remedy);
}

JsonObject to_json(const store::HandshakeCost& cost) {
  JsonObject object;
  object.add("model", cost.model).add("firmware", cost.firmware).add("key_exchange", cost.key_exchange);
  object.add("key_exchange_bits", cost.key_exchange_bits).add("server_key_bits", cost.server_key_bits);
  object.add("server_hash", cost.server_hash).add("count", cost.count).add("mean_us", cost.sum_us / cost.count);
  return object.add("min_us", cost.min_us).add("max_us", cost.max_us).add("last", to_iso8601(cost.last));
}

JsonObject to_json(const store::GapRow& gap) {
  JsonObject object;
  object.add("network", gap.network).add("first", to_iso8601(gap.first)).add("last", to_iso8601(gap.last));
  object.add("connections", gap.connections).add("requests", gap.requests).add("turned_away", gap.turned_away);
  return object.add("text", in_words(gap));
}

JsonObject to_json(const store::AlarmRow& alarm) {
  JsonObject object;
  object.add("time", to_iso8601(alarm.at)).add("kind", alarm.kind).add("device", alarm.device);
  return object.add("address", alarm.address).add("connection", alarm.connection).add("text", alarm.text);
}

}  // namespace firstring::manage
