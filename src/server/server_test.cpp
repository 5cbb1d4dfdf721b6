#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>

#include "base/file.hpp"
#include "base/temporary_folder.hpp"
#include "crypto/demo_pki.hpp"
#include "crypto/secret_box.hpp"
#include "server/listen_socket.hpp"
#include "server/notify.hpp"
#include "server/secrets_check.hpp"
#include "server/state.hpp"
#include "store_sqlite/open.hpp"

namespace firstring::server {
namespace {

using testing::Contains;
using testing::HasSubstr;

/// A state folder with the demonstration PKI, whose firstring.toml each test writes.
class StateFolder : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TemporaryFolder>();
    ASSERT_TRUE(crypto::write_demo_pki(dir(), "localhost"));
  }
  static void TearDownTestSuite() { folder_.reset(); }
  static const std::filesystem::path& dir() { return folder_->path(); }

  static constexpr std::string_view kListener = "[[listener]]\nkind = \"phone\"\naddress = \"127.0.0.1:0\"\n";
  static constexpr std::string_view kModern =
      "[[server_chain]]\nname = \"modern\"\ncertificate = \"pki/server-modern.crt\"\nkey = \"pki/server-modern.key\"\n";
  static constexpr std::string_view kLegacy =
      "[[server_chain]]\nname = \"legacy\"\ncertificate = \"pki/server-legacy.crt\"\nkey = \"pki/server-legacy.key\"\n";
  static constexpr std::string_view kMaker =
      "[[device_ca]]\nname = \"demo\"\nroots = \"pki/device-ca-demo.crt\"\nmin_rsa_bits = 1024\nweak_hashes = "
      "[\"sha1\"]\n";

  static Built build(std::initializer_list<std::string_view> parts) {
    std::string text;
    for (const auto part : parts) text += part;
    EXPECT_TRUE(write_file(dir() / "firstring.toml", text));
    return build_state(dir());
  }

  static std::vector<std::string> texts(const Built& built) {
    std::vector<std::string> result;
    for (const auto& diagnostic : built.diagnostics) result.push_back(diagnostic.to_string());
    return result;
  }

  static inline std::unique_ptr<TemporaryFolder> folder_;
};

TEST_F(StateFolder, IsBuiltFromAGoodConfiguration) {
  const auto built = build({kListener, kModern, kLegacy, kMaker});
  ASSERT_TRUE(built.state) << testing::PrintToString(texts(built));
  EXPECT_EQ(built.state->contexts.size(), 3U);
  ASSERT_EQ(built.state->listeners.size(), 1U);
  EXPECT_EQ(built.state->listeners[0]->personalities.front()->name, "legacy-2026-11");
}

TEST_F(StateFolder, TriesPersonalitiesInTheOrderOfTheirRulesHoweverTheyAreListed) {
  const auto built =
      build({kListener, "personalities = [\"modern-2026-11\", \"legacy-2026-11\"]\n", kModern, kLegacy, kMaker});
  ASSERT_TRUE(built.state);
  EXPECT_EQ(built.state->listeners[0]->personalities.front()->name, "legacy-2026-11");
}

TEST_F(StateFolder, IsWarnedOfWhatStandsOpenToEverybodyAndIsNotMadeForThat) {
  const auto warnings = [](std::string_view listener, std::string_view more = "") {
    const auto built = build({"[[listener]]\n", listener, kModern, kLegacy, kMaker, more});
    EXPECT_TRUE(built.state) << testing::PrintToString(texts(built));
    return texts(built);
  };
  EXPECT_THAT(warnings("address = \"0.0.0.0:0\"\n"),
              Contains(AllOf(HasSubstr("warning: the listener on 0.0.0.0:0 speaks "
                                       "TLS below 1.2 (personality 'legacy-2026-11')"),
                             HasSubstr("docs/closed-networks.md"))));
  EXPECT_THAT(warnings("kind = \"bootstrap\"\naddress = \"[2001:db8::1]:80\"\n"),
              Contains(HasSubstr("speaks plain HTTP")));
  EXPECT_THAT(warnings("address = \"0.0.0.0:0\"\nnetworks = [\"10.0.0.0/8\"]\n"), testing::IsEmpty());
  EXPECT_THAT(warnings("address = \"10.1.2.3:443\"\n"), testing::IsEmpty());
  EXPECT_THAT(warnings("address = \"[::]:0\"\npersonalities = [\"modern-2026-11\"]\n"), testing::IsEmpty());
}

TEST_F(StateFolder, KnowsTheNetworksOfItsListeners) {
  const auto built = build({kListener, "networks = [\"10.0.0.0/8\", \"2001:db8::/32\"]\n", kModern, kLegacy, kMaker});
  ASSERT_TRUE(built.state) << testing::PrintToString(texts(built));
  ASSERT_EQ(built.state->listeners[0]->networks.size(), 2U);
  EXPECT_TRUE(built.state->listeners[0]->networks[0].contains(*IpAddress::parse("10.9.8.7")));
  EXPECT_THAT(texts(build({kListener, "networks = [\"10.0.0.0/33\"]\n", kModern, kLegacy, kMaker})),
              Contains(HasSubstr("is not a network")));
}

constexpr std::string_view kOwn = "[[personality]]\nname = \"own\"\nbased_on = \"modern-2026-11\"\n";

TEST_F(StateFolder, HasPersonalitiesAndRulesOfTheOperator) {
  const auto built = build({kListener, "personalities = [\"own\", \"legacy-2026-11\"]\n", kModern, kLegacy, kMaker,
                            kOwn, "sessions = false\nmax_version = \"TLSv1.2\"\n",
                            "[[rule]]\npersonality = \"own\"\nnetworks = [\"192.0.2.0/24\"]\nformat = \"sslv2\"\n"});
  ASSERT_TRUE(built.state) << testing::PrintToString(texts(built));
  const auto* own = built.state->find_personality("own");
  ASSERT_NE(own, nullptr);
  EXPECT_FALSE(own->sessions);
  EXPECT_EQ(own->max_version, 0x0303);
  EXPECT_EQ(own->ciphers, tls::find_personality("modern-2026-11")->ciphers);
  EXPECT_EQ(built.state->listeners[0]->personalities.back(), own) << "in the place of the one that it is based on";
  ASSERT_EQ(built.state->rules.size(), 1U);
  EXPECT_EQ(built.state->rules[0].match.format, hello::Format::sslv2);
  EXPECT_EQ(built.state->rules[0].match.networks.size(), 1U);
}

TEST_F(StateFolder, SaysWhatIsWrongWithAPersonalityOfTheOperator) {
  const auto faults_of = [](std::string_view section) {
    return texts(build({kListener, kModern, kLegacy, kMaker, section}));
  };
  EXPECT_THAT(faults_of("[[personality]]\nname = \"modern-2026-11\"\nbased_on = \"modern-2026-11\"\n"),
              Contains(HasSubstr("there is a shipped personality")));
  EXPECT_THAT(faults_of("[[personality]]\nname = \"own\"\nbased_on = \"modrn-2026-11\"\n"),
              Contains(HasSubstr("did you mean 'modern-2026-11'?")));
  EXPECT_THAT(faults_of("[[personality]]\nname = \"own\"\nbased_on = \"legacy-2026-11\"\ndh_bits = 512\n"),
              Contains(HasSubstr("need dh_bits_below_1024 = true")));
  const auto ciphers = texts(
      build({kListener, "personalities = [\"own\"]\n", kModern, kLegacy, kMaker, kOwn, "ciphers = \"NONSENSE\"\n"}));
  EXPECT_THAT(ciphers, Contains(HasSubstr("personality own: set its ciphers")));
}

TEST_F(StateFolder, RefusesARuleThatLeadsOutOfItsListener) {
  const auto rule = [](std::string_view rest) {
    return texts(
        build({kListener, "personalities = [\"modern-2026-11\"]\n", kModern, kLegacy, kMaker, "[[rule]]\n", rest}));
  };
  EXPECT_THAT(rule("personality = \"legacy-2026-11\"\n"),
              Contains(HasSubstr("no listener that this rule is for allows")));
  EXPECT_THAT(rule("personality = \"legcy-2026-11\"\n"), Contains(HasSubstr("did you mean 'legacy-2026-11'?")));
  EXPECT_THAT(rule("personality = \"modern-2026-11\"\nlisteners = [\"127.0.0.1:1\"]\n"),
              Contains(HasSubstr("there is no [[listener]] with such an address")));
  EXPECT_THAT(rule("personality = \"modern-2026-11\"\nlisteners = [\"127.0.0.1:0\"]\n"), testing::IsEmpty());
}

TEST_F(StateFolder, RefusesAPersonalityThatThereIsNot) {
  const auto built = build({kListener, "personalities = [\"modern-2026-12\"]\n", kModern, kMaker});
  EXPECT_FALSE(built.state);
  EXPECT_THAT(texts(built), Contains(HasSubstr("did you mean 'modern-2026-11'?")));
}

TEST_F(StateFolder, RefusesAPersonalityWithoutItsChainAndSaysWhere) {
  const auto built = build({kListener, kModern, kMaker});
  EXPECT_FALSE(built.state);
  EXPECT_THAT(texts(built), Contains(HasSubstr("shows the server chain 'legacy', which is not configured")));
}

TEST_F(StateFolder, RefusesAChainThatIsTooWeakForItsPersonality) {
  const auto built = build({kListener, "personalities = [\"modern-2026-11\"]\n",
                            "[[server_chain]]\nname = \"modern\"\ncertificate = \"pki/server-legacy.crt\"\nkey = "
                            "\"pki/server-legacy.key\"\n",
                            kMaker});
  EXPECT_FALSE(built.state);
  EXPECT_THAT(texts(built), Contains(HasSubstr("security level 2")));
}

TEST_F(StateFolder, ReportsEveryFaultAtOnce) {
  const auto built = build({kListener, "personalities = [\"legacy-2026-11\", \"nonsense\"]\n",
                            "[[server_chain]]\nname = \"modern\"\ncertificate = \"pki/server-modern.crt\"\nkey = "
                            "\"pki/server-legacy.key\"\n",
                            kMaker});
  EXPECT_FALSE(built.state);
  EXPECT_GE(built.diagnostics.size(), 3U)
      << "a chain that is missing, a personality that is none, a key that does not match";
}

TEST(ListenSocket, GivesEachWorkerASocketOnOnePortOfTheKernels) {
  const auto sockets = bind_listener(*Endpoint::parse("127.0.0.1:0"), 3);
  ASSERT_TRUE(sockets) << sockets.error().what;
  EXPECT_EQ(sockets->sockets.size(), 3U);
  EXPECT_NE(sockets->bound.port, 0);
}

TEST(ListenSocket, DoesNotJoinAPortThatSomebodyHas) {
  const auto first = bind_listener(*Endpoint::parse("127.0.0.1:0"), 2);
  ASSERT_TRUE(begin_listening(*first));
  const auto second = bind_listener(first->bound, 2);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().what, HasSubstr("another program has this port"));
}

TEST(ListenSocket, SaysThatTheMachineHasNoSuchAddress) {
  const auto sockets = bind_listener(*Endpoint::parse("192.0.2.1:0"), 1);
  ASSERT_FALSE(sockets);
  EXPECT_THAT(sockets.error().what, HasSubstr("ip address shows"));
}

/// The key of an empty database, and two more.
class SecretsCheck : public ::testing::Test {
 protected:
  SecretsCheck() {
    const auto dir = folder_.path();
    (void)*crypto::SecretBox::create(dir / "secrets.key");
    fleet_ = *store::sqlite::open_fleet(dir, store::sqlite::OpenMode::create);
  }

  void seal(const crypto::SecretBox& box, std::string name) {
    const auto sealed = box.seal(Secret{"grosses-Geheimnis"}, store::seal_context(store::Scope::base(), name));
    ASSERT_TRUE(fleet_->set_parameters(store::Scope::base(), {{.name = std::move(name),
                                                               .parameter_class = store::ParameterClass::secret,
                                                               .access = {},
                                                               .value = {},
                                                               .sealed = sealed}}));
  }

  std::vector<config::Diagnostic> check() const { return check_secrets(folder_.path()); }

  TemporaryFolder folder_;
  std::unique_ptr<store::FleetStore> fleet_;
};

TEST_F(SecretsCheck, AnyKeyFitsADatabaseWithoutSecrets) { EXPECT_TRUE(check().empty()); }

TEST_F(SecretsCheck, TheRightKeyFits) {
  seal(*crypto::SecretBox::open(folder_.path() / "secrets.key"), "A");
  EXPECT_TRUE(check().empty());
}

TEST_F(SecretsCheck, AnotherKeyIsAnError) {
  seal(*crypto::SecretBox::create(folder_.path() / "other.key"), "A");
  const auto found = check();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].severity, config::Severity::error);
  EXPECT_THAT(found[0].to_string(), testing::AllOf(HasSubstr("secrets.key: error: it is not the key of"),
                                                   HasSubstr("put back the key"), HasSubstr("firstring line set")));
}

TEST_F(SecretsCheck, AKeyThatOpensSomeIsAWarningThatNamesOneThatItDoesNot) {
  seal(*crypto::SecretBox::open(folder_.path() / "secrets.key"), "A");
  seal(*crypto::SecretBox::create(folder_.path() / "other.key"), "B");
  const auto found = check();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].severity, config::Severity::warning);
  EXPECT_THAT(found[0].what, HasSubstr(store::seal_context(store::Scope::base(), "B")));
}

TEST_F(SecretsCheck, AMissingKeyIsAnErrorAndAMissingDatabaseIsLeftToOthers) {
  std::filesystem::remove(folder_.path() / "firstring.db");
  EXPECT_TRUE(check().empty());
  std::filesystem::remove(folder_.path() / "secrets.key");
  ASSERT_EQ(check().size(), 1U);
  EXPECT_EQ(check()[0].severity, config::Severity::error);
}

TEST(Notify, SendsADatagramToTheSocketOfSystemd) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "socket";
  const FileDescriptor receiver{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(receiver.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  notify_systemd("READY=1");
  ::unsetenv("NOTIFY_SOCKET");
  std::array<char, 64> buffer;
  const auto count = ::recv(receiver.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  ASSERT_GT(count, 0);
  EXPECT_EQ(std::string_view(buffer.data(), static_cast<std::size_t>(count)), "READY=1");
}

}  // namespace
}  // namespace firstring::server
