#include "simulator/simulator.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <csignal>
#include <thread>

#include "base/file.hpp"
#include "crypto/issue.hpp"

namespace firstring::simulator {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kProfile =
    "<flat-profile><Proxy_1_ ua=\"na\">sip.example.net</Proxy_1_><Password_1_>s3cret</Password_1_></flat-profile>";

std::string http_answer(std::string_view body, std::string_view status = "200 OK") {
  return "HTTP/1.1 " + std::string{status} + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string{body};
}

crypto::Issued make_issued(const std::string& cn, const crypto::Issued* issuer, bool is_ca, crypto::Hash hash) {
  auto key = crypto::PrivateKey::generate_rsa(1024);
  EXPECT_TRUE(key);
  crypto::CertificateRequest request;
  request.subject = {{.type = "CN", .value = cn, .rdn = 0}};
  request.not_before = now() - std::chrono::hours{24};
  request.not_after = now() + std::chrono::hours{24};
  request.hash = hash;
  request.is_ca = is_ca;
  if (!is_ca) request.dns_names = {"pv.example.net"};
  auto certificate = crypto::issue(request, *key, issuer);
  EXPECT_TRUE(certificate) << certificate.error().what;
  return {*certificate, *key};
}

/// Made once: key generation is the slow part of these tests.
struct Pki {
  crypto::Issued root = make_issued("Server Root", nullptr, true, crypto::Hash::sha1);
  crypto::Issued server = make_issued("localhost", &root, false, crypto::Hash::sha1);
  crypto::Issued server_elsewhere = make_issued("*.example.net", &root, false, crypto::Hash::sha1);
  crypto::Issued server_with_note = make_issued("localhost/mailto:x@example.net", &root, false, crypto::Hash::sha1);
  crypto::Issued maker = make_issued("Phone Maker", nullptr, true, crypto::Hash::sha1);
  crypto::Issued phone = make_issued("SPA-504G, MAC: 000E08ABCDEF, Serial: CBT1", &maker, false, crypto::Hash::sha1);
};
const Pki& pki() {
  static const Pki made;
  return made;
}

enum class Behaviour { answer, answer_plain, close_at_once, never_answer, renegotiate };

struct Setup {
  std::string answer = http_answer(kProfile);
  Behaviour behaviour = Behaviour::answer;
  int verify = SSL_VERIFY_PEER;  // asks for a certificate
  int max_version = 0;
  const crypto::Issued* certificate = &pki().server;
  bool trusts_maker = true;
};

/// What the server saw of the one connection that it served.
struct Seen {
  std::string request;
  std::vector<int> extensions;
  std::vector<std::uint16_t> ciphers;
  std::string phone;  // subject of the client's certificate
};

/// Serves one connection on a loopback port of its own.
class Server {
 public:
  explicit Server(Setup setup) : setup_(std::move(setup)) {
    std::signal(SIGPIPE, SIG_IGN);
    listener_.reset(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_.get(), generic, length), 0);
    EXPECT_EQ(::listen(listener_.get(), 4), 0);
    EXPECT_EQ(::getsockname(listener_.get(), generic, &length), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread{[this] { serve(); }};
  }

  std::string address(std::string_view host = "127.0.0.1") const {
    return std::string{host} + ":" + std::to_string(port_);
  }

  /// Waits for the connection's end.
  const Seen& seen() {
    if (thread_.joinable()) thread_.join();
    return seen_;
  }

  ~Server() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
  }

 private:
  void serve() {
    const FileDescriptor peer{::accept(listener_.get(), nullptr, nullptr)};
    if (!peer) return;
    const timeval limit{10, 0};
    ::setsockopt(peer.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (setup_.behaviour == Behaviour::close_at_once) return;
    if (setup_.behaviour == Behaviour::answer_plain) {
      read_request([&](char* c) { return ::recv(peer.get(), c, 1, 0); });
      ::send(peer.get(), setup_.answer.data(), setup_.answer.size(), MSG_NOSIGNAL);
      return;
    }
    serve_tls(peer.get());
    ERR_clear_error();
  }

  void serve_tls(int fd) {
    const crypto::SslContextPtr context{SSL_CTX_new_ex(crypto::library(), nullptr, TLS_server_method())};
    SSL_CTX* const raw = context.get();
    SSL_CTX_set_security_level(raw, 0);
    SSL_CTX_set_min_proto_version(raw, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(raw, setup_.max_version);
    SSL_CTX_set_dh_auto(raw, 1);
    SSL_CTX_set_verify(raw, setup_.verify, nullptr);
    if (setup_.trusts_maker) X509_STORE_add_cert(SSL_CTX_get_cert_store(raw), pki().maker.certificate.native());
    SSL_CTX_use_certificate(raw, setup_.certificate->certificate.native());
    SSL_CTX_use_PrivateKey(raw, setup_.certificate->key.native());
    SSL_CTX_set_client_hello_cb(raw, note_hello, this);
    const crypto::SslPtr ssl{SSL_new(raw)};
    SSL_set_fd(ssl.get(), fd);
    if (SSL_accept(ssl.get()) != 1) return;
    if (const crypto::X509Ptr phone{SSL_get1_peer_certificate(ssl.get())}) {
      seen_.phone = crypto::Certificate::from_x509(phone.get())->subject_text();
    }
    read_request([&](char* c) { return SSL_read(ssl.get(), c, 1); });
    if (setup_.behaviour == Behaviour::renegotiate) {
      // As Apache does for a directory's own SSLVerifyClient.
      SSL_renegotiate(ssl.get());
      SSL_do_handshake(ssl.get());
      char c = 0;
      SSL_read(ssl.get(), &c, 1);
      return;
    }
    if (setup_.behaviour == Behaviour::never_answer) {
      char c = 0;
      SSL_read(ssl.get(), &c, 1);
      return;
    }
    SSL_write(ssl.get(), setup_.answer.data(), static_cast<int>(setup_.answer.size()));
    SSL_shutdown(ssl.get());
  }

  template <class Read>
  void read_request(Read read) {
    char c = 0;
    while (!seen_.request.ends_with("\r\n\r\n") && read(&c) == 1) seen_.request.push_back(c);
  }

  static int note_hello(SSL* ssl, int*, void* self) {
    auto& seen = static_cast<Server*>(self)->seen_;
    int* extensions = nullptr;
    std::size_t count = 0;
    if (SSL_client_hello_get1_extensions_present(ssl, &extensions, &count) == 1) {
      if (extensions != nullptr) seen.extensions.assign(extensions, extensions + count);
      OPENSSL_free(extensions);
    }
    const unsigned char* ciphers = nullptr;
    const auto length = SSL_client_hello_get0_ciphers(ssl, &ciphers);
    for (std::size_t i = 0; i + 1 < length; i += 2) {
      seen.ciphers.push_back(static_cast<std::uint16_t>(ciphers[i] << 8 | ciphers[i + 1]));
    }
    return SSL_CLIENT_HELLO_SUCCESS;
  }

  Setup setup_;
  FileDescriptor listener_;
  std::uint16_t port_ = 0;
  Seen seen_;
  std::thread thread_;
};

Phone make_phone(std::string tls_client = "tls1.0-dhe") {
  Phone phone;
  phone.model = *device::Catalogue::shipped().find("SPA504G");
  phone.model.firmware = {"7.5.7", "7.6.2c"};
  phone.model.tls_client = std::move(tls_client);
  phone.mac = *MacAddress::parse("000e08abcdef");
  phone.serial = "CBT1";
  phone.credentials = Credentials{{pki().phone.certificate}, pki().phone.key};
  return phone;
}

std::vector<std::string> step_names(const Report& report) {
  std::vector<std::string> names;
  for (const auto& step : report.steps) names.push_back((step.ok ? "" : "!") + step.name);
  return names;
}

std::string last_line(const Report& report) { return report.steps.empty() ? "" : to_line(report.steps.back()); }

Report run_against(Server& server, const Phone& phone, Attempt attempt = {}) {
  attempt.server = server.address();
  auto report = run(phone, attempt);
  EXPECT_TRUE(report) << report.error().what;
  return report ? *std::move(report) : Report{};
}

TEST(Simulator, FetchesItsProfileAtTls10WithDhe) {
  Server server{{}};
  const auto report = run_against(server, make_phone());
  EXPECT_THAT(step_names(report), ElementsAre("tcp connect", "tls handshake", "server certificate",
                                              "client certificate", "request", "profile"));
  EXPECT_EQ(report.outcome, Outcome::success);
  EXPECT_EQ(report.tls->version, "TLSv1");
  EXPECT_EQ(report.tls->cipher, "DHE-RSA-AES256-SHA");
  EXPECT_EQ(report.tls->key_exchange, "DH 1024");
  EXPECT_TRUE(report.tls->certificate_asked);
  EXPECT_TRUE(report.tls->certificate_sent);
  EXPECT_EQ(report.document->parameters, 2U);
  EXPECT_TRUE(report.document->has_account_password);
  EXPECT_EQ(report.steps[1].text, "TLSv1 DHE-RSA-AES256-SHA, key exchange DH 1024");
  EXPECT_THAT(report.steps[2].text, AllOf(StartsWith("rsa 1024 sha1 [CN=localhost]"), EndsWith("not checked")));
  EXPECT_EQ(report.steps[4].text, "GET /000e08abcdef.xml -> 200 OK, " + std::to_string(kProfile.size()) + " bytes");
  EXPECT_THAT(report.next, HasSubstr("Resync_Periodic"));
  EXPECT_THAT(server.seen().phone, HasSubstr("MAC: 000E08ABCDEF"));
}

TEST(Simulator, SendsTheRequestOfItsModel) {
  Server server{{}};
  run_against(server, make_phone());
  EXPECT_EQ(server.seen().request,
            "GET /000e08abcdef.xml HTTP/1.1\r\nHost: " + server.address() +
                "\r\nUser-Agent: Cisco/SPA504G-7.6.2c (000E08ABCDEF)(CBT1)\r\nConnection: close\r\n\r\n");
}

TEST(Simulator, SendsTheHelloOfAnOldClient) {
  Server server{{}};
  run_against(server, make_phone());
  EXPECT_THAT(server.seen().extensions, IsEmpty());
  // 0x00ff: the signal of RFC 5746 that 0.9.8m and later send.
  EXPECT_THAT(server.seen().ciphers, ElementsAre(0x0039, 0x0035, 0x0033, 0x002f, 0x00ff));
}

TEST(Simulator, SpeaksEcdheAsTheSpa525g2) {
  Server server{{}};
  const auto report = run_against(server, make_phone("tls1.0-ecdhe"));
  EXPECT_EQ(report.tls->version, "TLSv1");
  EXPECT_EQ(report.tls->cipher, "ECDHE-RSA-AES256-SHA");
  EXPECT_THAT(report.tls->key_exchange, StartsWith("EC "));
  EXPECT_THAT(server.seen().extensions, Not(testing::Contains(TLSEXT_TYPE_server_name)));
  EXPECT_THAT(server.seen().extensions, Not(testing::Contains(TLSEXT_TYPE_session_ticket)));
}

TEST(Simulator, SpeaksTls13AndNamesTheServerAsMpp) {
  Server server{{}};
  Attempt attempt;
  attempt.name = "pv.example.net";
  attempt.trust = {pki().root.certificate};
  const auto report = run_against(server, make_phone("modern"), attempt);
  EXPECT_EQ(report.outcome, Outcome::success) << last_line(report);
  EXPECT_EQ(report.tls->version, "TLSv1.3");
  EXPECT_TRUE(report.tls->certificate_sent);
  EXPECT_THAT(server.seen().extensions, testing::Contains(TLSEXT_TYPE_server_name));
  EXPECT_THAT(server.seen().request, HasSubstr("Host: pv.example.net:"));
}

TEST(Simulator, AsksByPlainHttp) {
  Server server{{.behaviour = Behaviour::answer_plain}};
  Attempt attempt;
  attempt.scheme = Scheme::http;
  attempt.path = "/spa$PSN.cfg";
  const auto report = run_against(server, make_phone(), attempt);
  EXPECT_EQ(report.outcome, Outcome::success);
  EXPECT_FALSE(report.tls);
  EXPECT_THAT(server.seen().request, StartsWith("GET /spa504G.cfg HTTP/1.1\r\n"));
}

TEST(Simulator, SaysWhenNoCertificateIsAskedFor) {
  Server server{{.verify = SSL_VERIFY_NONE}};
  const auto report = run_against(server, make_phone());
  EXPECT_FALSE(report.tls->certificate_asked);
  EXPECT_EQ(report.steps[3].text, "not asked for, not sent");
}

TEST(Simulator, SaysWhenItHasNoCertificateToSend) {
  Server server{{}};
  auto phone = make_phone();
  phone.credentials.reset();
  const auto report = run_against(server, phone);
  EXPECT_TRUE(report.tls->certificate_asked);
  EXPECT_FALSE(report.tls->certificate_sent);
  EXPECT_EQ(report.outcome, Outcome::success);
  EXPECT_EQ(server.seen().phone, "");
}

TEST(Simulator, NamesTheAlertOfAServerThatRefusesItsCertificate) {
  Server server{{.trusts_maker = false}};
  const auto report = run_against(server, make_phone());
  EXPECT_THAT(step_names(report),
              ElementsAre("tcp connect", "!tls handshake", "server certificate", "client certificate"));
  ASSERT_TRUE(report.tls->received);
  EXPECT_EQ(report.tls->received->code, 48U);
  EXPECT_THAT(report.steps[1].text, HasSubstr("fatal alert 48, unknown CA"));
  EXPECT_EQ(report.outcome, Outcome::failure);
  EXPECT_THAT(report.next, AllOf(StartsWith("class C"), HasSubstr("Resync_Error_Retry_Delay")));
}

TEST(Simulator, NamesTheAlertThatComesAfterATls13Handshake) {
  Server server{{.verify = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT}};
  auto phone = make_phone("modern");
  phone.credentials.reset();
  const auto report = run_against(server, phone);
  EXPECT_THAT(last_line(report), AllOf(StartsWith("FAILED request"), HasSubstr("fatal alert 116")));
}

TEST(Simulator, RefusesToRenegotiate) {
  Server server{{.behaviour = Behaviour::renegotiate, .max_version = TLS1_VERSION}};
  const auto report = run_against(server, make_phone());
  EXPECT_TRUE(report.tls->renegotiation_asked);
  ASSERT_TRUE(report.tls->sent);
  EXPECT_EQ(report.tls->sent->code, 100U);
  EXPECT_THAT(last_line(report), HasSubstr("asked to renegotiate, which phones refuse"));
  EXPECT_EQ(report.outcome, Outcome::failure);
}

TEST(Simulator, TrustsAServerWhoseNameResolvesToIt) {
  Server server{{}};
  const auto report = run_against(server, make_phone(), {.trust = {pki().root.certificate}});
  EXPECT_EQ(report.outcome, Outcome::success) << last_line(report);
  EXPECT_THAT(report.steps[2].text, EndsWith("trusted, CN localhost resolves to the server"));
}

TEST(Simulator, IgnoresWhatStandsBehindASlashInTheServersName) {
  Server server{{.certificate = &pki().server_with_note}};
  const auto report = run_against(server, make_phone(), {.trust = {pki().root.certificate}});
  EXPECT_EQ(report.outcome, Outcome::success) << last_line(report);
}

TEST(Simulator, RefusesAWildcardName) {
  Server server{{.certificate = &pki().server_elsewhere}};
  const auto report = run_against(server, make_phone(), {.trust = {pki().root.certificate}});
  EXPECT_THAT(last_line(report), AllOf(StartsWith("FAILED server certificate"), HasSubstr("wildcard")));
  EXPECT_EQ(server.seen().request, "");
}

TEST(Simulator, RefusesAServerForAnotherHostAsMpp) {
  Server server{{}};
  const auto report =
      run_against(server, make_phone("modern"), {.name = "other.example.net", .trust = {pki().root.certificate}});
  EXPECT_THAT(last_line(report), HasSubstr("the certificate is not for other.example.net"));
}

TEST(Simulator, RefusesAServerOfAnUnknownCa) {
  Server server{{}};
  const auto report = run_against(server, make_phone(), {.trust = {pki().maker.certificate}});
  EXPECT_EQ(report.steps[1].name, "tls handshake");
  EXPECT_FALSE(report.steps[1].ok);
  ASSERT_TRUE(report.tls->sent);
  EXPECT_EQ(report.tls->sent->code, 48U);
  EXPECT_THAT(report.steps[1].text, HasSubstr("certificate verify failed"));
}

TEST(Simulator, SaysWhenTheServerClosesAtOnce) {
  Server server{{.behaviour = Behaviour::close_at_once}};
  const auto report = run_against(server, make_phone());
  EXPECT_THAT(last_line(report), StartsWith("FAILED tls handshake"));
  EXPECT_EQ(report.outcome, Outcome::failure);
}

TEST(Simulator, SaysWhenNobodyListens) {
  std::string address;
  {
    Server server{{}};
    address = server.address();
  }
  const auto report = run(make_phone(), {.server = address});
  ASSERT_TRUE(report);
  EXPECT_THAT(last_line(*report), AllOf(StartsWith("FAILED tcp connect"), HasSubstr("connection refused")));
}

TEST(Simulator, GivesUpAtItsDeadline) {
  Server server{{.behaviour = Behaviour::never_answer}};
  const auto report = run_against(server, make_phone(), {.deadline = std::chrono::milliseconds{300}});
  EXPECT_THAT(last_line(report), HasSubstr("did not answer in time"));
}

struct AnswerCase {
  std::string answer;
  Outcome outcome;
  std::string next;
};
class SimulatorAnswer : public testing::TestWithParam<AnswerCase> {};

TEST_P(SimulatorAnswer, DecidesWhatThePhoneDoesNext) {
  Server server{{.answer = GetParam().answer, .behaviour = Behaviour::answer_plain}};
  const auto report = run_against(server, make_phone(), {.scheme = Scheme::http});
  EXPECT_EQ(to_string(report.outcome), to_string(GetParam().outcome)) << last_line(report);
  EXPECT_THAT(report.next, HasSubstr(GetParam().next));
}

INSTANTIATE_TEST_SUITE_P(
    All, SimulatorAnswer,
    testing::Values(AnswerCase{http_answer("no", "404 Not Found"), Outcome::not_found, "class B, file not found"},
                    AnswerCase{http_answer("no", "403 Forbidden"), Outcome::failure, "class C"},
                    AnswerCase{http_answer("no", "503 Busy"), Outcome::failure, "class C"},
                    AnswerCase{http_answer("", "401 Unauthorized"), Outcome::credentials_wanted, "at most twice"},
                    AnswerCase{"HTTP/1.1 302 Found\r\nlocation: /b\r\nContent-Length: 0\r\n\r\n", Outcome::redirected,
                               "at once at /b"},
                    AnswerCase{http_answer("<flat-profile><a></flat-profile>"), Outcome::corrupt, "class B, corrupt"},
                    AnswerCase{http_answer("<flat-profile><Resync_Periodic>900</Resync_Periodic></flat-profile>"),
                               Outcome::success, "after 900 s"},
                    AnswerCase{http_answer("<flat-profile><Resync_Periodic>0</Resync_Periodic></flat-profile>"),
                               Outcome::success, "only when told"},
                    AnswerCase{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Outcome::failure,
                               "class C"},
                    AnswerCase{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", Outcome::failure, "class C"},
                    AnswerCase{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", Outcome::failure, "class C"},
                    AnswerCase{"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", Outcome::failure, "class C"},
                    AnswerCase{"SSH-2.0-OpenSSH_9.2\r\n\r\n", Outcome::failure, "class C"},
                    AnswerCase{"", Outcome::failure, "class C"}));

TEST(Simulator, RefusesAttemptsThatCannotBegin) {
  const auto phone = make_phone();
  for (const std::string server : {"", ":443", "a:b", "a:0", "a:70000", "a b:1", "a:1:2", "a/b:1"}) {
    EXPECT_FALSE(run(phone, {.server = server})) << server;
  }
  EXPECT_FALSE(run(phone, {.server = "127.0.0.1:1", .path = "a"}));
  EXPECT_FALSE(run(phone, {.server = "127.0.0.1:1", .path = "/a\r\nX: y"}));
  EXPECT_FALSE(run(phone, {.server = "127.0.0.1:1", .name = "a\r\nX: y"}));
  const auto unknown = run(make_phone("ssl2"), {.server = "127.0.0.1:1"});
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().what, HasSubstr("tls1.0-dhe, tls1.0-ecdhe, modern"));
}

TEST(Simulator, RefusesAKeyThatIsNotTheCertificates) {
  Server server{{}};
  auto phone = make_phone();
  phone.credentials->key = pki().server.key;
  const auto report = run(phone, {.server = server.address()});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Errc::invalid_input);
}

}  // namespace
}  // namespace firstring::simulator
