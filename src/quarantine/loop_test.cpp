#include "quarantine/loop.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <thread>

#include "tls/test_pki.hpp"

namespace firstring::quarantine {
namespace {

using tls::Channel;
using Status = Channel::Status;
using namespace std::chrono_literals;

/// The loop in a thread of its own, with a personality that the system's OpenSSL can be.
class Loop : public ::testing::Test {
 protected:
  void SetUp() override {
    int fds[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    link_.connect(FileDescriptor{fds[0]});
    const auto root = tls::testing::make_ca("root");
    const auto leaf = tls::testing::make_leaf("server", root);
    auto context = *tls::Context::build(*tls::find_personality("legacy-2026-11"),
                                        {"test", {leaf.certificate}, leaf.key}, {root.certificate});
    thread_ = std::thread{[context, control = fds[1]] {
      const FileDescriptor owned{control};
      run(control, context, {.connections = 2});
    }};
  }
  void TearDown() override {
    link_.connect({});
    thread_.join();
  }

  struct Client {
    FileDescriptor socket, pair;
    std::unique_ptr<tls::QuarantineChannel> channel;
    crypto::SslPtr ssl;
  };

  static crypto::SslContextPtr client_context(int version) {
    crypto::SslContextPtr made{SSL_CTX_new_ex(crypto::library(), nullptr, TLS_client_method())};
    SSL_CTX_set_security_level(made.get(), 0);
    SSL_CTX_set_min_proto_version(made.get(), version);
    SSL_CTX_set_max_proto_version(made.get(), version);
    return made;
  }

  /// A client that has sent its hello and was handed over.
  Client start(SSL_CTX* context, std::chrono::milliseconds timeout = 20s) {
    Client client;
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    client.socket.reset(fds[0]);
    const FileDescriptor server{fds[1]};
    client.ssl.reset(SSL_new(context));
    SSL_set_fd(client.ssl.get(), fds[0]);
    SSL_set_connect_state(client.ssl.get());
    SSL_do_handshake(client.ssl.get());
    Bytes hello(4096);
    const auto count = ::recv(server.get(), hello.data(), hello.size(), 0);
    EXPECT_GT(count, 0);
    hello.resize(static_cast<std::size_t>(count));
    auto pair = link_.hand_over(server.get(), hello, timeout);
    EXPECT_TRUE(pair) << pair.error().what;
    client.pair = *std::move(pair);
    client.channel = std::make_unique<tls::QuarantineChannel>(client.pair.get());
    return client;
  }

  /// Calls `step` until it is true, whenever either end has news; at most so long.
  template <class Step>
  static bool until(const Client& client, Step step) {
    const auto last = std::chrono::steady_clock::now() + 20s;
    while (!step()) {
      if (std::chrono::steady_clock::now() > last) return false;
      std::array<pollfd, 2> fds{{{client.socket.get(), POLLIN, 0}, {client.pair.get(), POLLIN, 0}}};
      ::poll(fds.data(), fds.size(), 20);
    }
    return true;
  }

  static Status shake_hands(Client& client) {
    auto status = Status::want_read;
    until(client, [&] {
      ERR_clear_error();
      SSL_do_handshake(client.ssl.get());
      status = client.channel->handshake();
      return status != Status::want_read;
    });
    return status;
  }

  static std::string read_server(Client& client, std::size_t size) {
    std::string text;
    until(client, [&] {
      std::array<std::uint8_t, 4096> buffer;
      const auto io = client.channel->read(buffer);
      text += as_text({buffer.data(), io.bytes});
      return text.size() >= size || io.status == Status::closed;
    });
    return text;
  }

  static std::string read_client(Client& client, std::size_t size) {
    std::string text;
    until(client, [&] {
      std::array<char, 4096> buffer;
      const int count = SSL_read(client.ssl.get(), buffer.data(), buffer.size());
      if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
      return text.size() >= size || (SSL_get_shutdown(client.ssl.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
    });
    return text;
  }

  tls::QuarantineLink link_;
  std::thread thread_;
};

TEST_F(Loop, ShakesHandsTellsTheServerAndPassesPlaintextBothWays) {
  const auto context = client_context(TLS1_VERSION);
  const auto phone = tls::testing::make_leaf("phone", tls::testing::make_ca("maker"));
  SSL_CTX_use_certificate(context.get(), phone.certificate.native());
  SSL_CTX_use_PrivateKey(context.get(), phone.key.native());
  auto client = start(context.get());
  ASSERT_EQ(shake_hands(client), Status::ok) << client.channel->facts().failure;
  const auto& facts = client.channel->facts();
  EXPECT_EQ(facts.version, "TLSv1");
  EXPECT_EQ(facts.stage, Stage::finished);
  ASSERT_EQ(facts.client_chain.size(), 1U);
  EXPECT_EQ(facts.client_chain[0].fingerprint(), phone.certificate.fingerprint());
  EXPECT_LE(facts.server_flight_at, facts.client_flight_at);
  EXPECT_LE(facts.client_flight_at, facts.finished_at);
  EXPECT_GT(client.channel->bytes_in(), 100U);

  SSL_write(client.ssl.get(), "request", 7);
  EXPECT_EQ(read_server(client, 7), "request");
  const std::string answer(200'000, 'a');  // more than any buffer on its way
  std::string rest = answer, got;
  until(client, [&] {
    rest.erase(0, client.channel->write(rest).bytes);
    std::array<char, 4096> buffer;
    for (int count = 0; (count = SSL_read(client.ssl.get(), buffer.data(), buffer.size())) > 0;)
      got.append(buffer.data(), static_cast<std::size_t>(count));
    return got.size() >= answer.size();
  });
  EXPECT_EQ(got, answer);
  client.channel->shutdown();
  read_client(client, 1);
  EXPECT_NE(SSL_get_shutdown(client.ssl.get()) & SSL_RECEIVED_SHUTDOWN, 0) << "close_notify came";
}

TEST_F(Loop, TellsThatTheClientHasClosed) {
  const auto context = client_context(TLS1_VERSION);
  auto client = start(context.get());
  ASSERT_EQ(shake_hands(client), Status::ok);
  SSL_write(client.ssl.get(), "bye", 3);
  SSL_shutdown(client.ssl.get());
  EXPECT_EQ(read_server(client, 100), "bye");
}

TEST_F(Loop, TellsWhyAHandshakeFailed) {
  const auto context = client_context(TLS1_3_VERSION);
  auto client = start(context.get());
  EXPECT_EQ(shake_hands(client), Status::failed);
  EXPECT_EQ(client.channel->facts().alert.from, tls::Alert::From::server);
  EXPECT_EQ(client.channel->facts().stage, Stage::hello);
  EXPECT_NE(client.channel->facts().failure, "");
}

TEST_F(Loop, TellsThatTheClientWentSilent) {
  const auto context = client_context(TLS1_VERSION);
  auto client = start(context.get(), 50ms);
  auto status = Status::want_read;
  until(client, [&] { return (status = client.channel->handshake()) != Status::want_read; });
  EXPECT_EQ(status, Status::failed);
  EXPECT_TRUE(client.channel->facts().timed_out);
  EXPECT_EQ(client.channel->facts().stage, Stage::server_flight);
}

TEST_F(Loop, LetsMoreClientsThanItMayHaveWait) {
  const auto context = client_context(TLS1_VERSION);
  auto first = start(context.get());
  auto second = start(context.get());
  auto third = start(context.get());
  ASSERT_EQ(shake_hands(first), Status::ok);
  ASSERT_EQ(shake_hands(second), Status::ok);
  EXPECT_EQ(third.channel->handshake(), Status::want_read);
  first.pair.reset();  // the server drops one
  first.socket.reset();
  EXPECT_EQ(shake_hands(third), Status::ok);
}

TEST_F(Loop, ForgetsAClientThatTheServerHasGivenUp) {
  const auto context = client_context(TLS1_VERSION);
  auto client = start(context.get());
  client.pair.reset();
  std::array<char, 8> buffer;
  EXPECT_TRUE(until({}, [&] {
    const auto count = ::recv(client.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return count == 0 || (count < 0 && errno != EAGAIN);
  }));
}

TEST(QuarantineLink, SaysThatThereIsNone) {
  tls::QuarantineLink link;
  const auto refused = link.hand_over(0, {}, 1s);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::unavailable);
}

TEST(QuarantineLink, SaysThatTheQueueIsFullWithoutBlocking) {
  int fds[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
  const FileDescriptor other{fds[1]};
  tls::QuarantineLink link;
  link.connect(FileDescriptor{fds[0]});
  const Bytes hello(1000, 'x');
  Errc error = Errc::io;
  for (int i = 0; i < 10'000 && error == Errc::io; ++i) {
    if (const auto pair = link.hand_over(fds[1], hello, 1s); !pair) error = pair.error().code;
  }
  EXPECT_EQ(error, Errc::limit_exceeded);
}

TEST(QuarantineLink, TakesNothingThatIsNoHandOver) {
  int fds[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
  const FileDescriptor ours{fds[0]};
  FileDescriptor theirs{fds[1]};
  ::send(theirs.get(), "abc", 3, 0);
  auto taken = tls::take_over(ours.get());
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Errc::invalid_input);
  EXPECT_EQ(*tls::take_over(ours.get()), std::nullopt) << "nothing waits";
  theirs.reset();
  EXPECT_EQ(tls::take_over(ours.get()).error().code, Errc::unavailable);
}

TEST(QuarantineChannel, FailsWhenTheQuarantineEnds) {
  int fds[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  const FileDescriptor ours{fds[0]};
  FileDescriptor theirs{fds[1]};
  tls::QuarantineChannel channel{ours.get()};
  EXPECT_EQ(channel.handshake(), Status::want_read);
  ::send(theirs.get(), "\0\0", 2, 0);
  EXPECT_EQ(channel.handshake(), Status::want_read);
  theirs.reset();
  EXPECT_EQ(channel.handshake(), Status::failed);
  EXPECT_NE(channel.facts().failure.find("the quarantine ended"), std::string::npos);
  EXPECT_EQ(channel.facts().stage, Stage::hello);
}

TEST(QuarantineChannel, BelievesNoTimeThatHasNotBeenYetAndNoCertificateThatIsNone) {
  int fds[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  const FileDescriptor ours{fds[0]};
  const FileDescriptor theirs{fds[1]};
  tls::QuarantineRecord record;
  record.result = tls::QuarantineRecord::Result::ok;
  record.stage = Stage::finished;
  record.finished_us = std::numeric_limits<std::int64_t>::max();
  auto bytes = serialize(record);
  ::send(theirs.get(), bytes.data(), bytes.size(), 0);
  tls::QuarantineChannel channel{ours.get()};
  EXPECT_EQ(channel.handshake(), Status::ok);
  EXPECT_LE(channel.facts().finished_at, std::chrono::steady_clock::now());

  record.client_chain = {Bytes(10, 0x30)};
  bytes = serialize(record);
  ::send(theirs.get(), bytes.data(), bytes.size(), 0);
  tls::QuarantineChannel other{ours.get()};
  EXPECT_EQ(other.handshake(), Status::failed);
  EXPECT_EQ(other.facts().stage, Stage::hello) << "then nothing of it is believed";
}

}  // namespace
}  // namespace firstring::quarantine
