#include "ledger/timeline.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "base/time.hpp"
#include "ledger/explain.hpp"

namespace firstring::ledger {
namespace {

/// With as many digits as an estimate bears.
std::string about(std::int64_t micros) { return micros < 100'000 ? in_milliseconds(micros) : in_seconds(micros); }

std::string to_text(const Story::Chapter& chapter) {
  const auto& row = chapter.entry.connection;
  std::string text =
      fmt::format("\n{}  from {} port {} to {}\n", to_iso8601(row.accepted), row.address, row.port, row.listener);
  if (row.device.empty() && !row.likely_device.empty()) {
    text += fmt::format("              likely {}{}{}: it came from here before, nothing proves it\n", row.likely_device,
                        row.model.empty() ? "" : ", " + row.model,
                        row.firmware.empty() ? "" : ", firmware " + printable(row.firmware, 40) + " when seen last");
  }
  if (row.hello_us >= 0) {
    text += fmt::format("  {:>10}  hello{}{}, JA4 {}: personality {} ({})\n", in_milliseconds(row.hello_us),
                        row.hello_format == "sslv2" ? " in SSLv2 format" : "",
                        row.server_name.empty() ? ", no SNI" : ", SNI " + printable(row.server_name, 80), row.ja4,
                        row.personality, row.personality_reason);
  }
  constexpr std::int64_t kWorthTelling = 1'000'000;
  if (row.queued_us >= kWorthTelling) {
    text += fmt::format("  {:>10}  handshake begun, after {} in the queue\n",
                        in_milliseconds(row.hello_us + row.queued_us), in_seconds(row.queued_us));
  }
  if (row.server_flight_us >= 0) {
    text +=
        fmt::format("  {:>10}  our flight: {} {}, chain '{}'{}\n", in_milliseconds(row.server_flight_us), row.version,
                    row.cipher, row.chain,
                    row.resumed                 ? ", resumed"
                    : row.key_exchange_bits > 0 ? fmt::format(", {} {} bits", row.key_exchange, row.key_exchange_bits)
                                                : "");
  }
  if (row.client_flight_us >= 0) {
    text += fmt::format("  {:>10}  its answer, {} later{}\n", in_milliseconds(row.client_flight_us),
                        in_milliseconds(row.client_flight_us - std::max<std::int64_t>(row.server_flight_us, 0)),
                        computing_time(row, chapter.history));
  }
  if (row.handshake_us >= 0) text += fmt::format("  {:>10}  handshake complete\n", in_milliseconds(row.handshake_us));
  if (!row.certificate.empty()) {
    text += fmt::format("              certificate: {}; verdict {}{}, assurance {}\n",
                        printable(row.certificate_subject), to_string(row.verdict),
                        row.device_ca.empty() ? "" : fmt::format(" by device CA '{}'", row.device_ca), row.assurance);
    for (const auto& error : row.verdict_errors) text += fmt::format("              - {}\n", printable(error));
  } else if (row.handshake_us >= 0) {
    text += "              no certificate\n";
  }
  if (!row.alert.empty()) text += fmt::format("              alert {} from the {}\n", row.alert, row.alert_from);
  for (const auto& request : chapter.entry.requests) {
    text += fmt::format("  {:>10}  {} {} -> {}, {} bytes ({}, {})\n",
                        in_milliseconds(to_micros(request.at) - to_micros(row.accepted)), printable(request.method, 20),
                        printable(request.target), request.status, request.bytes, to_string(request.decision),
                        to_string(request.reason));
  }
  text += fmt::format("  {:>10}  {}: {}\n", in_milliseconds(row.closed_us),
                      row.outcome == Outcome::open ? "so far" : "end", to_string(row.outcome));
  const auto explanation = explain(chapter.entry, chapter.history);
  text += fmt::format("  {}\n", explanation.explanation);
  if (!explanation.remedy.empty()) text += fmt::format("  What to do: {}\n", explanation.remedy);
  return text;
}

}  // namespace

std::string computing_time(const store::ConnectionRow& row, const History& history) {
  if (row.phone_cpu_us < 0) return {};
  auto text = fmt::format(", of which the phone computed about {}", about(row.phone_cpu_us));
  // What another size costs the same model says whether a smaller one would help.
  for (const auto& precedent : history.precedents) {
    if (precedent.computed_us < 0 || precedent.key_exchange != row.key_exchange ||
        precedent.key_exchange_bits == row.key_exchange_bits)
      continue;
    return text + fmt::format("; with {} {} {} took {}", precedent.key_exchange, precedent.key_exchange_bits,
                              precedent.same_device ? "it" : "another " + row.model, about(precedent.computed_us));
  }
  return text;
}

std::string timeline(const Story& story) {
  if (story.chapters.empty()) {
    return fmt::format(
        "{}: nothing in the ledger. Either it never reached this server (check its DNS, its route and the firewalls), "
        "or its rows are too old to be kept.\n",
        story.who);
  }
  std::string text = fmt::format("{}: {} connection{} in the ledger\n", story.who, story.chapters.size(),
                                 story.chapters.size() == 1 ? "" : "s");
  for (const auto& chapter : story.chapters) text += to_text(chapter);
  if (!story.alarms.empty()) text += "\nalarms:\n";
  for (const auto& alarm : story.alarms) {
    text += fmt::format("  {}  {}: {}\n", to_iso8601(alarm.at), alarm.kind, alarm.text);
  }
  if (story.next) text += fmt::format("\n{}\n", to_text(*story.next, now()));
  return text;
}

}  // namespace firstring::ledger
