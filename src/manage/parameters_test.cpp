#include "manage/parameters.hpp"

#include <gmock/gmock.h>

#include "manage/devices.hpp"
#include "manage/groups.hpp"
#include "manage/json.hpp"
#include "manage/lines.hpp"
#include "manage/test_desk.hpp"

namespace firstring::manage {
namespace {

namespace fs = std::filesystem;
using store::ParameterClass;
using testing::HasSubstr;
using testing::Not;

class Parameters : public AtTheDesk {
 protected:
  void SetUp() override {
    AtTheDesk::SetUp();
    ASSERT_TRUE(add_device(desk(), {.mac = mac(), .model = "SPA504G"}));
  }

  ParameterChanges change(std::string_view scope, std::string name, std::string value) const {
    ParameterChanges changes;
    changes.scope = find_scope(desk(), scope).value();
    changes.parameters.push_back({std::move(name), Secret{std::move(value)}});
    return changes;
  }
  void set(std::string_view scope, std::string name, std::string value) const {
    const auto set = set_parameters(desk(), change(scope, std::move(name), std::move(value)));
    EXPECT_TRUE(set) << set.error().what;
  }
  /// Why it is refused; the fleet must stay as it is.
  Error refusal(const ParameterChanges& changes) const {
    const auto before = revision();
    const auto set = set_parameters(desk(), changes);
    EXPECT_EQ(revision(), before);
    EXPECT_FALSE(set);
    return set ? Error{Errc::io, "not refused"} : set.error();
  }
  std::vector<store::Parameter> layer(std::string_view scope) const {
    return desk().fleet->parameters(find_scope(desk(), scope).value()).value();
  }
};

TEST_F(Parameters, ScopeIsFoundInTheModelsOwnSpelling) {
  EXPECT_EQ(find_scope(desk(), "model:spa504g").value().to_string(), "model:SPA504G");
  EXPECT_EQ(find_scope(desk(), "00:0E:08:AB:CD:EF").value().to_string(), "000e08abcdef");
  EXPECT_EQ(find_scope(desk(), "model:SPA1").error().code, Errc::not_found);
  EXPECT_EQ(find_scope(desk(), "group:none").error().code, Errc::not_found);
  EXPECT_EQ(find_scope(desk(), "000e08000001").error().code, Errc::not_found);
}

TEST_F(Parameters, PasswordThatWasKeptBecomesASecretByItself) {
  set("base", "Admin_Passwd", "geheim");
  const auto stored = layer("base").at(0);
  EXPECT_EQ(stored.parameter_class, ParameterClass::secret);
  EXPECT_EQ(stored.value, "");
  EXPECT_FALSE(stored.sealed.empty());
  EXPECT_THAT(preview_profile(desk(), mac(), device::Assurance::certificate).value().document, HasSubstr("geheim"));
  EXPECT_THAT(preview_profile(desk(), mac(), device::Assurance::generic).value().document, Not(HasSubstr("geheim")));
  const auto origin = show_layers(desk(), mac()).value().origins.at(0);
  EXPECT_THAT(to_json(origin).text(), AllOf(HasSubstr("\"value\":null"), Not(HasSubstr("geheim"))));
}

TEST_F(Parameters, PasswordThatOthersCouldReadIsDenied) {
  auto changes = change("base", "Admin_Passwd", "geheim");
  changes.exposure = Exposure::exposed;
  const auto denied = refusal(changes);
  EXPECT_EQ(denied.code, Errc::denied);
  EXPECT_THAT(denied.what, AllOf(HasSubstr("is a password by its name"), Not(HasSubstr("geheim"))));
  changes.parameter_class = ParameterClass::secret;
  EXPECT_EQ(refusal(changes).code, Errc::denied);
  changes.doubt = Doubt::accept;
  EXPECT_EQ(refusal(changes).code, Errc::denied) << "a secret is never taken from where others can read it";
}

TEST_F(Parameters, SecretStaysOneWhenItIsSetAgainInTheOpen) {
  auto changes = change("base", "GPP_A", "one");
  changes.parameter_class = ParameterClass::secret;
  ASSERT_TRUE(set_parameters(desk(), changes));
  auto again = change("base", "GPP_A", "two");
  again.exposure = Exposure::exposed;
  again.doubt = Doubt::accept;
  EXPECT_EQ(refusal(again).code, Errc::denied);
}

TEST_F(Parameters, AreSetAllOrNone) {
  auto changes = change("base", "Resync_Periodic", "1");
  changes.parameters.push_back({"Nonsense_Parameter", Secret{"1"}});
  EXPECT_EQ(refusal(changes).code, Errc::not_found);
  changes.parameters.pop_back();
  changes.parameters.push_back({"Resync_Periodic", Secret{"2"}});
  EXPECT_EQ(refusal(changes).what, "Resync_Periodic is given twice");
}

TEST_F(Parameters, ValueThatCannotBeRenderedIsRefusedAndASecretOneNotShown) {
  EXPECT_EQ(refusal(change("base", "GPP_A", "a\x01")).code, Errc::invalid_input);
  const auto refused = refusal(change("base", "Admin_Passwd", "geheim{{x}}"));
  EXPECT_EQ(refused.code, Errc::invalid_input);
  EXPECT_THAT(refused.what, Not(HasSubstr("geheim")));
}

TEST_F(Parameters, OfLaterScopesWin) {
  set("base", "Resync_Periodic", "1");
  set("model:spa504g", "Resync_Periodic", "2");
  auto own = change("000e08abcdef", "Resync_Periodic", "3");
  own.access = store::UserAccess::ro;
  ASSERT_TRUE(set_parameters(desk(), own));
  const auto profile = [&] { return preview_profile(desk(), mac(), device::Assurance::certificate).value().document; };
  EXPECT_THAT(profile(), HasSubstr("<Resync_Periodic ua=\"ro\">3</Resync_Periodic>"));
  std::vector<std::string> in_force;
  const auto layers = show_layers(desk(), mac()).value();
  EXPECT_EQ(layers.origins.size(), 3U);
  for (const auto& origin : layers.origins) {
    if (!origin.overridden) in_force.push_back(origin.scope);
  }
  EXPECT_THAT(in_force, testing::ElementsAre("000e08abcdef"));
  ASSERT_TRUE(unset_parameters(desk(), own.scope, {"Resync_Periodic"}));
  EXPECT_THAT(profile(), HasSubstr(">2</Resync_Periodic>"));
}

TEST_F(Parameters, KeepClassAndAccessOfBefore) {
  auto first = change("base", "Syslog_Server", "192.0.2.1");
  first.parameter_class = ParameterClass::tenant;
  first.access = store::UserAccess::rw;
  ASSERT_TRUE(set_parameters(desk(), first));
  set("base", "Syslog_Server", "192.0.2.2");
  const auto stored = layer("base").at(0);
  EXPECT_EQ(stored.value, "192.0.2.2");
  EXPECT_EQ(stored.parameter_class, ParameterClass::tenant);
  EXPECT_EQ(stored.access, store::UserAccess::rw);
}

TEST_F(Parameters, ThatTheModelDoesNotKnowAreRefusedWithWhatItKnows) {
  const auto unknown = change("000e08abcdef", "Proxy_5_", "sip.example.com");
  const auto refused = refusal(unknown);
  EXPECT_EQ(refused.code, Errc::not_found);
  EXPECT_THAT(refused.what, HasSubstr("SPA504G has no parameter 'Proxy_5_'; did you mean 'Proxy_"));
  EXPECT_THAT(refused.what, Not(HasSubstr("did you mean 'Proxy_5_'")));
}

TEST_F(Parameters, PlanTellsTheClassAndChangesNothing) {
  const auto before = revision();
  const auto planned = plan_parameters(desk(), change("base", "Admin_Passwd", ""));
  ASSERT_TRUE(planned) << planned.error().what;
  EXPECT_EQ(planned->at(0).parameter_class, ParameterClass::secret);
  EXPECT_EQ(revision(), before);
}

TEST_F(Parameters, AreNotOverwrittenByWhoSawAnotherVersion) {
  set("base", "Resync_Periodic", "1");
  const auto seen = version_of(layer("base"));
  set("base", "Resync_Periodic", "2");  // somebody else
  auto mine = change("base", "Resync_Periodic", "3");
  mine.seen = seen;
  EXPECT_EQ(refusal(mine).code, Errc::conflict);
  const auto unset = unset_parameters(desk(), store::Scope::base(), {"Resync_Periodic"}, seen);
  ASSERT_FALSE(unset);
  EXPECT_EQ(unset.error().code, Errc::conflict);
  EXPECT_EQ(layer("base").at(0).value, "2");
  mine.seen = version_of(layer("base"));
  EXPECT_TRUE(set_parameters(desk(), mine));
}

TEST_F(Parameters, AreUnsetAllOrNone) {
  set("base", "Resync_Periodic", "1");
  const auto unset = unset_parameters(desk(), store::Scope::base(), {"Resync_Periodic", "Resync_Periodik"});
  ASSERT_FALSE(unset);
  EXPECT_THAT(unset.error().what, HasSubstr("did you mean 'Resync_Periodic'?"));
  EXPECT_EQ(layer("base").size(), 1U);
  EXPECT_EQ(unset_parameters(desk(), store::Scope::base(), {"Resync_Periodic"}).value().action, "parameters.unset");
}

TEST_F(Parameters, SecretNeedsTheKeyAndOthersDoNot) {
  fs::remove(dir() / kSecretsFile);
  set("base", "Resync_Periodic", "1");
  const auto refused = refusal(change("base", "Admin_Passwd", "geheim"));
  EXPECT_THAT(refused.what, HasSubstr("secrets.key"));
}

TEST_F(Parameters, PreviewWarnsWhereTheConfigurationHasErrors) {
  const auto shown = show_layers(desk(), mac());
  ASSERT_TRUE(shown) << shown.error().what;
  EXPECT_THAT(shown->warning, HasSubstr("firstring.toml has errors")) << "a new folder has no listener yet";
}

// ---- lines ----------------------------------------------------------------------------------------------------------

class Lines : public Parameters {
 protected:
  LineChange line(unsigned number = 1) const {
    LineChange wanted;
    wanted.mac = mac();
    wanted.number = number;
    wanted.user = "1001";
    wanted.proxy = "sip.example.com";
    return wanted;
  }
};

TEST_F(Lines, KeepTheirPasswordUnlessANewOneIsGiven) {
  auto wanted = line();
  wanted.password = Secret{"{{mac}}{{&"};
  ASSERT_TRUE(set_line(desk(), wanted));
  const auto again = set_line(desk(), line());
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_FALSE(again->value.sealed_password.empty());
  EXPECT_EQ(again->change.subject, "000e08abcdef line 1");
  EXPECT_THAT(preview_profile(desk(), mac(), device::Assurance::certificate).value().document,
              HasSubstr(">{{mac}}{{&amp;<"))
      << "a password means itself, whatever it holds";
}

TEST_F(Lines, ThatTheModelDoesNotHaveAreRefused) {
  for (const auto number : {0U, 5U}) {
    const auto set = set_line(desk(), line(number));
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error().code, Errc::invalid_input);
    EXPECT_EQ(set.error().what, "line: SPA504G has the lines 1 to 4");
  }
}

TEST_F(Lines, NameTheFieldThatCannotBeRendered) {
  auto wanted = line();
  wanted.display = "{{nobody}}";
  EXPECT_THAT(set_line(desk(), wanted).error().what, testing::StartsWith("display: "));
  wanted = line();
  wanted.password = Secret{"geheim\x01"};
  const auto set = set_line(desk(), wanted);
  ASSERT_FALSE(set);
  EXPECT_THAT(set.error().what, AllOf(testing::StartsWith("password: "), Not(HasSubstr("geheim"))));
}

TEST_F(Lines, AreNotOverwrittenByWhoSawAnotherVersion) {
  const auto seen = version_of(list_lines(desk(), mac()).value());
  ASSERT_TRUE(set_line(desk(), line()));
  auto mine = line(2);
  mine.seen = seen;
  EXPECT_EQ(set_line(desk(), mine).error().code, Errc::conflict);
  EXPECT_EQ(list_lines(desk(), mac()).value().size(), 1U);
}

}  // namespace
}  // namespace firstring::manage
