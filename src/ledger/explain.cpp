#include "ledger/explain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace firstring::ledger {
namespace {

using store::ConnectionRow;
using store::LedgerEntry;
using store::RequestRow;

/// A denied request, by the decision's reason. {device}: the MAC in the certificate; {asked}: the one asked for.
struct Denial {
  std::string_view reason, explanation, remedy;
};
constexpr std::array kDenials{
    Denial{
        "no_certificate",
        "The phone completed TLS without showing a certificate, so nothing says that it is the phone it claims to be.",
        "If this is a real phone, see on its Info page whether the client certificate is 'Installed'; a browser or a "
        "scanner is refused rightly."},
    Denial{"other_device", "A phone whose certificate names {device} asked for the file of {asked}.",
           "Correct the Profile_Rule of the phone {device} (use $MA, not a fixed address); if it repeats over many "
           "addresses, somebody is trying to read other phones' files."},
    Denial{
        "generic_certificate",
        "The phone showed the maker's generic certificate, which many phones share and which says nothing about which "
        "one it is.",
        "Phones made before firmware 2.0 carry it; replace the phone, or provision it by hand in a trusted network."},
    Denial{"unusable_certificate", "The certificate leads to a device CA, but its subject does not name one phone.",
           "Look at certificate_subject in the ledger row; a maker's CA that also signs other things should not be a "
           "[[device_ca]]."},
    Denial{"unknown_ca", "The client's certificate was issued by a CA that is no [[device_ca]] here ({issuer}).",
           "If this is one of your phones' makers, get the maker's client root and add it as a [[device_ca]] to "
           "firstring.toml, then reload; otherwise the refusal is right."},
    Denial{"bad_signature",
           "The client's certificate bears a device CA's name but not its signature: it is forged or damaged.",
           "Do not forgive this. If it is one of the known bad batches (SPA2102, SPA3102, SPA9000 of 2005/2006), "
           "replace the phone."},
    Denial{"expired", "The client's certificate has run out.",
           "If phones of this maker must still be served, set accept_expired = true in that [[device_ca]] and reload."},
    Denial{"not_yet_valid", "The client's certificate is not valid yet.",
           "See whether this server's clock is right (timedatectl)."},
    Denial{"weak_key", "The client's certificate chain holds a key that is smaller than its device CA's rule allows.",
           "Set min_rsa_bits = 1024 in that [[device_ca]] if its phones of that age shall be served, and reload."},
    Denial{"weak_hash",
           "The client's certificate chain is signed with a hash that its device CA's rule does not allow.",
           "Add the hash (\"sha1\", \"md5\") to weak_hashes in that [[device_ca]] if its phones of that age shall be "
           "served, and reload."},
    Denial{"wrong_purpose", "The client's certificate is not made for TLS clients.",
           "A phone does not send this; find out what the client is."},
    Denial{"unknown_device", "The phone's certificate is good and names {device}, but nobody has entered that phone.",
           "Enter it: firstring device add {device} --model MODEL, or open a window: firstring enrol open --group "
           "GROUP --for 2h."},
    Denial{"no_such_file", "Nothing here has the name {target}.",
           "See the phone's Profile_Rule; phones find their own file at /{mac}.xml and their model's first file at "
           "names like /spa504G.cfg."},
    Denial{"needs_tls", "A phone's own file was asked for over plain HTTP, where nobody can prove who he is.",
           "Point the Profile_Rule at the https address; the bootstrap file does that by itself."},
    Denial{"method_not_allowed", "The client used {method}; only GET and HEAD are answered.",
           "Phones read with GET; find out what the client is."},
    Denial{"render_failed", "The phone's own file could not be made from its parameters.",
           "Run: firstring render {asked}, which says which parameter is at fault."},
};

std::string fill(std::string_view text, const ConnectionRow& connection, const RequestRow& request) {
  std::string result;
  while (!text.empty()) {
    const auto open = text.find('{');
    result += text.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = text.find('}', open);
    const auto name = text.substr(open + 1, close - open - 1);
    if (name == "device") {
      result += connection.device;
    } else if (name == "asked") {
      result += request.device;
    } else if (name == "mac") {
      result += request.device.empty() ? "<mac>" : request.device;
    } else if (name == "issuer") {
      result += printable(connection.certificate_issuer);
    } else if (name == "target") {
      result += printable(request.target);
    } else if (name == "method") {
      result += printable(request.method, 20);
    }
    text.remove_prefix(close + 1);
  }
  return result;
}

Explanation explain_request(const ConnectionRow& connection, const RequestRow& request) {
  if (request.decision == "allow") {
    return {"served",
            fmt::format("{} {} was answered with {}, {} bytes.", printable(request.method, 20),
                        printable(request.target), request.status, request.bytes),
            ""};
  }
  for (const auto& denial : kDenials) {
    if (denial.reason == request.reason) {
      return {denial.reason, fill(denial.explanation, connection, request), fill(denial.remedy, connection, request)};
    }
  }
  return {
      "bad_request",
      fmt::format("The request could not be understood ({}) and was answered with {}.", request.reason, request.status),
      "Phones do not send this; find out what the client is."};
}

bool has_seen_ceiling(const ConnectionRow& row, std::string_view reason) {
  return row.detail.find(reason) != std::string::npos;
}

std::string seconds(std::int64_t micros) { return fmt::format("{:.1f} s", static_cast<double>(micros) / 1e6); }

/// Alerts by which a client says what it did not like about us.
Explanation explain_client_alert(const ConnectionRow& row) {
  const auto& alert = row.alert;
  if (alert == "unknown_ca") {
    return {"client_distrusts_our_chain",
            fmt::format("The client does not trust the CA of our chain '{}' and said unknown_ca.", row.chain),
            "Phones trust only CAs built into their firmware: use a server certificate from the CA that this model and "
            "firmware know."};
  }
  if (alert == "bad_certificate" || alert == "certificate_unknown" || alert == "unsupported_certificate" ||
      alert == "certificate_expired" || alert == "certificate_revoked") {
    return {"client_refuses_our_certificate",
            fmt::format("The client refused our chain '{}' with {}.", row.chain, alert),
            "Compare the name in our certificate with the name in the phone's Profile_Rule, its dates with the phone's "
            "clock, and its CA with the ones that the firmware trusts."};
  }
  if (alert == "decrypt_error") {
    return {"client_cannot_verify_our_signature",
            fmt::format("The client could not check a signature of ours (chain '{}') and said decrypt_error: a client "
                        "without SHA-256 does that.",
                        row.chain),
            "Serve it a SHA-1 chain: allow the listener a legacy personality whose chain is signed with SHA-1 down "
            "from the root."};
  }
  if (alert == "no_renegotiation") {
    return {"client_refused_renegotiation", "The client refused a renegotiation, which this server never asks for.",
            "Capture the connection and report it."};
  }
  return {"client_alert",
          fmt::format("The client ended the handshake with the alert {}{}.", alert,
                      row.key_exchange_bits > 0
                          ? fmt::format(" after we offered {} {} bits", row.key_exchange, row.key_exchange_bits)
                          : ""),
          "If older firmware of the same model works, compare version, cipher and key exchange of both in the ledger."};
}

Explanation explain_handshake(const ConnectionRow& row) {
  if (row.alert_from == "client") return explain_client_alert(row);
  if (has_seen_ceiling(row, "unsupported protocol") || has_seen_ceiling(row, "version too low") ||
      has_seen_ceiling(row, "bad legacy version")) {
    return {"no_common_version",
            fmt::format("The client speaks no TLS version that personality '{}' offers.", row.personality),
            "Allow the listener a personality that reaches down to the client's version; SSL 3.0 is not served."};
  }
  if (has_seen_ceiling(row, "no shared cipher")) {
    return {"no_common_cipher",
            fmt::format("The client offers no cipher that personality '{}' allows.", row.personality),
            "Clients that know only RC4 or 3DES are not served; for others, look at the suites in the row's hello."};
  }
  if (has_seen_ceiling(row, "bad signature") || row.alert == "decrypt_error") {
    return {"client_key_mismatch",
            "The client showed a certificate but its signature does not belong to that certificate's key.",
            "The phone holds another key than its certificate says (a known bad batch), or somebody shows a "
            "certificate that is not his."};
  }
  if (has_seen_ceiling(row, "excessive message size")) {
    return {"certificate_list_too_long",
            "The client sent a longer list of certificates than any phone has, and was refused.",
            "Find out what the client is."};
  }
  if (row.stage == "server_flight") {
    return {"client_left_after_our_flight",
            fmt::format("The client closed the connection {} after it got our certificate, without a word.",
                        seconds(row.closed_us - std::max<std::int64_t>(row.server_flight_us, 0))),
            "Most often it does not trust our chain, cannot verify its signature, or finds the DH group or key too "
            "large: compare with a phone of the same model that works."};
  }
  return {"handshake_failed",
          fmt::format("The handshake failed at stage '{}': {}.", row.stage,
                      row.detail.empty() ? "no reason given" : row.detail),
          "Look at version, cipher and alert in the row, and compare with a phone of the same model that works."};
}

Explanation explain_timeout(const ConnectionRow& row) {
  if (row.stage == "tcp") {
    return {"silent", "The client connected and said nothing.",
            "A port scan or a monitor does this; a phone does not."};
  }
  if (row.stage == "hello") {
    return {"half_hello", "The client began a ClientHello and did not finish it in time.",
            "Look for packet loss or a small MTU on the way."};
  }
  if (row.stage == "server_flight") {
    return {"client_silent_after_our_flight",
            fmt::format("The client went silent after our first flight; we waited {}.",
                        seconds(row.closed_us - std::max<std::int64_t>(row.server_flight_us, 0))),
            "A slow phone may need a longer handshake_timeout; a firmware that does not like our certificate or DH "
            "size may hang like this too."};
  }
  return {"timeout", fmt::format("The client stopped at stage '{}'.", row.stage), "Look for packet loss on the way."};
}

}  // namespace

Explanation explain(const LedgerEntry& entry) {
  const auto& row = entry.connection;
  const auto denied = std::find_if(entry.requests.rbegin(), entry.requests.rend(),
                                   [](const auto& request) { return request.decision != "allow"; });
  if (denied != entry.requests.rend()) return explain_request(row, *denied);
  if (!entry.requests.empty() && row.outcome == "ok") return explain_request(row, entry.requests.back());
  if (row.outcome == "handshake_failed") return explain_handshake(row);
  if (row.outcome == "timeout") return explain_timeout(row);
  if (row.outcome == "not_tls") {
    return {"not_tls", fmt::format("What came to the TLS port was no TLS: {}.", row.detail),
            row.detail.find("HTTP") != std::string::npos ? "Write https:// in the phone's Profile_Rule."
                                                         : "A port scan does this; a phone does not."};
  }
  if (row.outcome == "not_http") {
    return {"not_http", "TLS was spoken to the plain HTTP port.",
            "Write the TLS port in the phone's Profile_Rule, or http:// for this one."};
  }
  if (row.outcome == "shutdown") return {"shutdown", "The server was stopped while the connection was open.", ""};
  if (row.stage == "finished") {
    return {"no_request", "The handshake was complete, but the client asked for nothing.",
            "A phone that finds the name or address of our certificate wrong (it compares the certificate's CN, its "
            "DNS entry and our address) leaves like this."};
  }
  if (row.stage == "tcp")
    return {"no_bytes", "The client connected and closed without a byte.", "A health check or a port scan does this."};
  return {"closed", fmt::format("The client closed the connection at stage '{}'.", row.stage),
          "If it repeats, look for a middlebox or packet loss on the way."};
}

std::string timeline(std::string_view who, std::span<const LedgerEntry> entries) {
  if (entries.empty()) {
    return fmt::format(
        "{}: nothing in the ledger. Either it never reached this server (see its DNS, its route and a firewall), or it "
        "was too long ago.\n",
        who);
  }
  std::string text =
      fmt::format("{}: {} connection{} in the ledger\n", who, entries.size(), entries.size() == 1 ? "" : "s");
  const auto milliseconds = [](std::int64_t micros) {
    return fmt::format("{:.1f} ms", static_cast<double>(micros) / 1000.0);
  };
  for (const auto& entry : entries) {
    const auto& row = entry.connection;
    text += fmt::format("\n{}  from {} port {} to {}\n", to_iso8601(row.accepted), row.address, row.port, row.listener);
    if (row.hello_us >= 0) {
      text += fmt::format("  {:>10}  hello{}{}, JA4 {}: personality {} ({})\n", milliseconds(row.hello_us),
                          row.hello_format == "sslv2" ? " in SSLv2 format" : "",
                          row.server_name.empty() ? ", no SNI" : ", SNI " + printable(row.server_name, 80), row.ja4,
                          row.personality, row.personality_reason);
    }
    if (row.server_flight_us >= 0) {
      text +=
          fmt::format("  {:>10}  our flight: {} {}, chain '{}'{}\n", milliseconds(row.server_flight_us), row.version,
                      row.cipher, row.chain,
                      row.resumed                 ? ", resumed"
                      : row.key_exchange_bits > 0 ? fmt::format(", {} {} bits", row.key_exchange, row.key_exchange_bits)
                                                  : "");
    }
    if (row.client_flight_us >= 0) {
      text += fmt::format("  {:>10}  its answer, {} later\n", milliseconds(row.client_flight_us),
                          milliseconds(row.client_flight_us - std::max<std::int64_t>(row.server_flight_us, 0)));
    }
    if (row.handshake_us >= 0) text += fmt::format("  {:>10}  handshake complete\n", milliseconds(row.handshake_us));
    if (!row.certificate.empty()) {
      text += fmt::format("              certificate: {}; verdict {}{}, assurance {}\n",
                          printable(row.certificate_subject), row.verdict,
                          row.device_ca.empty() ? "" : fmt::format(" by device CA '{}'", row.device_ca), row.assurance);
      for (const auto& error : row.verdict_errors) text += fmt::format("              - {}\n", printable(error));
    } else if (row.handshake_us >= 0) {
      text += "              no certificate\n";
    }
    if (!row.alert.empty()) text += fmt::format("              alert {} from the {}\n", row.alert, row.alert_from);
    for (const auto& request : entry.requests) {
      text += fmt::format("  {:>10}  {} {} -> {}, {} bytes ({}, {})\n",
                          milliseconds(to_micros(request.at) - to_micros(row.accepted)), printable(request.method, 20),
                          printable(request.target), request.status, request.bytes, request.decision, request.reason);
    }
    text += fmt::format("  {:>10}  end: {}\n", milliseconds(row.closed_us), row.outcome);
    const auto explanation = explain(entry);
    text += fmt::format("  {}\n", explanation.explanation);
    if (!explanation.remedy.empty()) text += fmt::format("  What to do: {}\n", explanation.remedy);
  }
  return text;
}

}  // namespace firstring::ledger
