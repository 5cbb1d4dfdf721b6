#include "tls/stream.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "base/file.hpp"
#include "tls/certificate_weight.hpp"
#include "tls/handshake_library.hpp"
#include "tls/test_pki.hpp"

namespace firstring::tls {
namespace {

using Status = Stream::Status;

/// As in every program before any other use of OpenSSL: later it lets nobody see to its memory.
[[maybe_unused]] const OSSL_LIB_CTX* const library = crypto::library();

/// Both ends of a connection in one thread, on a socket pair.
class Handshake : public ::testing::Test {
 protected:
  void SetUp() override { connect(); }

  void connect() {
    int fds[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    server_fd_.reset(fds[0]);
    client_fd_.reset(fds[1]);
  }

  std::shared_ptr<const Context> context(std::string_view personality) {
    auto& known = contexts_[std::string{personality}];
    if (!known)
      known = *Context::build(*find_personality(personality), {"test", {server_.certificate}, server_.key},
                              {root_.certificate}, sessions_);
    return known;
  }

  crypto::SslContextPtr client_context(int version, const char* ciphers) {
    crypto::SslContextPtr made{SSL_CTX_new_ex(crypto::library(), nullptr, TLS_client_method())};
    SSL_CTX_set_security_level(made.get(), 0);
    SSL_CTX_set_min_proto_version(made.get(), version);
    SSL_CTX_set_max_proto_version(made.get(), version);
    if (ciphers != nullptr) SSL_CTX_set_cipher_list(made.get(), ciphers);
    return made;
  }

  void show(SSL_CTX* client, const crypto::Issued& identity) {
    SSL_CTX_use_certificate(client, identity.certificate.native());
    SSL_CTX_use_PrivateKey(client, identity.key.native());
  }

  /// Starts the client and takes its first bytes as the hello's reader would.
  void start(SSL_CTX* client, std::string_view personality, SSL_SESSION* session = nullptr, Tape* tape = nullptr) {
    client_.reset(SSL_new(client));
    SSL_set_fd(client_.get(), client_fd_.get());
    if (session != nullptr) SSL_set_session(client_.get(), session);
    SSL_set_connect_state(client_.get());
    SSL_do_handshake(client_.get());
    Bytes hello(4096);
    const auto count = ::recv(server_fd_.get(), hello.data(), hello.size(), 0);
    ASSERT_GT(count, 0);
    hello.resize(static_cast<std::size_t>(count));
    stream_ = *Stream::accept(context(personality), server_fd_.get(), hello,
                              {.tape = tape, .highest_version = highest_version_});
  }

  Status pump() {
    auto status = Status::want_read;
    for (int i = 0; i < 50 && (status == Status::want_read || status == Status::want_write); ++i) {
      status = stream_->handshake();
      ERR_clear_error();
      SSL_do_handshake(client_.get());
    }
    return status;
  }

  static std::string some_text(std::size_t size) {
    std::string text;
    for (std::size_t i = 0; text.size() < size; ++i) text += std::to_string(i) + ' ';
    text.resize(size);
    return text;
  }

  /// What has come for the client so far.
  std::string read_to_end() {
    std::string text;
    std::array<char, 4096> buffer;
    ERR_clear_error();
    for (int count = 0; (count = SSL_read(client_.get(), buffer.data(), buffer.size())) > 0;)
      text.append(buffer.data(), static_cast<std::size_t>(count));
    return text;
  }

  std::string ask(std::string_view request) {
    SSL_write(client_.get(), request.data(), static_cast<int>(request.size()));
    std::array<std::uint8_t, 256> buffer;
    const auto io = stream_->read(buffer);
    return io.status == Status::ok ? std::string{as_text({buffer.data(), io.bytes})} : "";
  }

  OSSL_LIB_CTX* library_ = handshake_library();  // before any key: it says what works them
  const crypto::Issued root_ =
      testing::Recipe{.name = "Root", .rsa_bits = 2048, .hash = crypto::Hash::sha256, .is_ca = true}.make(nullptr);
  const crypto::Issued server_ =
      testing::Recipe{.name = "server", .rsa_bits = 2048, .hash = crypto::Hash::sha256}.make(&root_);
  const crypto::Issued maker_ = testing::make_ca("Maker");
  const crypto::Issued phone_ = testing::make_leaf("phone", maker_);
  std::map<std::string, std::shared_ptr<const Context>> contexts_;
  std::shared_ptr<SessionCache> sessions_ = std::make_shared<SessionCache>(1 << 20);
  int highest_version_ = 0;  ///< Stream::Options
  FileDescriptor server_fd_, client_fd_;
  crypto::SslPtr client_;
  std::unique_ptr<Stream> stream_;
};

TEST_F(Handshake, ServesAPhoneOfTls10WithItsCertificateAskedAtOnce) {
  const auto client = client_context(TLS1_VERSION, "DHE-RSA-AES256-SHA");
  show(client.get(), phone_);
  start(client.get(), "legacy-2026-11");
  ASSERT_EQ(pump(), Status::ok) << stream_->facts().failure;
  const auto& facts = stream_->facts();
  EXPECT_EQ(facts.version, "TLSv1");
  EXPECT_EQ(facts.cipher, "DHE-RSA-AES256-SHA");
  EXPECT_EQ(facts.key_exchange, "DH");
  EXPECT_EQ(facts.key_exchange_bits, 1024);
  EXPECT_EQ(facts.stage, Stage::finished);
  EXPECT_FALSE(facts.resumed);
  ASSERT_EQ(facts.client_chain.size(), 1U);
  EXPECT_EQ(facts.client_chain[0].fingerprint(), phone_.certificate.fingerprint());
  EXPECT_EQ(ask("hello"), "hello");
}

TEST_F(Handshake, SendsAnAnswerAndCloseNotifyTogether) {
  const auto client = client_context(TLS1_VERSION, "DHE-RSA-AES256-SHA");
  start(client.get(), "legacy-2026-11");
  ASSERT_EQ(pump(), Status::ok) << stream_->facts().failure;
  const auto sent = stream_->bytes_out();
  const auto answer = some_text(10'000);
  const auto io = stream_->write(answer);
  ASSERT_EQ(io.status, Status::ok);
  ASSERT_EQ(io.bytes, answer.size());
  EXPECT_EQ(stream_->bytes_out(), sent) << "three records wait for what comes behind them";
  EXPECT_EQ(stream_->shutdown(), Status::ok);
  EXPECT_EQ(read_to_end(), answer);
  EXPECT_NE(SSL_get_shutdown(client_.get()) & SSL_RECEIVED_SHUTDOWN, 0);
  const auto all = stream_->bytes_out();
  EXPECT_GT(all, sent + answer.size());
  EXPECT_EQ(stream_->shutdown(), Status::ok);
  EXPECT_EQ(stream_->bytes_out(), all) << "close_notify is said once";
}

TEST_F(Handshake, KeepsALimitedPartOfWhatTheClientDoesNotTake) {
  const auto client = client_context(TLS1_2_VERSION, "AES128-GCM-SHA256");
  start(client.get(), "legacy-2026-11");
  ASSERT_EQ(pump(), Status::ok) << stream_->facts().failure;
  const int small = 4096;
  ::setsockopt(server_fd_.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  const auto answer = some_text(400'000);
  std::string_view rest{answer};
  auto io = stream_->write(rest);
  for (; io.status == Status::ok; io = stream_->write(rest)) rest.remove_prefix(io.bytes);
  ASSERT_EQ(io.status, Status::want_write);
  EXPECT_EQ(io.bytes, 0U);
  const auto taken = answer.size() - rest.size();
  EXPECT_LT(taken, 100'000U);
  EXPECT_EQ(stream_->flush(), Status::want_write);
  EXPECT_EQ(stream_->shutdown(), Status::want_write) << "close_notify waits behind it";
  std::string read;
  for (int i = 0; i < 1000 && stream_->shutdown() == Status::want_write; ++i) read += read_to_end();
  read += read_to_end();
  EXPECT_EQ(read, answer.substr(0, taken));
  EXPECT_NE(SSL_get_shutdown(client_.get()) & SSL_RECEIVED_SHUTDOWN, 0);
}

TEST_F(Handshake, SaysThatTheClientHasGone) {
  const auto client = client_context(TLS1_VERSION, "AES128-SHA");
  start(client.get(), "legacy-2026-11");
  ASSERT_EQ(pump(), Status::ok) << stream_->facts().failure;
  client_fd_.reset();
  ASSERT_EQ(stream_->write("too late").status, Status::ok);
  EXPECT_EQ(stream_->flush(), Status::failed);
  EXPECT_EQ(stream_->facts().failure, "broken pipe");
}

TEST_F(Handshake, TakesAChainOfManyKibThatComesLittleByLittle) {
  const auto client = client_context(TLS1_VERSION, "DHE-RSA-AES256-SHA");
  show(client.get(), phone_);
  for (int i = 0; i < 8; ++i) {
    const auto more = testing::Recipe{.name = std::string(60, 'x'), .is_ca = true}.make(&maker_).certificate;
    SSL_CTX_add1_chain_cert(client.get(), more.native());
  }
  start(client.get(), "legacy-2026-11");
  ASSERT_EQ(stream_->handshake(), Status::want_read);
  // From here on the client's bytes pass through our hands, a few at a time.
  const int client_fd = client_fd_.get();
  FileDescriptor wire_server, wire_client;
  int fds[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  wire_client.reset(fds[0]);
  wire_server.reset(fds[1]);
  SSL_set_wfd(client_.get(), wire_client.get());
  auto status = Status::want_read;
  std::size_t passed = 0;
  for (int i = 0; i < 2000 && status == Status::want_read; ++i) {
    ERR_clear_error();
    SSL_do_handshake(client_.get());
    std::array<std::uint8_t, 1000> some;
    const auto count = ::recv(wire_server.get(), some.data(), some.size(), 0);
    if (count > 0) {
      ASSERT_EQ(::send(client_fd, some.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL), count);
      passed += static_cast<std::size_t>(count);
    }
    status = stream_->handshake();
  }
  ASSERT_EQ(status, Status::ok) << stream_->facts().failure;
  EXPECT_GT(passed, 4U * 1024);
  EXPECT_EQ(stream_->facts().client_chain.front().fingerprint(), phone_.certificate.fingerprint());
}

TEST_F(Handshake, NamesTheCurveOrTheKey) {
  const auto ecdhe = client_context(TLS1_VERSION, "ECDHE-RSA-AES256-SHA");
  start(ecdhe.get(), "legacy-2026-11");
  ASSERT_EQ(pump(), Status::ok);
  EXPECT_EQ(stream_->facts().key_exchange, "P-256");

  connect();
  const auto rsa = client_context(TLS1_VERSION, "AES256-SHA");
  start(rsa.get(), "legacy-2026-11");
  ASSERT_EQ(pump(), Status::ok);
  EXPECT_EQ(stream_->facts().key_exchange, "RSA");
  EXPECT_EQ(stream_->facts().key_exchange_bits, 2048);

  connect();
  const auto modern = client_context(TLS1_3_VERSION, nullptr);
  start(modern.get(), "modern-2026-11");
  ASSERT_EQ(pump(), Status::ok) << stream_->facts().failure;
  EXPECT_EQ(stream_->facts().key_exchange, "X25519");
}

// How weak a device's chain may be is a rule of its CA and not of the TLS level.
TEST_F(Handshake, TakesA1024BitShaOneCertificateAtTls13) {
  const auto client = client_context(TLS1_3_VERSION, nullptr);
  show(client.get(), phone_);
  start(client.get(), "modern-2026-11");
  ASSERT_EQ(pump(), Status::ok) << stream_->facts().failure;
  ASSERT_EQ(stream_->facts().client_chain.size(), 1U);
}

TEST_F(Handshake, ResumesWithTheClientsWholeChainAndOnlyForPhonesWithOne) {
  const auto client = client_context(TLS1_VERSION, "DHE-RSA-AES256-SHA");
  show(client.get(), phone_);
  start(client.get(), "legacy-2026-11");
  ASSERT_EQ(pump(), Status::ok);
  EXPECT_EQ(sessions_->count(), 0U) << "a handshake alone gets no memory here";
  stream_->keep_session("");
  EXPECT_EQ(sessions_->count(), 1U);
  const SslSessionPtr session{SSL_get1_session(client_.get())};
  // Neither end says good-bye, as a phone that just closes TCP.
  SSL_set_shutdown(client_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  connect();
  start(client.get(), "legacy-2026-11", session.get());
  ASSERT_EQ(pump(), Status::ok);
  EXPECT_TRUE(stream_->facts().resumed);
  EXPECT_EQ(stream_->facts().version, "TLSv1");
  EXPECT_EQ(stream_->facts().cipher, "DHE-RSA-AES256-SHA");
  ASSERT_EQ(stream_->facts().client_chain.size(), 1U);
  stream_->keep_session("");
  EXPECT_EQ(sessions_->count(), 1U) << "it is there already";
}

/// Whatever the version, and though the client has been told of a session.
TEST_F(Handshake, ASessionThatWasNotKeptIsNotTakenUp) {
  for (const int version : {TLS1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto* const personality = version == TLS1_VERSION ? "legacy-2026-11" : "modern-2026-11";
    const auto client = client_context(version, nullptr);
    show(client.get(), phone_);
    for (const bool keep : {false, true}) {
      connect();
      start(client.get(), personality);
      ASSERT_EQ(pump(), Status::ok) << stream_->facts().failure;
      std::array<char, 8> buffer;
      SSL_read(client_.get(), buffer.data(), buffer.size());  // the ticket of TLS 1.3
      if (keep) stream_->keep_session("");
      const SslSessionPtr session{SSL_get1_session(client_.get())};
      SSL_set_shutdown(client_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
      stream_.reset();
      connect();
      start(client.get(), personality, session.get());
      ASSERT_EQ(pump(), Status::ok) << stream_->facts().failure;
      EXPECT_EQ(stream_->facts().resumed, keep) << version;
      stream_.reset();
    }
  }
}

TEST_F(Handshake, SessionsStayWithinTheirBudget) {
  const auto client = client_context(TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384");
  show(client.get(), phone_);
  const auto each = SessionCache::size_of(std::vector{phone_.certificate});
  sessions_->set_budget(3 * each + 1);
  std::vector<SslSessionPtr> mine;
  for (int i = 0; i < 5; ++i) {
    connect();
    start(client.get(), "modern-2026-11");
    ASSERT_EQ(pump(), Status::ok);
    stream_->keep_session("");
    mine.emplace_back(SSL_get1_session(client_.get()));
    SSL_set_shutdown(client_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }
  EXPECT_EQ(sessions_->count(), 3U);
  EXPECT_EQ(sessions_->bytes(), 3 * each);
  connect();
  start(client.get(), "modern-2026-11", mine[1].get());
  ASSERT_EQ(pump(), Status::ok);
  EXPECT_FALSE(stream_->facts().resumed) << "the oldest are gone";
  connect();
  start(client.get(), "modern-2026-11", mine[2].get());
  ASSERT_EQ(pump(), Status::ok);
  EXPECT_TRUE(stream_->facts().resumed);
  sessions_->set_budget(0);
  EXPECT_EQ(sessions_->count(), 0U);
}

/// A phone that never takes its session up leaves one with each contact.
TEST_F(Handshake, KeepsTheNewestSessionsOfAnOwner) {
  const auto client = client_context(TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384");
  show(client.get(), phone_);
  const auto come = [&](std::string_view owner) {
    connect();
    start(client.get(), "modern-2026-11");
    ASSERT_EQ(pump(), Status::ok);
    stream_->keep_session(owner);
  };
  for (int i = 0; i < 7; ++i) come("000e08aaaaaa");
  EXPECT_EQ(sessions_->count(), SessionCache::kMostOfOwner);
  come("000e08bbbbbb");
  EXPECT_EQ(sessions_->count(), SessionCache::kMostOfOwner + 1);
  for (int i = 0; i < 5; ++i) come("");
  EXPECT_EQ(sessions_->count(), SessionCache::kMostOfOwner + 6) << "who shares a certificate has none taken away";
  sessions_->set_budget(0);
  EXPECT_EQ(sessions_->count(), 0U);
  sessions_->set_budget(1 << 20);
  come("000e08aaaaaa");
  EXPECT_EQ(sessions_->count(), 1U);
}

/// 4,400 attributes are no phone: refused by an alert of its own, whatever the version, and none of it stays.
TEST_F(Handshake, RefusesCertificatesThatAreTooComplex) {
  crypto::CertificateRequest request;
  for (int i = 0; i < 300; ++i) request.subject.push_back({"CN", "x", i, true});
  request.not_before = testing::in_days(-1);
  request.not_after = testing::in_days(1);
  const auto key = *crypto::PrivateKey::generate_ec();
  const crypto::Issued odd{*crypto::issue(request, key, &maker_), key};
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto client = client_context(version, nullptr);
    show(client.get(), odd);
    connect();
    start(client.get(), "modern-2026-11");
    ASSERT_EQ(pump(), Status::failed);
    EXPECT_EQ(stream_->facts().alert.name, "bad_certificate");
    EXPECT_EQ(stream_->facts().alert.from, Alert::From::server);
    EXPECT_TRUE(stream_->facts().failure.starts_with(kTooComplex)) << stream_->facts().failure;
    EXPECT_TRUE(stream_->facts().client_chain.empty());
    stream_.reset();
  }
}

/// RFC 8446 section 4.1.3: the last octets of the ServerHello's random.
TEST_F(Handshake, SaysInItsRandomThatItCouldDoBetter) {
  const auto last_of_random = [&](std::string_view personality, int version, int highest) {
    highest_version_ = highest;
    const auto client = client_context(version, nullptr);
    connect();
    start(client.get(), personality);
    EXPECT_EQ(pump(), Status::ok) << stream_->facts().failure;
    std::array<unsigned char, 32> random{};
    EXPECT_EQ(SSL_get_server_random(client_.get(), random.data(), random.size()), random.size());
    return std::string{random.end() - 8, random.end()};
  };
  const std::string tls12{"DOWNGRD\x01", 8}, less{"DOWNGRD\x00", 8};
  EXPECT_EQ(last_of_random("modern-2026-11", TLS1_2_VERSION, TLS1_3_VERSION), tls12);
  EXPECT_EQ(last_of_random("legacy-2026-11", TLS1_2_VERSION, TLS1_3_VERSION), tls12);
  EXPECT_NE(last_of_random("legacy-2026-11", TLS1_2_VERSION, 0), tls12) << "nothing higher is configured";
  EXPECT_EQ(last_of_random("legacy-2026-11", TLS1_VERSION, TLS1_3_VERSION), less);
  EXPECT_EQ(last_of_random("spa5xx-2026-11", TLS1_VERSION, TLS1_3_VERSION), less);
}

TEST_F(Handshake, NeverCarriesASessionIntoAnotherPersonality) {
  const auto client = client_context(TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384");
  show(client.get(), phone_);
  start(client.get(), "legacy-2026-11");
  ASSERT_EQ(pump(), Status::ok) << stream_->facts().failure;
  stream_->keep_session("");
  const SslSessionPtr session{SSL_get1_session(client_.get())};
  stream_->shutdown();
  SSL_shutdown(client_.get());
  connect();
  start(client.get(), "modern-2026-11", session.get());
  ASSERT_EQ(pump(), Status::ok) << stream_->facts().failure;
  EXPECT_FALSE(stream_->facts().resumed);
}

TEST_F(Handshake, DoesNotRenegotiate) {
  const auto client = client_context(TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384");
  start(client.get(), "modern-2026-11");
  ASSERT_EQ(pump(), Status::ok);
  ASSERT_EQ(SSL_renegotiate(client_.get()), 1);
  SSL_do_handshake(client_.get());
  std::array<std::uint8_t, 16> buffer;
  (void)stream_->read(buffer);
  SSL_do_handshake(client_.get());
  EXPECT_TRUE(stream_->facts().asked_renegotiation);
  EXPECT_EQ(stream_->facts().alert.name, "no_renegotiation");
}

TEST_F(Handshake, TellsTheClientsAlert) {
  const auto client = client_context(TLS1_VERSION, "AES256-SHA");
  SSL_CTX_set_verify(client.get(), SSL_VERIFY_PEER, nullptr);
  start(client.get(), "legacy-2026-11");
  EXPECT_EQ(pump(), Status::failed);
  EXPECT_EQ(stream_->facts().alert.from, Alert::From::client);
  EXPECT_EQ(stream_->facts().alert.name, "unknown_ca");
  EXPECT_EQ(stream_->facts().stage, Stage::server_flight);
}

TEST_F(Handshake, TellsItsOwnAlertForAVersionThatIsTooOld) {
  const auto client = client_context(TLS1_VERSION, "AES256-SHA");
  start(client.get(), "modern-2026-11");
  EXPECT_EQ(pump(), Status::failed);
  EXPECT_EQ(stream_->facts().alert.from, Alert::From::server);
  EXPECT_EQ(stream_->facts().alert.name, "protocol_version");
  EXPECT_EQ(stream_->facts().stage, Stage::hello);
}

TEST_F(Handshake, KnowsAPeerThatLeavesAfterOurFlight) {
  const auto client = client_context(TLS1_VERSION, "AES256-SHA");
  start(client.get(), "legacy-2026-11");
  EXPECT_EQ(stream_->handshake(), Status::want_read);
  EXPECT_EQ(stream_->facts().cipher, "AES256-SHA") << "known as soon as it is chosen";
  client_.reset();
  client_fd_.reset();
  const auto status = stream_->handshake();
  EXPECT_TRUE(status == Status::closed || status == Status::failed);
  EXPECT_EQ(stream_->facts().stage, Stage::server_flight);
  EXPECT_FALSE(stream_->facts().failure.empty());
}

TEST_F(Handshake, GivesItsBytesAndSecretsToATapeAndToNobodyElse) {
  for (const int version : {TLS1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto* const personality = version == TLS1_VERSION ? "legacy-2026-11" : "modern-2026-11";
    Tape tape{std::chrono::steady_clock::now()};
    connect();
    const auto client = client_context(version, nullptr);
    start(client.get(), personality, nullptr, &tape);
    ASSERT_EQ(pump(), Status::ok) << stream_->facts().failure;
    EXPECT_EQ(ask("hello"), "hello");
    for (const std::string_view label : {"CLIENT_HANDSHAKE_TRAFFIC_SECRET ", "SERVER_HANDSHAKE_TRAFFIC_SECRET ",
                                         "CLIENT_TRAFFIC_SECRET_0 ", "SERVER_TRAFFIC_SECRET_0 "}) {
      EXPECT_EQ(tape.secrets().find(label) != std::string::npos, version == TLS1_3_VERSION) << label;
    }
    EXPECT_EQ(tape.secrets().starts_with("CLIENT_RANDOM "), version != TLS1_3_VERSION);
    std::uint64_t in = 0, out = 0;
    for (const auto& piece : tape.pieces())
      (piece.direction == Tape::Direction::in ? in : out) += piece.end - piece.begin;
    EXPECT_EQ(out, stream_->bytes_out());
    EXPECT_LT(in, stream_->bytes_in());  // the hello was read before the stream began
    EXPECT_EQ(SSL_CTX_get_keylog_callback(context(personality)->native()), nullptr);
    stream_.reset();
  }
}

// Of two requests that came together, the second may have to be withheld.
TEST_F(Handshake, PutsOneRecordAfterTheOtherOnATape) {
  for (const int version : {TLS1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION}) {
    Tape tape{std::chrono::steady_clock::now()};
    connect();
    const auto client = client_context(version, nullptr);
    start(client.get(), version == TLS1_VERSION ? "legacy-2026-11" : "modern-2026-11", nullptr, &tape);
    ASSERT_EQ(pump(), Status::ok) << stream_->facts().failure;
    SSL_write(client_.get(), "first", 5);
    EXPECT_EQ(ask("second"), "first");
    const auto before = stream_->bytes_in();
    std::array<std::uint8_t, 256> buffer;
    const auto io = stream_->read(buffer);
    EXPECT_EQ(as_text({buffer.data(), io.bytes}), "second");
    EXPECT_GT(stream_->bytes_in(), before);
    stream_.reset();
  }
}

// Up to TLS 1.2, who has a session's secret and its name is taken for the phone.
TEST_F(Handshake, KeepsNoSessionOfACapturedConnection) {
  for (const int version : {TLS1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto* const personality = version == TLS1_VERSION ? "legacy-2026-11" : "modern-2026-11";
    Tape tape{std::chrono::steady_clock::now()};
    const auto client = client_context(version, nullptr);
    show(client.get(), phone_);
    connect();
    start(client.get(), personality, nullptr, &tape);
    ASSERT_EQ(pump(), Status::ok) << stream_->facts().failure;
    stream_->keep_session("");
    std::array<char, 8> buffer;
    SSL_read(client_.get(), buffer.data(), buffer.size());  // the ticket of TLS 1.3
    const SslSessionPtr session{SSL_get1_session(client_.get())};
    SSL_set_shutdown(client_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    for (auto* const next : {static_cast<Tape*>(nullptr), &tape}) {
      stream_.reset();
      connect();
      start(client.get(), personality, session.get(), next);
      ASSERT_EQ(pump(), Status::ok) << stream_->facts().failure;
      EXPECT_FALSE(stream_->facts().resumed);
    }
    stream_.reset();
  }
}

TEST(AlertName, IsTheRfcsOrTheNumber) {
  EXPECT_EQ(alert_name(48), "unknown_ca");
  EXPECT_EQ(alert_name(100), "no_renegotiation");
  EXPECT_EQ(alert_name(200), "alert_200");
}

// ---- what personalities differ in, on the wire ----

class Wire : public Handshake {
 protected:
  /// Makes `start(client, "own")` use it.
  void use(Personality own, const ServerChain& chain) {
    own.name = "own";
    auto made = Context::build(own, chain, {root_.certificate}, sessions_);
    ASSERT_TRUE(made) << made.error().what;
    contexts_["own"] = *std::move(made);
  }
  void use(Personality own) { use(std::move(own), {"test", {server_.certificate}, server_.key}); }

  int shown_key_type() const {
    return EVP_PKEY_get_base_id(X509_get0_pubkey(SSL_get0_peer_certificate(client_.get())));
  }

  Personality legacy_ = *find_personality("legacy-2026-11");
  Personality modern_ = *find_personality("modern-2026-11");
};

TEST_F(Wire, DhGroupsHaveTheSizeThatThePersonalityNames) {
  for (const unsigned bits : {512U, 768U, 1024U, 2048U, 3072U, 4096U}) {
    connect();
    legacy_.dh_bits = bits;
    legacy_.dh_bits_below_1024 = bits < 1024;
    use(legacy_);
    const auto client = client_context(TLS1_VERSION, "DHE-RSA-AES256-SHA");
    SSL_CTX_set_security_callback(client.get(), [](auto...) { return 1; });
    start(client.get(), "own");
    ASSERT_EQ(pump(), Status::ok) << bits << ": " << stream_->facts().failure;
    EXPECT_EQ(stream_->facts().key_exchange_bits, static_cast<int>(bits));
  }
}

TEST_F(Wire, AClientWithoutAHashAboveSha1GetsInWithTls12) {
  const auto client = client_context(TLS1_2_VERSION, nullptr);
  SSL_CTX_set1_sigalgs_list(client.get(), "RSA+SHA1");
  show(client.get(), phone_);
  start(client.get(), "sha1-2026-11");
  ASSERT_EQ(pump(), Status::ok) << stream_->facts().failure;
  EXPECT_EQ(stream_->facts().version, "TLSv1.2");
}

TEST_F(Wire, TheSameClientCannotSpeakWithTheModernOne) {
  const auto client = client_context(TLS1_2_VERSION, nullptr);
  SSL_CTX_set1_sigalgs_list(client.get(), "RSA+SHA1");
  start(client.get(), "modern-2026-11");
  EXPECT_EQ(pump(), Status::failed);
}

TEST_F(Wire, OneChainShowsEcdsaToWhoTakesItAndRsaToWhoDoesNot) {
  const auto key = *crypto::PrivateKey::generate_ec();
  crypto::CertificateRequest request;
  request.subject = {{"CN", "server", 0, true}};
  request.not_before = testing::in_days(-1);
  request.not_after = testing::in_days(1);
  request.hash = crypto::Hash::sha256;
  const auto leaf = *crypto::issue(request, key, &root_);
  const ServerChain chain{.name = "test",
                          .certificates = {server_.certificate},
                          .key = server_.key,
                          .ecdsa_certificates = {leaf},
                          .ecdsa_key = key};
  const auto shown_to = [&](int version, const char* algorithms, const Personality& personality) {
    connect();
    use(personality, chain);
    const auto client = client_context(version, nullptr);
    if (algorithms != nullptr) SSL_CTX_set1_sigalgs_list(client.get(), algorithms);
    start(client.get(), "own");
    EXPECT_EQ(pump(), Status::ok) << stream_->facts().failure;
    EXPECT_EQ(stream_->facts().shown_key == crypto::KeyType::ec, shown_key_type() == EVP_PKEY_EC);
    return shown_key_type();
  };
  EXPECT_EQ(shown_to(TLS1_3_VERSION, "ECDSA+SHA256:RSA-PSS+SHA256", modern_), EVP_PKEY_EC);
  EXPECT_EQ(shown_to(TLS1_3_VERSION, "RSA-PSS+SHA256", modern_), EVP_PKEY_RSA);
  EXPECT_EQ(shown_to(TLS1_2_VERSION, "ECDSA+SHA256:RSA+SHA256", modern_), EVP_PKEY_EC);
  EXPECT_EQ(shown_to(TLS1_2_VERSION, "RSA+SHA256", modern_), EVP_PKEY_RSA);
  EXPECT_EQ(shown_to(TLS1_2_VERSION, nullptr, legacy_), EVP_PKEY_RSA);
  EXPECT_EQ(contexts_["own"]->shown(crypto::KeyType::rsa).key_bits, 2048U);
  EXPECT_EQ(contexts_["own"]->shown(crypto::KeyType::ec).key_bits, 256U);
}

TEST_F(Wire, WithoutAlertsAFailingHandshakeIsJustClosed) {
  for (const auto style : {AlertStyle::exact, AlertStyle::none}) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      connect();
      modern_.alerts = style;
      modern_.groups = "P-521";
      use(modern_);
      // Nothing in common: the cipher in TLS 1.2, the group in 1.3.
      const auto client = client_context(version, "AES128-SHA");
      SSL_CTX_set1_groups_list(client.get(), "X25519");
      start(client.get(), "own");
      EXPECT_EQ(pump(), Status::failed);
      EXPECT_EQ(stream_->facts().alert.from, Alert::From::server) << "the ledger has it all the same";
      const bool was_told = BIO_number_read(SSL_get_rbio(client_.get())) > 0;
      EXPECT_EQ(was_told, style == AlertStyle::exact) << version;
    }
  }
}

TEST_F(Wire, WithoutAlertsACompleteHandshakeStillEndsWithCloseNotify) {
  modern_.alerts = AlertStyle::none;
  use(modern_);
  const auto client = client_context(TLS1_2_VERSION, nullptr);
  start(client.get(), "own");
  ASSERT_EQ(pump(), Status::ok);
  EXPECT_EQ(stream_->shutdown(), Status::ok);
  char byte = 0;
  EXPECT_LE(SSL_read(client_.get(), &byte, 1), 0);
  EXPECT_NE(SSL_get_shutdown(client_.get()) & SSL_RECEIVED_SHUTDOWN, 0);
}

TEST_F(Wire, CaNamesAreSentOrNot) {
  for (const bool send : {true, false}) {
    connect();
    legacy_.send_ca_names = send;
    use(legacy_);
    const auto client = client_context(TLS1_VERSION, nullptr);
    show(client.get(), phone_);
    start(client.get(), "own");
    ASSERT_EQ(pump(), Status::ok);
    EXPECT_EQ(sk_X509_NAME_num(SSL_get_client_CA_list(client_.get())), send ? 1 : 0);
    EXPECT_EQ(stream_->facts().client_chain.size(), 1U) << "the certificate is asked for all the same";
  }
}

TEST_F(Wire, SessionsAreTakenUpOrNot) {
  for (const bool sessions : {true, false}) {
    legacy_.sessions = sessions;
    use(legacy_);
    const auto client = client_context(TLS1_VERSION, nullptr);
    show(client.get(), phone_);
    connect();
    start(client.get(), "own");
    ASSERT_EQ(pump(), Status::ok);
    stream_->keep_session("");
    const SslSessionPtr session{SSL_get1_session(client_.get())};
    SSL_set_shutdown(client_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    connect();
    start(client.get(), "own", session.get());
    ASSERT_EQ(pump(), Status::ok);
    EXPECT_EQ(stream_->facts().resumed, sessions);
  }
}

TEST_F(Wire, RecordsAreAsLargeAsThePersonalityAllows) {
  legacy_.max_fragment = 512;
  use(legacy_);
  const auto client = client_context(TLS1_2_VERSION, "AES128-GCM-SHA256");
  start(client.get(), "own");
  ASSERT_EQ(pump(), Status::ok);
  ASSERT_EQ(stream_->write(std::string(2000, 'x')).status, Status::ok);
  ASSERT_EQ(stream_->flush(), Status::ok);
  char buffer[4096];
  EXPECT_EQ(SSL_read(client_.get(), buffer, sizeof buffer), 512) << "one record at a time";
}

}  // namespace
}  // namespace firstring::tls
