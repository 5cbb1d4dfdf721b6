#include "simulator/storm.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>

#include "base/file.hpp"
#include "crypto/demo_pki.hpp"

namespace firstring::simulator {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

/// A listening socket that nobody accepts on.
class MuteServer {
 public:
  MuteServer() {
    fd_.reset(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(fd_.get(), generic, length), 0);
    EXPECT_EQ(::listen(fd_.get(), 16), 0);
    EXPECT_EQ(::getsockname(fd_.get(), generic, &length), 0);
    port_ = ntohs(address.sin_port);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  void stop_listening() { fd_.reset(); }
  FileDescriptor accept() const { return FileDescriptor{::accept(fd_.get(), nullptr, nullptr)}; }

 private:
  FileDescriptor fd_;
  std::uint16_t port_ = 0;
};

const crypto::PrivateKey& key() {
  static const auto made = crypto::demo_phone_key().value();
  return made;
}

/// Phones with a certificate that they signed themselves: no server here looks at it.
StormPlan make_plan(const std::string& server, unsigned phones) {
  static const auto root =
      crypto::issue({.subject = {{"CN", "Maker"}}, .not_before = now(), .not_after = now() + 24h, .is_ca = true}, key(),
                    nullptr)
          .value();
  const auto* const model = device::Catalogue::shipped().find("SPA504G");
  StormPlan plan{.server = server, .phones = {}, .key = key()};
  for (unsigned i = 0; i < phones; ++i) {
    const auto mac = MacAddress::from_number(0x02f1f5000000 + i);
    const auto certificate = crypto::issue_demo_phone({mac, model->name, "S"}, key(), {root, key()});
    EXPECT_TRUE(certificate) << certificate.error().what;
    plan.phones.push_back({mac, model, "S", certificate->to_der()});
  }
  plan.over = 10ms;
  plan.think = 0ms;
  return plan;
}

StormReport play(const StormPlan& plan) {
  auto report = run_storm(plan, [](const StormProgress&) { return true; });
  EXPECT_TRUE(report) << report.error().what;
  return report ? *std::move(report) : StormReport{};
}

std::string failure_of(const StormPlan& plan) {
  const auto report = run_storm(plan, [](const StormProgress&) { return true; });
  return report ? "" : report.error().what;
}

TEST(Storm, CountsPhonesThatNobodyListensTo) {
  MuteServer server;
  const auto plan = make_plan(server.address(), 5);
  server.stop_listening();
  const auto report = play(plan);
  EXPECT_EQ(report.phones, 5U);
  EXPECT_EQ(report.count(Ending::refused), 5U);
  EXPECT_EQ(report.connections, 0U);
  EXPECT_THAT(report.failures, ElementsAre(Pair("refused: connection refused", 5U)));
  EXPECT_EQ(report.until_served, 0us);
}

TEST(Storm, EndsAtItsDeadlineWithThoseThatNobodyAnswered) {
  const MuteServer server;
  auto plan = make_plan(server.address(), 3);
  plan.deadline = 100ms;
  plan.misbehaving = 4;
  const auto report = play(plan);
  EXPECT_EQ(report.count(Ending::timed_out), 3U);
  EXPECT_THAT(report.failures, ElementsAre(Pair("timed_out: in the handshake", 3U)));
  EXPECT_EQ(report.connections, 7U);
  for (const auto role : {Role::half_hello, Role::silent, Role::renegotiation, Role::flood}) {
    EXPECT_EQ(report.of(role).came, 1U);
    EXPECT_EQ(report.of(role).closed_by_server, 0U);
  }
}

TEST(Storm, CountsPhonesThatHadNotComeAtTheDeadline) {
  const MuteServer server;
  auto plan = make_plan(server.address(), 2);
  plan.over = 1h;
  plan.deadline = 10ms;
  EXPECT_THAT(play(plan).failures, ElementsAre(Pair("timed_out: before it came", 2U)));
}

TEST(Storm, StopsWhenToldTo) {
  const MuteServer server;
  const auto plan = make_plan(server.address(), 2);
  const auto report = run_storm(plan, [](const StormProgress& progress) {
    EXPECT_EQ(progress.arrived, 2U);
    return false;
  });
  ASSERT_TRUE(report);
  EXPECT_EQ(report->count(Ending::abandoned), 2U);
}

TEST(Storm, TellsAServerThatClosesFromOneThatAnswersNonsense) {
  MuteServer server;
  const auto plan = make_plan(server.address(), 2);
  std::thread serve{[&] {
    // Whatever they said is read: closing with bytes unread would be a reset.
    std::array<char, 4096> hello;
    const auto closes = server.accept();
    EXPECT_GT(::recv(closes.get(), hello.data(), hello.size(), 0), 0);
    ::shutdown(closes.get(), SHUT_RDWR);
    const auto talks = server.accept();
    EXPECT_GT(::recv(talks.get(), hello.data(), hello.size(), 0), 0);
    EXPECT_GT(::send(talks.get(), "SSH-2.0-nonsense\r\n", 18, MSG_NOSIGNAL), 0);
    ::shutdown(talks.get(), SHUT_WR);
    while (::recv(talks.get(), hello.data(), hello.size(), 0) > 0) {
    }
  }};
  const auto report = play(plan);
  serve.join();
  EXPECT_EQ(report.count(Ending::closed), 1U);
  EXPECT_EQ(report.count(Ending::tls_failed), 1U);
  EXPECT_THAT(report.failures.begin()->first, testing::Eq("closed: in the handshake"));
}

TEST(Storm, NamesTheLimitOfOpenFilesBeforeItBegins) {
  const MuteServer server;
  auto plan = make_plan(server.address(), 1);
  plan.misbehaving = 4'000'000'000;  // more than the kernel gives anybody
  EXPECT_THAT(failure_of(plan), HasSubstr("open 4000000033 connections at once"));
}

TEST(Storm, SpreadsOnlyOverLoopbackAddresses) {
  auto plan = make_plan("192.0.2.1:443", 1);
  plan.sources = 2;
  EXPECT_THAT(failure_of(plan), HasSubstr("192.0.2.1 is none"));
}

TEST(Storm, NeedsPhones) { EXPECT_THAT(failure_of(make_plan("127.0.0.1:1", 0)), HasSubstr("no phones")); }

TEST(Storm, RefusesAPathThatNoPhoneCouldAskFor) {
  auto plan = make_plan("127.0.0.1:1", 1);
  plan.path = "no path";
  EXPECT_THAT(failure_of(plan), HasSubstr("must begin with '/'"));
}

}  // namespace
}  // namespace firstring::simulator
