#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "crypto/certificate.hpp"
#include "simulator/answer.hpp"
#include "simulator/document.hpp"
#include "simulator/phone.hpp"

namespace firstring::simulator {

enum class Scheme : unsigned char { https, http };

/// One request of a phone to a server, ours or any other.
struct Attempt {
  Scheme scheme = Scheme::https;
  std::string server{};  ///< host:port, 192.0.2.1:443, [2001:db8::1]:443; without port that of the scheme
  std::string name{};    ///< host name in the phone's URL, if it is not the host of `server`
  std::string path{};    ///< with query, macros are expanded; empty: the phone's own profile
  std::vector<crypto::Certificate> trust{};   ///< the CAs in the phone's firmware; empty: the server is not checked
  std::chrono::milliseconds deadline{30000};  ///< for all of it but name resolution
};

/// What happened, one line each for people.
struct Step {
  std::string
      name;  ///< "tcp connect", "tls handshake", "server certificate", "client certificate", "request", "profile"
  bool ok = true;
  std::string text;
  std::chrono::microseconds took{0};
};
std::string to_line(const Step& step);  ///< "tcp connect: 127.0.0.1:443 (0.2 ms)"

struct Alert {
  bool fatal = false;
  unsigned code = 0;
  std::string name;  ///< "handshake failure"
};
std::string to_string(const Alert& alert);  ///< "fatal alert 40, handshake failure"

/// The handshake, as far as it came.
struct TlsFacts {
  std::string version;                            ///< "TLSv1"; empty if the server chose none
  std::string cipher;                             ///< "DHE-RSA-AES256-SHA"
  std::string key_exchange;                       ///< "DH 1024", "EC prime256v1", "X25519", "RSA"
  std::vector<crypto::Certificate> server_chain;  ///< as it was sent
  bool certificate_asked = false;
  bool certificate_sent = false;
  bool renegotiation_asked = false;  ///< and refused
  std::optional<Alert> received;     ///< the last, without close_notify
  std::optional<Alert> sent;         ///< likewise
};

/// What a phone makes of an attempt (spa-phones.md 2.3).
enum class Outcome : unsigned char {
  success,             ///< class A
  not_found,           ///< class B: 404
  corrupt,             ///< class B: no profile, or a broken one
  failure,             ///< class C: any other answer, or none
  redirected,          ///< 301, 302: it asks there at once
  credentials_wanted,  ///< 401, 407: it asks again with name and password, at most twice
};
std::string_view to_string(Outcome outcome);  ///< "success", "not_found", ...
/// By status alone; `success` still needs a good document.
Outcome outcome_of(unsigned status);

struct Report {
  std::vector<Step> steps;
  Outcome outcome = Outcome::failure;
  std::string next;  ///< what the phone does next, one sentence
  std::string path;  ///< as it was asked for
  std::optional<TlsFacts> tls;
  std::optional<Answer> answer;
  std::optional<Document> document;
};

/// Lets the phone make its request and judge the answer. What goes wrong on the way is in the report; an error is only
/// what makes the attempt impossible to begin: an unknown TLS client, a key that is not the certificate's, a malformed
/// server or path.
Result<Report> run(const Phone& phone, const Attempt& attempt);

}  // namespace firstring::simulator
