#include "ledger/evidence.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/text.hpp"
#include "base/time.hpp"
#include "base/utf8.hpp"
#include "hello/client_hello.hpp"
#include "hello/names.hpp"
#include "hello/suites.hpp"
#include "ledger/cut.hpp"
#include "ledger/explain.hpp"
#include "ledger/json.hpp"
#include "tls/personality.hpp"

namespace firstring::ledger {
namespace {

constexpr std::string_view kAnother = "(another phone)";
constexpr std::string_view kLeftOut = "(left out)";
constexpr std::size_t kMostSuites = 20;  // on the page; hello.txt has all

bool is_word(char c) { return is_alphanumeric(c) || c == '_'; }

/// How many characters of the text's beginning are a MAC address in one of its usual forms; 0 for none.
std::size_t mac_length(std::string_view text) {
  for (const std::size_t length : {17U, 14U, 12U}) {
    if (text.size() < length || (text.size() > length && is_word(text[length]))) continue;
    if (MacAddress::parse(text.substr(0, length))) return length;
  }
  return 0;
}

/// A URL may carry a password: in its query, or before an @.
std::string without_passwords(std::string_view target) {
  if (target.find('@') != std::string_view::npos) return std::string{kLeftOut};
  const auto query = target.find('?');
  if (query == std::string_view::npos) return std::string{target};
  return fmt::format("{}?{}", target.substr(0, query), kLeftOut);
}

bool failed(const store::LedgerEntry& entry) {
  return entry.connection.outcome != Outcome::ok ||
         std::any_of(entry.requests.begin(), entry.requests.end(),
                     [](const auto& request) { return request.decision == Decision::deny; });
}

std::string to_second(Timestamp time) { return to_iso8601(time).substr(0, 19) + "Z"; }

/// Lines no longer than a page is wide.
std::string wrapped(std::string_view text, std::string_view indent) {
  constexpr std::size_t kWidth = 100;
  std::string out, line{indent};
  for (const auto word : split(text, ' ')) {
    if (line.size() > indent.size() && line.size() + 1 + word.size() > kWidth) {
      out += line + "\n";
      line = indent;
    }
    if (line.size() > indent.size()) line += ' ';
    line += word;
  }
  return out + line + "\n";
}

hello::ClientHello hello_of(const store::ConnectionRow& row) {
  hello::Reader reader;
  reader.feed(row.hello);
  return reader.hello();
}

/// The client's own list, by name where there is one.
std::vector<std::string> names_of(const std::vector<std::uint16_t>& numbers,
                                  std::string_view (*name_of)(std::uint16_t)) {
  std::vector<std::string> all;
  for (const auto number : numbers) {
    const auto name = name_of(number);
    all.push_back(name.empty() ? fmt::format("0x{:04x}", number) : std::string{name});
  }
  return all;
}

std::vector<std::string> suites_of(const hello::ClientHello& hello) {
  return names_of(hello.suites, hello::suite_name);
}

std::string in_words(const store::ConnectionRow& row) {
  std::string out = fmt::format("JA3 {}\nJA4 {}\n", row.ja3, row.ja4);
  if (is_hello_cut(row)) return out + fmt::format("not whole: {}\n", cut_hello_text(row));
  const auto hello = hello_of(row);
  out += fmt::format("format: {}\n", row.hello_format == "sslv2" ? "SSL 2.0" : "TLS");
  out += fmt::format("highest version: {}; in its record header: {}\n", hello::version_name(hello.highest_version()),
                     hello::version_name(hello.record_version));
  out += fmt::format("server name: {}\n", hello.server_name.empty() ? "none" : printable(hello.server_name, 255));
  out += fmt::format("cipher suites: {}\n", fmt::join(suites_of(hello), ", "));
  out += "extensions: ";
  for (const auto& extension : hello.extensions) out += fmt::format("{} ", extension.type);
  out += hello.extensions.empty() ? "none\n" : "(IANA TLS ExtensionType Values)\n";
  out += fmt::format("groups: {}\n", fmt::join(names_of(hello.groups, hello::group_name), ", "));
  out += fmt::format("signature algorithms: {}\n",
                     fmt::join(names_of(hello.signature_algorithms, hello::signature_name), ", "));
  return out + fmt::format("session to resume: {}\n",
                           !hello.session_id.empty() || hello.offers_ticket || hello.offers_psk ? "yes" : "none");
}

/// s_client's option for a version as OpenSSL writes it.
std::string_view version_option(std::uint16_t version) {
  switch (version) {
    case 0x0301:
      return "-tls1";
    case 0x0302:
      return "-tls1_1";
    case 0x0303:
      return "-tls1_2";
    case 0x0304:
      return "-tls1_3";
    default:
      return "";
  }
}

/// One connection of each hello, the newest.
std::map<std::string, const store::ConnectionRow*> hellos(const Evidence& evidence) {
  std::map<std::string, const store::ConnectionRow*> found;
  for (const auto& entry : evidence.entries) {
    if (!entry.connection.ja3.empty()) found[entry.connection.ja3] = &entry.connection;
  }
  return found;
}

std::string firmware_of(const Evidence& evidence) {
  const auto found = std::find_if(evidence.entries.rbegin(), evidence.entries.rend(),
                                  [](const auto& entry) { return !entry.connection.firmware.empty(); });
  return found != evidence.entries.rend() ? found->connection.firmware : std::string{};
}

std::string model_of(const Evidence& evidence) {
  if (!evidence.model.empty()) return evidence.model;
  const auto found = std::find_if(evidence.entries.rbegin(), evidence.entries.rend(),
                                  [](const auto& entry) { return !entry.connection.model.empty(); });
  return found != evidence.entries.rend() ? found->connection.model : "phone of unknown model";
}

std::string steps_of(const store::ConnectionRow& row) {
  struct Step {
    std::string_view name;
    std::int64_t at;
  };
  const std::array steps{Step{"ClientHello complete", row.hello_us}, Step{"our flight written", row.server_flight_us},
                         Step{"the phone's flight came", row.client_flight_us},
                         Step{"handshake complete", row.handshake_us}, Step{"connection ended", row.closed_us}};
  std::string out;
  for (const auto& step : steps)
    out += fmt::format("  {:24} {}\n", step.name, step.at < 0 ? "did not happen" : in_milliseconds(step.at));
  return out;
}

std::string answered(const store::ConnectionRow& row) {
  auto out = fmt::format("personality {} with chain '{}'", row.personality, row.chain);
  if (!row.server_name_shown.empty())
    out += fmt::format(" (CN={}, {} bits)", printable(row.server_name_shown, 100), row.server_key_bits);
  if (row.version.empty()) return out + "; it came to no choice of version and cipher suite";
  out += fmt::format("; chosen: {} {}", row.version, row.cipher);
  return row.key_exchange.empty() ? out : out + fmt::format(", {} {} bits", row.key_exchange, row.key_exchange_bits);
}

/// As an argument on a command line that somebody may copy: what strangers sent is shown only if it is harmless there.
std::string as_argument(std::string_view option, std::string_view value) {
  const bool harmless = !value.empty() && value.size() <= 60 && std::all_of(value.begin(), value.end(), [](char c) {
    return is_word(c) || c == '.' || c == '-' || c == '(' || c == ')';
  });
  return harmless ? fmt::format(" {} '{}'", option, value) : std::string{};
}

std::string reproduce(const Evidence& evidence, const store::ConnectionRow& row, const std::string& firmware) {
  // The address that phones came to may be one behind a router.
  const auto server = IpAddress::parse(row.local_address)
                          ? Endpoint{*IpAddress::parse(row.local_address), row.local_port}.to_string()
                          : std::string{"HOST:PORT"};
  auto out =
      fmt::format("  firstring simulate --server {} --mac {}{}{} --cert phone.crt --key phone.key\n", server,
                  evidence.mac.bare(), as_argument("--model", model_of(evidence)), as_argument("--firmware", firmware));
  if (row.ja3.empty() || is_hello_cut(row)) return out;
  const auto hello = hello_of(row);
  auto suites = suites_of(hello);
  // Names with an underscore are those of TLS 1.3 and of signals, which s_client takes elsewhere; numbers it takes not.
  std::erase_if(suites, [](const auto& name) { return name.starts_with("0x") || name.find('_') != std::string::npos; });
  const auto offered = suites.size();
  suites.resize(std::min(offered, kMostSuites));
  suites.emplace_back("@SECLEVEL=0");
  out += fmt::format("  openssl s_client -connect {} {} -cipher '{}' -cert phone.crt -key phone.key\n", server,
                     version_option(hello.highest_version()), fmt::join(suites, ":"));
  return offered > kMostSuites ? out + fmt::format("  (with the first {} of its {} suites)\n", kMostSuites, offered)
                               : out;
}

void tell_failure(std::string& out, const Evidence& evidence, const std::string& firmware) {
  std::map<std::string_view, std::vector<const store::LedgerEntry*>> by_cause;
  const store::LedgerEntry* last_good = nullptr;
  const store::LedgerEntry* last_failed = nullptr;
  for (const auto& entry : evidence.entries) {
    (failed(entry) ? last_failed : last_good) = &entry;
    if (failed(entry)) by_cause[to_string(explain(entry).cause)].push_back(&entry);
  }
  std::size_t failures = 0;
  for (const auto& [cause, entries] : by_cause) failures += entries.size();
  out += fmt::format("\nWHAT HAPPENED\n  {} connections, {} of them failed.\n", evidence.entries.size(), failures);
  for (const auto& [cause, entries] : by_cause) {
    out += fmt::format("  {:5} x {}, from {} to {}\n", entries.size(), cause,
                       to_second(entries.front()->connection.accepted), to_second(entries.back()->connection.accepted));
  }
  const auto* subject = last_failed != nullptr ? last_failed : last_good;
  if (subject == nullptr) return;
  const auto& row = subject->connection;
  const auto explanation = explain(*subject);
  if (last_failed != nullptr) {
    out += "\nSINCE WHEN\n";
    const auto first = std::find_if(evidence.entries.begin(), evidence.entries.end(), [&](const auto& entry) {
      return failed(entry) && (last_good == nullptr || entry.connection.accepted > last_good->connection.accepted);
    });
    out += last_good != nullptr
               ? fmt::format("  The last good connection was at {}.", to_second(last_good->connection.accepted))
               : "  There was no good connection in this time.";
    if (first != evidence.entries.end())
      out += fmt::format(" {} failed at {}.", last_good != nullptr ? "The first after it" : "The first of these",
                         to_second(first->connection.accepted));
    out += "\n";
  }
  out += fmt::format("\nTHE {}, connection {} at {}\n", last_failed != nullptr ? "LAST FAILURE" : "LAST CONNECTION",
                     row.id, to_iso8601(row.accepted));
  out += wrapped(to_utf8(explanation.explanation), "  ");
  out += steps_of(row);
  if (!row.alert.empty())
    out += fmt::format("  {:24} {} ({}), from the {}\n", "TLS alert", row.alert, row.alert_code, row.alert_from);
  if (!row.detail.empty()) out += fmt::format("  {:24} {}\n", "detail", printable(row.detail, 200));
  for (const auto& request : subject->requests)
    out += fmt::format("  {:24} {} {}: {} {}\n", "request", request.method, printable(request.target, 100),
                       request.status, to_string(request.reason));
  if (is_hello_cut(row)) {
    out += "\nWHAT THE PHONE OFFERED\n" + wrapped("A ClientHello: " + cut_hello_text(row), "  ");
  } else if (!row.ja3.empty()) {
    const auto hello = hello_of(row);
    out += fmt::format("\nWHAT THE PHONE OFFERED\n  up to {}, server name: {}, JA3 {}\n",
                       hello::version_name(hello.highest_version()),
                       row.server_name.empty() ? "none" : printable(row.server_name, 100), row.ja3);
    auto suites = suites_of(hello);
    if (suites.size() > kMostSuites) {
      const auto more = suites.size() - kMostSuites;
      suites.resize(kMostSuites);
      suites.push_back(fmt::format("and {} more", more));
    }
    out += wrapped(fmt::format("{}", fmt::join(suites, ", ")), "  ");
    out += "\nWHAT WE ANSWERED\n" + wrapped(answered(row), "  ");
  }
  out += "\nHOW TO REPRODUCE\n" + reproduce(evidence, row, firmware);
  if (last_failed == nullptr) return;
  out += "\nWHAT WE ASK\n";
  out += wrapped(
      fmt::format("Is a {}{} meant to behave like this? If it is not: which version repairs it, and what can be done "
                  "until then?{}{}",
                  model_of(evidence), firmware.empty() ? "" : fmt::format(" with firmware {}", printable(firmware, 60)),
                  explanation.remedy.empty() ? "" : " On our side we would do this: ", to_utf8(explanation.remedy)),
      "  ");
}

}  // namespace

bool concerns(const MacAddress& mac, const store::ConnectionRow& row) {
  return (row.device.empty() ? row.likely_device : row.device) == mac.bare();
}

std::string without_others(const MacAddress& mac, std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const bool at_word = at == 0 || !is_word(text[at - 1]);
    const auto length = at_word ? mac_length(text.substr(at)) : 0;
    if (length == 0) {
      out += text[at++];
      continue;
    }
    const auto found = text.substr(at, length);
    out += *MacAddress::parse(found) == mac ? found : kAnother;
    at += length;
  }
  return out;
}

store::LedgerEntry without_others(const MacAddress& mac, store::LedgerEntry entry) {
  auto& row = entry.connection;
  const auto mask = [&](std::string& text) { text = without_others(mac, text); };
  for (auto* text : {&row.server_name, &row.detail, &row.certificate_subject, &row.certificate_issuer, &row.firmware})
    mask(*text);
  for (auto& error : row.verdict_errors) mask(error);
  if (row.likely_device != mac.bare()) row.likely_device.clear();
  // Something else than a ClientHello may be a request with a password.
  if (row.hello_format.empty()) row.hello.clear();
  for (auto& request : entry.requests) {
    const bool theirs = !request.device.empty() && request.device != mac.bare();
    if (theirs) request.device.clear();
    request.target = theirs ? std::string{kAnother} : without_others(mac, without_passwords(request.target));
    // Behind a strange MAC address, a User-Agent may name a serial number too.
    if (without_others(mac, request.user_agent) != request.user_agent) request.user_agent = kAnother;
  }
  return entry;
}

std::string summary(const Evidence& evidence) {
  const auto firmware = firmware_of(evidence);
  auto out = fmt::format(
      "{}{}, MAC address {}{}\n", model_of(evidence),
      firmware.empty() ? "" : fmt::format(" with firmware {}", printable(firmware, 60)), evidence.mac.bare(),
      evidence.serial.empty() ? "" : fmt::format(", serial number {}", printable(evidence.serial, 60)));
  out += fmt::format("Recorded by the provisioning server (Firstring) from {} to {}. Times are UTC.\n",
                     to_second(evidence.since), to_second(evidence.made));
  tell_failure(out, evidence, firmware);
  out +=
      "\nFILES\n"
      "  ledger.jsonl     every connection, one JSON object a line\n"
      "  hello.txt        each ClientHello of the phone in words; hello.hex has its bytes\n"
      "  personality/     how the server was set in these handshakes\n";
  if (!evidence.alarms.empty()) out += "  alarms.txt       the server's alarms about it\n";
  if (!evidence.captures.empty())
    out += "  captures/        packets for Wireshark, with the TLS secrets inside: they show decrypted\n";
  if (evidence.captures_left_out > 0)
    out +=
        fmt::format("  {} captures are not here: they are gone, or too large together\n", evidence.captures_left_out);
  if (!evidence.captures.empty()) {
    out += evidence.documents_included ? "  The captures hold the phone's documents with their passwords.\n"
                                       : "  From the captures, the phone's documents and requests with passwords are "
                                         "cut out: such packets have headers\n"
                                         "  and their true length only. TLS records behind a cut may stay encrypted, "
                                         "and Wireshark shows the head of\n"
                                         "  an answer without its body only with: -o http.desegment_body:FALSE\n";
  }
  return out + "  No private key and nothing of other phones is in this bundle.\n";
}

std::vector<ArchiveFile> bundle(const Evidence& evidence) {
  std::vector<ArchiveFile> files;
  files.push_back({"summary.txt", summary(evidence)});
  std::string ledger, alarms, hello_words, hello_bytes;
  for (const auto& entry : evidence.entries) ledger += to_json(entry) + "\n";
  for (const auto& alarm : evidence.alarms)
    alarms +=
        fmt::format("{} {}: {}\n", to_second(alarm.at), alarm.kind, to_utf8(without_others(evidence.mac, alarm.text)));
  for (const auto& [ja3, row] : hellos(evidence)) {
    hello_words += in_words(*row) + "\n";
    hello_bytes += fmt::format("# JA3 {}, connection {}\n{}\n", ja3, row->id, to_hex(row->hello));
  }
  files.push_back({"ledger.jsonl", std::move(ledger)});
  if (!alarms.empty()) files.push_back({"alarms.txt", std::move(alarms)});
  files.push_back({"hello.txt", std::move(hello_words)});
  files.push_back({"hello.hex", std::move(hello_bytes)});
  std::set<std::string> personalities;
  for (const auto& entry : evidence.entries) personalities.insert(entry.connection.personality);
  for (const auto& name : personalities) {
    if (const auto text = tls::personality_text(name); !text.empty())
      files.push_back({fmt::format("personality/{}.toml", name), std::string{text}});
  }
  for (const auto& capture : evidence.captures) files.push_back({"captures/" + capture.name, capture.content});
  return files;
}

}  // namespace firstring::ledger
