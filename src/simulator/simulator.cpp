#include "simulator/simulator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/text.hpp"
#include "base/time.hpp"
#include "crypto/openssl.hpp"
#include "http/message.hpp"
#include "simulator/connection.hpp"

namespace firstring::simulator {
namespace {

/// TLS or the bare socket: what the request goes through.
struct Stream {
  std::function<Result<void>(ByteView)> send;
  std::function<Result<std::size_t>(std::span<std::uint8_t>)> receive;
};

Result<Answer> ask(const Stream& stream, std::string_view request) {
  FIRSTRING_CHECK(stream.send(as_bytes(request)));
  std::string received;
  std::array<std::uint8_t, 16384> buffer;
  const auto read_more = [&](std::string_view what) -> Result<void> {
    FIRSTRING_TRY(const auto count, stream.receive(buffer));
    if (count == 0) return fail(Errc::io, fmt::format("read the answer: the server closed the connection {}", what));
    received.append(as_text(ByteView{buffer}.first(count)));
    return {};
  };

  std::size_t searched = 0;
  std::size_t head_end = std::string::npos;
  while ((head_end = received.find("\r\n\r\n", searched)) == std::string::npos) {
    if (received.size() > kMaxAnswerHead) return fail(Errc::limit_exceeded, "read the answer: its head does not end");
    searched = received.size() < 3 ? 0 : received.size() - 3;
    FIRSTRING_CHECK(read_more(received.empty() ? "without an answer" : "within the head"));
  }
  FIRSTRING_TRY(auto answer, parse_head(std::string_view{received}.substr(0, head_end)));
  FIRSTRING_TRY(const auto length, content_length(answer));
  received.erase(0, head_end + 4);
  while (received.size() < length) {
    FIRSTRING_CHECK(read_more(fmt::format("after {} of {} bytes", received.size(), length)));
  }
  received.resize(length);
  answer.body = std::move(received);
  return answer;
}

/// What the phone's own check of the server's name finds, in words. Error: the phone would go no further.
Result<std::string> check_name(NameCheck check, const crypto::Certificate& leaf, const std::string& url_name,
                               const IpAddress& address) {
  if (check == NameCheck::host_name) {
    const bool matches = IpAddress::parse(url_name)
                             ? X509_check_ip_asc(leaf.native(), url_name.c_str(), 0) == 1
                             : X509_check_host(leaf.native(), url_name.data(), url_name.size(), 0, nullptr) == 1;
    if (!matches) return fail(Errc::denied, fmt::format("the certificate is not for {}", url_name));
    return "is for " + url_name;
  }
  const auto subject = leaf.subject();
  const auto cn =
      std::find_if(subject.rbegin(), subject.rend(), [](const auto& attribute) { return attribute.type == "CN"; });
  if (cn == subject.rend() || !cn->well_formed) return fail(Errc::denied, "the certificate has no CN");
  const auto name = cn->value.substr(0, cn->value.find('/'));
  const auto shown = printable(name, 80);
  // The C functions that resolve names stop at a NUL.
  if (name.find('\0') != std::string::npos) return fail(Errc::denied, fmt::format("CN '{}' is no host name", shown));
  if (name.starts_with('*'))
    return fail(Errc::denied, fmt::format("CN '{}' is a wildcard, which these phones refuse", shown));
  const auto addresses = resolve(name);
  if (!addresses) return fail(Errc::denied, fmt::format("CN '{}' does not resolve", shown));
  if (std::find(addresses->begin(), addresses->end(), address) == addresses->end()) {
    return fail(Errc::denied,
                fmt::format("CN '{}' resolves to {} and not to the server", shown, addresses->front().to_string()));
  }
  return fmt::format("CN {} resolves to the server", shown);
}

std::string describe_chain(const std::vector<crypto::Certificate>& chain) {
  std::string text;
  for (const auto& certificate : chain) {
    if (!text.empty()) text += " <- ";
    text += fmt::format("{} {} {} [{}]", crypto::to_string(certificate.key_type()), certificate.key_bits(),
                        certificate.signature_hash(), printable(certificate.subject_text()));
  }
  return text;
}

/// Writes the steps, with the time that each took.
class Recorder {
 public:
  explicit Recorder(Report& report) : report_(&report) {}

  void ok(std::string name, std::string text) { add(std::move(name), true, std::move(text)); }
  void failed(std::string name, std::string text) { add(std::move(name), false, std::move(text)); }

 private:
  void add(std::string name, bool ok, std::string text) {
    const auto now = std::chrono::steady_clock::now();
    report_->steps.push_back(
        {std::move(name), ok, std::move(text), std::chrono::duration_cast<std::chrono::microseconds>(now - last_)});
    last_ = now;
  }

  Report* report_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

void record_certificates(const Phone& phone, const TlsFacts& tls, Recorder& record) {
  if (!tls.certificate_asked) {
    record.ok("client certificate", phone.credentials ? "not asked for, not sent" : "not asked for");
  } else if (!tls.certificate_sent) {
    record.ok("client certificate", "asked for, the phone has none");
  } else {
    record.ok("client certificate", "asked for, sent " + describe_chain(phone.credentials->chain));
  }
}

/// Class A of an answer needs a document that the phone can read.
void judge(const Phone& phone, Report& report, Recorder& record) {
  report.outcome = outcome_of(report.answer->status);
  if (report.outcome != Outcome::success) return;
  auto document = read_document(report.answer->body, phone.model);
  if (!document) {
    record.failed("profile", document.error().what);
    report.outcome = Outcome::corrupt;
    return;
  }
  record.ok("profile",
            fmt::format("{}{}, {} parameter{}, {}", document->form, document->gzip ? " in gzip" : "",
                        document->parameters, document->parameters == 1 ? "" : "s",
                        document->has_account_password ? "with an account password" : "no account password"));
  report.document = *std::move(document);
}

/// " (3600 s unless set)", or "" if that is not known.
std::string unless_set(const device::ResyncParameters& resync) {
  return resync.usual ? fmt::format(" ({} s unless set)", resync.usual->count()) : std::string{};
}

std::string next_after_success(const Document& document, const device::ResyncParameters& resync) {
  if (resync.periodic.empty()) return "when the phone comes again is not known";
  const auto& periodic = document.resync_periodic;
  if (periodic.empty()) return fmt::format("the phone resyncs after {}{}", resync.periodic, unless_set(resync));
  if (periodic == "0") return fmt::format("the phone resyncs only when told to, since {} is 0", resync.periodic);
  return fmt::format("the phone resyncs after {} {} ({} of this profile)", printable(periodic, 40),
                     resync.unit == std::chrono::minutes{1} ? "min" : "s", resync.periodic);
}

/// spa-phones.md 2.3 and 2.4, in the words of the phone's maker.
std::string next_of(const Report& report, const device::ResyncParameters& resync) {
  const auto retry = resync.error_retry.empty()
                         ? std::string{"when the phone tries again is not known"}
                         : fmt::format("the phone tries again after {}{}", resync.error_retry, unless_set(resync));
  switch (report.outcome) {
    case Outcome::success:
      return next_after_success(*report.document, resync);
    case Outcome::not_found:
      return fmt::format("class B, file not found: {}{}", retry,
                         resync.fails_on_missing.empty()
                             ? ""
                             : fmt::format("; with {} No it goes on to its next rule", resync.fails_on_missing));
    case Outcome::corrupt:
      return fmt::format("class B, corrupt profile: {}", retry);
    case Outcome::redirected:
      return fmt::format("the phone asks at once at {}", printable(header_of(*report.answer, "Location")));
    case Outcome::credentials_wanted:
      return fmt::format("the phone asks again at once with its user and password, at most twice; then {}", retry);
    case Outcome::failure:
      break;
  }
  return fmt::format("class C, other failure: {}", retry);
}

/// Goes through the attempt; returns early where the phone would give up.
Result<void> go(const Phone& phone, const Attempt& attempt, Report& report, Recorder& record) {
  FIRSTRING_TRY(const auto* const traits, find_client_traits(phone.model.tls_client));
  const std::uint16_t standard_port = attempt.scheme == Scheme::https ? 443 : 80;
  FIRSTRING_TRY(const auto server, parse_server(attempt.server, standard_port));
  FIRSTRING_TRY(report.path, request_path(phone, attempt.path));
  const auto& url_name = attempt.name.empty() ? server.host : attempt.name;
  if (!stands_in_request(url_name)) {
    return fail(Errc::invalid_input, fmt::format("use the name '{}': it is no host name", printable(url_name)));
  }

  const auto addresses = resolve(server.host);
  if (!addresses) {
    record.failed("resolve", addresses.error().what);
    return {};
  }
  // The next address is tried where one does not answer (spa-phones.md 2.2).
  const auto deadline = std::chrono::steady_clock::now() + attempt.deadline;
  std::optional<Socket> socket;
  Endpoint peer;
  for (const auto& address : *addresses) {
    peer = Endpoint{address, server.port};
    auto connected = Socket::connect(peer, deadline);
    if (connected) {
      record.ok("tcp connect", peer.to_string());
      socket = *std::move(connected);
      break;
    }
    record.failed("tcp connect", connected.error().what);
  }
  if (!socket) return {};

  std::optional<TlsClient> tls;
  if (attempt.scheme == Scheme::https) {
    auto& facts = report.tls.emplace();
    auto created = TlsClient::create(*traits, phone, attempt, url_name, *socket, facts);
    if (!created) return fail(std::move(created).error());
    tls = *std::move(created);
    const auto done = tls->handshake();
    const auto agreed = facts.version.empty() ? std::string{} : fmt::format("{} {}", facts.version, facts.cipher);
    if (!done) {
      record.failed("tls handshake", agreed.empty() ? done.error().what
                                                    : fmt::format("{}; it had come to {}", done.error().what, agreed));
      if (!facts.server_chain.empty()) record.ok("server certificate", describe_chain(facts.server_chain));
      if (facts.certificate_asked) record_certificates(phone, facts, record);
      return {};
    }
    record.ok("tls handshake", fmt::format("{}, key exchange {}", agreed, facts.key_exchange));
    const auto chain = describe_chain(facts.server_chain);
    if (attempt.trust.empty() || facts.server_chain.empty()) {
      record.ok("server certificate", chain + "; not checked");
    } else {
      const auto named = check_name(traits->name_check, facts.server_chain.front(), url_name, peer.address);
      if (!named) {
        record.failed("server certificate", fmt::format("{}; trusted, but {}", chain, named.error().what));
        return {};
      }
      record.ok("server certificate", fmt::format("{}; trusted, {}", chain, *named));
    }
    record_certificates(phone, facts, record);
  }

  const auto request = request_text(phone, report.path, url_name, server.port, standard_port);
  const Stream stream{
      [&](ByteView bytes) { return tls ? tls->send(bytes) : socket->send(bytes); },
      [&](std::span<std::uint8_t> into) { return tls ? tls->receive(into) : socket->receive(into); },
  };
  auto answer = ask(stream, request);
  if (!answer) {
    const bool asked_again = report.tls && report.tls->renegotiation_asked;
    record.failed("request",
                  fmt::format("GET {}: {}{}", printable(report.path), answer.error().what,
                              asked_again ? "; the server had asked to renegotiate, which phones refuse" : ""));
    return {};
  }
  if (tls) tls->close();
  const auto text = fmt::format("GET {} -> {} {}, {} bytes", printable(report.path), answer->status,
                                http::reason_phrase(answer->status), answer->body.size());
  report.answer = *std::move(answer);
  if (report.answer->status == 200)
    record.ok("request", text);
  else
    record.failed("request", text);
  judge(phone, report, record);
  return {};
}

}  // namespace

std::string to_line(const Step& step) {
  return fmt::format("{}{}: {} ({})", step.ok ? "" : "FAILED ", step.name, step.text, in_milliseconds(step.took));
}

std::string to_string(const Alert& alert) {
  return fmt::format("{} alert {}, {}", alert.fatal ? "fatal" : "warning", alert.code, alert.name);
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::success:
      return "success";
    case Outcome::not_found:
      return "not_found";
    case Outcome::corrupt:
      return "corrupt";
    case Outcome::redirected:
      return "redirected";
    case Outcome::credentials_wanted:
      return "credentials_wanted";
    case Outcome::failure:
      break;
  }
  return "failure";
}

Outcome outcome_of(unsigned status) {
  switch (status) {
    case 200:
      return Outcome::success;
    case 301:
    case 302:
      return Outcome::redirected;
    case 401:
    case 407:
      return Outcome::credentials_wanted;
    case 404:
      return Outcome::not_found;
    default:
      return Outcome::failure;
  }
}

Result<Report> run(const Phone& phone, const Attempt& attempt) {
  Report report;
  Recorder record{report};
  FIRSTRING_CHECK(go(phone, attempt, report, record));
  report.next = next_of(report, phone.model.resync);
  return report;
}

}  // namespace firstring::simulator
